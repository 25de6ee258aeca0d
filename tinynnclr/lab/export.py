"""Export a run's encoder to PyTorch: torch's names and layouts, in a file that holds no code.

Images in torch are (n, c, h, w). nn.Detrend has no weights but must be in the torch network, too.
It computes

    x = x - x.mean((2, 3), keepdim=True)
    for at in torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij"):
        x = x - at * (x * at).mean((2, 3), keepdim=True) / at.square().mean()
    x = x / (x.square().mean((2, 3), keepdim=True) + 1e-4).sqrt()
"""
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .. import __version__
from ..nn import BatchNorm, Conv2d, GlobalAvgPool, Linear, Module, Sequential
from ..storage.atomic import expect_ours, write_whole
from ..storage.checkpoint import expect_bounded
from ..tensor import Tensor
from ..train.restore import load_encoder
from ..train.run_dir import CHECKPOINT

# {layer: the order of our axes in torch's weight}
AXES: dict[type, tuple[int, ...]] = {Conv2d: (3, 2, 0, 1), Linear: (1, 0)}


def torch_state(encoder: Module) -> dict[str, np.ndarray]:
    """The argument of torch's `load_state_dict`: copies of all arrays, in C order, by dotted names.

    Names are those of our attributes; a list counts as an nn.ModuleList. The numbers in a
    Sequential are those in an nn.Sequential, where the ReLU of a BatchNorm is a separate layer and
    GlobalAvgPool is two, nn.AdaptiveAvgPool2d(1) and nn.Flatten(). An encoder that is nothing but
    one Sequential, such as TinyCNN, is named as that one: "1.weight".
    """
    parts = [value for value in vars(encoder).values()
             if isinstance(value, Module | Tensor | np.ndarray | list | tuple)]
    alone = len(parts) == 1 and isinstance(parts[0], Sequential)
    return dict(_walk(parts[0] if alone else encoder))


def _walk(module, prefix="") -> Iterator[tuple[str, np.ndarray]]:
    """(name, array) of all arrays in a module and below it."""
    if isinstance(module, Sequential):
        place = 0
        for layer in module.layers:
            yield from _walk(layer, f"{prefix}{place}.")
            two = isinstance(layer, GlobalAvgPool) or isinstance(layer, BatchNorm) and layer.relu
            place += 2 if two else 1
        return
    for name, value in vars(module).items():
        if isinstance(value, Tensor | np.ndarray):
            array = value.data if isinstance(value, Tensor) else value
            if name == "weight" and type(module) in AXES:
                array = array.transpose(AXES[type(module)])
            yield prefix + name, np.array(array, order="C")
        elif isinstance(value, Module):
            yield from _walk(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            for i, child in enumerate(value):
                if isinstance(child, Module):
                    yield from _walk(child, f"{prefix}{name}.{i}.")
    if isinstance(module, BatchNorm):
        # torch expects this buffer; with a momentum it is not used
        yield f"{prefix}num_batches_tracked", np.zeros((), np.int64)


def npz_bytes(state: dict[str, np.ndarray], info: dict[str, str]) -> bytes:
    """A NumPy archive: the arrays by name, and "info", JSON text."""
    file = io.BytesIO()
    np.savez(file, **{"info": np.array(json.dumps(info)), **state})  # type: ignore[arg-type]
    return file.getvalue()


def safetensors_bytes(state: dict[str, np.ndarray], info: dict[str, str]) -> bytes:
    """A file for `safetensors.torch.load_file`, with info as its metadata.

    Raises ValueError if the package safetensors is not installed.
    """
    try:
        from safetensors.numpy import save
    except ImportError:
        raise ValueError('--format safetensors: the package is not installed; pip install '
                         '"tinynnclr[export]", or use --format npz') from None
    return save(state, metadata=info)


FORMATS: dict[str, Callable] = {"npz": npz_bytes, "safetensors": safetensors_bytes}


def exported(path: Path) -> bool:
    """Whether `export_run` wrote the file. May raise any error if it did not."""
    with open(path, "rb") as file:
        start = file.read(8)
        if start.startswith(b"PK"):
            expect_bounded(file)
            with np.load(file, allow_pickle=False) as archive:
                info = json.loads(str(archive["info"]))
        else:
            size = min(int.from_bytes(start, "little"), 1 << 20)
            info = json.loads(file.read(size))["__metadata__"]
    return {"method", "encoder", "width", "detrend", "version"} <= info.keys()


def export_run(folder: Path, kind: str = "npz", out: Path | None = None) -> Path:
    """Write a run's encoder to `out`, or FOLDER/encoder.KIND, and return the path.

    Raises FileNotFoundError or ValueError as `load_encoder` does, ValueError if the existing file
    is not an earlier export, OSError if the file cannot be written.
    """
    path = out or folder / f"encoder.{kind}"
    encoder, config, info = load_encoder(folder)
    if path.resolve() == (folder / CHECKPOINT).resolve():
        raise ValueError(f"--out {path}: that is the run's checkpoint; name another file")
    about = {"method": config.method, "dataset": config.dataset, "epochs": info["epoch"],
             "seed": config.seed, "encoder": config.encoder, "width": config.width,
             "detrend": config.detrend, "version": __version__}
    expect_ours([path], exported, "--out ")
    content = FORMATS[kind](torch_state(encoder), {key: str(value) for key, value in about.items()})
    write_whole(path, lambda file: file.write(content))
    return path
