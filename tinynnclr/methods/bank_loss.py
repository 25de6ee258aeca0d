"""The loss of embeddings against a memory bank, which instance discrimination and CMC share."""
import math
from dataclasses import dataclass

import numpy as np

from .. import distributed, ops
from ..config import option
from ..nn import Module
from ..tensor import Tensor
from .losses import info_nce_loss, nce_loss
from .memory_bank import MemoryBank
from .negatives import Negatives


@dataclass(frozen=True)
class BankConfig:
    """Options of a method with memory banks."""

    dim: int = option(64, "length of an embedding z", least=1)
    temperature: float = option(0.1, "divides the similarities before the softmax", above=0)
    head_norm: bool = option(False, "end the head with a batch norm, which the papers have not")
    bank_loss: str = option("softmax", "softmax over all images, over bank_negatives of them, or "
                            "binary (NCE) with a constant Z", choices=("softmax", "sampled", "nce"))
    bank_negatives: int = option(4096, "images drawn as negatives, where they are (sampled, nce)",
                                 least=1)
    bank_momentum: float = option(0.0, "how much of itself a row keeps when its image comes by",
                                  least=0, most=1)


class BankLoss(Module):
    """Each embedding must find its image's row among all rows, or among some that are drawn for the
    step.

    `bank_loss` is "softmax" (all n rows), "sampled" (softmax over `bank_negatives` rows drawn for
    the whole batch at once, with replacement, an image's own left out), or "nce": is this pair data
    or noise, with a constant Z that is measured in the first batch, when the rows are still noise.
    Z is wrong from then on: `drift` says by how much. Source: Wu et al. 2018 (arXiv 1805.01978),
    section 3.
    """

    def __init__(self, config, bank: MemoryBank):
        if config.bank_loss == "nce" and config.negatives != "all":
            raise ValueError("negatives: a ball or a ring needs --bank-loss softmax or sampled, "
                             "got nce")
        self.kind, self.count, self.temperature = config.bank_loss, config.bank_negatives, config.temperature
        self.images, self.seed = len(bank), config.seed
        # rows that were negatives in the last step, on average
        self.negatives, self.found = Negatives(config), 0.0
        self.z = np.zeros(1)  # the constant; 0: not measured yet
        self.step = np.zeros(1, np.int64)
        self.drift = float("nan")

    def forward(self, z: Tensor, bank: MemoryBank, ids: np.ndarray) -> Tensor:
        """The loss of embeddings z (b, d) of images `ids` (b,); the rows are constants."""
        z = ops.l2_normalize(z)
        step = int(self.step[0])
        if self.kind == "softmax":
            drawn, own = np.arange(self.images), np.zeros((len(ids), self.images), bool)
            own[np.arange(len(ids)), ids] = True
        else:
            drawn = np.random.default_rng((self.seed, step)).integers(0, self.images, self.count)
            own = drawn == ids[:, None]
        positive = (z * bank.rows[ids]).sum(axis=1, keepdims=True)  # (b, 1)
        others = ops.matmul(z, bank.rows[drawn].T)  # (b, n)
        allowed = self.negatives.allowed(others.numpy(), step, own)
        assert allowed is not None  # for some are one's own
        self.found = np.count_nonzero(allowed) / len(ids)  # of this rank's images
        if self.kind != "nce":
            return info_nce_loss(positive, others, self.temperature, allowed)
        mean = np.exp(others.numpy() / self.temperature).mean(keepdims=True, dtype=np.float64)
        estimate = distributed.all_reduce_mean(mean).item() * self.images
        if self.z[0] == 0:
            self.z[0] = estimate
        self.drift = estimate / self.z[0]
        return nce_loss(positive, others, self.temperature,
                        float(self.z[0]) * self.count / self.images, allowed)

    def guess(self) -> float | None:
        """ln(1 + negatives): one of all candidates is right. None for nce, whose guess depends on
        Z.
        """
        return None if self.kind == "nce" else math.log(1 + self.found)
