"""What a run tells about itself: how its embeddings and neighbours are, signs of a collapse, and
where a NaN began.
"""
import numpy as np

from .. import distributed
from ..config import Config
from ..datasets.dataset import Dataset
from ..kernels.l2_normalize import unit_rows
from ..methods import Method
from ..metrics.knn import leave_one_out_accuracy, nearest_others
from ..models.encode import encode
from ..storage.validate import not_finite
from ..tensor import watch
from .run import HEALTH, Run

# training images watched over the epochs; queries drawn, neighbours of each
GALLERY, QUERIES, SHOWN = 2000, 8, 6
def health(found: dict, labels: np.ndarray) -> list[float]:
    """How a step's embeddings and neighbours are, as HEALTH names it; NaN where a method has no
    such thing.

    spread: 1 - |mean of the embeddings, each of length 1|^2, so 0 where all point the same way;
    self_match_rate: share of neighbours that are the image itself, earlier; age: mean, in steps;
    distinct: different rows in the batch; agreement: share of the same class, for display only: no
    label reaches the training; entropy: of the weights of soft neighbours, in nats; nmi: of the
    clusters with those of the epoch before; drift: what NCE's constant Z ought to be, divided by
    what it is.
    """
    numbers = {name: found[name] for name in ("entropy", "nmi", "drift") if name in found}
    if "z" in found:
        numbers["embedding_variance"] = 1 - np.square(distributed.all_reduce_mean(unit_rows(found[
                "z"]).mean(axis=0))).sum()
    if "entropy" in found:
        numbers["entropy"] = distributed.all_reduce_mean(np.asarray(found["entropy"])).item()
    if "rows" in found:
        whose = np.stack([found[name] for name in ("anchor_ids", "neighbor_ids", "rows", "ages")],
                         axis=1)
        own, other, rows, ages = distributed.all_gather(whose).T
        numbers.update(self_match_rate=(own == other).mean(), neighbor_age=ages.mean(),
                       unique_neighbors=len(np.unique(rows)),
                       neighbor_accuracy=(labels[own] == labels[other]).mean())
    return [float(numbers.get(name, np.nan)) for name in HEALTH]


def worries(guess: float | None, row: dict, batch_size: int) -> dict[str, str]:
    """What in an epoch's row of metrics looks like a collapse: a line for each kind."""
    found = {}
    if guess is not None and abs(row["loss"] - guess) < 0.01 * guess:
        found["guess"] = f"the loss, {row['loss']:.3f}, is within 1 % of a guess's, {guess:.3f}: nothing is told apart"
    if row["unique_neighbors"] < batch_size / 4:
        found["unique_neighbors"] = (f"{row['unique_neighbors']:.0f} different neighbours in a batch of "
                                     f"{batch_size}: most share a few")
    if row["embedding_variance"] < 0.05:
        found["embedding_variance"] = (f"the embeddings point nearly the same way "
                                       f"({row['embedding_variance']:.3f}, at best 1)")
    return found


def means(log: list[list[float]]) -> dict[str, float]:
    """The mean of each column over the steps that have it."""
    columns = np.array(log).T
    return {name: float(column[~np.isnan(column)].mean()) if not np.isnan(column).all()
            else float("nan") for name, column in zip(("loss", *HEALTH), columns, strict=True)}


def look(run: Run, data: Dataset) -> dict[str, float]:
    """Where the watched images lie now: keeps the queries' neighbours, returns a leave-one-out kNN
    accuracy.
    """
    watched = data.take(GALLERY)
    try:
        h = encode(run.method.encoder, watched.images)
    except FloatingPointError as error:  # features can overflow although the weights are finite
        raise FloatingPointError(f"step {run.step}, epoch {run.epoch}: {error}: "
                                 f"{advice(run.config)}") from None
    run.gallery.append(nearest_others(h, QUERIES, SHOWN))
    return {"monitor_knn": leave_one_out_accuracy(h, watched.labels, run.config.knn_k,
                                                  run.config.knn_temperature)}


def explain(what: str, method: Method, x1: np.ndarray, x2: np.ndarray, indices: np.ndarray,
            run: Run) -> None:
    """Walk the step again, watched, and stop with the name of the first op whose value or gradient
    is not finite.
    """
    where = f"step {run.step + 1}, epoch {run.epoch + 1}: {what} is not finite"
    expect_sound({name: p.data for name, p in method.named_parameters().items()}, where, run.config)
    for view in (x1, x2):
        broken = ~np.isfinite(view).all(axis=(1, 2, 3))
        if broken.any():
            sample = indices[broken.argmax() % len(indices)]
            raise FloatingPointError(f"{where}; a view of sample {sample} holds NaN or infinity")
    # of several, one could stop at an op while others wait for it at the next
    if distributed.size() == 1:
        try:
            with watch():
                method.loss(x1, x2, indices).backward()
        except FloatingPointError as error:
            where += f"; {error}"
    raise FloatingPointError(f"{where}; batch of samples {indices[:8].tolist()}...: "
                             f"{advice(run.config)}")


def advice(config: Config) -> str:
    """Advice for a run whose numbers became too large: the options that are far from their usual
    values.
    """
    found = [f"a larger --{name.replace('_', '-')} than {value:g}" for name
             in ("temperature", "soft_temperature") if (value := getattr(config, name, 1)) < 0.01]
    found += [f"a smaller --weight-decay than {config.weight_decay:g}"] * (config.weight_decay
                                                                           > 0.1)
    found += [f"a smaller --momentum than {config.momentum:g}"] * (config.momentum >= 1)
    return f"try {' and '.join([*found, *['a smaller --lr'] * (not found or (config.lr or 0) > 1)])}"


def expect_sound(arrays: dict[str, np.ndarray], where: str, config: Config) -> None:
    """Raise FloatingPointError with the name of the first array that contains NaN or infinity."""
    if name := not_finite(arrays):
        raise FloatingPointError(f"{where}; {name} holds NaN or infinity: {advice(config)}")
