"""The four pictures in a run's folder."""
from pathlib import Path

import numpy as np

from ...datasets.dataset import Dataset
from ...datasets.views import augmentation_pair, make_views
from ...models.encode import encode
from ...train.run import Run
from ...train.run_dir import PICTURES, expect_own
from .run import draw_curves, draw_embedding, draw_neighbors, draw_views
from .tsne import tsne

MAP_SIZE = 1000  # test images on the 2-D map
EXAMPLES = 6, 8  # images, and random views of each


def draw_into(folder: Path, run: Run, data: tuple[Dataset, Dataset]) -> list[Path]:
    """Draw the pictures of a run; returns their paths.

    Raises ValueError if a file of such a name is not a picture.
    """
    expect_own(folder, *PICTURES)
    config = run.config
    train_data, test = data
    title = f"{config.method} on {config.dataset}, {run.epoch} epoch{'' if run.epoch == 1 else 's'}"
    examples = train_data.images[:EXAMPLES[0]]
    views = make_views(examples, np.arange(len(examples)), augmentation_pair(config.augmentation),
                       EXAMPLES[1], np.random.default_rng(0))  # always the same
    pictures = [draw_views(examples, np.stack(views, axis=1), folder / "views.png", title=title)]
    if run.metrics:
        note = f"Training used {'the' if run.method.uses_labels else 'no'} labels."
        pictures.append(draw_curves(run.metrics, folder / "curves.png", title=title))
        looks = [row["epoch"] for row in run.metrics if not np.isnan(row["monitor_knn"])]
        pictures.append(draw_neighbors(run.gallery, train_data.images, train_data.labels,
                                       train_data.class_names, folder / "neighbors.png",
                                       title=title, note=note, epochs=looks))
    shown = test.take(MAP_SIZE)
    positions = tsne(encode(run.method.encoder, shown.images))
    pictures.append(draw_embedding(positions, shown.labels, test.class_names,
                                   folder / "embedding.png", title=title, images=shown.images))
    return pictures
