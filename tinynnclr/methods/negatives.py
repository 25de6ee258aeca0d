"""The selection of an anchor's negatives: all candidates, the nearest (ball), or a ring of them.

Far negatives are easy and have little gradient; the very nearest are often of the anchor's class,
so a ring leaves them out. Source: Wu et al. 2021, "Conditional negative sampling for contrastive
learning of visual representations" (arXiv 2010.02037). Unlike its released code, an image's own row
is never a candidate, and the size of a ball does not depend on the batch.
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

    negatives: str = option("all", "which candidates are negatives: all, the nearest (ball), or "
                            "the ball without the very nearest (ring)",
                            choices=("all", "ball", "ring"))
    ring_outer: float = option(0.1, "size of the ball, as a fraction of the candidates", least=0,
                               most=1)
    ring_inner: float = option(0.1, "fraction of the ball that a ring leaves out", least=0, most=1)
    anneal: str = option("none", "how the ball shrinks from all candidates to ring_outer",
                         choices=("none", "linear", "step", "exponential"))
    anneal_until: float = option(0.5, "fraction of the steps after which the ball has its final "
                                 "size", least=0, most=1)


@plain_numbers
def nearest_share(similarities: np.ndarray, count: int) -> np.ndarray:
    """True for the `count` largest of each row (b, n); the first ones among equals."""
    n = similarities.shape[1]
    if count <= 0 or count >= n:
        return np.full(similarities.shape, count > 0)
    # (b, 1): the smallest one that is selected
    threshold = np.partition(similarities, n - count, axis=1)[:, n - count, None]
    above, equal = similarities > threshold, similarities == threshold
    missing = count - above.sum(axis=1, keepdims=True)
    if (equal.sum(axis=1, keepdims=True) > missing).any():
        equal &= equal.cumsum(axis=1) <= missing
    return above | equal


def select_negatives(similarities: np.ndarray, outer: float, inner: float, fixed: bool = False,
                     itself: np.ndarray | None = None) -> np.ndarray:
    """True (b, n) for the candidates whose rank by similarity to the anchor is in the ring.

    `itself` (b, n) marks the anchor's own rows, which are no candidates. The nearest floor(outer m)
    of m candidates are the ball; its nearest floor(inner * ball), or floor(inner m) if fixed, are
    left out. At least one candidate is selected.
    """
    itself = np.zeros(similarities.shape, bool) if itself is None else itself
    count = int((~itself).sum(axis=1).min(initial=similarities.shape[1]))
    ball = math.floor(outer * count + 1e-9)  # 0.29 * 100 is 28.999...
    near = math.floor(inner * (count if fixed else ball) + 1e-9)
    similarities = np.where(itself, similarities.dtype.type(-np.inf), similarities)
    inside = similarities.shape[1] if ball == count else max(ball, near + 1)
    return nearest_share(similarities, inside) & ~nearest_share(similarities, near) & ~itself


class Negatives:
    """The selection of a configuration; with `anneal`, the ball shrinks from all candidates."""

    def __init__(self, config):
        self.kind, self.outer = config.negatives, config.ring_outer
        self.inner = config.ring_inner if config.negatives == "ring" else 0.0
        self.anneal, self.until = config.anneal, config.anneal_until

    def ball(self, progress: Progress) -> float:
        """The fraction of the candidates in the ball: from 1 down to `outer`.

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
                itself: np.ndarray | None = None) -> np.ndarray | None:
        """True (b, n) for the candidates that are negatives, never those marked in `itself` (b, n).

        None if all are negatives, so that nothing is masked.
        """
        if self.kind == "all":
            return None if itself is None else ~itself
        return select_negatives(similarities, self.ball(progress), self.inner, itself=itself)
