"""Optimisers: each changes parameters in place, from their gradients and some state.

Weight decay leaves out biases and the scales and shifts of norms: everything with one axis. `lr`
may be set before every step. A parameter whose grad is None is left as it is; AdamW counts the
steps of each parameter.
"""
from collections.abc import Iterable

import numpy as np

from ..kernels import optim
from ..tensor import Tensor


class Optimizer:
    """The base of SGD, LARS and AdamW: parameters with their step counts and named state arrays.

    A parameter that is given twice counts once; TypeError or ValueError for one that is not a leaf
    Tensor. Copy or pickle an optimiser together with its module, as one tuple.
    """

    memory: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0):
        self.parameters = list({id(p): p for p in parameters}.values())
        for p in self.parameters:
            if not isinstance(p, Tensor):
                raise TypeError("optimiser: expected Tensors, as from module.parameters(), got "
                                f"{type(p).__name__}")
            if not p.is_leaf:
                raise ValueError("optimiser: expected leaf Tensors, got the result of an op")
        addresses = [p.data.__array_interface__["data"][0] for p in self.parameters if p.data.size]
        if len(set(addresses)) < len(addresses):
            raise ValueError("optimiser: two Tensors share one array, which would be updated "
                             "twice; use one Tensor in both places")
        self.lr, self.weight_decay = lr, weight_decay
        self.steps = np.zeros(len(self.parameters), np.int64)
        self.arrays = {name: [np.zeros_like(p.data) for p in self.parameters]
                       for name in self.memory}

    def step(self) -> None:
        """One update from the gradients that `backward` left."""
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                decay = self.weight_decay if p.ndim > 1 else 0.0
                self.steps[i] += 1
                self._update(p, p.grad, decay, int(self.steps[i]),
                             *(arrays[i] for arrays in self.arrays.values()))
                p.changed()

    def forget(self, parameters: Iterable[Tensor]) -> None:
        """Clear the state and step counts of these parameters, after drawing them anew."""
        renewed = {id(p) for p in parameters}
        for i, p in enumerate(self.parameters):
            if id(p) in renewed:
                self.steps[i] = 0
                p.changed()
                for arrays in self.arrays.values():
                    arrays[i][...] = 0

    def _update(self, p: Tensor, grad: np.ndarray, decay: float, steps: int,
                *arrays: np.ndarray) -> None:
        raise NotImplementedError

    def state_dict(self) -> dict[str, np.ndarray]:
        return {**{name: array.copy() for name, array in self._named_arrays()},
                "steps": self.steps.copy()}

    def _named_arrays(self):
        for name, arrays in self.arrays.items():
            for i, array in enumerate(arrays):
                yield f"{name}.{i}", array

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        if state.keys() != self.state_dict().keys():
            raise KeyError(f"optimiser: expected {sorted(self.state_dict())}, got {sorted(state)}")
        for name, array in self._named_arrays():  # all are checked before one is changed
            new = state[name]
            if (new.shape, new.dtype) != (array.shape, array.dtype):
                raise ValueError(f"optimiser: {name}: expected {array.dtype} {array.shape}, "
                                 f"got {new.dtype} {new.shape}")
        steps = state["steps"]
        if steps.shape != self.steps.shape or steps.dtype != np.int64 or (steps < 0).any():
            raise ValueError(f"optimiser: steps: expected {len(self.steps)} whole numbers of at "
                             f"least 0, got {steps.dtype} {steps.shape}")
        for name, array in self._named_arrays():
            array[...] = state[name]
        self.steps[...] = steps


class SGD(Optimizer):
    """Stochastic gradient descent with momentum v and decay, on gradients g:

    d = g + decay * w;  v = momentum * v + d;  w -= lr * (d + momentum * v if nesterov else v).
    """

    memory = ("velocity",)

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.9,
                 nesterov: bool = False, weight_decay: float = 0.0):
        super().__init__(parameters, lr, weight_decay)
        self.momentum, self.nesterov = momentum, nesterov

    def _update(self, p, grad, decay, steps, velocity):
        optim.sgd(p.data, grad, velocity, self.lr, self.momentum, decay, self.nesterov)


class LARS(Optimizer):
    """SGD whose step for each weight matrix is scaled to the matrix's own length (You et al. 2017).

    d = grad + decay * w;  trust = eta * |w| / |d| (1 for one-axis parameters and where either
    length is 0); v = momentum * v + lr * trust * d;  w -= v.
    """

    memory = ("velocity",)

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.9,
                 weight_decay: float = 0.0, eta: float = 1e-3):
        super().__init__(parameters, lr, weight_decay)
        self.momentum, self.eta = momentum, eta

    def _update(self, p, grad, decay, steps, velocity):
        trust = 1.0
        if p.ndim > 1:
            weight_length = float(np.linalg.norm(p.data))
            step_length = float(np.linalg.norm(grad + decay * p.data if decay else grad))
            if weight_length > 0 and step_length > 0:
                trust = self.eta * weight_length / step_length
        optim.lars(p.data, grad, velocity, self.lr, self.momentum, decay, trust)


class AdamW(Optimizer):
    """Adam with decay of the weights, not of the gradient (Loshchilov & Hutter 2019, algorithm 2).

    m, v: running means of grad and grad^2;  w -= lr * (m^ / (sqrt(v^) + eps) + decay * w), where ^
    is the bias correction.
    """

    memory = ("mean", "square")

    def __init__(self, parameters: Iterable[Tensor], lr: float,
                 betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0.0):
        super().__init__(parameters, lr, weight_decay)
        self.betas, self.eps = betas, eps

    def _update(self, p, grad, decay, steps, mean, square):
        optim.adamw(p.data, grad, mean, square, self.lr, self.betas, self.eps, decay, steps)
