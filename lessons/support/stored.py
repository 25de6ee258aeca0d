"""Small networks that were trained before the lesson began."""
from pathlib import Path

import numpy as np

from tinynnclr.methods import make_config
from tinynnclr.methods.nnclr import NNCLR
from tinynnclr.storage import checkpoint

PARTS = ("encoder.", "projector.", "predictor.")  # the queue is not stored: it fills in a few steps


def store(path: str | Path, method: NNCLR, **facts) -> int:
    """Write NNCLR's networks as float16 with its configuration and `facts`; returns the bytes."""
    kept = {name: half(a) for name, a in method.state_dict().items() if name.startswith(PARTS)}
    checkpoint.save(path, {"method": kept}, {"config": method.config.to_dict(), **facts})
    return Path(path).stat().st_size


def stored(path: str | Path) -> NNCLR:
    """Load what `store` wrote, in float32; the queue is filled with random directions.

    Raises FileNotFoundError, or ValueError for any other file.
    """
    groups, info = checkpoint.load(path)
    config = make_config(info["config"])
    rng = np.random.default_rng(config.seed)
    method = NNCLR(NNCLR.make_encoder(config, rng), config, rng)
    state = method.state_dict()
    state.update({name: a.astype(state[name].dtype) for name, a in groups["method"].items()})
    method.load_state_dict(state)
    return method


def half(a: np.ndarray) -> np.ndarray:
    """A float array as float16; others as they are."""
    return a.astype(np.float16) if a.dtype.kind == "f" else a
