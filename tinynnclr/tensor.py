"""Reverse-mode differentiation: a Tensor is an array that knows, through its node, how it was made.

An op is a plain function of arrays that returns its value and, for each array, one *vjp*: the
function that turns g = dL/d(value) into dL/d(that array). `op` lifts it to Tensors. An ndarray is a
constant, so no gradient can leak into one. Gradients are arrays: there is no double backward.
"""
import contextlib
import copy
import functools
import inspect
import itertools
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from .kernels.engine.checks import plain

__all__ = ["OPS", "Node", "Tensor", "backward", "no_grad", "once", "op", "real", "unbroadcast",
           "watch"]

creation = itertools.count()
# stacks, their tops first, one for each thread or asyncio task
recording = ContextVar("recording", default=(True,))
watching = ContextVar("watching", default=(False,))
_adding = threading.Lock()  # threads may share leaves
# every op by its name; tests/autograd/test_ops.py has a gradient check for each
OPS: dict[str, Callable] = {}


class Node:
    """What backward needs of a value: its op's name, and its inputs' nodes, shapes and vjps."""

    __slots__ = ("name", "parents", "vjps", "shapes", "order", "grad", "__weakref__")

    def __init__(self, name, parents=(), vjps=(), shapes=None):
        self.name, self.parents, self.vjps, self.shapes = name, parents, vjps, shapes
        self.grad = None
        self.order = next(creation)  # a leaf gets a new one when its array changes

    def __reduce__(self):
        raise TypeError("Node: a graph cannot be copied or pickled; copy or pickle the Tensor")


class _Switch(contextlib.ContextDecorator):
    """Puts a value on a stack inside a `with` block, or during calls of a decorated function."""

    def __init__(self, stack, value):
        self.stack, self.value = stack, value

    def __enter__(self):
        self.stack.set((self.value, *self.stack.get()))

    def __exit__(self, *error):
        self.stack.set(self.stack.get()[1:] or self.stack.get())

    def __call__(self, fn):
        if any(late(fn) for late in (inspect.isgeneratorfunction, inspect.iscoroutinefunction,
                                     inspect.isasyncgenfunction)):
            raise TypeError(f"{fn.__name__}: its body would run after the decorated call; put a "
                            "`with` block inside it")
        return super().__call__(fn)


def no_grad() -> _Switch:
    """Inside `with no_grad():` or a function under @no_grad(), this thread records no nodes.

    Other threads and asyncio tasks are not affected. A generator must not yield inside the block.
    """
    return _Switch(recording, False)


def watch() -> _Switch:
    """As `no_grad`, but an op with a non-finite value or gradient raises FloatingPointError."""
    return _Switch(watching, True)


def _reachable(root):
    """All nodes below root, and root; RuntimeError if the graph was used or an input changed."""
    seen, stack = {root}, [root]
    while stack:
        node = stack.pop()
        if node.vjps is None:
            raise RuntimeError(f"backward: the graph behind {node.name} was walked already; run "
                               "the forward pass again")
        for parent in filter(None, node.parents):
            if parent.order > node.order:
                raise RuntimeError(f"backward: an input of {node.name} changed after the forward "
                                   "pass, for example in an optimiser's step; run the forward pass "
                                   "again")
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return seen


def _check_gradient(name, i, d, dtype, shape):
    """An error unless a vjp returned a (finite) array of its input's shape and type."""
    is_array = isinstance(d, np.ndarray | np.generic)
    if not is_array or d.dtype != dtype or shape not in (None, d.shape):
        got = f"{d.shape} {d.dtype}" if is_array else type(d).__name__
        raise TypeError(f"{name}: the vjp of input {i}: expected shape {shape} {dtype}, got {got}")
    if watching.get()[0] and not np.isfinite(d).all():
        raise FloatingPointError(f"{name}: the first gradient that is not finite, shape {d.shape}")


def backward(root: Node, g: np.ndarray) -> None:
    """Add dL/d(leaf) to the grad of every leaf below root, given g = dL/d(root); frees the graph.

    Raises RuntimeError if the graph was used already or a leaf has changed since, TypeError if a
    vjp does not return an array of its input's shape and type.
    """
    grads: dict[Node, Any] = {root: g}
    # an input is older than its output, so newest first is an order in which each g is complete
    for node in sorted(_reachable(root), key=lambda n: n.order, reverse=True):
        g = grads.pop(node)
        if not node.parents:  # a leaf owns its gradient, never another array's memory
            with _adding:
                node.grad = np.array(g if node.grad is None else node.grad + g, order="C")
            continue
        # None: a node that no op made
        shapes = getattr(node, "shapes", None) or [None] * len(node.parents)
        for i, (parent, vjp, shape) in enumerate(zip(node.parents, node.vjps, shapes, strict=True)):
            if parent is not None:
                d = vjp(g)
                _check_gradient(node.name, i, d, g.dtype, shape)
                grads[parent] = grads[parent] + d if parent in grads else d
        node.parents, node.vjps = (), None


def real(name: str, value: Any) -> np.ndarray:
    """value as an array; TypeError unless it holds real numbers (no Tensor or masked array)."""
    if not isinstance(value, Tensor | np.ma.MaskedArray):
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            return array
    kind = f"{value.dtype} " if isinstance(value, np.ndarray) else ""
    raise TypeError(f"{name}: expected real numbers, got {kind}{type(value).__name__}")


def _arrays(name, args):
    """The arguments as arrays of one float type; Python numbers take the type of the arrays."""
    arrays = [a.data if isinstance(a, Tensor) else a for a in args]
    for a in arrays:
        if (not isinstance(a, np.ndarray | np.generic | int | float)
                or isinstance(a, np.ma.MaskedArray)):
            raise TypeError(f"{name}: expected Tensors, arrays or real numbers, got "
                            f"{type(a).__name__}")
    dtypes = {a.dtype for a in arrays if isinstance(a, np.ndarray | np.generic)}
    if len(dtypes) != 1 or not dtypes <= {np.dtype(np.float32), np.dtype(np.float64)}:
        raise TypeError(f"{name}: expected float32 or float64 arrays of one type, got "
                        f"{', '.join(sorted(map(str, dtypes))) or 'none'}")
    dtype = dtypes.pop()
    return [np.asarray(a, dtype) for a in arrays], dtype


def op(fn: Callable) -> Callable:
    """Lift fn(*arrays, **static) -> (value, one vjp per array) to Tensors and add it to OPS.

    Positional arguments are differentiable, keyword-only ones are not. A vjp must return an array
    of its input's shape and type. Raises TypeError for mixed float types or a value of another type
    than the inputs, ValueError for a wrong number of vjps or a name that another function has.
    """
    name = fn.__name__
    if name == "<lambda>":
        raise ValueError("op: expected a function with a name, got a lambda; define it with def")
    if name in OPS and ((OPS[name].__module__, OPS[name].__qualname__)
                        != (fn.__module__, fn.__qualname__)):
        raise ValueError(f"op: the name {name} is taken by {OPS[name].__module__}; rename your "
                         "function")

    @functools.wraps(fn)
    def lifted(*args, **static):
        arrays, dtype = _arrays(name, args)
        value, vjps = fn(*arrays, **{key: plain(given) for key, given in static.items()})
        if len(vjps) != len(arrays):
            raise ValueError(f"{name}: {len(arrays)} inputs need as many vjps, got {len(vjps)}")
        if value.dtype != dtype:
            raise TypeError(f"{name}: {dtype} went in and {value.dtype} came out")
        if watching.get()[0] and not np.isfinite(value).all():
            raise FloatingPointError(f"{name}: the first value that is not finite, shape "
                                     f"{value.shape}")
        out = Tensor(value)
        parents = tuple(a.node if isinstance(a, Tensor) else None for a in args)
        if any(parents) and recording.get()[0]:
            used = tuple(vjp if parent else None for parent, vjp in zip(parents, vjps, strict=True))
            out.node = Node(name, parents, used, tuple(a.shape for a in arrays))
        return out

    OPS[name] = lifted
    return lifted


def once(grads: Callable) -> Callable:
    """For vjps that share their work: grads(g), computed once for each g."""
    saved: dict[str, Any] = {}

    def remembering(g):
        if saved.get("g") is not g:
            saved["g"], saved["grads"] = g, grads(g)
        return saved["grads"]

    return remembering


def unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Broadcasting copies forward, so it sums backward: g summed to `shape`."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape)))) if g.ndim > len(shape) else g
    stretched = tuple(i for i, size in enumerate(shape) if size == 1 and g.shape[i] != 1)
    return g.sum(axis=stretched, keepdims=True) if stretched else g


def _operators(name):
    """The two methods of an operator, for a Tensor on its left and on its right."""
    return lambda self, other: OPS[name](self, other), lambda self, other: OPS[name](other, self)


class Tensor:
    """An array and, where gradients are wanted, its node. Operators are the ops of the same name.

    data: a float32 or float64 array, kept as it is (other numbers become float32). Python's numbers
    may stand beside a Tensor in any operator.

    >>> x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])

    Ops keep the arrays of the forward pass, not copies: an array that is changed in place before
    backward makes gradients wrong. For a leaf with requires_grad, an optimiser's step and `w.data
    -= step` note the change, and backward raises RuntimeError; after `w.data[0] = 1` call
    `changed`. Changes of other arrays are not noticed. Pickle and `copy` keep data (shared by a
    shallow copy) and requires_grad, not the graph; `copy` refuses the result of an op.
    """

    __slots__ = ("_data", "node")
    _data: np.ndarray
    node: Node | None
    __array_priority__ = 1000  # array + Tensor asks Tensor.__radd__
    __array_ufunc__ = None

    def __init__(self, data, requires_grad: bool = False):
        self.node = None
        self.data = data
        self.node = Node("leaf") if requires_grad else None

    def __getstate__(self):
        return self.data, self.requires_grad

    def __setstate__(self, state):
        Tensor.__init__(self, *state)

    def __copy__(self):
        return self.__deepcopy__({id(self.data): self.data})  # the copy shares the array

    def __deepcopy__(self, memo):
        if not self.is_leaf:
            raise RuntimeError(f"copy: expected a leaf, got a result of {self.node.name}; copy its "
                               ".numpy() instead")
        other = type(self).__new__(type(self))
        other.__setstate__((copy.deepcopy(self.data, memo), self.requires_grad))
        other.grad = copy.deepcopy(self.grad, memo)
        return other

    @property
    def data(self) -> np.ndarray:
        return self._data

    @data.setter
    def data(self, value):
        array = real("Tensor", value)
        if array is getattr(self, "_data", None):  # `data += step` assigns the array it changed
            self.changed()
        is_float = array.dtype in (np.float32, np.float64)
        kept = is_float and isinstance(value, np.ndarray | np.generic)
        self._data = array if kept else array.astype(np.float32)

    @property
    def requires_grad(self) -> bool:
        return self.node is not None

    @property
    def is_leaf(self) -> bool:
        """Whether it is a weight or a constant, and not the result of a recorded op."""
        return self.node is None or self.node.vjps == ()

    def changed(self) -> None:
        """Note that data was changed in place: backward through older graphs is then refused."""
        if self.node is not None:
            self.node.order = next(creation)

    @property
    def grad(self) -> np.ndarray | None:
        """dL/d(self) after backward, for a leaf with requires_grad; None or an array like data."""
        return self.node.grad if self.node else None

    @grad.setter
    def grad(self, value):
        if value is not None:
            if not (self.is_leaf and self.requires_grad):
                raise RuntimeError("grad: only a leaf made with requires_grad=True has a gradient")
            value = real("grad", value)
            if value.shape != self.shape or value.dtype != self.dtype:
                raise ValueError(f"grad: expected {self.dtype} {self.shape}, got {value.dtype} "
                                 f"{value.shape}")
        if self.node:
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
        made_by = f", op={self.node.name}" if self.node else ""
        if self.data.size > 8:
            return f"Tensor(shape={self.shape}, dtype={self.data.dtype}{made_by})"
        return f"Tensor({self.data!r}{made_by})"

    def numpy(self) -> np.ndarray:
        """The array itself, a constant for every op."""
        return self.data

    def item(self) -> float:
        return self.data.item()

    def backward(self, g: np.ndarray | None = None) -> None:
        """Fill in the grad of every leaf, with g = dL/d(self); a single number needs no g."""
        if self.node is None:
            raise RuntimeError("backward: this Tensor depends on no leaf with requires_grad")
        if g is None and self.data.size != 1:
            raise RuntimeError(f"backward: expected a single number or a g of shape {self.shape}, "
                               "got no g")
        if g is None:
            g = np.ones_like(self.data)
        g = real("backward: g", g).astype(self.dtype, copy=False)
        if g.shape != self.shape:
            raise ValueError(f"backward: g: expected shape {self.shape}, got {g.shape}")
        backward(self.node, g)

    __add__, __radd__ = _operators("add")
    __sub__, __rsub__ = _operators("sub")
    __mul__, __rmul__ = _operators("mul")
    __truediv__, __rtruediv__ = _operators("div")
    __matmul__, __rmatmul__ = _operators("matmul")

    def __neg__(self):
        return OPS["neg"](self)

    def __pow__(self, exponent):
        return OPS["power"](self, exponent=exponent)

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
