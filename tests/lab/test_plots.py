"""Pictures of runs: valid PNG files of a sensible size for every run, and no warnings."""
import logging
import struct
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image
from small import random_data, small_config

from tinynnclr.datasets.dataset import Dataset
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.lab.plots import run as run_pictures
from tinynnclr.lab.plots import run_folder
from tinynnclr.lab.plots.dots import draw_arms
from tinynnclr.lab.plots.finding import draw_finding
from tinynnclr.lab.plots.run import draw_curves, draw_embedding, draw_neighbors, draw_views
from tinynnclr.lab.plots.run_folder import draw_into
from tinynnclr.lab.protocols.context import EvalResult
from tinynnclr.train.hooks import train_run
from tinynnclr.train.run import Run
from tinynnclr.train.run_dir import PICTURES

NAMES = ("boat", "car", "aircraft", "rocket", "bird", "fish", "tree", "flower", "house", "cup")


@pytest.fixture(autouse=True)
def _quiet(caplog):
    """matplotlib logs some of its warnings instead of warning."""
    yield
    assert [r.message for r in caplog.records if r.levelno >= logging.WARNING] == []


@pytest.fixture
def out(tmp_path):
    return tmp_path / "picture.png"


@pytest.fixture
def texts(monkeypatch):
    """The texts on the first axes of the pictures of runs that are drawn, and not written."""
    drawn = []
    monkeypatch.setattr(run_pictures, "write_picture",
                        lambda fig, path: drawn.extend(fig.axes[0].texts))
    return drawn


def check(made, path):
    """A whole PNG of at least 500 x 200 pixels and less than 600 KB, and no other file; its size.
    """
    assert made == path
    assert list(path.parent.iterdir()) == [path]
    with Image.open(path) as image:
        assert image.format == "PNG"
        width, height = image.size
        pixels = np.asarray(image.convert("RGB"))  # reads all chunks, with their checksums
    assert 500 <= width <= 1200
    assert 200 <= height <= 1300
    assert 3000 < path.stat().st_size < 600_000
    assert pixels.std() > 5  # something is drawn
    return width, height


def rows(epochs, neighbors=True):
    """What Run.metrics holds."""
    diagnostics = {"neighbor_accuracy": 0.4, "self_match_rate": 0.01, "neighbor_age": 7.5,
                   "unique_neighbors": 180.0}
    return [{"epoch": e + 1, "step": 78 * e, "seconds": 3.0 * e, "views_per_second": 9000.0,
             "lr": 0.12 / (e + 1), "loss": 5 - e / epochs, "monitor_knn": 0.3 + 0.2 * e / epochs,
             **{name: value * (1 + e / epochs) if neighbors else float("nan")
                for name, value in diagnostics.items()}} for e in range(epochs)]


def pictures(rng, n, size=32):
    """Smooth random images (n, size, size, 3) uint8."""
    wave = np.linspace(0, 3, size)
    phase = rng.random((n, 1, 1, 3)) * 6
    return np.uint8(127 + 120 * np.sin(wave[:, None, None] + wave[None, :, None] * 2 + phase))


HOLES = [*rows(2, neighbors=False), *rows(9)[2:]]  # neighbours begin later, as with neighbors_after
HOLES[5] = {**HOLES[5], "loss": float("nan")}
del HOLES[6]["lr"]
METRICS = {"one epoch": rows(1), "eight epochs": rows(8), "200 epochs": rows(200), "holes": HOLES,
           "only a loss": [{"epoch": 3, "loss": 1.5}],
           "zeros": [{"epoch": e, "self_match_rate": 0.0, "neighbor_accuracy": 0.0,
                      "monitor_knn": 1.0} for e in (1, 2)]}


@pytest.mark.parametrize("name", METRICS)
def test_curves(out, name):
    check(draw_curves(METRICS[name], out, title="nnclr on toybox, seed 0"), out)


def test_curves_without_neighbors_are_half_as_high(out):
    _, high = check(draw_curves(rows(5), out), out)
    _, low = check(draw_curves(rows(5, neighbors=False), out), out)
    assert low < 0.7 * high


@pytest.mark.parametrize(("epochs", "queries", "shown"),
                         [(1, 8, 6), (2, 8, 6), (3, 3, 2), (9, 1, 1)])
def test_neighbors(rng, out, epochs, queries, shown):
    images, labels = pictures(rng, 50), rng.integers(0, 10, 50)
    gallery = [rng.integers(0, 50, (queries, shown)) for _ in range(epochs)]
    check(draw_neighbors(gallery, images, labels, NAMES, out, title="nnclr on toybox"), out)


def test_frames_and_shares_show_which_neighbours_are_of_the_same_class(rng, out, monkeypatch,
                                                                       texts):
    frames = []
    draw_image = run_pictures._draw_image
    monkeypatch.setattr(run_pictures, "_draw_image",
                        lambda *args: (frames.append(args[5:]), draw_image(*args)))
    gallery = [np.array([[1, 2], [0, 2]]), np.array([[2, 2], [3, 0]])]
    draw_neighbors(gallery, pictures(rng, 4), np.array([0, 1, 0, 1]), NAMES, out)
    # the last two are the legend
    assert [bool(frame[0]) for frame in frames if frame] == [
        False, True, False, False, True, True, True, False, True, False]
    words = [text.get_text() for text in texts]
    assert [w for w in words if "%" in w] == ["25 % of the same class", "75 % of the same class"]
    assert words[:3] == ["query", "boat", "car"]


@pytest.mark.parametrize(("epochs", "shown"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]),
                                               (4, [1, 2, 4]), (50, [1, 25, 50])])
def test_neighbors_early_middle_late(rng, out, texts, epochs, shown):
    draw_neighbors([np.zeros((1, 1), int)] * epochs, pictures(rng, 2), np.zeros(2, int), NAMES, out)
    heads = [text.get_text() for text in texts if text.get_text().startswith("after epoch")]
    assert heads == [f"after epoch {epoch}" for epoch in shown]


def test_neighbors_of_epochs_with_numbers(rng, out, texts):
    """In a run of many epochs, some have no neighbours."""
    gallery = [np.zeros((1, 1), int)] * 4
    draw_neighbors(gallery, pictures(rng, 2), np.zeros(2, int), NAMES, out, epochs=[1, 40, 80, 120])
    heads = [text.get_text() for text in texts if text.get_text().startswith("after epoch")]
    assert heads == ["after epoch 1", "after epoch 40", "after epoch 120"]


def test_a_metric_of_every_third_epoch_is_a_line(out, monkeypatch):
    """Without a break at each NaN, which would leave nothing to see."""
    metrics = [{**row, "monitor_knn": row["monitor_knn"] if row["epoch"] % 3 == 1 else np.nan}
               for row in rows(100)]
    figures = []
    monkeypatch.setattr(run_pictures, "write_picture", lambda fig, path: figures.append(fig))
    draw_curves(metrics, out)
    lines = [line for ax in figures[0].axes for line in ax.lines if len(line.get_xdata()) > 1]
    assert [len(line.get_xdata()) for line in lines].count(34) == 1
    assert all(np.isfinite(line.get_ydata()).all() for line in lines)


@pytest.mark.parametrize(("n", "classes", "with_images"),
                         [(1, 1, True), (2, 2, False), (300, 10, True), (300, 100, False)])
def test_embedding(rng, out, n, classes, with_images):
    labels = np.arange(n) % classes
    names = NAMES if classes <= 10 else [f"aquarium fish {c}" for c in range(classes)]
    at = rng.standard_normal((classes, 2))[labels] * 5 + rng.standard_normal((n, 2))
    check(draw_embedding(at.astype(np.float32), labels, names, out, title="nnclr on toybox",
                         images=pictures(rng, n) if with_images else None), out)


@pytest.mark.parametrize("stretch", [(0, 0), (1, 0), (0, 1), (1e-20, 1), (1e20, 1)])
def test_embedding_of_unusual_shapes(rng, out, stretch):
    check(draw_embedding(rng.standard_normal((40, 2)) * stretch, np.arange(40) % 10, NAMES, out),
          out)


def test_no_name_covers_another(rng, out, texts):
    labels = np.arange(300) % 40
    draw_embedding(rng.standard_normal((300, 2)), labels, [f"class {c}" for c in range(40)], out)
    boxes = [t.get_window_extent() for t in texts if t.get_text().startswith("class")]
    assert len(boxes) == 40
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_hundred_classes_look_different():
    colours, markers = run_pictures.COLOURS, run_pictures.MARKERS
    assert len({(colours[c % 10], markers[(c + c // 10) % 10]) for c in range(100)}) == 100


@pytest.mark.parametrize(("n", "k", "size", "view"), [(6, 8, 32, 32), (1, 1, 32, 24),
                                                      (2, 3, 64, 24)])
def test_views(rng, out, n, k, size, view):
    views = (pictures(rng, n * k, view) / 255).astype(np.float32).reshape(n, k, view, view, 3)
    views[0, 0] += 1  # rounding may leave [0, 1]
    check(draw_views(pictures(rng, n, size), views, out, title="simclr"), out)


UNUSUAL = ("$x", "$a$ and $b$", "\\frac{", "漢字", "🦊 fox", "a\nb\tc", "", "n" * 300, "Ærøskøbing",
           "<b>", "100 %")


def test_names_and_titles_of_any_kind(rng, out):
    labels = np.arange(44) % len(UNUSUAL)
    images = pictures(rng, 44)
    check(draw_curves(rows(1, neighbors=False), out, title="$" + UNUSUAL[1]), out)
    check(draw_neighbors([np.arange(22).reshape(11, 2)], images, labels, UNUSUAL, out,
                         title=" ".join(UNUSUAL)), out)
    check(draw_embedding(rng.standard_normal((44, 2)), labels, UNUSUAL, out, title="🦊" * 300), out)


def test_a_failure_leaves_the_old_picture(out, monkeypatch):
    before = draw_curves(rows(4), out).read_bytes()

    def fail(self, file, **kwargs):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        draw_curves(rows(5), out)
    assert out.read_bytes() == before
    assert list(out.parent.iterdir()) == [out]


USERS = {"text.usetex": True, "font.size": 30, "savefig.dpi": 300, "savefig.bbox": "tight",
         "axes.facecolor": "black", "axes.titlesize": 40, "figure.autolayout": True,
         "axes.grid": True, "lines.linewidth": 9, "figure.dpi": 20}


def test_the_users_settings_change_no_picture(rng, out):
    result = EvalResult([{"encoder": "nnclr", "accuracy": 0.5}], "", 0.1)
    image = pictures(rng, 1)
    for draw in (lambda: draw_neighbors([np.zeros((1, 1), int)], image, [0], ["$a$"], out,
                                        title="a_b", note="a_b"),
                 lambda: draw_arms({"nnclr": [0.5, 0.6]}, {"raw pixels": 0.2}, out),
                 lambda: draw_finding(result, out, "a_b")):
        plain = draw().read_bytes()
        with matplotlib.rc_context(USERS):
            assert draw().read_bytes() == plain
            assert matplotlib.rcParams["font.size"] == 30  # and they are as they were


@pytest.mark.parametrize(("images", "tests", "classes"), [(2, 1, 1), (5, 3, 23)])
def test_a_run_on_few_images_has_all_pictures(images, tests, classes, tmp_path):
    """Fewer than a picture shows; names that are long, not Latin, or look like formulas."""
    names = [f"${c}$ 猫 \\alpha_{c} {'long ' * 9}" for c in range(classes)]
    data = [Dataset(random_data(n).images, np.arange(n) % classes, tuple(names)) for n
            in (images, tests)]
    run = Run(small_config(batch_size=2, epochs=1, method="simclr"), data[0])
    train_run(run, data[0], augmentation_pair("simclr"), progress=False)
    drawn = draw_into(tmp_path, run, data)
    assert sorted(path.name for path in drawn) == sorted(PICTURES)


def test_a_note_says_whether_labels_were_used(rng, out, monkeypatch):
    notes = []
    for name in ("views", "curves", "embedding"):
        monkeypatch.setattr(run_folder, f"draw_{name}", lambda *_, **__: None)
    monkeypatch.setattr(run_folder, "draw_neighbors",
                        lambda *_, note, **__: notes.append(note))
    data = random_data(16)
    for method in ("simclr", "supervised", "oracle_nnclr"):
        run = Run(small_config(method=method), data)
        run.metrics, run.gallery = rows(1), [np.zeros((2, 1), int)]
        draw_into(out.parent, run, (data, data))
    assert notes == ["Training used no labels.", *["Training used the labels."] * 2]
    gallery, images = [rng.integers(0, 9, (4, 5))] * 2, pictures(rng, 9)
    heights = []
    for note in ("", notes[0]):  # the note has a line of its own
        path = draw_neighbors(gallery, images, np.arange(9), NAMES, out.parent / "a" / "b.png",
                              note=note)  # the folder is made
        heights.append(struct.unpack(">II", path.read_bytes()[16:24])[1])
    assert heights[1] - heights[0] > 30


def test_a_run_names_the_epochs_of_its_neighbours(out, monkeypatch):
    drawn = []
    for name in ("views", "curves", "embedding"):
        monkeypatch.setattr(run_folder, f"draw_{name}", lambda *_, **__: None)
    monkeypatch.setattr(run_folder, "draw_neighbors",
                        lambda *_, epochs, **__: drawn.append(epochs))
    data = random_data(16)
    run = Run(small_config(method="simclr"), data)
    run.metrics = [{**row, "monitor_knn": np.nan if row["epoch"] == 2 else 0.5} for row in rows(3)]
    run.gallery = [np.zeros((2, 1), int)] * 2
    draw_into(out.parent, run, (data, data))
    assert drawn == [[1, 3]]


def test_matplotlib_is_imported_late_and_pyplot_never():
    code = ("import sys, tinynnclr; assert 'matplotlib' not in sys.modules; import "
            "tinynnclr.lab.plots.run; assert 'matplotlib.pyplot' not in sys.modules")
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
