"""Loading a folder of images: classes, splits, skipped files, cropping, and errors."""
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from one_line import fails
from PIL import Image

from tinynnclr.datasets import folder
from tinynnclr.datasets.folder import load_folder

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def picture(path, color, size=(40, 40), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **options)


@pytest.fixture
def pictures(tmp_path):
    """10 red cats, 5 blue dogs, and files that computers leave in folders."""
    for i in range(10):
        picture(tmp_path / "cat" / f"{i}.png", RED, (40 + i, 40))
    for i in range(5):
        picture(tmp_path / "dog" / f"{i}.bmp", BLUE, (8, 9))
    (tmp_path / ".git").mkdir()
    (tmp_path / "README.txt").write_text("hello", encoding="utf-8")
    (tmp_path / "cat" / ".hidden.png").write_text("no image", encoding="utf-8")
    (tmp_path / "cat" / "Thumbs.db").write_text("no image", encoding="utf-8")
    return tmp_path


def test_is_split_by_class(pictures):
    train, test = load_folder(pictures, size=16)
    assert train.images.shape == (12, 16, 16, 3)
    assert test.images.shape == (3, 16, 16, 3)
    for data in (train, test):
        assert data.class_names == ("cat", "dog")
        assert (data.images == np.array([RED, BLUE], np.uint8)[data.labels][:, None, None]).all()
    assert np.bincount(train.labels).tolist() == [8, 4]
    assert np.bincount(test.labels).tolist() == [2, 1]
    assert len(set(train.labels[:8].tolist())) == 2  # shuffled


def test_split_depends_on_the_seed_alone(tmp_path):
    for i in range(20):
        picture(tmp_path / "gray" / f"{i}.png", (i, i, i))
    first, again, other = (load_folder(tmp_path, size=4, test_fraction=0.5, seed=seed)
                           for seed in (0, 0, 1))
    ids = [set(test.images[:, 0, 0, 0].tolist()) for _, test in (first, again, other)]
    np.testing.assert_array_equal(first[0].images, again[0].images)
    assert ids[0] == ids[1] != ids[2]
    train_ids = set(first[0].images[:, 0, 0, 0].tolist())
    assert train_ids | ids[0] == set(range(20))
    assert len(train_ids) == len(ids[0]) == 10


@pytest.mark.parametrize("second", ["test", "val"])
def test_with_its_own_split(tmp_path, second):
    for i in range(3):
        picture(tmp_path / "train" / "a" / f"{i}.png", RED)
        picture(tmp_path / "train" / "b" / f"{i}.png", GREEN)
    picture(tmp_path / second / "b" / "x.png", GREEN)
    train, test = load_folder(tmp_path)
    assert sorted(train.labels.tolist()) == [0, 0, 0, 1, 1, 1]
    assert test.labels.tolist() == [1]
    assert test.class_names == ("a", "b")
    picture(tmp_path / second / "c" / "x.png", BLUE)
    with fails(ValueError, second, "c: expected a class"):
        load_folder(tmp_path)


def loaded(tmp_path, pixels, size=32):
    """The image that is loaded of a file with these pixels, which is in both splits."""
    for split in ("train", "test"):
        (tmp_path / split / "class").mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / split / "class" / "it.webp", lossless=True)
    return load_folder(tmp_path, size=size)[0].images[0]


def test_crops_the_central_square(tmp_path):
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, :32], wide[:, 32:64], wide[:, 64:] = RED, GREEN, BLUE
    assert (loaded(tmp_path, wide) == np.array(GREEN, np.uint8)).all()


def test_resizes_with_antialiasing(tmp_path):
    checkers = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert abs(loaded(tmp_path, checkers, size=16)[2:-2, 2:-2].astype(int) - 127).max() <= 3


def test_keeps_pixels_of_the_right_size(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(loaded(tmp_path, pixels), pixels)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_names_the_image_it_cannotdecode_image(pictures, content):
    (pictures / "dog" / "broken.png").write_bytes(content)
    with fails(ValueError, "broken.png", "cannot be decoded"):
        load_folder(pictures)


# Pillow warns above limit, raises above twice that
@pytest.mark.parametrize("limit", [90_000 - 1, 90_000 // 2 - 1])
def test_refuses_a_decompression_bomb(pictures, monkeypatch, limit):
    picture(pictures / "dog" / "bomb.png", RED, (300, 300))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with fails(ValueError, "bomb.png", "cannot be decoded"):
        load_folder(pictures)


def test_mistakes(pictures, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with fails(FileNotFoundError, "nowhere", "sub-folder"):
        load_folder(empty / "nowhere")
    with fails(NotADirectoryError, "README.txt"):
        load_folder(pictures / "README.txt")
    picture(empty / "0.png", RED)
    with fails(ValueError, "empty", "expected one sub-folder of images per class, got no sub-fold"):
        load_folder(empty)
    (empty / "class").mkdir()
    with fails(ValueError, "class", "expected images", "got none"):
        load_folder(empty)
    picture(empty / "class" / "single.png", RED)
    with fails(ValueError, "class", "at least 2 images"):
        load_folder(empty)
    with fails(ValueError, "size: expected at least 1, got 0"):
        load_folder(pictures, size=0)
    for fraction in (0, 1, -0.5, float("nan")):
        with fails(ValueError, "test_fraction", "between 0 and 1"):
            load_folder(pictures, test_fraction=fraction)


@pytest.mark.parametrize(("count", "shown"), [(500, True), (501, None)])
def test_shows_its_progress_when_it_takes_long(tmp_path, monkeypatch, count, shown):
    seen = []
    monkeypatch.setattr(folder, "decode_image", lambda file, size: 0)
    monkeypatch.setattr(folder, "tqdm", lambda items, disable, **kw: seen.append(disable) or items)
    folder._load({"class": [Path("x.png")] * count}, ("class",), 1, np.random.default_rng(0))
    assert seen == [shown]


def skipped(capsys):
    """The lines on stderr, which loading wrote."""
    return capsys.readouterr().err.splitlines()


def test_counts_what_it_skips(pictures, capsys):
    (pictures / "dog" / "deep" / "deeper").mkdir(parents=True)
    for name in ("a.heic", "b.HEIC", "deep/c.png", "deep/deeper/d.png", "no_suffix"):
        (pictures / "dog" / name).write_bytes(b"")
    load_folder(pictures, size=2)
    assert skipped(capsys) == [f"folder:{pictures}: skipped 8 files: 2 .heic, 2 in deeper folders, "
                               "1 hidden, 1 .db, 1 without a suffix, 1 of other kinds; convert "
                               "such images to .png or .jpg"]


def test_says_nothing_where_nothing_is_skipped(tmp_path, capsys):
    for i in range(2):
        picture(tmp_path / "class" / f"{i}.PNG", RED)
    load_folder(tmp_path, size=2)
    assert skipped(capsys) == []


def test_counts_beside_the_splits(tmp_path, capsys):
    for split in ("train", "test", "val"):
        picture(tmp_path / split / "a" / "0.png", RED)
    picture(tmp_path / "train" / "0.png", RED)
    load_folder(tmp_path, size=2)
    assert skipped(capsys) == [f"folder:{tmp_path}: skipped 2 files: 1 beside the class folders, 1 "
                               "beside train and test"]


def test_a_class_of_other_files_only(tmp_path):
    picture(tmp_path / "b" / "0.png", RED)
    (tmp_path / "a").mkdir()
    for i in range(3):
        (tmp_path / "a" / f"{i}.heic").write_bytes(b"")
    with fails(ValueError, "a: expected images", "got none; skipped 3 files: 3 .heic; convert such "
               "images to .png"):
        load_folder(tmp_path)


@pytest.mark.parametrize("path", ["~nosuchuser/x", "~nosuchuser", "a\0b", "x" * 5000])
def test_a_path_that_leads_nowhere(path):
    with pytest.raises((OSError, ValueError), match=r"^[^\n]+\Z"):
        load_folder(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows gives few users the right to make "
                    "symbolic links")
def test_links_are_not_followed_in_circles(pictures, capsys):
    try:
        (pictures / "cat" / "up").symlink_to(pictures, target_is_directory=True)
        (pictures / "cat" / "self.png").symlink_to(pictures / "cat" / "self.png")
    except OSError:
        pytest.skip("no right to make links here")
    load_folder(pictures, size=2)
    (line,) = skipped(capsys)
    assert "1 in deeper folders" in line
    assert "1 no regular files" in line


def test_names_that_are_no_text(tmp_path):
    try:
        for name in (b"caf\xe9", b"tea"):
            for i in range(2):
                picture(tmp_path / os.fsdecode(name) / os.fsdecode(b"\xff%d.png" % i), RED)
    except (OSError, UnicodeError):
        pytest.skip("file names are text here")
    train, _ = load_folder(tmp_path, size=2)
    assert train.class_names == ("caf\\xe9", "tea")


def test_files_without_rights(pictures, monkeypatch):
    def forbidden(file, **options):
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(folder.Image, "open", forbidden)  # chmod forbids the superuser nothing
    with fails(ValueError, r"cannot be decoded as an image \(Permission denied\)"):
        load_folder(pictures)
