"""The recorded graph: its nodes, the walk back through them, and the switches for recording and for checking."""
import contextlib
import inspect
import itertools
import threading
from contextvars import ContextVar
from typing import Any

import numpy as np

creation = itertools.count()
recording = ContextVar("recording", default=(True,))  # a stack, its top first; one per thread or asyncio task
watching = ContextVar("watching", default=(False,))
_adding = threading.Lock()  # threads may share leaves


class Node:
    """What backward needs of one value: its op's name, the nodes and shapes of its inputs, and a vjp for each."""

    __slots__ = ("name", "parents", "vjps", "shapes", "order", "grad", "__weakref__")

    def __init__(self, name, parents=(), vjps=(), shapes=None):
        self.name, self.parents, self.vjps, self.shapes, self.grad = name, parents, vjps, shapes, None
        self.order = next(creation)  # a leaf gets a new one when its array changes, see Tensor.changed

    def __reduce__(self):
        raise TypeError("Node: a graph cannot be copied or pickled; copy or pickle the Tensor instead")


class _Switch(contextlib.ContextDecorator):
    """Puts a value on top of a stack inside a `with` block, or inside every call of a function that it decorates."""

    def __init__(self, stack, value):
        self.stack, self.value = stack, value

    def __enter__(self):
        self.stack.set((self.value, *self.stack.get()))

    def __exit__(self, *error):
        self.stack.set(self.stack.get()[1:] or self.stack.get())

    def __call__(self, fn):
        if inspect.isgeneratorfunction(fn) or inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
            raise TypeError(f"{fn.__name__}: its body would run after the decorated call; put a `with` block inside it")
        return super().__call__(fn)


def no_grad() -> _Switch:
    """In `with no_grad():`, or in a function decorated by @no_grad(), this thread records no nodes and saves no arrays.

    Other threads and asyncio tasks are not affected. Do not yield from a generator inside the block.
    """
    return _Switch(recording, False)


def watch() -> _Switch:
    """As `no_grad`, but there an op whose value or gradient is not finite raises FloatingPointError with its name."""
    return _Switch(watching, True)


def _reachable(root):
    """All nodes below root, and root. Raises RuntimeError if the graph was used already or an input has changed."""
    seen, stack = {root}, [root]
    while stack:
        node = stack.pop()
        if node.vjps is None:
            raise RuntimeError(f"backward: the graph behind {node.name} was walked already; run the forward pass again")
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
            if parent is not None and parent.order > node.order:
                raise RuntimeError(f"backward: an input of {node.name} changed after the forward pass, for example "
                                   "in an optimiser's step; run the forward pass again")
    return seen


def backward(root: Node, g: np.ndarray) -> None:
    """Add dL/d(leaf) to the grad of every leaf below root, given g = dL/d(root); frees the graph as it goes.

    Raises RuntimeError if the graph was used already or a leaf has changed since, TypeError if a vjp does not return
    an array of its input's shape and type.
    """
    grads: dict[Node, Any] = {root: g}
    # An input is always older than its output, so newest first is an order in which every g is complete.
    for node in sorted(_reachable(root), key=lambda n: n.order, reverse=True):
        g = grads.pop(node)
        if not node.parents:  # a leaf owns its gradient, never another array's memory
            with _adding:
                node.grad = np.array(g if node.grad is None else node.grad + g, order="C")
            continue
        shapes = getattr(node, "shapes", None) or [None] * len(node.parents)  # None: a node that no op made
        for i, (parent, vjp, shape) in enumerate(zip(node.parents, node.vjps, shapes, strict=True)):
            if parent is not None:
                d = vjp(g)
                if not isinstance(d, np.ndarray | np.generic) or d.dtype != g.dtype or shape not in (None, d.shape):
                    got = f"{d.shape} {d.dtype}" if isinstance(d, np.ndarray | np.generic) else type(d).__name__
                    raise TypeError(f"{node.name}: the vjp of input {i}: expected shape {shape} {g.dtype}, got {got}")
                if watching.get()[0] and not np.isfinite(d).all():
                    raise FloatingPointError(f"{node.name}: the first gradient that is not finite, shape {d.shape}")
                grads[parent] = grads[parent] + d if parent in grads else d
        node.parents, node.vjps = (), None
