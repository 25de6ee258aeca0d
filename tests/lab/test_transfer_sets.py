"""The other sets that an encoder is judged on: which there are, what is left out, how large they
are, what is new.
"""
import numpy as np
import pytest
from command_line import run, write_pictures
from small import small_config

from tinynnclr.datasets import toybox
from tinynnclr.lab.protocols import transfer_sets as others


@pytest.fixture(autouse=True)
def small_sets(monkeypatch):
    monkeypatch.setattr(others, "TRAIN", 40)
    monkeypatch.setattr(others, "TEST", 20)


def write_cifar10(folder, rng, n=60):
    """The official files' format: a label byte, then 3072 of pixels; the labels go round."""
    folder = folder / "cifar-10-batches-bin"
    folder.mkdir()
    for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
        records = rng.integers(0, 256, (n, 3073), np.uint8)
        records[:, 0] = np.arange(n) % 10
        records.tofile(folder / name)
    (folder / "batches.meta.txt").write_text("\n".join("abcdefghij"), encoding="utf-8")


def test_all_that_need_no_files_are_at_least_six(tmp_path):
    sets, said = others.other_sets(small_config(data_dir=str(tmp_path)))
    drawn = ["digits", *others.STYLES, "toybox-kinds"]
    # which may be installed on this machine
    there = [name for name in sets if name != "fashion_mnist"]
    assert there == drawn
    assert len(drawn) == 6
    assert "Left out, as their files are not there: cifar10, cifar100" in said
    for name in drawn:
        train, test = sets[name]
        assert (len(train), len(test)) == (40, 20)


def test_sets_that_are_there_are_cut_to_a_balanced_part(tmp_path, rng):
    write_cifar10(tmp_path, rng)
    sets, said = others.other_sets(small_config(data_dir=str(tmp_path)))
    train, test = sets["cifar10"]
    assert np.bincount(train.labels).tolist() == [4] * 10
    assert np.bincount(test.labels).tolist() == [2] * 10
    assert "cifar10," not in said
    sets, _ = others.other_sets(small_config(data_dir=str(tmp_path), dataset="cifar10"))
    assert "cifar10" not in sets  # the run's own
    assert "toybox" in sets


def test_what_is_drawn_was_never_seen_by_a_run():
    sets, _ = others.other_sets(small_config(), ("toybox-night", "toybox-kinds"))
    for name, style in (("toybox-night", "night"), ("toybox-kinds", "day")):
        for split, data in zip(("train", "test"), sets[name], strict=True):
            seen = toybox.make(1000, split=split, style=style).images
            assert not any((image == seen).all((1, 2, 3)).any() for image in data.images)


def test_kinds_number_all_kinds_of_all_classes_in_order():
    toys, data = toybox.make(200, 5, split="test"), others.kinds("test", 200, 5)
    np.testing.assert_array_equal(data.images, toys.images)
    assert [data.class_names[label] for label in data.labels] == \
        [toybox.KIND_NAMES[c][k] for c, k in zip(toys.labels, toys.kinds, strict=True)]


def test_a_folder(tmp_path):
    write_pictures(tmp_path / "mine", classes=3, each=20)
    sets, _ = others.other_sets(small_config(), others.parse_others(f"folder:{tmp_path / 'mine'}"))
    train, test = sets["folder:mine"]  # nobody's business where it lies
    assert train.images.shape[1:] == (32, 32, 3)
    assert len(train) == 40
    assert len(test) <= 20
    twice = (f"folder:{tmp_path}/mine", f"folder:{tmp_path}/x/../mine")
    with pytest.raises(ValueError, match="x/../mine: expected folders of different names, got two "
                       "of folder:mine"):
        others.other_sets(small_config(), twice)


def test_names_in_order_and_once():
    assert others.parse_others("digits, cifar10,digits,folder:a b") == ("digits", "cifar10",
                                                                        "folder:a b")


@pytest.mark.parametrize(("text", "got"), [("digit", "'digit', did you mean digits"), ("", "''"),
                                           ("folder:", "'folder:'"), ("digits,x", "'x'")])
def test_unknown_names(text, got):
    with pytest.raises(ValueError, match="^--to: expected some of cifar10, .*, folder:PATH; got "
                       f"{got}"):
        others.parse_others(text)


def test_what_was_asked_for_must_be_there(tmp_path):
    config = small_config(data_dir=str(tmp_path))
    with pytest.raises(FileNotFoundError, match="cifar-10-batches-bin"):
        others.other_sets(config, ("cifar10",))
    with pytest.raises(ValueError, match="^--to toybox: expected another set than the one that the "
                       "run learned from"):
        others.other_sets(config, ("digits", "toybox"))


@pytest.mark.parametrize(("flags", "said"),
                         [(["--protocol", "transfer", "--to", "digit"],
                           "got 'digit', did you mean digits?"),
                          (["--to", "digits"], "--to digits: it is for --protocol transfer and "
                           "fewshot; add one of them"),
                          (["--protocol", "knn,robustness", "--to", "digits"],
                           "--to digits: it is for --protocol transfer and fewshot")])
def test_mistakes_at_the_command_line_are_one_line(capsys, tmp_path, flags, said):
    status, out, err = run(capsys, "evaluate", tmp_path / "no run", *flags)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
