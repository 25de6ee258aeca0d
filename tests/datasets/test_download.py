"""Downloads end to end: checked, unpacked, there whole or not at all; no failure leaves more than a
.part.
"""
import hashlib
import io
import tarfile

import numpy as np
import pytest
from flaky_server import NEW, running
from one_line import fails

from tinynnclr.datasets import download as module
from tinynnclr.datasets.download import SOURCES, DownloadError, Published, Source, download
from tinynnclr.datasets.download import http as transfer

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
    sources = {"cifar10": Source("tiny", nowhere, (published("tiny.tar.gz", TAR),),
                                 {"a.bin": len(BYTES), "b.bin": 3}),
               "fashion_mnist": Source("pair", nowhere,
                                       tuple(published(*item) for item in PAIR.items())),}
    monkeypatch.setattr(module, "SOURCES", sources)
    monkeypatch.setattr(transfer, "TIMEOUT", 5)
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


# ------------------------------------------------------------------------------------------------
# what works


@pytest.mark.parametrize("path", ["tiny.tar.gz", ""])
def test_fetches_unpacks_and_cleans_up(tmp_path, server, path):
    folder = fetch(tmp_path, server, path)
    assert folder == tmp_path / "data" / "tiny"
    check(folder)
    assert server.log == [("/tiny.tar.gz", None, 200, len(TAR))]


def test_already_there_asks_nobody(tmp_path, server, capsys):
    folder = fetch(tmp_path, server)
    (folder / "mine.txt").write_text("kept", encoding="utf-8")
    assert fetch(tmp_path, server) == folder
    assert "already there" in capsys.readouterr().out
    assert (folder / "mine.txt").exists()
    assert len(server.log) == 1


@pytest.mark.parametrize("slash", ["", "/"])
def test_several_files_are_kept_as_they_come(tmp_path, server, slash):
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


def test_local_file(tmp_path):
    path = tmp_path / "anything.tgz"
    path.write_bytes(TAR)
    check(download("cifar10", tmp_path / "data", archive=path))
    assert path.read_bytes() == TAR


def test_local_folder(tmp_path):
    for name, content in PAIR.items():
        (tmp_path / name).write_bytes(content)
    folder = download("fashion_mnist", tmp_path / "data", archive=str(tmp_path))
    assert files(tmp_path) == ["data/pair/one.gz", "data/pair/two.gz", "one.gz", "two.gz"]
    assert (folder / "two.gz").read_bytes() == PAIR["two.gz"]


def test_no_checksum_takes_other_bytes_and_says_so(tmp_path, server, capsys):
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


def test_a_complete_part_is_not_fetched_again(tmp_path, server):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tiny.tar.gz.part").write_bytes(TAR)
    check(fetch(tmp_path, server))
    assert server.log == []


def test_only_the_file_that_failed_is_fetched_again(tmp_path, server):
    missing = server.files.pop("two.gz")
    with fails(DownloadError, "two.gz: HTTP 404"):
        download("fashion_mnist", tmp_path, url=server.url, allow_http=True)
    assert files(tmp_path) == ["one.gz.part"]
    server.files["two.gz"] = missing
    download("fashion_mnist", tmp_path, url=server.url, allow_http=True)
    assert [path for path, *_ in server.log] == ["/one.gz", "/two.gz", "/two.gz"]
    assert files(tmp_path) == ["pair/one.gz", "pair/two.gz"]


# ------------------------------------------------------------------------------------------------
# what stops half-way


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")],
                         ids=["^C", "full"])
def test_a_stop_while_unpacking_leaves_no_half(tmp_path, server, monkeypatch, name, error):
    calls = []

    def second_fails(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise error

    expected = fails(DownloadError,
                     "No space left on device") if error.args else pytest.raises(KeyboardInterrupt)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", second_fails)
        with expected:
            fetch(tmp_path, server, "", name)
    assert all(p.suffix == ".part" for p in (tmp_path / "data").iterdir())
    requests = len(server.log)
    folder = fetch(tmp_path, server, "", name)
    assert len(server.log) == requests  # the finished parts were enough
    assert list((tmp_path / "data").iterdir()) == [folder]


# ------------------------------------------------------------------------------------------------
# what is refused


def test_wrong_checksum_says_both_and_starts_clean(tmp_path, server):
    server.files["tiny.tar.gz"] = TAR[:-1] + b"!"
    wrong = hashlib.md5(server.files["tiny.tar.gz"]).hexdigest()
    with fails(DownloadError, f"expected the MD5 {hashlib.md5(TAR).hexdigest()}, got {wrong}",
               "--no-checksum"):
        fetch(tmp_path, server)
    assert files(tmp_path) == []


def test_two_files_glued_by_a_careless_server_fail_the_checksum_once(tmp_path, server):
    server.files["tiny.tar.gz"], server.cut = bytes(len(TAR)), 30_000
    with fails(DownloadError, "broke off"):
        fetch(tmp_path, server)
    server.files["tiny.tar.gz"], server.cut, server.modified, server.if_range = TAR, None, NEW, False
    with fails(DownloadError, "MD5"):
        fetch(tmp_path, server)
    assert files(tmp_path) == []
    check(fetch(tmp_path, server))


@pytest.mark.parametrize("announce", [True, False])
def test_wrong_size(tmp_path, server, announce):
    server.announce, server.files["tiny.tar.gz"] = announce, TAR + bytes(2_000_000)
    with fails(DownloadError, f"expected {len(TAR)} bytes", "--no-checksum"):
        fetch(tmp_path, server)
    assert files(tmp_path) == []


def test_404_and_no_server(tmp_path, server):
    with fails(DownloadError, "HTTP 404", "--url", "--from"):
        fetch(tmp_path, server, "nowhere.tar.gz")
    assert files(tmp_path) == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "data.tar.gz",
                                 "//host/x"])
def test_other_kinds_of_address(tmp_path, url):
    with fails(DownloadError, "url: expected https://", "--from"):
        download("cifar10", tmp_path, url=url)


def test_unsafe_archive_is_refused_and_removed(tmp_path, server):
    server.files["tiny.tar.gz"] = tar(**{"a": BYTES, "b": b"bbb", "../../../evil": b"x"})
    with fails(DownloadError, "refused", "evil"):
        fetch(tmp_path, server, checksum=False)
    assert list((tmp_path / "data").iterdir()) == []


def test_unsafe_local_archive_is_refused_and_kept(tmp_path):
    path = tmp_path / "local.tar.gz"
    path.write_bytes(tar(a=BYTES + b"too long", b=b"bbb"))
    with fails(DownloadError, "local.tar.gz: refused", "claims"):
        download("cifar10", tmp_path / "data", archive=path, checksum=False)
    assert files(tmp_path) == ["local.tar.gz"]


def test_missing_member(tmp_path, server):
    server.files["tiny.tar.gz"] = tar(a=BYTES)
    with fails(DownloadError, "expected the file 'tiny/b.bin'"):
        fetch(tmp_path, server, checksum=False)
    assert list((tmp_path / "data").iterdir()) == []


def test_local_file_boundaries(tmp_path):
    with fails(DownloadError, "archive: expected a file", "nowhere"):
        download("cifar10", tmp_path / "data", archive=tmp_path / "nowhere")
    with fails(DownloadError, "archive: expected a file", "tiny.tar.gz"):
        download("cifar10", tmp_path / "data", archive=tmp_path)
    (tmp_path / "cut.tar.gz").write_bytes(TAR[:-1])
    with fails(DownloadError, f"expected {len(TAR)} bytes, got {len(TAR) - 1}"):
        download("cifar10", tmp_path / "data", archive=tmp_path / "cut.tar.gz")
    with fails(DownloadError, "archive: expected the folder that holds one.gz"):
        download("fashion_mnist", tmp_path / "data", archive=tmp_path / "cut.tar.gz")
    assert files(tmp_path) == ["cut.tar.gz"]


def test_a_folder_with_a_gap_is_left_alone(tmp_path, server):
    (tmp_path / "data" / "tiny").mkdir(parents=True)
    (tmp_path / "data" / "tiny" / "a.bin").write_bytes(b"mine")
    with fails(DownloadError, "tiny", "lacks b.bin", "move it away"):
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


def test_a_missing_archive_leaves_no_folder_behind(tmp_path):
    with pytest.raises(DownloadError, match="not there"):
        download("cifar10", tmp_path / "data", archive=tmp_path / "missing.tar.gz")
    assert not (tmp_path / "data").exists()
