"""The loss of embeddings against a memory bank, which instance discrimination and CMC share."""
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import distributed, ops
from ..config import option
from ..nn import Module
from ..tensor import Tensor
from .losses import info_nce_loss, nce_loss
from .memory_bank import MemoryBank
from .method import Progress
from .negatives import Negatives


@dataclass(frozen=True)
class BankConfig:
    """Options of a method with memory banks."""

    dim: int = option(64, "number of features of an embedding z", least=1)
    temperature: float = option(0.1, "divides the similarities before the softmax", above=0)
    head_norm: bool = option(False, "end the head with batch norm; the papers do not")
    bank_loss: str = option("softmax", "softmax over all images, over bank_negatives of them, or "
                            "binary (NCE) with a constant Z", choices=("softmax", "sampled", "nce"))
    bank_negatives: int = option(4096, "number of negatives drawn per step (sampled, nce)", least=1)
    bank_momentum: float = option(0.0, "EMA momentum of memory-bank updates", least=0, most=1)


class BankResult(NamedTuple):
    """The loss of a batch against a bank, its chance loss, and how far Z has drifted."""

    loss: Tensor
    chance_loss: float | None
    drift: float


class BankLoss(Module):
    """Each embedding must identify its image's row among all rows, or among rows that are drawn.

    `bank_loss` is "softmax" (all n rows), "sampled" (softmax over `bank_negatives` rows drawn for
    the whole batch at once, with replacement, without an image's own), or "nce": classify each pair
    as data or noise, with a constant Z that is measured in the first batch, when the rows are still
    random. The right Z changes in training: `drift` is the current estimate, divided by Z.
    Source: Wu et al. 2018 (arXiv 1805.01978), section 3.
    """

    def __init__(self, config, bank: MemoryBank):
        if config.bank_loss == "nce" and config.negatives != "all":
            raise ValueError("negatives: a ball or a ring needs --bank-loss softmax or sampled, "
                             "got nce")
        self.kind, self.temperature = config.bank_loss, config.temperature
        self.count, self.images = config.bank_negatives, len(bank)
        self.seed = config.seed
        self.negatives = Negatives(config)
        self.z = np.zeros(1)  # the constant; 0: not measured yet

    def forward(self, z: Tensor, bank: MemoryBank, ids: np.ndarray,
                progress: Progress) -> BankResult:
        """The loss of embeddings z (b, d) of images `ids` (b,); the rows are constants."""
        z = ops.l2_normalize(z)
        drawn, itself = self.candidates(ids, progress.step)
        positive = (z * bank.rows[ids]).sum(axis=1, keepdims=True)  # (b, 1)
        negatives = ops.matmul(z, bank.rows[drawn].T)  # (b, n)
        allowed = self.negatives.allowed(negatives.numpy(), progress, itself)
        if self.kind == "nce":
            return self.nce(positive, negatives, allowed)
        assert allowed is not None  # an image's own row never is a negative
        chance = math.log(1 + np.count_nonzero(allowed) / len(ids))  # one of all candidates
        loss = info_nce_loss(positive, negatives, self.temperature, allowed)
        return BankResult(loss, chance, float("nan"))

    def candidates(self, ids: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The images (n,) whose rows are compared, and where (b, n) an anchor is itself one."""
        if self.kind == "softmax":
            itself = np.zeros((len(ids), self.images), bool)
            itself[np.arange(len(ids)), ids] = True
            return np.arange(self.images), itself
        # the seed includes the step, so that a resumed run draws the same
        drawn = np.random.default_rng((self.seed, step)).integers(0, self.images, self.count)
        return drawn, drawn == ids[:, None]

    def nce(self, positive: Tensor, negatives: Tensor, allowed: np.ndarray | None) -> BankResult:
        """The loss of classifying data and noise; measures Z in the first batch."""
        mean = np.exp(negatives.numpy() / self.temperature).mean(keepdims=True, dtype=np.float64)
        estimate = distributed.all_reduce_mean(mean).item() * self.images
        if self.z[0] == 0:
            self.z[0] = estimate
        ratio = float(self.z[0]) * self.count / self.images
        loss = nce_loss(positive, negatives, self.temperature, ratio, allowed)
        return BankResult(loss, None, estimate / self.z[0])  # the chance loss depends on Z
