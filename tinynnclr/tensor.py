"""Reverse-mode differentiation: a Tensor is an array that remembers, through its node, how it came to be.

An op is a plain function of arrays that returns its value and, for each array, one *vjp*: the function that turns
g = dL/d(value) into dL/d(that array). `op` lifts it to Tensors. An ndarray is a constant, so no gradient can leak into
one. There is no double backward: gradients are arrays, not Tensors.
"""
import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .kernels.boundary import plain

OPS: dict[str, Callable] = {}  # every op by its name; tests/test_ops.py has a gradient check for each

_creation = itertools.count()
_recording = True
_watching = False


class Node:
    """What backward needs of one value: its op's name, the nodes it came from and one vjp for each of them."""

    __slots__ = ("name", "parents", "vjps", "order", "grad", "__weakref__")

    def __init__(self, name, parents=(), vjps=()):
        self.name, self.parents, self.vjps, self.grad = name, parents, vjps, None
        self.order = next(_creation)


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Inside this context nothing is recorded: no nodes, no saved arrays."""
    global _recording
    before, _recording = _recording, False
    try:
        yield
    finally:
        _recording = before


@contextlib.contextmanager
def watch() -> Iterator[None]:
    """Inside this context an op whose value or gradient is not finite raises FloatingPointError with the op's name."""
    global _watching
    before, _watching = _watching, True
    try:
        yield
    finally:
        _watching = before


def _arrays(name, args):
    """The arguments as arrays of one float type; Python numbers take the type of the arrays beside them."""
    arrays = [a.data if isinstance(a, Tensor) else a for a in args]
    types = {a.dtype for a in arrays if isinstance(a, np.ndarray | np.generic)}
    if len(types) != 1 or not types <= {np.dtype(np.float32), np.dtype(np.float64)}:
        raise TypeError(f"{name}: expected float32 or float64 arrays of one type, got "
                        f"{', '.join(sorted(map(str, types))) or 'none'}")
    dtype = types.pop()
    return [np.asarray(a, dtype) for a in arrays], dtype


def op(fn: Callable) -> Callable:
    """Lift fn(*arrays, **static) -> (value, one vjp per array) to Tensors, and register it under its name.

    Positional arguments are differentiable, keyword-only ones are not. Raises TypeError for mixed float types or a
    value of another type than the inputs, ValueError where the number of vjps is not the number of inputs.
    """
    name = fn.__name__

    @functools.wraps(fn)
    def lifted(*args, **static):
        arrays, dtype = _arrays(name, args)
        value, vjps = fn(*arrays, **{key: plain(given) for key, given in static.items()})
        if len(vjps) != len(arrays):
            raise ValueError(f"{name}: {len(arrays)} inputs need as many vjps, got {len(vjps)}")
        if value.dtype != dtype:
            raise TypeError(f"{name}: {dtype} went in and {value.dtype} came out")
        if _watching and not np.isfinite(value).all():
            raise FloatingPointError(f"{name}: the first value that is not finite, shape {value.shape}")
        out = Tensor(value)
        parents = tuple(a.node if isinstance(a, Tensor) else None for a in args)
        if _recording and any(p is not None for p in parents):
            out.node = Node(name, parents, tuple(v if p else None for p, v in zip(parents, vjps, strict=True)))
        return out

    OPS[name] = lifted
    return lifted


def once(grads: Callable) -> Callable:
    """For vjps that come out of the same work: grads(g), remembered for the g that it was last worked out for."""
    saved: dict[str, Any] = {}

    def remembering(g):
        if saved.get("g") is not g:
            saved["g"], saved["grads"] = g, grads(g)
        return saved["grads"]

    return remembering


def unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Broadcasting copies forward, so it sums backward: add g up over the axes along which `shape` was stretched."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape)))) if g.ndim > len(shape) else g
    stretched = tuple(i for i, size in enumerate(shape) if size == 1 and g.shape[i] != 1)
    return g.sum(axis=stretched, keepdims=True) if stretched else g


def _reachable(root):
    seen, stack = {root}, [root]
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return seen


def backward(root: Node, g: np.ndarray) -> None:
    """Add dL/d(leaf) to the grad of every leaf below root, given g = dL/d(root); frees the graph as it goes."""
    grads = {root: g}
    # An input is always older than its output, so newest first is an order in which every g is complete.
    for node in sorted(_reachable(root), key=lambda n: n.order, reverse=True):
        if node.vjps is None:
            raise RuntimeError(f"backward: the graph behind {node.name} was walked already; run the forward pass again")
        g = grads.pop(node)
        if not node.parents:  # a leaf owns its gradient, never an alias of somebody else's
            node.grad = np.array(g if node.grad is None else node.grad + g, order="C")
            continue
        for parent, vjp in zip(node.parents, node.vjps, strict=True):
            if parent is not None:
                d = vjp(g)
                if _watching and not np.isfinite(d).all():
                    raise FloatingPointError(f"{node.name}: the first gradient that is not finite, shape {d.shape}")
                grads[parent] = grads[parent] + d if parent in grads else d
        node.parents, node.vjps = (), None


class Tensor:
    """An array and, where gradients are wanted, its node. Operators are the ops of the same name.

    data: a float32 or float64 array, kept as it is (other numbers become float32). Python's numbers may stand beside
    a Tensor in any operator.
    """

    __slots__ = ("data", "node")
    __array_priority__ = 1000  # array + Tensor asks Tensor.__radd__
    __array_ufunc__ = None

    def __init__(self, data, requires_grad: bool = False):
        data = np.asarray(data, None if isinstance(data, np.ndarray | np.generic) else np.float32)
        self.data = data if data.dtype in (np.float32, np.float64) else data.astype(np.float32)
        self.node = Node("leaf") if requires_grad else None

    @property
    def grad(self) -> np.ndarray | None:
        """dL/d(self) after backward, for a leaf made with requires_grad."""
        return self.node.grad if self.node else None

    @grad.setter
    def grad(self, value):
        self.node.grad = value

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    def __len__(self):
        return len(self.data)

    def __repr__(self):
        return f"Tensor({self.data!r}{f', op={self.node.name}' if self.node else ''})"

    def numpy(self) -> np.ndarray:
        """The array itself: a constant, wherever it goes next."""
        return self.data

    def item(self) -> float:
        return self.data.item()

    def backward(self, g: np.ndarray | None = None) -> None:
        """Fill in the grad of every leaf, with g = dL/d(self); g may be left out where self is a single number."""
        if self.node is None:
            raise RuntimeError("backward: this Tensor depends on no leaf with requires_grad")
        if g is None and self.data.size != 1:
            raise RuntimeError(f"backward: expected a single number or a g of shape {self.shape}, got no g")
        g = np.ones_like(self.data) if g is None else np.asarray(g, self.dtype)
        if g.shape != self.shape:
            raise ValueError(f"backward: g: expected shape {self.shape}, got {g.shape}")
        backward(self.node, g)

    def __add__(self, other):
        return OPS["add"](self, other)

    def __sub__(self, other):
        return OPS["sub"](self, other)

    def __mul__(self, other):
        return OPS["mul"](self, other)

    def __truediv__(self, other):
        return OPS["div"](self, other)

    def __radd__(self, other):
        return OPS["add"](other, self)

    def __rsub__(self, other):
        return OPS["sub"](other, self)

    def __rmul__(self, other):
        return OPS["mul"](other, self)

    def __rtruediv__(self, other):
        return OPS["div"](other, self)

    def __neg__(self):
        return OPS["neg"](self)

    def __pow__(self, exponent):
        return OPS["power"](self, exponent=exponent)

    def __matmul__(self, other):
        return OPS["matmul"](self, other)

    def __rmatmul__(self, other):
        return OPS["matmul"](other, self)

    def __getitem__(self, index):
        return OPS["getitem"](self, index=index)

    @property
    def T(self) -> "Tensor":
        return OPS["transpose"](self)

    def transpose(self, *axes: int) -> "Tensor":
        return OPS["transpose"](self, axes=axes or None)

    def reshape(self, *shape: int) -> "Tensor":
        return OPS["reshape"](self, shape=shape)

    def sum(self, axis=None, keepdims: bool = False) -> "Tensor":
        return OPS["sum"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis=None, keepdims: bool = False) -> "Tensor":
        return OPS["mean"](self, axis=axis, keepdims=keepdims)
