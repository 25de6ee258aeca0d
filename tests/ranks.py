"""What every rank does in test_distributed.py: `mpiexec -n 2 python ranks.py TASK OUT JSON`; rank 0 leaves OUT, an npz."""
import contextlib
import json
import os
import signal
import sys

import numpy as np
from small import easy_data, small_config

from tinynnclr import distributed, gradcheck, kernels, ops
from tinynnclr import train as train_module
from tinynnclr.models import features
from tinynnclr.ops import norm
from tinynnclr.tensor import Tensor


@contextlib.contextmanager
def in_float64():
    """Views and images in float64, for a network whose weights are: what differs then is no rounding."""
    views, to_float = train_module.two_views, features.to_float
    train_module.two_views = lambda *a: tuple(x.astype(np.float64) for x in views(*a))
    features.to_float = lambda images: images / 255.0
    yield
    train_module.two_views, features.to_float = views, to_float


def widen(run):
    """Every weight, bank and running statistic of a new run in float64."""
    for _, value, attribute, owner in list(run.method._entries()):
        if isinstance(value, Tensor):
            value.data = value.data.astype(np.float64)
        elif value.dtype == np.float32:
            setattr(owner, attribute, value.astype(np.float64))
    run.optimizer = train_module.make_optimizer(run.config, run.method)


def train(out, double=False, **changes):
    """Two epochs of 25 steps; leaves the rows of the log, the state, and what was sent."""
    data = easy_data(400)
    run = train_module.Run(small_config(**changes), data)
    log, end_epoch = [], train_module.end_epoch

    def note(run, data):
        log.extend(run.log)
        end_epoch(run, data)

    train_module.end_epoch = note
    with in_float64() if double else contextlib.nullcontext():
        if double:
            widen(run)
        distributed.sent.clear()
        train_module.train(run, data, train_module.augmentation_pair("simclr"), progress=False)
    state = {name: array for name, array in run.method.state_dict().items()}
    for name, array in state.items():  # all ranks hold the same bytes
        bytes_ = np.frombuffer(array.tobytes(), np.uint8)
        np.testing.assert_array_equal(distributed.first(bytes_), bytes_, err_msg=name)
    np.savez(out if distributed.rank() == 0 else os.devnull, log=log, **state) if distributed.rank() == 0 else None


if __name__ == "__main__":
    task, out, changes = sys.argv[1:]
    distributed.start()
    kernels.set_num_threads(1)
    with distributed.all_or_none(), np.errstate(all="ignore"):
        {"train": train}[task](out, **json.loads(changes))
