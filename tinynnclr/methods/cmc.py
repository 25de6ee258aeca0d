"""CMC: what one sense says of a picture must be found among what the other sense says of all
pictures.

    z = head_L(encoder_L(lightness)) / |.|,   y = head_ab(encoder_ab(colours)) / |.|
    loss = -log( exp(z . u_i / t) / sum_j exp(z . u_j / t) )
           -log( exp(y . v_i / t) / sum_j exp(y . v_j / t) ),
    then v_i <- m v_i + (1 - m) z and u_i <- m u_i + (1 - m) y, scaled to length 1

The two views are the lightness L and the colours ab of one crop, each with an encoder of half the
width. v_j and u_j are rows of two memory banks: what image j's lightness and colours were embedded
as when it last came by. Even the positive comes from the bank, of the other sense. Features for the
evaluation are both encoders' side by side. `--bank-loss` and `--negatives` are those of instance
discrimination; negatives are ranked in the bank that is searched. Views are crops alone, as in the
paper (which flips them, too): colours that are jittered say little of the lightness. The paper's
head is one linear layer, and rows keep half of themselves; without a batch norm at its end
(--no-head-norm) a run of eight epochs learns nothing here. Source: Tian et al. 2020, "Contrastive
multiview coding" (arXiv 1906.05849), section 3.
"""
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import distributed
from ..config import Config as RunConfig
from ..config import with_default
from ..datasets.dataset import Dataset
from ..models import Encoder, LabEncoder, linear_head, make_encoder
from ..tensor import Tensor
from .bank_loss import BankConfig, BankLoss
from .memory_bank import MemoryBank
from .method import Method
from .negatives import NegativesConfig


class CMC(Method):
    """Two half encoders, each with one linear layer and a memory bank."""

    name = "cmc"

    @dataclass(frozen=True)
    class Config(RunConfig, BankConfig, NegativesConfig):
        """The options of CMC."""

        augmentation: str = with_default(RunConfig, "augmentation", "crop-only")
        head_norm: bool = with_default(BankConfig, "head_norm", True)

    @staticmethod
    def make_encoder(config: Any, rng: np.random.Generator) -> Encoder:
        """One encoder for the lightness and one for the colours, each half as wide."""
        width = max(1, config.width // 2)
        return LabEncoder(make_encoder(config, rng, channels=1, width=width),
                          make_encoder(config, rng, channels=2, width=width))

    def __init__(self, encoder: LabEncoder, config, rng: np.random.Generator, data: Dataset):
        self.encoder: LabEncoder = encoder
        self.lightness_head = linear_head(encoder.lightness.features, config.dim, rng,
                                          config.head_norm)
        self.colors_head = linear_head(encoder.colors.features, config.dim, rng, config.head_norm)
        self.lightness_bank, self.colors_bank = (MemoryBank(len(data), config.dim,
                                                            config.bank_momentum, rng) for _
                                                 in range(2))
        self.losses = [BankLoss(config, self.lightness_bank), BankLoss(config, self.colors_bank)]
        # what after_step needs of the last loss: embeddings of both senses, ids
        self.pending: tuple = ()

    def start(self, total_steps: int) -> None:
        """The negatives may become nearer over the run."""
        for loss in self.losses:
            loss.negatives.start(total_steps)

    def loss(self, x1: np.ndarray, x2: np.ndarray, ids: np.ndarray) -> Tensor:
        """The loss of view 1 (b, h, w, 3) of the samples `ids` (b,), both terms; view 2 is not
        looked at.
        """
        lightness, colors = self.encoder.halves(x1)
        z, y = self.lightness_head(lightness), self.colors_head(colors)
        self.pending = z.numpy(), y.numpy(), ids
        return self.losses[0](z, self.colors_bank, ids) + self.losses[1](y, self.lightness_bank,
                                                                         ids)

    def guess(self) -> float | None:
        """2 ln(n): twice one of n images is right."""
        first, second = (loss.guess() for loss in self.losses)
        return None if first is None or second is None else first + second

    def after_step(self) -> dict:
        """Move the rows of the step's images in both banks, once."""
        z, y, ids = self.pending
        everyones = distributed.all_gather(ids)
        self.lightness_bank.update(distributed.all_gather(z), everyones)
        self.colors_bank.update(distributed.all_gather(y), everyones)
        for loss in self.losses:
            loss.step += 1
        self.pending = ()
        return {"z": z, "drift": self.losses[0].drift}
