"""Lesson 19: train by any rule that chooses positives, all else equal, and evaluate it.

A rule is a function choose(z, queue, rng) -> positives: z (b, d) are the embeddings of a batch,
queue (q, d) those of earlier pictures, all of length 1; rng is for its random draws. Row i of the
positives (b, d) is the target of the other view of picture i. A rule gets neither labels nor
pictures, and its positives are constants.
"""
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from tinynnclr import kernels
from tinynnclr.datasets import Dataset, load
from tinynnclr.datasets.views import PRESETS, two_views
from tinynnclr.kernels.l2_normalize import unit_rows
from tinynnclr.methods.losses import nnclr_loss
from tinynnclr.methods.method import START, Method, Step
from tinynnclr.methods.nnclr import NNCLR
from tinynnclr.methods.support_set import SupportSet
from tinynnclr.metrics.confidence import mean_and_interval
from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.models.encode import encode
from tinynnclr.tensor import no_grad
from tinynnclr.train.loop import Task, train
from tinynnclr.train.run import make_optimizer

from .stored import stored

Rule = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
BATCH = 128

# ---------------------------------------------------------------- rules


def own_view(z: np.ndarray, queue: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The other view of the same picture: NNCLR without neighbours, and the idea of SimCLR."""
    return z


def nearest_row(z: np.ndarray, queue: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The most similar row: NNCLR."""
    return queue[kernels.nearest(z, queue)[0][:, 0]]


def random_of_five(z: np.ndarray, queue: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One of the five most similar rows, drawn at random: NNCLR with --top-k 5."""
    found = kernels.nearest(z, queue, 5)[0]
    return queue[found[np.arange(len(z)), rng.integers(0, 5, len(z))]]


def soft_mean(z: np.ndarray, queue: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The mean of all rows with weights softmax(cosine / 0.15): NNCLR with --soft-neighbor."""
    cosines = kernels.matmul(z, np.ascontiguousarray(queue.T))  # (b, q)
    weights = np.exp((cosines - cosines.max(axis=1, keepdims=True)) / z.dtype.type(0.15))
    return unit_rows(kernels.matmul(weights, queue))


def mutual_neighbor(z: np.ndarray, queue: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The nearest row r, if no other query in z and no other row of the queue is nearer to r.

    Otherwise the own view. Of equally near queries the first counts. The reference of 19.a.
    """
    found = kernels.nearest(z, queue)[0][:, 0]
    rows = queue[found]
    query, similarity = kernels.nearest(rows, z)
    # without the row itself; NaN where there is no other
    _, other = kernels.nearest(rows, queue, exclude=found)
    mutual = (query[:, 0] == np.arange(len(z))) & ~(other[:, 0] > similarity[:, 0])
    return np.where(mutual[:, None], rows, z)


def random_row(z: np.ndarray, queue: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random row: the baseline."""
    return queue[rng.integers(0, len(queue), len(z))]


RULES: dict[str, Rule] = {"own view": own_view, "nearest": nearest_row,
                          "random of five": random_of_five, "soft mean": soft_mean,
                          "mutual": mutual_neighbor, "random row": random_row}


# ---------------------------------------------------------------- training and evaluation


def expect_positives(positives: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The positives, if they are an array (b, d) of z's dtype with rows of length 1.

    Raises ValueError otherwise.
    """
    if not isinstance(positives, np.ndarray):
        raise ValueError(f"choose: expected an array, a constant, got {type(positives).__name__}")
    if positives.shape != z.shape or positives.dtype != z.dtype:
        raise ValueError(f"choose: expected {z.dtype} {z.shape}, got {positives.dtype} "
                         f"{positives.shape}")
    lengths = np.sqrt((positives * positives).sum(axis=1))
    if not np.abs(lengths - 1).max() < 1e-3:  # NaN fails too
        worst = int(np.nan_to_num(np.abs(lengths - 1), nan=np.inf).argmax())
        raise ValueError(f"choose: expected rows of length 1; row {worst} has length "
                         f"{lengths[worst]:.3g}")
    return positives


def label_match(positives: np.ndarray, z: np.ndarray, labels: np.ndarray, queue: np.ndarray,
                queue_labels: np.ndarray) -> float:
    """Share of positives (b, d) that have the class of their query: z (b, d), labels (b,).

    A positive has the class of the picture that it is nearest to: the query itself or a row of the
    queue (q, d), whose classes are queue_labels (q,). So a mixture has a class, too, and the own
    view always matches.
    """
    found, similarity = kernels.nearest(positives, queue)
    own = (positives * z).sum(axis=1) >= similarity[:, 0]
    return float((own | (queue_labels[found[:, 0]] == labels)).mean())


class ByRule(Method):
    """NNCLR whose positives a rule chooses from a queue of its own."""

    def __init__(self, choose: Rule, method: NNCLR, data: Dataset, rng: np.random.Generator,
                 queue: SupportSet):
        self.method, self.queue = method, queue
        self.choose, self.data, self.rng = choose, data, rng
        self.measures = ()  # a row for each choice: label match, distance, seconds

    def forward(self, views, ids, progress=START):
        z1, z2 = (self.method.projector(self.method.encoder(x)) for x in views)
        n1, n2 = (self.positives(z.numpy(), self.data.labels[ids]) for z in (z1, z2))
        p1, p2 = self.method.predictor(z1), self.method.predictor(z2)
        temperature = self.method.config.temperature
        loss = (nnclr_loss(n1, p2, temperature) + nnclr_loss(n2, p1, temperature)) * 0.5
        return Step(loss, ids, z1.numpy())

    def positives(self, z, labels):
        z, rows = unit_rows(z), self.queue.rows.copy()
        started = time.process_time()
        chosen = self.choose(z.copy(), rows.copy(), self.rng)  # copies: the rule may change them
        positives = expect_positives(chosen, z)
        seconds = time.process_time() - started
        match = label_match(positives, z, labels, rows, self.data.labels[self.queue.ids])
        distance = float(1 - (positives * z).sum(axis=1).mean())
        self.measures += ((match, distance, seconds),)
        return positives

    def after_step(self, step):
        self.queue.enqueue(step.z, step.ids)


def train_by(choose: Rule, method: NNCLR, data: Dataset, seed: int, steps: int) -> dict[str, float]:
    """Train `method`, in place, for so many steps of 128 pictures, with positives from the rule.

    The seed decides the order of the pictures and their views, independently of the rule's draws.
    Before the first step the queue is filled. Returns means over steps and views: "match"
    (`label_match`), "distance" (1 - the cosine of the positive and its query), and "choosing", the
    rule's CPU seconds per step.
    """
    order, draws, chance = (np.random.default_rng(s)
                            for s in np.random.SeedSequence(seed).spawn(3))
    config = replace(method.config, batch_size=BATCH)
    queue = SupportSet(config.queue_size, config.dim, order)
    filling = -(-len(queue) // BATCH)
    needed = (filling + steps) * BATCH
    ids = np.concatenate([order.permutation(len(data)) for _ in range(-(-needed // len(data)))])

    def batches(first, last):
        for step in range(first, last):
            batch = ids[step * BATCH:(step + 1) * BATCH]
            yield two_views(data.images, batch, PRESETS[config.augmentation], draws,
                            config.view_size), batch

    with no_grad():
        for (x1, _), batch in batches(0, filling):
            queue.enqueue(method.projector(method.encoder(x1)).numpy(), batch)
    learner = ByRule(choose, method, data, chance, queue)
    task = Task(learner, make_optimizer(config, method), steps, round(config.warmup * steps))
    train(task, batches(filling, filling + steps))
    match, distance, seconds = np.mean(learner.measures, axis=0)
    return {"match": float(match), "distance": float(distance), "choosing": float(2 * seconds)}


@cache
def pictures() -> tuple[Dataset, Dataset]:
    """6,144 pictures of the toybox to train on, and 4,000 held out."""
    return load("toybox", "data", train_size=6144)


def knn(method: NNCLR) -> float:
    """kNN accuracy on the held-out pictures, among the training pictures, by encoder features."""
    data, test = pictures()
    return knn_accuracy(encode(method.encoder, data.images), data.labels,
                        encode(method.encoder, test.images), test.labels)


def score(choose: Rule, seeds: Iterable[int], steps: int,
          warm: str = "results/warm.npz") -> list[dict]:
    """Train the stored network by the rule for each seed, and evaluate it: a row a seed.

    A row holds "seed", "steps", "knn" (on held-out pictures, after training), "seconds" (CPU, of
    the training), and the values of `train_by`. Raises ValueError where the rule breaks the
    contract.
    """
    rows = []
    for seed in seeds:
        method, (data, _) = stored(warm), pictures()
        started = time.process_time()
        found = train_by(choose, method, data, seed, steps)
        seconds = time.process_time() - started
        rows.append({"seed": seed, "steps": steps, "knn": knn(method), **found, "seconds": seconds})
    return rows


def paired(mine: Sequence[Mapping], base: Sequence[Mapping]) -> tuple[float, float, float]:
    """kNN of mine minus base, paired by seed, in points: the mean and its 95 % interval's ends.

    Rows as `score` returns them, in any order. The ends of a single seed are -inf and inf. Raises
    ValueError unless both have the same seeds, each once, and all rows the same steps. The
    reference of exercise 19.b.
    """
    seeds = sorted(row["seed"] for row in mine)
    if not seeds or seeds != sorted(row["seed"] for row in base) or len(set(seeds)) < len(seeds):
        raise ValueError(f"paired: expected the same seeds, each once, got {seeds} and "
                         f"{sorted(row['seed'] for row in base)}")
    steps = {row["steps"] for row in [*mine, *base]}
    if len(steps) > 1:
        raise ValueError(f"paired: expected equal steps, got {sorted(steps)}")
    before = {row["seed"]: row["knn"] for row in base}
    mean, half = mean_and_interval([100 * (row["knn"] - before[row["seed"]]) for row in mine])
    half = float("inf") if half is None else half
    return mean, mean - half, mean + half
