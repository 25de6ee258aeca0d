"""The momentum encoder: a copy of a network that follows it slowly and is never trained itself."""
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

    ema: float = option(0.99, "how much of itself a momentum encoder keeps in a step", least=0,
                        most=1)


class MomentumEncoder(Module):
    """Copies of modules, applied one after the other: images (n, h, w, 3) -> an array, and so a
    constant.

    Its weights are frozen: no parameters, but saved with the rest. Batch norms take statistics of
    their own. Source: MoCo (arXiv 1911.05722), section 3.2, eq. 2.
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
        """Each weight becomes momentum * itself + (1 - momentum) * the module's; buffers are left
        alone.

        Raises ValueError where these are not the modules that were copied.
        """
        m = np.float32(self.momentum)
        for mine, module in zip(self.copies, modules, strict=True):
            leaders, followers = module.named_weights(), mine.named_weights()
            if leaders.keys() != followers.keys():
                raise ValueError(f"MomentumEncoder: expected a module with {sorted(followers)}, "
                                 f"got {sorted(leaders)}")
            for name, p in leaders.items():
                data = followers[name].data
                data *= m
                data += (1 - m) * p.data


def frozen_copy(module: Network) -> Network:
    """A copy whose weights need no gradient."""
    other = copy.deepcopy(module)
    for p in other.parameters():
        p.node = None
    return other
