"""Transfer: which sets there are, what is left out, how large they are; probe and fine-tuning."""
import numpy as np
import pytest
from command_line import run, write_pictures
from eval_context import small_context
from one_line import fails
from small import small_config

from tinynnclr.datasets import toybox
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.lab.protocols import transfer, transfer_sets
from tinynnclr.lab.protocols.frozen_features import choose_strength
from tinynnclr.lab.protocols.transfer_sets import load_transfer_sets, parse_transfer_sets
from tinynnclr.metrics.linear_probe import linear_accuracy
from tinynnclr.models.encode import encode


@pytest.fixture(autouse=True)
def small_sets(monkeypatch):
    for module, name, value in ((transfer_sets, "TRAIN", 40), (transfer_sets, "TEST", 20),
                                (transfer, "STEPS", 4)):
        monkeypatch.setattr(module, name, value)


def write_cifar10(folder, rng, n=60):
    """The official files' format: a label byte, then 3072 of pixels; the labels go round."""
    folder = folder / "cifar-10-batches-bin"
    folder.mkdir()
    for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
        records = rng.integers(0, 256, (n, 3073), np.uint8)
        records[:, 0] = np.arange(n) % 10
        records.tofile(folder / name)
    (folder / "batches.meta.txt").write_text("\n".join("abcdefghij"), encoding="utf-8")


# ---------------------------------------------------------------- the sets


def test_sets_that_need_no_files(tmp_path):
    sets, description = load_transfer_sets(small_config(data_dir=str(tmp_path)))
    drawn = ["digits", *transfer_sets.STYLES, "toybox-kinds"]
    assert len(drawn) == 6
    # which may be installed on this machine
    assert [name for name in sets if name != "fashion_mnist"] == drawn
    assert "Left out, as their files are missing: cifar10, cifar100" in description
    assert all((len(train), len(test)) == (40, 20) for train, test in sets.values())


def test_a_set_on_disk_is_cut_to_a_balanced_part(tmp_path, rng):
    write_cifar10(tmp_path, rng)
    sets, description = load_transfer_sets(small_config(data_dir=str(tmp_path)))
    train, test = sets["cifar10"]
    assert np.bincount(train.labels).tolist() == [4] * 10
    assert np.bincount(test.labels).tolist() == [2] * 10
    assert "cifar10," not in description
    sets, _ = load_transfer_sets(small_config(data_dir=str(tmp_path), dataset="cifar10"))
    assert "cifar10" not in sets  # the run's own
    assert "toybox" in sets


def test_no_run_has_seen_the_drawn_images():
    sets, _ = load_transfer_sets(small_config(), ("toybox-night", "toybox-kinds"))
    for name, style in (("toybox-night", "night"), ("toybox-kinds", "day")):
        for split, data in zip(("train", "test"), sets[name], strict=True):
            seen = toybox.make(1000, split=split, style=style).images
            assert not any((image == seen).all((1, 2, 3)).any() for image in data.images)


def test_kinds_number_all_kinds_of_all_classes_in_order():
    toys = toybox.make(200, 5, split="test")
    data = toys.dataset(kinds=True)
    np.testing.assert_array_equal(data.images, toys.images)
    assert [data.class_names[label] for label in data.labels] == [
        toybox.KIND_NAMES[c][k] for c, k in zip(toys.labels, toys.kinds, strict=True)]


def test_a_folder(tmp_path):
    write_pictures(tmp_path / "mine", classes=3, each=20)
    sets, _ = load_transfer_sets(small_config(), parse_transfer_sets(f"folder:{tmp_path / 'mine'}"))
    train, test = sets["folder:mine"]  # without its path
    assert train.images.shape[1:] == (32, 32, 3)
    assert len(train) == 40
    assert len(test) <= 20
    with fails(ValueError, "x/../mine: expected folders of different names",
               "got two of folder:mine"):
        load_transfer_sets(small_config(), (f"folder:{tmp_path}/mine",
                                            f"folder:{tmp_path}/x/../mine"))


def test_names_in_order_and_once():
    assert parse_transfer_sets("digits, cifar10,digits,folder:a b") == ("digits", "cifar10",
                                                                        "folder:a b")


@pytest.mark.parametrize(("text", "got"), [("digit", "'digit', did you mean digits"), ("", "''"),
                                           ("folder:", "'folder:'"), ("digits,x", "'x'")])
def test_unknown_names(text, got):
    with fails(ValueError, f"--to: expected some of cifar10, .*, folder:PATH; got {got}"):
        parse_transfer_sets(text)


def test_a_named_set_must_be_there_and_not_the_run_s_own(tmp_path):
    config = small_config(data_dir=str(tmp_path))
    with pytest.raises(FileNotFoundError, match="cifar-10-batches-bin"):
        load_transfer_sets(config, ("cifar10",))
    with fails(ValueError, "--to toybox: expected another set than the one that the run learned"):
        load_transfer_sets(config, ("digits", "toybox"))


@pytest.mark.parametrize(("flags", "message"), [
    (["--protocol", "transfer", "--to", "digit"], "got 'digit', did you mean digits?"),
    (["--to", "digits"], "--to digits: only --protocol transfer and fewshot"),
    (["--protocol", "knn,robustness", "--to", "digits"], "--to digits: only --protocol")])
def test_mistakes_at_the_command_line_are_one_line(capsys, tmp_path, flags, message):
    status, out, err = run(capsys, "evaluate", tmp_path / "no run", *flags)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


# ---------------------------------------------------------------- the protocol


def test_the_rows():
    context = small_context(to=("digits", "toybox-neon"), dataset="cifar10")
    rows = transfer.transfer(context).rows
    ways = [("nnclr", "frozen"), ("random weights", "frozen"), ("raw pixels", "frozen"),
            ("nnclr", "fine-tuned"), ("random weights", "fine-tuned")]
    assert [(row["encoder"], row["to"], row["how"]) for row in rows] == [
        (encoder, to, how) for to in ("digits", "toybox-neon") for encoder, how in ways]
    assert all(list(row) == ["encoder", "to", "how", "accuracy", "chance"] for row in rows)
    assert all(0 <= row["accuracy"] <= 1 and row["chance"] == 0.1 for row in rows)
    assert transfer.transfer(context).rows == rows
    train, test = load_transfer_sets(context.config, ("digits",))[0]["digits"]
    x, y = encode(context.encoder, train.images), encode(context.encoder, test.images)
    strength = choose_strength(x, train.labels, np.random.default_rng(0))
    assert rows[0]["accuracy"] == linear_accuracy(x, train.labels, y, test.labels, strength)


def test_fine_tuning_learns_what_is_easy(monkeypatch):
    """Black or white: a few steps are enough, from pre-trained and from random weights."""
    labels = np.arange(60) % 2
    images = np.broadcast_to((labels * 255).astype(np.uint8)[:, None, None, None],
                             (60, 32, 32, 3)).copy()
    images[:, :16] = 255 - images[:, :16]  # halves, as brightness alone is taken away
    easy = Dataset(images, labels, ("a", "b"))
    monkeypatch.setattr(transfer, "STEPS", 60)
    monkeypatch.setattr(transfer, "load_transfer_sets", lambda *_: ({"easy": (easy, easy)}, ""))
    rows = transfer.transfer(small_context(dataset="cifar10")).rows
    assert [row["accuracy"] for row in rows] == [1.0] * 5
