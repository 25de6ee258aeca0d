"""The benchmark's cases for kernels: our call, each library's call, and the amount of work."""
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ... import kernels
from ...datasets.views import PRESETS, two_views
from . import peers

MATMULS = [(128, 128, 128), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024),
           (2048, 2048, 2048), (512, 128, 128), (8192, 288, 64), (512, 128, 16384)]  # m, k, n
CONVOLUTIONS = [(32, 3, 32, 1), (32, 32, 32, 1), (32, 32, 64, 2), (16, 64, 64, 1), (16, 64, 128, 2),
                (8, 128, 256, 2)]  # size, input channels, output channels, stride
SEARCHES = [(256, 16384, 128), (512, 65536, 128), (512, 98304, 256)]  # queries, bank, dimensions
NORMS = [(512, 32, 32, 16), (512, 16, 16, 64)]
BATCH = 512


@dataclass(frozen=True)
class Case:
    """One comparison: our call and that of each library ("peer"); flops and bytes of one call."""

    measure: str
    name: str
    ours: Callable[[], object]
    peers: dict[str, Callable[[], object]] = field(default_factory=dict)
    flops: float | None = None
    bytes: float | None = None  # if each number is read or written once
    memory_bound: bool = False


def matmul(against: set[str], quick: bool) -> Iterator[Case]:
    """Square products, and the shapes of heads, unfolded convolutions and search."""
    rng = np.random.default_rng(0)
    for m, k, n in MATMULS[:2] if quick else MATMULS:
        a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)
        yield Case("matmul", f"({m},{k})x({k},{n})", partial(kernels.matmul, a, b),
                   {"numpy": partial(np.matmul, a, b)} if "numpy" in against else {},
                   2 * m * k * n, 4 * (m * k + k * n + m * n))


def convolution(against: set[str], quick: bool) -> Iterator[Case]:
    """3 x 3 with padding 1: forward, gradient of the input, gradient of the weight."""
    rng = np.random.default_rng(0)
    batch = 32 if quick else BATCH
    for size, inputs, outputs, stride in CONVOLUTIONS[:1] if quick else CONVOLUTIONS:
        x = rng.standard_normal((batch, size, size, inputs), np.float32)
        w = rng.standard_normal((3, 3, inputs, outputs), np.float32)
        g = rng.standard_normal((batch, -(-size // stride), -(-size // stride), outputs),
                                np.float32)
        ours = {"forward": partial(kernels.conv2d, x, w, stride, 1),
                "grad_input": partial(kernels.conv2d_grad_input, g, w, x.shape, stride, 1),
                "grad_weight": partial(kernels.conv2d_grad_weight, g, x, w.shape, stride, 1)}
        theirs = peers.torch_convolution(x, w, g, stride) if "torch" in against else {}
        strided = f" stride {stride}" if stride > 1 else ""
        for part, call in ours.items():
            yield Case(f"conv {part}", f"{batch} x ({size},{inputs}->{outputs}{strided})", call,
                       {"torch": theirs[part]} if theirs else {}, 2 * g.size * 9 * inputs,
                       4 * (x.size + w.size + g.size))


def _argmax(queries, bank):
    return (queries @ bank.T).argmax(axis=1)


def search(against: set[str], quick: bool) -> Iterator[Case]:
    """The nearest row of a bank, for a batch of queries."""
    rng = np.random.default_rng(0)
    for b, q, d in [(32, 512, 64)] if quick else SEARCHES:
        queries, bank = (x / np.linalg.norm(x, axis=1, keepdims=True)
                         for x in (rng.standard_normal((rows, d), np.float32) for rows in (b, q)))
        calls: dict[str, Callable[[], object]] = {}
        if "numpy" in against:
            calls["numpy"] = partial(_argmax, queries, bank)
        if "faiss" in against:
            calls["faiss"] = peers.faiss_search(queries, bank)
        yield Case("search", f"{b} x {q} x {d}", partial(kernels.nearest, queries, bank),
                   calls, 2 * b * q * d, 4 * (b + q) * d)


def views(against: set[str], quick: bool) -> Iterator[Case]:
    """Two random views of each image of a batch."""
    images = np.random.default_rng(0).integers(0, 256, (32 if quick else BATCH, 32, 32, 3),
                                               np.uint8)
    rng = np.random.default_rng(1)
    indices = np.arange(len(images))
    makers = {"kornia": peers.kornia_views, "albumentations": peers.albumentations_views}
    yield Case("views", f"2 x {len(images)} SimCLR views",
               lambda: two_views(images, indices, PRESETS["simclr"], rng),
               {name: make(images) for name, make in makers.items() if name in against})


def _norm(x, g, weight, bias):
    mean, var = kernels.moments(x)
    kernels.normalize(x, weight, bias, mean, var, relu=True)
    return kernels.normalize_grad(g, x, weight, bias, mean, var, relu=True)


def norm(against: set[str], quick: bool) -> Iterator[Case]:
    """Fused batch norm and ReLU in training mode, with all three gradients."""
    rng = np.random.default_rng(0)
    for shape in NORMS[:0] if quick else NORMS:
        x, g = rng.standard_normal(shape, np.float32), rng.standard_normal(shape, np.float32)
        weight, bias = np.ones(shape[-1], np.float32), np.zeros(shape[-1], np.float32)
        yield Case("batch norm + ReLU", f"{shape}, both ways", partial(_norm, x, g, weight, bias),
                   {"torch": peers.torch_norm(x, g)} if "torch" in against else {}, None,
                   8 * x.nbytes, memory_bound=True)


KERNELS = (matmul, convolution, search, norm, views)
