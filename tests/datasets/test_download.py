"""Downloads end to end: a data set is there whole or not at all; a failure leaves at most .part."""
import hashlib
import io
import os
import tarfile

import numpy as np
import pytest
from flaky_server import running
from one_line import fails

from tinynnclr.datasets import download as module
from tinynnclr.datasets.download import SOURCES, DownloadError, Published, Source, download, http

BYTES = np.random.default_rng(0).bytes(50_000)


def tar(**members):
    """A .tar.gz of tiny/NAME.bin files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"tiny/{name}.bin")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


TAR = tar(a=BYTES, b=b"bbb")
PAIR = {"one.gz": BYTES[:9000], "two.gz": BYTES[9000:]}


def published(name, content):
    return Published(name, len(content), hashlib.md5(content).hexdigest())


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    """Two small sources in place of the real ones; no proxy, and an address that leads nowhere."""
    nowhere = "https://127.0.0.1:9/"
    monkeypatch.setattr(module, "SOURCES", {
        "cifar10": Source("tiny", nowhere, (published("tiny.tar.gz", TAR),),
                          {"a.bin": len(BYTES), "b.bin": 3}),
        "fashion_mnist": Source("pair", nowhere,
                                tuple(published(*item) for item in PAIR.items()))})
    monkeypatch.setattr(http, "TIMEOUT", 5)
    monkeypatch.setenv("no_proxy", "*")
    for name in ("CIFAR10", "FASHION_MNIST"):
        monkeypatch.delenv(f"TINYNNCLR_{name}_URL", raising=False)


@pytest.fixture
def server():
    with running({"tiny.tar.gz": TAR, **PAIR}) as server:
        yield server


def fetch(tmp_path, server, path="tiny.tar.gz", name="cifar10", **options):
    return download(name, tmp_path / "data", url=server.url + path,
                    **{"allow_http": True, **options})


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def check(folder):
    """The data set is there, and nothing beside it."""
    assert (folder / "a.bin").read_bytes() == BYTES
    assert (folder / "b.bin").read_bytes() == b"bbb"
    assert sorted(p.name for p in folder.iterdir()) == ["a.bin", "b.bin"]
    assert [p.name for p in folder.parent.iterdir()] == ["tiny"]


# ---------------------------------------------------------------- what works


@pytest.mark.parametrize("path", ["tiny.tar.gz", ""])
def test_fetches_once_unpacks_and_cleans_up(tmp_path, server, path, capsys):
    folder = fetch(tmp_path, server, path)
    assert folder == tmp_path / "data" / "tiny"
    check(folder)
    (folder / "mine.txt").write_text("kept", encoding="utf-8")
    assert fetch(tmp_path, server) == folder
    assert "already there" in capsys.readouterr().out
    assert (folder / "mine.txt").exists()
    assert server.log == [("/tiny.tar.gz", None, 200, len(TAR))]


@pytest.mark.parametrize("slash", ["", "/"])
def test_several_files_are_stored_as_they_are(tmp_path, server, slash):
    folder = download("fashion_mnist", tmp_path, url=server.url.rstrip("/") + slash,
                      allow_http=True)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == PAIR
    assert files(tmp_path) == ["pair/one.gz", "pair/two.gz"]
    (folder / "one.gz").rename(folder / "one")  # unzipped by hand
    assert download("fashion_mnist", tmp_path, url=server.url, allow_http=True) == folder
    assert len(server.log) == 2


def test_the_address_comes_from_the_environment(tmp_path, server, monkeypatch):
    monkeypatch.setenv("TINYNNCLR_CIFAR10_URL", server.url)
    with fails(DownloadError, "expected https", "--allow-http"):
        download("cifar10", tmp_path)
    check(download("cifar10", tmp_path, allow_http=True))


def test_a_local_file_or_folder(tmp_path):
    for name, content in {"anything.tgz": TAR, **PAIR}.items():
        (tmp_path / name).write_bytes(content)
    check(download("cifar10", tmp_path / "data", archive=tmp_path / "anything.tgz"))
    folder = download("fashion_mnist", tmp_path / "data", archive=str(tmp_path))
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == PAIR
    assert {"anything.tgz", *PAIR} <= set(files(tmp_path))


def test_no_checksum_accepts_other_bytes_and_says_so(tmp_path, server, capsys):
    server.files["tiny.tar.gz"] = tar(a=b"other", b=b"")
    folder = fetch(tmp_path, server, checksum=False)
    assert (folder / "a.bin").read_bytes() == b"other"
    assert files(tmp_path) == ["data/tiny/a.bin", "data/tiny/b.bin"]
    assert "checksum not compared" in capsys.readouterr().out


@pytest.mark.parametrize("checksum", [True, False])
def test_truncated_then_resumed(tmp_path, server, checksum):
    server.cut = 30_000
    with fails(DownloadError, "broke off", "resume"):
        fetch(tmp_path, server, checksum=checksum)
    assert files(tmp_path) == ["data/tiny.tar.gz.part"]
    server.cut = None
    check(fetch(tmp_path, server, checksum=checksum))
    assert server.log[1] == ("/tiny.tar.gz", "bytes=30000-", 206, len(TAR) - 30_000)


def test_only_the_file_that_failed_is_fetched_again(tmp_path, server):
    missing = server.files.pop("two.gz")
    with fails(DownloadError, "two.gz: HTTP 404"):
        download("fashion_mnist", tmp_path, url=server.url, allow_http=True)
    assert files(tmp_path) == ["one.gz.part"]
    server.files["two.gz"] = missing
    download("fashion_mnist", tmp_path, url=server.url, allow_http=True)
    assert [path for path, *_ in server.log] == ["/one.gz", "/two.gz", "/two.gz"]
    assert files(tmp_path) == ["pair/one.gz", "pair/two.gz"]


# ---------------------------------------------------------------- what stops half-way


def stop_at(function, call, error, monkeypatch):
    """The function raises the error at this call, counted from 1."""
    calls = []

    def stopping(*args):
        calls.append(args)
        if len(calls) >= call:
            raise error

    monkeypatch.setattr(os, function, stopping)


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
@pytest.mark.parametrize(("function", "call", "error"), [
    ("fsync", 2, KeyboardInterrupt()), ("fsync", 2, OSError(28, "No space left on device")),
    ("replace", 1, PermissionError(13, "Access is denied"))], ids=["^C", "full", "held open"])
def test_a_stop_while_unpacking_leaves_no_half(tmp_path, server, monkeypatch, name, function, call,
                                               error):
    monkeypatch.setattr("tinynnclr.storage.atomic.PATIENCE", 0)
    with monkeypatch.context() as patch:
        stop_at(function, call, error, patch)
        with (fails(DownloadError, error.strerror) if isinstance(error, OSError)
              else pytest.raises(KeyboardInterrupt)):
            fetch(tmp_path, server, "", name)
    assert all(p.suffix == ".part" for p in (tmp_path / "data").iterdir())
    requests = len(server.log)
    folder = fetch(tmp_path, server, "", name)
    assert len(server.log) == requests  # the finished parts were enough
    assert list((tmp_path / "data").iterdir()) == [folder]


# ---------------------------------------------------------------- what is refused


def test_a_wrong_checksum_is_reported_and_the_next_try_starts_over(tmp_path, server):
    """Here, the file has changed on the server between the two halves of a download."""
    server.files["tiny.tar.gz"], server.cut = bytes(len(TAR)), 30_000
    with fails(DownloadError, "broke off"):
        fetch(tmp_path, server)
    server.files["tiny.tar.gz"], server.cut = TAR, None
    wrong = hashlib.md5(bytes(30_000) + TAR[30_000:]).hexdigest()
    with fails(DownloadError, f"expected the MD5 {hashlib.md5(TAR).hexdigest()}, got {wrong}",
               "--no-checksum"):
        fetch(tmp_path, server)
    assert files(tmp_path) == []
    check(fetch(tmp_path, server))


def test_a_failed_request_leaves_nothing(tmp_path, server):
    server.files["larger.tar.gz"] = TAR + bytes(2_000_000)
    for path, words in (("nowhere.tar.gz", "HTTP 404"), ("larger.tar.gz", "--no-checksum")):
        with fails(DownloadError, words):
            fetch(tmp_path, server, path)
        assert files(tmp_path) == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "data.tar.gz",
                                 "//host/x"])
def test_other_kinds_of_address(tmp_path, url):
    with fails(DownloadError, "url: expected https://", "--from"):
        download("cifar10", tmp_path / "data", url=url)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("local", [True, False])
def test_an_archive_of_other_files_is_refused(tmp_path, server, local):
    """A downloaded one is removed, a local one is kept."""
    path = tmp_path / "tiny.tar.gz"
    server.files[path.name] = tar(a=BYTES)
    path.write_bytes(server.files[path.name])
    with fails(DownloadError, "expected a file 'tiny/b.bin'"):
        fetch(tmp_path, server, checksum=False, archive=path if local else None)
    assert files(tmp_path) == ["tiny.tar.gz"]


def test_mistakes_about_local_files(tmp_path):
    (tmp_path / "cut.tar.gz").write_bytes(TAR[:-1])
    for name, archive, words in (
            ("cifar10", "nowhere", "archive: expected a file.*nowhere"),
            ("cifar10", "", "archive: expected a file.*tiny.tar.gz"),
            ("cifar10", "cut.tar.gz", f"expected {len(TAR)} bytes, got {len(TAR) - 1}"),
            ("fashion_mnist", "cut.tar.gz", "archive: expected the folder with one.gz")):
        with fails(DownloadError, words):
            download(name, tmp_path / "data", archive=tmp_path / archive)
    assert os.listdir(tmp_path) == ["cut.tar.gz"]


def test_a_folder_that_lacks_a_file_is_left_alone(tmp_path, server):
    (tmp_path / "data" / "tiny").mkdir(parents=True)
    (tmp_path / "data" / "tiny" / "a.bin").write_bytes(b"mine")
    with fails(DownloadError, "tiny", "has no b.bin", "move it away"):
        fetch(tmp_path, server)
    assert (tmp_path / "data" / "tiny" / "a.bin").read_bytes() == b"mine"
    assert server.log == []


def test_data_dir_that_cannot_be(tmp_path, server):
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    with fails(DownloadError, "data: "):
        fetch(tmp_path, server)


def test_unknown_name(tmp_path):
    with fails(ValueError, "name: expected one of cifar10, fashion_mnist, got 'toybox'"):
        download("toybox", tmp_path)


def test_the_real_sources_are_complete():
    assert set(SOURCES) == {"cifar10", "cifar100", "fashion_mnist"}
    for source in SOURCES.values():
        assert source.url.startswith("https://")
        assert source.url.endswith("/")
        assert all(len(file.md5) == 32 and file.size > 0 for file in source.files)
        assert bool(source.members) == (len(source.files) == 1)
