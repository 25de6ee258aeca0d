"""The pictures: whole PNGs of a sensible size from every input that a run can produce, and no
warning on the way.
"""
import logging
import struct
import subprocess
import sys
import zlib

import matplotlib
import numpy as np
import pytest
from one_line import fails
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
from tinynnclr.train.loop import train
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


def check(made, path):
    """A PNG whose pieces are all there, at least 500 x 200 pixels and less than 600 KB, and nothing
    beside it.
    """
    assert made == path
    assert list(path.parent.iterdir()) == [path]
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, kinds, packed = 8, [], b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length:at + 12
                                        + length])[0] == zlib.crc32(kind + body)
        kinds.append(kind)
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    assert kinds[-1] == b"IEND"
    width, height = struct.unpack(">II", data[16:24])
    assert 500 <= width <= 1200
    assert 200 <= height <= 1300
    assert 3000 < len(data) < 600_000
    pixels = np.frombuffer(zlib.decompress(packed), np.uint8)
    assert pixels.std() > 5  # something is drawn
    return width, height


def rows(epochs, neighbors=True):
    """What Run.metrics holds."""
    health = {"neighbor_accuracy": 0.4, "self_match_rate": 0.01, "neighbor_age": 7.5,
              "unique_neighbors": 180.0}
    return [{"epoch": e + 1, "step": 78 * e, "seconds": 3.0 * e, "views_per_second": 9000.0,
             "lr": 0.12 / (e + 1), "loss": 5 - e / epochs, "monitor_knn": 0.3 + 0.2 * e / epochs,
             **{name: value * (1 + e / epochs) if neighbors else float("nan") for name,
                value in health.items()}} for e in range(epochs)]


def pictures(rng, n, size=32):
    """Smooth random images (n, size, size, 3) uint8."""
    wave = np.linspace(0, 3, size)
    phase = rng.random((n, 1, 1, 3)) * 6
    return np.uint8(127 + 120 * np.sin(wave[:, None, None] + wave[None, :, None] * 2 + phase))


@pytest.mark.parametrize("epochs", [1, 8, 200])
def test_curves(out, epochs):
    check(draw_curves(rows(epochs), out, title="nnclr on toybox, seed 0"), out)


def test_curves_without_neighbors_are_half_as_high(out):
    _, high = check(draw_curves(rows(5), out), out)
    _, low = check(draw_curves(rows(5, neighbors=False), out), out)
    assert low < 0.7 * high


def test_curves_with_holes(out):
    # neighbours came in late, as with neighbors_after
    table = [*rows(2, neighbors=False), *rows(9)[2:]]
    table[5]["loss"] = float("nan")
    table[6].pop("lr")
    check(draw_curves(table, out), out)
    check(draw_curves([{"epoch": 3, "loss": 1.5}], out), out)
    zeros = {"self_match_rate": 0.0, "neighbor_accuracy": 0.0, "monitor_knn": 1.0}
    check(draw_curves([{"epoch": e, **zeros} for e in (1, 2)], out), out)


def test_curves_of_nothing(out):
    with fails(ValueError, "draw_curves", "metrics", "at least one epoch"):
        draw_curves([], out)
    with fails(ValueError, "draw_curves", "metrics", "epoch"):
        draw_curves([{"loss": 1.0}], out)
    with fails(ValueError, "draw_curves", "metrics", "NaN"):
        draw_curves([{"epoch": 1, "loss": float("nan")}], out)
    assert not out.exists()


@pytest.mark.parametrize(("epochs", "queries", "shown"),
                         [(1, 8, 6), (2, 8, 6), (3, 3, 2), (9, 1, 1)])
def test_neighbors(rng, out, epochs, queries, shown):
    images, labels = pictures(rng, 50), rng.integers(0, 10, 50)
    gallery = [rng.integers(0, 50, (queries, shown)) for _ in range(epochs)]
    check(draw_neighbors(gallery, images, labels, NAMES, out, title="nnclr on toybox"), out)


def test_the_frames_and_the_shares_tell_who_is_of_the_same_class(rng, out, monkeypatch):
    frames, texts = [], []
    picture, write = run_pictures._draw_image, run_pictures.write_picture
    monkeypatch.setattr(run_pictures, "_draw_image", lambda *args: (frames.append(args[5:]), picture(*args)))
    monkeypatch.setattr(run_pictures, "write_picture", lambda fig, path: (
        texts.extend(t.get_text() for t in fig.axes[0].texts), write(fig, path))[1])
    labels = np.array([0, 1, 0, 1])
    gallery = [np.array([[1, 2], [0, 2]]), np.array([[2, 2], [3, 0]])]
    check(draw_neighbors(gallery, pictures(rng, 4), labels, NAMES, out), out)
    marks = [bool(frame[0]) for frame in frames if frame]
    # the last two explain them
    assert marks == [False, True, False, False, True, True, True, False, True, False]
    assert [t for t in texts if "%" in t] == ["25 % of the same class", "75 % of the same class"]
    assert [t for t in texts if "epoch" in t] == ["after epoch 1", "after epoch 2"]
    assert texts[:3] == ["query", "boat", "car"]


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 50])
def test_neighbors_early_middle_late(rng, out, monkeypatch, epochs):
    texts = []
    monkeypatch.setattr(run_pictures, "write_picture", lambda fig,
                        path: texts.extend(t.get_text() for t in fig.axes[0].texts))
    draw_neighbors([np.zeros((1, 1), int)] * epochs, pictures(rng, 2), np.zeros(2, int), NAMES, out)
    numbers = [int(t.split()[-1]) for t in texts if t.startswith("after epoch")]
    assert numbers == {1: [1], 2: [1, 2], 3: [1, 2, 3], 4: [1, 2, 4], 50: [1, 25, 50]}[epochs]


def test_neighbors_bad_input(rng, out):
    images, labels, gallery = pictures(rng, 9), np.arange(9), [np.zeros((2, 2), int)]
    for bad, words in (([], ["at least one epoch"]), ([np.zeros(3, int)], [r"\(q, s\)", r"\(3,\)"]),
                       ([np.full((2, 2), 9)], ["indices 0 to 8", "9"]),
                       ([*gallery, np.zeros((2, 3), int)], ["the same", r"\(2, 3\)"]),
                       ([np.zeros((10, 1), int)], [r"\(10, 1\)"])):
        with fails(ValueError, "draw_neighbors", "gallery", *words):
            draw_neighbors(bad, images, labels, NAMES, out)
    with fails(ValueError, "draw_neighbors", "images", "uint8", "float32"):
        draw_neighbors(gallery, images.astype(np.float32), labels, NAMES, out)
    with fails(ValueError, "draw_neighbors", "labels", r"\(9,\)", r"\(8,\)"):
        draw_neighbors(gallery, images, labels[:8], NAMES, out)
    with fails(ValueError, "draw_neighbors", "labels", "0 to 4", "0 to 8"):
        draw_neighbors(gallery, images, labels, NAMES[:5], out)
    assert not out.exists()


@pytest.mark.parametrize(("n", "classes", "with_images"),
                         [(1, 1, True), (2, 2, False), (300, 10, True), (300, 100, False)])
def test_embedding(rng, out, n, classes, with_images):
    labels = np.arange(n) % classes
    names = NAMES if classes <= 10 else [f"aquarium fish {c}" for c in range(classes)]
    at = rng.standard_normal((classes, 2))[labels] * 5 + rng.standard_normal((n, 2))
    check(draw_embedding(at.astype(np.float32), labels, names, out, title="nnclr on toybox",
                         images=pictures(rng, n) if with_images else None), out)


@pytest.mark.parametrize("stretch", [(0, 0), (1, 0), (0, 1), (1e-20, 1), (1e20, 1)])
def test_embedding_of_strange_shapes(rng, out, stretch):
    check(draw_embedding(rng.standard_normal((40, 2)) * stretch, np.arange(40) % 10, NAMES, out),
          out)


def test_no_name_lies_on_another(rng, out, monkeypatch):
    names = []
    monkeypatch.setattr(run_pictures, "write_picture", lambda fig, path: names.extend(fig.axes[0].texts))
    labels = np.arange(300) % 40
    draw_embedding(rng.standard_normal((300, 2)), labels, [f"class {c}" for c in range(40)], out)
    boxes = [t.get_window_extent() for t in names if t.get_text().startswith("class")]
    assert len(boxes) == 40
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_hundred_classes_have_a_hundred_looks():
    looks = {(run_pictures.COLOURS[c % 10], run_pictures.MARKERS[(c + c // 10) % 10]) for c in range(100)}
    assert len(looks) == 100


def test_embedding_bad_input(rng, out):
    for bad in (np.zeros((3, 3)), np.zeros((0, 2)), np.full((3, 2), np.nan)):
        with fails(ValueError, "draw_embedding", "positions", r"\(n, 2\)"):
            draw_embedding(bad, np.zeros(len(bad), int), NAMES, out)
    with fails(ValueError, "draw_embedding", "labels", r"\(3,\)", r"\(2,\)"):
        draw_embedding(np.zeros((3, 2)), np.zeros(2, int), NAMES, out)
    with fails(ValueError, "draw_embedding", "images", "3", "2"):
        draw_embedding(np.zeros((3, 2)), np.zeros(3, int), NAMES, out, images=pictures(rng, 2))


@pytest.mark.parametrize(("n", "k", "size", "view"), [(6, 8, 32, 32), (1, 1, 32, 24),
                                                      (2, 3, 64, 24)])
def test_views(rng, out, n, k, size, view):
    views = (pictures(rng, n * k, view) / 255).astype(np.float32).reshape(n, k, view, view, 3)
    views[0, 0] += 1  # rounding may leave [0, 1]
    check(draw_views(pictures(rng, n, size), views, out, title="simclr"), out)


def test_views_bad_input(rng, out):
    with fails(ValueError, "draw_views", "views", r"\(n, k, h, w, 3\)", r"\(2, 8, 8, 3\)"):
        draw_views(pictures(rng, 2), np.zeros((2, 8, 8, 3), np.float32), out)
    with fails(ValueError, "draw_views", "images", "3", "2"):
        draw_views(pictures(rng, 2), np.zeros((3, 1, 8, 8, 3), np.float32), out)


STRANGE = ("$x", "$a$ and $b$", "\\frac{", "漢字", "🦊 fox", "a\nb\tc", "", "n" * 300, "Ærøskøbing",
           "<b>", "100 %")


def test_names_and_titles_of_any_kind(rng, out):
    labels = np.arange(44) % len(STRANGE)
    images = pictures(rng, 44)
    check(draw_curves(rows(1, neighbors=False), out, title="$" + STRANGE[1]), out)
    check(draw_neighbors([np.arange(22).reshape(11, 2)], images, labels, STRANGE, out,
                         title=" ".join(STRANGE)), out)
    check(draw_embedding(rng.standard_normal((44, 2)), labels, STRANGE, out, title="🦊" * 300), out)


def test_a_failure_leaves_the_old_picture(rng, out, monkeypatch):
    before = draw_curves(rows(4), out).read_bytes()

    def fail(self, file, **kwargs):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        draw_curves(rows(5), out)
    assert out.read_bytes() == before
    assert list(out.parent.iterdir()) == [out]


THEIRS = {"text.usetex": True, "font.size": 30, "savefig.dpi": 300, "savefig.bbox": "tight",
          "axes.facecolor": "black", "axes.titlesize": 40, "figure.autolayout": True,
          "axes.grid": True, "lines.linewidth": 9, "figure.dpi": 20}


def test_the_readers_own_settings_change_no_picture(rng, out):
    finding = EvalResult([{"encoder": "nnclr", "accuracy": 0.5}], "", 0.1)
    image = pictures(rng, 1)
    for draw in (lambda: draw_neighbors([np.zeros((1, 1), int)], image, [0], ["$a$"], out,
                                        title="a_b", note="a_b"),
                 lambda: draw_arms({"nnclr": [0.5, 0.6]}, {"raw pixels": 0.2}, out),
                 lambda: draw_finding(finding, out, "a_b")):
        plain = draw().read_bytes()
        with matplotlib.rc_context(THEIRS):
            assert draw().read_bytes() == plain
            assert matplotlib.rcParams["font.size"] == 30  # and they are as they were


@pytest.mark.parametrize(("images", "tests", "classes"), [(2, 1, 1), (5, 3, 23)])
def test_a_run_on_few_images_has_all_pictures(images, tests, classes, tmp_path):
    """Fewer than a picture shows; names that are long, no Latin, or look like formulas."""
    names = [f"${c}$ 猫 \\alpha_{c} {'long ' * 9}" for c in range(classes)]
    data = [Dataset(random_data(n).images, np.arange(n) % classes, tuple(names)) for n
            in (images, tests)]
    run = Run(small_config(batch_size=2, epochs=1, method="simclr"), data[0])
    train(run, data[0], augmentation_pair("simclr"), progress=False)
    drawn = draw_into(tmp_path, run, data)
    assert sorted(path.name for path in drawn) == sorted(PICTURES)


def test_whether_labels_took_part_is_told_below_the_neighbours(rng, out, monkeypatch):
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
    monkeypatch.undo()
    found = [rng.integers(0, 9, (4, 5))] * 2  # two blocks: the sentence has a line of its own
    images = pictures(rng, 9)
    plain, noted = (draw_neighbors(found, images, np.arange(9), NAMES,
                                   out.parent / "n" / f"{i}.png", note=note) for i,
                    note in enumerate(("", notes[0])))
    high, higher = (struct.unpack(">II", path.read_bytes()[16:24])[1] for path in (plain, noted))
    assert higher - high > 30


def test_makes_the_folder(out):
    nested = out.parent / "a" / "b" / "c.png"
    assert draw_curves(rows(1), str(nested)) == nested


def test_no_global_state_and_no_matplotlib_before_it_is_needed():
    code = ("import sys, tinynnclr; assert 'matplotlib' not in sys.modules; import "
            "tinynnclr.lab.plots.run; assert 'matplotlib.pyplot' not in sys.modules")
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
