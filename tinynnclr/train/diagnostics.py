"""Metrics of steps and epochs, warnings of a collapse, and the origin of NaN or infinity."""
import sys
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from .. import distributed
from ..config import Config
from ..datasets.dataset import Dataset
from ..kernels.l2_normalize import unit_rows
from ..methods.method import Step
from ..metrics.knn import leave_one_out_accuracy, nearest_others
from ..models.encode import encode
from ..storage.validate import not_finite
from ..tensor import watch
from .loop import NotFinite
from .run import DIAGNOSTICS, Run

LOOKS = 25  # epochs with monitor_knn in a longer run, about
GALLERY = 2000  # training images among which the queries' neighbours are searched
QUERIES, SHOWN = 8, 6  # queries that are drawn, neighbours of each


def end_epoch(run: Run, data: Dataset, chance_loss: float | None) -> None:
    """Add the epoch's row of metrics, print warnings, and empty the log for the next epoch."""
    run.epoch += 1
    run.seconds += run.epoch_seconds
    views = run.method.n_views * run.config.batch_size * len(run.log)
    run.metrics.append({"epoch": run.epoch, "step": run.step, "seconds": round(run.seconds, 3),
                        "views_per_second": round(views / run.epoch_seconds, 1),
                        "lr": run.optimizer.lr, **means(run.log), **monitor_knn(run, data)})
    last_three = [collapse_warnings(chance_loss, row, run.config.batch_size)
                  for row in run.metrics[-3:]]
    earlier, before, now = [{}, {}, *last_three][-3:]
    for kind in (now.keys() & before.keys()) - earlier.keys():  # once, in the second epoch
        tqdm.write(f"epoch {run.epoch}: {now[kind]}", file=sys.stderr)
    run.order, run.log, run.epoch_seconds = run.order[:0], [], 0.0


def step_diagnostics(step: Step, labels: np.ndarray) -> list[float]:
    """Measures of a step's embeddings and neighbours, in the order of DIAGNOSTICS; NaN for none.

    embedding_variance: 1 - |mean of the embeddings, each of length 1|^2, so 0 if all point the same
    way; self_match_rate: fraction of neighbours that are the image itself, from an earlier step;
    neighbor_age: mean, in steps; unique_neighbors: different rows in the batch; neighbor_accuracy:
    fraction of the anchor's class (for display only: no label reaches the training); entropy: of
    the weights of soft neighbours, in nats; nmi: of the clusters with those of the epoch before;
    drift: the constant Z that NCE should have, divided by the one it has.
    """
    numbers = dict(step.metrics)
    if step.z is not None:
        mean = distributed.all_reduce_mean(unit_rows(step.z).mean(axis=0))
        numbers["embedding_variance"] = 1 - np.square(mean).sum()
    if "entropy" in numbers:
        entropy = np.asarray(numbers["entropy"])
        numbers["entropy"] = distributed.all_reduce_mean(entropy).item()
    if step.neighbors is not None:
        columns = np.stack([step.ids, *step.neighbors], axis=1)
        anchors, indices, ids, ages = distributed.all_gather(columns).T
        numbers.update(self_match_rate=(anchors == ids).mean(), neighbor_age=ages.mean(),
                       unique_neighbors=len(np.unique(indices)),
                       neighbor_accuracy=(labels[anchors] == labels[ids]).mean())
    return [float(numbers.get(name, np.nan)) for name in DIAGNOSTICS]


def collapse_warnings(chance_loss: float | None, row: dict, batch_size: int) -> dict[str, str]:
    """Signs of a collapse in an epoch's row of metrics: one line for each kind."""
    lines = {}
    unique = row["unique_neighbors"]
    if chance_loss is not None and abs(row["loss"] - chance_loss) < 0.01 * chance_loss:
        lines["chance_loss"] = (f"the loss, {row['loss']:.3f}, is within 1 % of the chance loss, "
                                f"{chance_loss:.3f}: the network distinguishes nothing")
    if unique < batch_size / 4:
        lines["unique_neighbors"] = (f"only {unique:.0f} different neighbours in a batch of "
                                     f"{batch_size}")
    if row["embedding_variance"] < 0.05:
        lines["embedding_variance"] = ("the embeddings point in nearly the same direction "
                                       f"(variance {row['embedding_variance']:.3f}, at best 1)")
    return lines


def means(log: list[list[float]]) -> dict[str, float]:
    """The mean of each column over the steps that have it."""
    columns = np.array(log).T
    return {name: float(column[~np.isnan(column)].mean()) if not np.isnan(column).all()
            else float("nan")
            for name, column in zip(("loss", *DIAGNOSTICS), columns, strict=True)}


def monitor_knn(run: Run, data: Dataset) -> dict[str, float]:
    """Store the queries' current neighbours; return the leave-one-out kNN accuracy.

    In a run of more than LOOKS epochs, only in the first, the last, and every second, third, ...
    epoch, so that about LOOKS epochs have it; NaN in the others.
    """
    every = -(-run.config.epochs // LOOKS)  # rounded up
    if run.epoch % every and run.epoch not in (1, run.config.epochs):
        return {"monitor_knn": float("nan")}
    gallery = data.take(GALLERY)
    try:
        h = encode(run.encoder, gallery.images)
    except FloatingPointError as error:  # features can overflow even if the weights are finite
        raise FloatingPointError(f"step {run.step}, epoch {run.epoch}: {error}: "
                                 f"{advice(run.config)}") from None
    run.gallery.append(nearest_others(h, QUERIES, SHOWN))
    config = run.config
    return {"monitor_knn": leave_one_out_accuracy(h, gallery.labels, config.knn_k,
                                                  config.knn_temperature)}


def locate_nonfinite(run: Run, error: NotFinite) -> FloatingPointError:
    """Repeat the step, and name the first op with a value or gradient that is not finite."""
    where = f"step {run.step + 1}, epoch {run.epoch + 1}: {error}"
    weights = {name: p.data for name, p in run.method.named_parameters().items()}
    if name := not_finite(weights):
        return nonfinite_array(where, name, run.config)
    if sample := nonfinite_sample(error.views, error.ids):
        return FloatingPointError(f"{where}; a view of sample {sample} holds NaN or infinity")
    if distributed.size() == 1:  # one of several could stop while others wait at the next op
        try:
            with watch():
                run.method(error.views, error.ids, run.progress).loss.backward()
        except FloatingPointError as first:
            where += f"; {first}"
    return FloatingPointError(f"{where}; batch of samples {error.ids[:8].tolist()}...: "
                              f"{advice(run.config)}")


def nonfinite_sample(views: Sequence[np.ndarray], ids: np.ndarray) -> str:
    """The first sample with NaN or infinity in a view; "" if there is none."""
    for view in views:
        broken = ~np.isfinite(view).all(axis=(1, 2, 3))
        if broken.any():
            return str(ids[broken.argmax()])
    return ""


def nonfinite_array(where: str, name: str, config: Config) -> FloatingPointError:
    """The error for an array that contains NaN or infinity."""
    return FloatingPointError(f"{where}; {name} holds NaN or infinity: {advice(config)}")


def expect_sound(arrays: dict[str, np.ndarray], where: str, config: Config) -> None:
    """Raise FloatingPointError with the name of the first array that contains NaN or infinity."""
    if name := not_finite(arrays):
        raise nonfinite_array(where, name, config)


def advice(config: Config) -> str:
    """Which options to change if numbers become too large: those far from their usual values."""
    changes = [f"a larger --{name.replace('_', '-')} than {value:g}"
               for name in ("temperature", "soft_temperature")
               if (value := getattr(config, name, 1)) < 0.01]
    if config.weight_decay > 0.1:
        changes.append(f"a smaller --weight-decay than {config.weight_decay:g}")
    if config.momentum >= 1:
        changes.append(f"a smaller --momentum than {config.momentum:g}")
    if not changes or config.lr > 1:
        changes.append("a smaller --lr")
    return f"try {' and '.join(changes)}"
