"""Which candidates are an anchor's negatives: all of them, the nearest (a ball), or the near but
not nearest (a ring).

Far negatives are told apart without effort and teach little; the very nearest are likely of the
same class and teach what is wrong. Source: Wu et al. 2021, "Conditional negative sampling for
contrastive learning of visual representations" (arXiv 2010.02037). Of its released code we do not
copy that an image's own row is a candidate, nor that the size of a ball is taken from the batch.
"""
import math
from dataclasses import dataclass

import numpy as np

from ..config import option
from ..kernels.engine.checks import plain_numbers
from .method import Progress


@dataclass(frozen=True)
class NegativesConfig:
    """Options of a method that chooses its negatives."""

    negatives: str = option("all", "which candidates are negatives: all, the nearest (ball), or of "
                            "these not the very nearest (ring)", choices=("all", "ball", "ring"))
    ring_outer: float = option(0.1, "a negative is among this share of the candidates nearest to "
                               "the anchor", least=0, most=1)
    ring_inner: float = option(0.1, "and not among this share of those (ring)", least=0, most=1)
    anneal: str = option("none", "how the ball shrinks from all candidates to ring_outer",
                         choices=("none", "linear", "step", "exponential"))
    anneal_until: float = option(0.5, "share of the run after which it is as small as it gets",
                                 least=0, most=1)


@plain_numbers
def nearest_share(similarities: np.ndarray, count: int) -> np.ndarray:
    """True for the `count` largest of each row (b, n); of equals the first come first."""
    n = similarities.shape[1]
    if count <= 0 or count >= n:
        return np.full(similarities.shape, count > 0)
    # (b, 1): the smallest that is still in
    edge = np.partition(similarities, n - count, axis=1)[:, n - count, None]
    chosen, level = similarities > edge, similarities == edge
    room = count - chosen.sum(axis=1, keepdims=True)
    if (level.sum(axis=1, keepdims=True) > room).any():
        level &= level.cumsum(axis=1) <= room
    return chosen | level


def select_negatives(similarities: np.ndarray, outer: float, inner: float, fixed: bool = False,
                     own: np.ndarray | None = None) -> np.ndarray:
    """True (b, n) for the candidates whose rank by similarity to the anchor lies in the ring.

    Of m candidates, without those that `own` (b, n) marks, the nearest floor(outer m) make a ball;
    of these the nearest floor(inner * ball) are too near, or floor(inner m) if fixed. At least one is
    left.
    """
    own = np.zeros(similarities.shape, bool) if own is None else own
    count = int((~own).sum(axis=1).min(initial=similarities.shape[1]))
    ball = math.floor(outer * count + 1e-9)  # 0.29 * 100 is 28.999...
    near = math.floor(inner * (count if fixed else ball) + 1e-9)
    similarities = np.where(own, similarities.dtype.type(-np.inf), similarities)
    inside = similarities.shape[1] if ball == count else max(ball, near + 1)
    return nearest_share(similarities, inside) & ~nearest_share(similarities, near) & ~own


class Negatives:
    """The choice that a configuration asks for; with `anneal`, the ball starts with all and shrinks."""

    def __init__(self, config):
        self.kind, self.outer = config.negatives, config.ring_outer
        self.inner = config.ring_inner if config.negatives == "ring" else 0.0
        self.anneal, self.until = config.anneal, config.anneal_until

    def ball(self, progress: Progress) -> float:
        """The share of the candidates in the ball: from 1 down to `outer`.

        With p = step / (until * steps), at most 1: linear: 1 - p (1 - outer); exponential: outer^p;
        step: as linear, in four steps.
        """
        end = self.until * progress.steps
        p = min(1.0, progress.step / end) if end > 0 else 1.0
        if self.anneal == "exponential":
            return self.outer ** p if self.outer > 0 else float(p == 0)
        p = {"none": 1.0, "linear": p, "step": math.floor(4 * p) / 4}[self.anneal]
        return 1 - p * (1 - self.outer)

    def allowed(self, similarities: np.ndarray, progress: Progress,
                own: np.ndarray | None = None) -> np.ndarray | None:
        """True (b, n) for the candidates that are negatives, never those marked in `own` (b, n).

        None where all are negatives: nothing has to be masked.
        """
        if self.kind == "all":
            return None if own is None else ~own
        return select_negatives(similarities, self.ball(progress), self.inner, own=own)
