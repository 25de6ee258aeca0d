"""CMC: an image's lightness must identify its colours among those of all images, and vice versa.

    z = head_L(encoder_L(lightness)) / |.|,   y = head_ab(encoder_ab(colours)) / |.|
    loss = -log( exp(z . u_i / t) / sum_j exp(z . u_j / t) )
           -log( exp(y . v_i / t) / sum_j exp(y . v_j / t) ),
    then v_i <- m v_i + (1 - m) z and u_i <- m u_i + (1 - m) y, scaled to length 1

The lightness L and the colours ab of one crop each have an encoder of half the width. v_j and u_j
are rows of two memory banks: the latest embeddings of image j's lightness and colours. The positive
is also a row of a bank. Features for the evaluation are those of both encoders, concatenated.
`--bank-loss` and `--negatives` are those of instance discrimination; negatives are ranked in the
bank of the other half. Views are crops only, as in the paper (which also flips them): jittered
colours are hard to predict from the lightness. The paper's head is one linear layer, with momentum
0.5; without batch norm after it (--no-head-norm) a run of eight epochs learns nothing here.
Source: Tian et al. 2020, "Contrastive multiview coding" (arXiv 1906.05849), section 3.
"""
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import distributed
from ..config import Config as RunConfig
from ..config import with_default
from ..datasets.dataset import Dataset
from ..models import Encoder, LabEncoder, linear_head, make_encoder
from .bank_loss import BankConfig, BankLoss
from .memory_bank import MemoryBank
from .method import START, Method, Progress, Step
from .negatives import NegativesConfig


class CMC(Method):
    """Two half encoders, each with one linear layer and a memory bank."""

    name = "cmc"
    n_views = 1

    @dataclass(frozen=True)
    class Config(RunConfig, BankConfig, NegativesConfig):
        """The options of CMC."""

        augmentation: str = with_default(RunConfig, "augmentation", "crop-only")
        rates: ClassVar[dict[str, float]] = {**RunConfig.rates, "sgd": 0.24}  # 0.96 is too high
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
        self.lightness_bank, self.colors_bank = (
            MemoryBank(len(data), config.dim, config.bank_momentum, rng) for _ in range(2))
        self.losses = [BankLoss(config, self.lightness_bank), BankLoss(config, self.colors_bank)]

    def forward(self, views: Sequence[np.ndarray], ids: np.ndarray,
                progress: Progress = START) -> Step:
        """Both terms of the loss, of one view (b, h, w, 3) of the samples `ids` (b,)."""
        lightness, colors = self.encoder.halves(views[0])
        z, y = self.lightness_head(lightness), self.colors_head(colors)
        lightness_loss, colors_loss = self.losses
        first = lightness_loss(z, self.colors_bank, ids, progress)
        second = colors_loss(y, self.lightness_bank, ids, progress)
        chance = (None if first.chance_loss is None or second.chance_loss is None
                  else first.chance_loss + second.chance_loss)
        return Step(first.loss + second.loss, ids, z.numpy(), keys=(z.numpy(), y.numpy()),
                    chance_loss=chance, metrics={"drift": first.drift})

    def after_step(self, step: Step) -> None:
        """Update the rows of the step's images in both banks."""
        ids = distributed.all_gather(step.ids)
        for bank, keys in zip((self.lightness_bank, self.colors_bank), step.keys, strict=True):
            bank.update(distributed.all_gather(keys), ids)
