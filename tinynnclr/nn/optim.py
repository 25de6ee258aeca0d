"""Optimisers: each changes parameters in place, from their gradients and a little memory of its own.

Weight decay leaves biases and the scales and shifts of norms alone: everything with one axis. `lr` may be set before
every step, by a schedule. A parameter whose grad is None is left as it is.
"""
import numpy as np

from ..kernels import update
from ..tensor import Tensor


class Optimizer:
    """What SGD, LARS and AdamW share: the parameters and named arrays of memory, one of each kind per parameter."""

    memory: tuple[str, ...] = ()

    def __init__(self, parameters: list[Tensor], lr: float, weight_decay: float = 0.0):
        self.parameters, self.lr, self.weight_decay, self.steps = list(parameters), lr, weight_decay, 0
        self.arrays = {name: [np.zeros_like(p.data) for p in self.parameters] for name in self.memory}

    def step(self) -> None:
        """One update from the gradients that `backward` left."""
        self.steps += 1
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                decay = self.weight_decay if p.ndim > 1 else 0.0
                self._update(p, p.grad, decay, *(arrays[i] for arrays in self.arrays.values()))

    def forget(self, parameters: list[Tensor]) -> None:
        """Clear the memory of these parameters, which begin anew."""
        renewed = {id(p) for p in parameters}
        for arrays in self.arrays.values():
            for p, a in zip(self.parameters, arrays, strict=True):
                if id(p) in renewed:
                    a[...] = 0

    def _update(self, p: Tensor, grad: np.ndarray, decay: float, *arrays: np.ndarray) -> None:
        raise NotImplementedError

    def state_dict(self) -> dict[str, np.ndarray]:
        state = {f"{name}.{i}": a.copy() for name, arrays in self.arrays.items() for i, a in enumerate(arrays)}
        return {**state, "steps": np.asarray(self.steps)}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        if state.keys() != self.state_dict().keys():
            raise KeyError(f"optimiser: expected {sorted(self.state_dict())}, got {sorted(state)}")
        for name, arrays in self.arrays.items():  # all are checked before one is changed
            for i, a in enumerate(arrays):
                new = state[f"{name}.{i}"]
                if (new.shape, new.dtype) != (a.shape, a.dtype):
                    raise ValueError(f"optimiser: {name}.{i}: expected {a.dtype} {a.shape}, "
                                     f"got {new.dtype} {new.shape}")
        if state["steps"].shape != () or state["steps"].dtype.kind not in "iu" or state["steps"] < 0:
            raise ValueError(f"optimiser: steps: expected one whole number of at least 0, got {state['steps']}")
        for name, arrays in self.arrays.items():
            for i, a in enumerate(arrays):
                a[...] = state[f"{name}.{i}"]
        self.steps = int(state["steps"])


class SGD(Optimizer):
    """d = grad + decay * w;  v = momentum * v + d;  w -= lr * (d + momentum * v if nesterov else v)."""

    memory = ("velocity",)

    def __init__(self, parameters: list[Tensor], lr: float, momentum: float = 0.9, nesterov: bool = False,
                 weight_decay: float = 0.0):
        super().__init__(parameters, lr, weight_decay)
        self.momentum, self.nesterov = momentum, nesterov

    def _update(self, p, grad, decay, velocity):
        update.sgd(p.data, grad, velocity, self.lr, self.momentum, decay, self.nesterov)


class LARS(Optimizer):
    """SGD whose step for each weight matrix is scaled to the matrix's own length (You et al. 2017).

    d = grad + decay * w;  trust = eta * |w| / |d| (1 for one-axis parameters and where either length is 0);
    v = momentum * v + lr * trust * d;  w -= v.
    """

    memory = ("velocity",)

    def __init__(self, parameters: list[Tensor], lr: float, momentum: float = 0.9, weight_decay: float = 0.0,
                 eta: float = 1e-3):
        super().__init__(parameters, lr, weight_decay)
        self.momentum, self.eta = momentum, eta

    def _update(self, p, grad, decay, velocity):
        trust = 1.0
        if p.ndim > 1:
            weight_length = float(np.linalg.norm(p.data))
            step_length = float(np.linalg.norm(grad + decay * p.data if decay else grad))
            if weight_length > 0 and step_length > 0:
                trust = self.eta * weight_length / step_length
        update.lars(p.data, grad, velocity, self.lr, self.momentum, decay, trust)


class AdamW(Optimizer):
    """Adam with decay applied to the weights, not to the gradient (Loshchilov & Hutter 2019, algorithm 2).

    m, v: running means of grad and grad^2;  w -= lr * (m^ / (sqrt(v^) + eps) + decay * w), ^ = bias-corrected.
    """

    memory = ("mean", "square")

    def __init__(self, parameters: list[Tensor], lr: float, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0.0):
        super().__init__(parameters, lr, weight_decay)
        self.betas, self.eps = betas, eps

    def _update(self, p, grad, decay, mean, square):
        update.adamw(p.data, grad, mean, square, self.lr, self.betas, self.eps, decay, self.steps)
