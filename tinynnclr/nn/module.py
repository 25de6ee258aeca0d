"""A Module's attributes are its parts; one walk finds parameters, buffers and children."""
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..tensor import Tensor


class Module:
    """Attributes decide: a Tensor is a parameter, an ndarray a buffer, a Module a child.

    Lists, tuples and dicts, also nested ones, may hold Tensors and Modules; arrays in them are not
    saved. A Tensor without requires_grad is a frozen weight: saved, but no parameter. The result of
    an op is neither. Names are dotted paths in the order of definition, such as "layers.0.weight".
    A tied weight (one Tensor in two places) has two names in a state, but is one parameter.
    """

    training = True

    def __init_subclass__(cls):
        super().__init_subclass__()
        for name, value in vars(cls).items():
            if isinstance(value, Tensor | Module) or name == "__slots__" and value:
                raise TypeError(f"{cls.__name__}.{name}: weights and children must be attributes "
                                "that __init__ sets")

    def __call__(self, *args):
        return self.forward(*args)

    def __repr__(self) -> str:
        """A line for each module in it: its name, its class and the shapes of its own weights."""
        lines = []
        for name, value, _, _ in _walk(self, "", "", self, ()):
            if isinstance(value, Module):
                shapes = [str(part.shape) for part in vars(value).values()
                          if isinstance(part, Tensor)]
                title = f"  {name}: " if name else f"{self.num_parameters():,} parameters in "
                lines.append(f"{title}{type(value).__name__} {' '.join(shapes)}".rstrip())
        return "\n".join(lines)

    def _entries(self) -> Iterator[tuple[str, Any, str, "Module"]]:
        """(dotted name, value, attribute, owner) of every weight and buffer below this module."""
        names = set()
        for name, value, attribute, owner in _walk(self, "", "", self, ()):
            if not isinstance(value, Module):
                if name in names:
                    raise ValueError(f"{type(self).__name__}: two weights have the name {name}; "
                                     "rename a dict's key")
                names.add(name)
                yield name, value, attribute, owner

    def modules(self) -> Iterator["Module"]:
        """This module and every one below it, each once."""
        yield from {id(value): value for _, value, _, _ in _walk(self, "", "", self, ())
                    if isinstance(value, Module)}.values()

    def named_weights(self) -> dict[str, Tensor]:
        """All parameters and frozen weights, each once, by its first name."""
        weights: dict[int, tuple[str, Tensor]] = {}
        for name, value, _, _ in self._entries():
            if isinstance(value, Tensor):
                weights.setdefault(id(value), (name, value))
        return dict(weights.values())

    def named_parameters(self) -> dict[str, Tensor]:
        return {name: value for name, value in self.named_weights().items() if value.requires_grad}

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
        """Copy the arrays in; KeyError or ValueError where names, shapes or types differ.

        Tied weights stay tied: ValueError if one weight would get two values.
        """
        entries = {name: entry for name, *entry in self._entries()}
        missing, unknown = entries.keys() - state.keys(), state.keys() - entries.keys()
        if missing or unknown:
            raise KeyError(f"state_dict: missing {sorted(missing) or 'nothing'}, "
                           f"unknown {sorted(unknown) or 'nothing'}")
        loaded: dict[int, tuple[str, np.ndarray]] = {}
        for name, (value, _, _) in entries.items():  # all are checked before one is changed
            array = value.data if isinstance(value, Tensor) else value
            new = np.asarray(state[name])
            if (new.shape, new.dtype) != (array.shape, array.dtype):
                raise ValueError(f"state_dict: {name}: expected {array.dtype} {array.shape}, "
                                 f"got {new.dtype} {new.shape}")
            first, copy = loaded.setdefault(id(value), (name, np.array(new, order="C")))
            if copy.tobytes() != new.tobytes():
                raise ValueError(f"state_dict: {first} and {name} are one tied array; expected "
                                 "equal values, got different ones")
        for value, attribute, owner in entries.values():
            new = loaded[id(value)][1]
            if isinstance(value, Tensor):
                value.data = new
                value.changed()
            else:
                setattr(owner, attribute, new)


def _walk(value, name, attribute, owner, path):
    """(dotted name, value, attribute, owner) of each Module, weight and buffer; cycles end it."""
    if (isinstance(value, set | frozenset | deque)
            and any(isinstance(part, Tensor | Module) for part in value)):
        raise TypeError(f"{name}: expected weights and children in a list, tuple or dict, got a "
                        f"{type(value).__name__}")
    if (isinstance(value, Module) or isinstance(value, Tensor) and value.is_leaf
            or isinstance(value, np.ndarray) and isinstance(owner, Module)):
        yield name, value, attribute, owner
    is_container = isinstance(value, Module | dict | list | tuple)
    if is_container and all(value is not above for above in path):
        parts = vars(value) if isinstance(value, Module) else value
        for key, part in parts.items() if isinstance(parts, dict) else enumerate(parts):
            part_name = f"{name}.{key}" if name else str(key)
            yield from _walk(part, part_name, key, value, (*path, value))
