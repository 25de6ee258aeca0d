"""Few shots: sort pictures of new classes after seeing one or five of each; many small episodes on
sets never seen.
"""
import numpy as np

from ...kernels.engine.checks import plain_numbers
from ...kernels.l2_normalize import unit_rows
from ...metrics.checks import expect_finite
from ...metrics.confidence import mean_and_interval
from .context import EvalContext, EvalResult, Row
from .transfer_sets import other_sets

# classes, labelled pictures of each, others to sort, draws
WAYS, SHOTS, QUERIES, EPISODES = 5, (1, 5), 15, 600


def fewshot(subject: EvalContext) -> EvalResult:
    """Accuracy in N-way K-shot episodes on the test images of the sets of `evaluate.others`.

    Source: Snell et al. 2017 (arXiv 1703.05175, class prototypes), with cosines; sets never seen as
    in Meta-Dataset (Triantafillou et al. 2020, arXiv 1903.03096).
    """
    sets, which = other_sets(subject.config, subject.to)
    rows: list[Row] = []
    poor = []
    for to, (_, test) in sets.items():
        counts = np.bincount(test.labels, minlength=len(test.class_names))
        if np.count_nonzero(counts >= max(SHOTS) + QUERIES) < WAYS:
            poor.append(to)
            continue
        for name, extract in subject.extractors().items():
            x = unit_rows(extract(test.images))
            for shots in SHOTS:
                # every encoder gets the same episodes
                rng = np.random.default_rng(subject.config.seed)
                scores = [episode(x, test.labels, WAYS, shots, QUERIES, rng) for _
                          in range(EPISODES)]
                mean, half = mean_and_interval(scores)
                rows.append({"encoder": name, "to": to, "how": f"{shots} shot{'s' * (shots > 1)}",
                             "accuracy": mean, "interval": half or 0.0})
    if not rows:
        raise ValueError(f"fewshot: expected a set with {WAYS} classes of at least "
                         f"{max(SHOTS) + QUERIES} test images, got none in {', '.join(poor)}; name "
                         "others with --to")
    absent = f" Left out, for too few images of a class: {', '.join(poor)}." if poor else ""
    return EvalResult(rows, f"{which}{absent} {EPISODES} episodes, the same for every encoder: "
                      f"{WAYS} random classes, {' or '.join(map(str, SHOTS))} test images of each "
                      f"with their label, {QUERIES} others of each to be sorted to the nearest "
                      "class mean by cosine. Frozen features of length 1; nothing is fitted. "
                      "Interval: half of the 95 % interval over episodes.", 1 / WAYS)


def episode(x: np.ndarray, labels: np.ndarray, ways: int, shots: int, queries: int,
            rng: np.random.Generator) -> float:
    """One draw of classes and images, and the share of queries whose class has the nearest
    prototype.
    """
    return prototype_accuracy(*draw_episode(labels, ways, shots, queries, rng), x)


@plain_numbers
def draw_episode(labels: np.ndarray, ways: int, shots: int, queries: int,
                 rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from (ways, shots) and rows to sort (ways, queries), none twice, each line one
    class.

    Raises ValueError where fewer than `ways` classes have shots + queries rows.
    """
    fit = np.flatnonzero(np.bincount(labels) >= shots + queries)
    if len(fit) < ways:
        raise ValueError(f"labels: expected {ways} classes with at least {shots + queries} rows, "
                         f"got {len(fit)}")
    rows = np.stack([rng.choice(np.flatnonzero(labels == c), shots + queries, replace=False)
                     for c in rng.choice(fit, ways, replace=False)])
    return rows[:, :shots], rows[:, shots:]


def prototype_accuracy(support: np.ndarray, query: np.ndarray, x: np.ndarray) -> float:
    """Share of query rows (ways, q) nearest to their own class by the cosine of unit rows x (n, d)
    and class means.
    """
    expect_finite("prototype_accuracy", x=x)
    prototypes = unit_rows(x[support].mean(axis=1))  # (ways, d)
    nearest = (x[query] @ prototypes.T).argmax(axis=-1)  # (ways, q)
    return float((nearest == np.arange(len(query))[:, None]).mean())
