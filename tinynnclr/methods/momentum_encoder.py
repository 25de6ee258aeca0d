"""The momentum encoder: a copy of a network whose weights are a moving average of the network's."""
import copy
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..config import option
from ..kernels.engine.checks import expect_numbers
from ..nn import Module

Network = TypeVar("Network", bound=Module)


@dataclass(frozen=True)
class EMAConfig:
    """Options of a method with a momentum encoder."""

    ema: float = option(0.99, "EMA momentum of the momentum encoder's updates", least=0, most=1)


class MomentumEncoder(Module):
    """Copies of modules, applied in order: images (n, h, w, 3) -> an array, and so a constant.

    Its weights are no parameters, but they are saved. Batch norms measure their own statistics.
    Source: MoCo (arXiv 1911.05722), section 3.2, eq. 2.
    """

    def __init__(self, *modules: Module, momentum: float):
        expect_numbers("MomentumEncoder", momentum=momentum)
        self.copies = [frozen_copy(module) for module in modules]
        self.momentum = momentum

    def forward(self, x: np.ndarray) -> np.ndarray:
        for module in self.copies:
            x = module(x)
        return x.numpy()  # type: ignore[attr-defined]

    def follow(self, *modules: Module) -> None:
        """weight <- momentum * weight + (1 - momentum) * the module's weight; buffers stay.

        Raises ValueError if these are not the modules that were copied.
        """
        m = np.float32(self.momentum)
        for copied, module in zip(self.copies, modules, strict=True):
            weights, averages = module.named_weights(), copied.named_weights()
            if weights.keys() != averages.keys():
                raise ValueError(f"MomentumEncoder: expected a module with {sorted(averages)}, "
                                 f"got {sorted(weights)}")
            for name, weight in weights.items():
                data = averages[name].data
                data *= m
                data += (1 - m) * weight.data


def frozen_copy(module: Network) -> Network:
    """A copy with weights that need no gradient."""
    frozen = copy.deepcopy(module)
    for p in frozen.parameters():
        p.node = None
    return frozen
