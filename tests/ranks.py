"""What each rank runs in test_distributed.py: `mpiexec -n 2 python ranks.py TASK (OUT JSON)...`."""
import contextlib
import json
import os
import signal
import sys

import numpy as np
from op_cases import REFERENCES
from small import easy_data, small_config

from tinynnclr import distributed, gradcheck, kernels, ops
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.models import encode as features
from tinynnclr.tensor import Tensor, op
from tinynnclr.train import hooks
from tinynnclr.train import run as run_module
from tinynnclr.train.run import Run, make_optimizer

DATA = easy_data(400)  # an epoch has 25 batches of 16


@contextlib.contextmanager
def replaced(*changes):
    """(object, name, value)s, put back afterwards."""
    before = [(thing, name, getattr(thing, name)) for thing, name, _ in changes]
    try:
        for thing, name, value in changes:
            setattr(thing, name, value)
        yield
    finally:
        for thing, name, value in before:
            setattr(thing, name, value)


def in_float64(run):
    """Widen all weights, banks and statistics of a new run; returns changes for its inputs."""
    for _, value, attribute, owner in list(run.method._entries()):
        if isinstance(value, Tensor):
            value.data = value.data.astype(np.float64)
        elif value.dtype == np.float32:
            setattr(owner, attribute, value.astype(np.float64))
    run.optimizer = make_optimizer(run.config, run.method)
    views = run_module.make_views
    return ((run_module, "make_views", lambda *a: [x.astype(np.float64) for x in views(*a)]),
            (features, "to_float", lambda images: images / 255.0))


def train(out, double=True, until=2, resume=None, save=None, press=None, end=None, **changes):
    """Train small_config(changes) on DATA; saves the log, the bytes of each step, the state.

    until: stop after so many epochs; resume, save: checkpoints; press: the step in which the last
    rank gets Ctrl-C; end: [rank, step, how], where that rank dies.
    """
    run = Run(small_config(**changes), DATA)
    log, sent, end_epoch, step = [], [], hooks.end_epoch, run.optimizer.step
    last = distributed.rank() == distributed.size() - 1

    def note_epoch(run, data, chance_loss):
        log.extend(run.log)
        end_epoch(run, data, chance_loss)

    def note_step():
        sent.append(dict(distributed.sent))
        if end and (distributed.rank(), run.step) == tuple(end[:2]):
            if end[2] == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise MemoryError("no more room")
        if last and run.step + 1 == press:
            signal.raise_signal(signal.SIGINT)
        step()

    def keep(run):
        if save:
            run.save(save)
        if run.epoch == until:
            raise StopIteration

    doubled = in_float64(run) if double else ()
    distributed.sent.clear()
    run.optimizer.step, step = note_step, run.optimizer.step
    if resume:
        run.load(resume)
    with replaced((hooks, "end_epoch", note_epoch), *doubled), \
            contextlib.suppress(StopIteration, KeyboardInterrupt):
        hooks.train_run(run, DATA, augmentation_pair("simclr"), save=keep, progress=False)
    state = run.method.state_dict()
    # every rank holds the same bytes
    for name, array in {**state, "step": np.array(run.step)}.items():
        own = np.frombuffer(array.tobytes(), np.uint8)
        np.testing.assert_array_equal(distributed.broadcast(own), own, err_msg=name)
    in_steps = {f"sent.{k}": np.diff([s.get(k, 0) for s in sent]) for k in sent[0]} if sent else {}
    leave(out, log=log, step=run.step, **in_steps, **{f"state.{k}": v for k, v in state.items()})


def leave(out, **arrays):
    """Rank 0's arrays, for the test to read."""
    if distributed.rank() == 0:
        np.savez(out, **arrays)


def primitives(out):
    """Each function against what it says, for numbers of which every rank knows everybody's."""
    size, rank, equal = distributed.size(), distributed.rank(), np.testing.assert_array_equal
    everyones = [np.random.default_rng(r).integers(0, 9, (size * 2, 3)).astype(np.float32) for r
                 in range(size)]
    own, total = everyones[rank], sum(everyones)
    equal(distributed.all_reduce_mean(own), total / np.float32(size))
    equal(distributed.all_gather(own), np.concatenate(everyones))
    equal(distributed.all_gather(own[:, 0].astype(np.int64)), np.concatenate(everyones)[:, 0])
    equal(distributed.reduce_scatter(own), total[2 * rank:2 * rank + 2])
    equal(distributed.broadcast(own), everyones[0])
    for n in (0, 1, 5, size, 7 * size + 1):  # not as many for each
        whole = np.arange(4 * n).reshape(n, 2, 2)
        equal(distributed.all_gather(whole[distributed.shard(n)], n), whole)
    equal(np.arange(3 * size)[distributed.shard(3 * size)], distributed.local_rows(3))
    assert [distributed.any_rank(rank == r) for r in (0, size - 1, size)] == [True, True, False]
    # several pieces, and an array that is larger than one
    with replaced((distributed, "BUCKET", 40)):
        parts = [own.copy(), own[0].copy(), own[:1].copy(), own[:, :1].copy()]
        distributed.all_reduce_mean_(parts)
    for got, wanted in zip(parts, (total, total[0], total[:1], total[:, :1]), strict=True):
        np.testing.assert_allclose(got, wanted / size, rtol=1e-6)
    distributed.sent.clear()
    distributed.all_reduce_mean(own), distributed.all_gather(own), distributed.reduce_scatter(own)
    leave(out, **distributed.sent, bytes=own.nbytes)


def gradients(out):
    """Gradcheck through both batch norms and all_gather, with rows divided among ranks."""
    @op
    # the same on all ranks: its gradient is the mean of what each says, as it is of weights
    def everywhere(a):
        return a, (distributed.all_reduce_mean,)

    def shared(name, **static):
        def fn(x, *rest):
            own = everywhere(x)[distributed.shard(len(x))]
            return ops.all_gather(getattr(ops, name)(own, *map(everywhere, rest), **static))

        return fn

    def similar(z):
        own = everywhere(z)[distributed.shard(len(z))]
        return ops.all_gather(ops.matmul(own * own, ops.all_gather(own).T))

    rng, n = np.random.default_rng(0), 3 * distributed.size()
    weight, bias = rng.uniform(0.5, 2, 3), rng.standard_normal(3)
    filters = rng.standard_normal((3, 3, 3, 2))
    rows, images = rng.standard_normal((n, 3)) + 5, rng.standard_normal((n, 4, 4, 3))
    for name, arrays, static in [
            ("batch_norm", (rows, weight, bias), {}),
            ("batch_norm", (images, weight, bias), {"relu": True}),
            ("batch_norm", (rows[:distributed.size()], weight, bias), {}),  # one row for each rank
            ("batch_norm_conv2d", (images, weight, bias, filters), {"padding": 1})]:
        gradcheck(shared(name, **static), *arrays)
        np.testing.assert_allclose(shared(name, **static)(*map(Tensor, arrays)).numpy(),
                                   REFERENCES[name](*arrays, **static), rtol=1e-10, atol=1e-10)
    gradcheck(similar, rows)
    running = [np.zeros(3), np.ones(3)], [np.zeros(3), np.ones(3)]
    for (mean, var), x in zip(running, (rows[distributed.shard(n)], rows), strict=True):
        # the second time as one process
        with replaced(*[(distributed, "_world", None)] * (x is rows)):
            ops.batch_norm(Tensor(x), weight, bias, running_mean=mean, running_var=var)
    np.testing.assert_allclose(running[0], running[1], rtol=1e-12)
    leave(out, checked=n)


if __name__ == "__main__":
    task, *rest = sys.argv[1:]
    distributed.start()
    kernels.set_num_threads(1)
    with distributed.all_or_none(), np.errstate(all="ignore"):
        for out, changes in zip(rest[::2], rest[1::2], strict=True):
            tasks = {"train": train, "primitives": primitives, "gradients": gradients}
            tasks[task](out, **json.loads(changes))
