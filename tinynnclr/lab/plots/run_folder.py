"""The four pictures in a run's folder."""
from pathlib import Path

from ...datasets.dataset import Dataset
from ...datasets.views import augmentation_pair, views_example
from ...models.encode import encode
from ...train.run import Run
from ...train.run_dir import PICTURES, expect_own
from . import run as plots
from .tsne import tsne

MAP_SIZE = 1000  # test images on the 2-D map


def draw_into(folder: Path, run: Run, data: tuple[Dataset, Dataset]) -> list[Path]:
    """The four pictures of a run. Raises ValueError for a file of such a name that is no picture.
    """
    expect_own(folder, *PICTURES)

    config, (train_data, test) = run.config, data
    title = f"{config.method} on {config.dataset}, {run.epoch} epoch{'s' * (run.epoch != 1)}"
    shown = test.take(MAP_SIZE)
    few = train_data.images[:6]
    rows = views_example(train_data, augmentation_pair(config.augmentation), len(few), 8)
    pictures = [plots.draw_views(few, rows, folder / "views.png", title=title)]
    if run.metrics:
        pictures.append(plots.draw_curves(run.metrics, folder / "curves.png", title=title))
        pictures.append(plots.draw_neighbors(run.gallery, train_data.images, train_data.labels,
                                             train_data.class_names, folder / "neighbors.png", title=title,
                                             note=f"Training used {'the' if run.method.uses_labels else 'no'} labels."))
    positions = tsne(encode(run.method.encoder, shown.images))
    pictures.append(plots.draw_embedding(positions, shown.labels, test.class_names,
                                         folder / "embedding.png", title=title,
                                         images=shown.images))
    return pictures
