"""A Module is an object whose attributes are its parts; one walk over them finds parameters, buffers and children."""
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..tensor import Tensor


class Module:
    """Attributes decide: a Tensor is a parameter, an ndarray a buffer, a Module (or a list of them) a child.

    A Tensor made without requires_grad is a frozen weight: saved with the rest, but no parameter.

    Names are dotted paths in the order of definition, such as "layers.0.weight".
    """

    training = True

    def __call__(self, *args):
        return self.forward(*args)

    def _entries(self, prefix="") -> Iterator[tuple[str, Any, str, "Module"]]:
        """(dotted name, value, attribute, owner) of every parameter and buffer below this module."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor | np.ndarray):
                yield prefix + name, value, name, self
            elif isinstance(value, Module):
                yield from value._entries(f"{prefix}{name}.")
            elif isinstance(value, list | tuple):
                for i, child in enumerate(value):
                    if isinstance(child, Module):
                        yield from child._entries(f"{prefix}{name}.{i}.")

    def modules(self) -> Iterator["Module"]:
        """This module and every one below it."""
        yield self
        for value in vars(self).values():
            for child in value if isinstance(value, list | tuple) else (value,):
                if isinstance(child, Module):
                    yield from child.modules()

    def named_parameters(self) -> dict[str, Tensor]:
        return {name: value for name, value, _, _ in self._entries()
                if isinstance(value, Tensor) and value.node is not None}

    def parameters(self) -> list[Tensor]:
        return list(self.named_parameters().values())

    def num_parameters(self) -> int:
        return sum(p.data.size for p in self.parameters())

    def zero_grad(self) -> None:
        for p in self.parameters():
            p.grad = None

    def train(self, mode: bool = True) -> "Module":
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> "Module":
        return self.train(False)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers by name."""
        return {name: (value.data if isinstance(value, Tensor) else value).copy()
                for name, value, _, _ in self._entries()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Put copies of the arrays in place. Raises KeyError or ValueError where names, shapes or types differ."""
        entries = {name: (value, attribute, owner) for name, value, attribute, owner in self._entries()}
        missing, unknown = entries.keys() - state.keys(), state.keys() - entries.keys()
        if missing or unknown:
            raise KeyError(f"state_dict: missing {sorted(missing) or 'nothing'}, "
                           f"unknown {sorted(unknown) or 'nothing'}")
        for name, (value, _, _) in entries.items():  # all are checked before one is changed
            array = value.data if isinstance(value, Tensor) else value
            new = np.asarray(state[name])
            if (new.shape, new.dtype) != (array.shape, array.dtype):
                raise ValueError(f"state_dict: {name}: expected {array.dtype} {array.shape}, "
                                 f"got {new.dtype} {new.shape}")
        for name, (value, attribute, owner) in entries.items():
            new = np.array(state[name])
            if isinstance(value, Tensor):
                value.data = new
            else:
                setattr(owner, attribute, new)
