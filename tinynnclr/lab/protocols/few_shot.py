"""Few-shot classification of unseen sets: many episodes with one or five labels a class."""
import numpy as np

from ...kernels.engine.checks import plain_numbers
from ...kernels.l2_normalize import unit_rows
from ...metrics.checks import expect_finite
from ...metrics.confidence import mean_and_interval
from .context import EvalContext, EvalResult, Row
from .transfer_sets import load_transfer_sets

# an episode: classes, labelled images of each class, images of each class to classify
WAYS, SHOTS, QUERIES = 5, (1, 5), 15
EPISODES = 600


def few_shot(context: EvalContext) -> EvalResult:
    """Accuracy in N-way K-shot episodes on the test images of the transfer sets.

    Raises ValueError where no set has enough images. Source: Snell et al. 2017 (arXiv 1703.05175,
    class prototypes), with cosines; unseen sets as in Meta-Dataset (Triantafillou et al. 2020,
    arXiv 1903.03096).
    """
    sets, sets_description = load_transfer_sets(context.config, context.to)
    rows: list[Row] = []
    too_small = []
    for to, (_, test) in sets.items():
        counts = np.bincount(test.labels, minlength=len(test.class_names))
        if np.count_nonzero(counts >= max(SHOTS) + QUERIES) < WAYS:
            too_small.append(to)
            continue
        for name, extract in context.extractors().items():
            x = unit_rows(extract(test.images))
            for shots in SHOTS:
                rng = np.random.default_rng(context.config.seed)  # the same episodes for all
                scores = [episode(x, test.labels, WAYS, shots, QUERIES, rng)
                          for _ in range(EPISODES)]
                mean, half = mean_and_interval(scores)
                rows.append({"encoder": name, "to": to,
                             "how": "1 shot" if shots == 1 else f"{shots} shots",
                             "accuracy": mean, "interval": half or 0.0})
    if not rows:
        raise ValueError(f"fewshot: expected a set with {WAYS} classes of at least "
                         f"{max(SHOTS) + QUERIES} test images, got none in "
                         f"{', '.join(too_small)}; name others with --to")
    return EvalResult(rows, sets_description + _description(too_small), 1 / WAYS)


def _description(too_small):
    left_out = (f" Left out, for too few images of a class: {', '.join(too_small)}."
                if too_small else "")
    return (f"{left_out} {EPISODES} episodes, the same for every encoder. Each draws {WAYS} random "
            f"classes and labels {' or '.join(map(str, SHOTS))} test images of each; {QUERIES} "
            "other images of each class are assigned to the class mean with the largest cosine. "
            "Frozen features of length 1; nothing is fitted. Interval: half of the 95 % interval "
            "over episodes.")


def episode(x: np.ndarray, labels: np.ndarray, ways: int, shots: int, queries: int,
            rng: np.random.Generator) -> float:
    """Draw one episode from unit rows x (n, d) and return its accuracy."""
    return prototype_accuracy(*draw_episode(labels, ways, shots, queries, rng), x)


@plain_numbers
def draw_episode(labels: np.ndarray, ways: int, shots: int, queries: int,
                 rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw support rows (ways, shots) and query rows (ways, queries), a class a line, none twice.

    Raises ValueError where fewer than `ways` classes have shots + queries rows.
    """
    large = np.flatnonzero(np.bincount(labels) >= shots + queries)
    if len(large) < ways:
        raise ValueError(f"labels: expected {ways} classes with at least {shots + queries} rows, "
                         f"got {len(large)}")
    rows = np.stack([rng.choice(np.flatnonzero(labels == c), shots + queries, replace=False)
                     for c in rng.choice(large, ways, replace=False)])
    return rows[:, :shots], rows[:, shots:]


def prototype_accuracy(support: np.ndarray, query: np.ndarray, x: np.ndarray) -> float:
    """Share of query rows (ways, q) whose own class mean has the largest cosine, of unit rows x."""
    expect_finite("prototype_accuracy", x=x)
    prototypes = unit_rows(x[support].mean(axis=1))  # (ways, d)
    nearest = (x[query] @ prototypes.T).argmax(axis=-1)  # (ways, q)
    return float((nearest == np.arange(len(query))[:, None]).mean())
