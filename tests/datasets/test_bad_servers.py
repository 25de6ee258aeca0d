"""Servers that never end, trickle, lie or lead astray: each ends in one line, soon, and what is
useful is kept.
"""
import itertools
import os
import signal
import threading
import time

import pytest
from flaky_server import answering, forever, head
from one_line import fails

from tinynnclr.cli import commands as cli
from tinynnclr.datasets.download import SOURCES, download
from tinynnclr.datasets.download import http as module
from tinynnclr.datasets.download.http import DownloadError, transfer

BODY = bytes(range(256)) * 40
SIZE = len(BODY)
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(autouse=True)
def _bounded(monkeypatch):
    for name, value in {"TIMEOUT": 5, "WINDOW": 0.1, "HEADERS": 200_000}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def part(tmp_path):
    return tmp_path / "file.part"


def slowly(data):
    for byte in data:
        yield bytes([byte])
        time.sleep(0.005)


def fetch(port, part, size=SIZE, **options):
    transfer(f"http://127.0.0.1:{port}/file", part, size, **options)


# ------------------------------------------------------------------------------------------------
# too slow


@pytest.mark.parametrize("size", [SIZE, None])
def test_a_byte_at_a_time_is_given_up_and_resumed(part, size):
    date = "Wed, 10 Jun 2009 12:00:00 GMT"
    with answering(itertools.chain([head(Content_Length=SIZE, Last_Modified=date)], slowly(BODY))) as (port, _), \
            fails(DownloadError, "broke off", "slower than 1000 bytes a second", "run this again to resume"):
        fetch(port, part, size)
    have = part.stat().st_size
    assert part.read_bytes() == BODY[:have]
    rest = (f"HTTP/1.1 206 Partial\r\nContent-Length: {SIZE - have}\r\n"
            f"Content-Range: bytes {have}-{SIZE - 1}/{SIZE}\r\n\r\n").encode() + BODY[have:]
    with answering(rest) as (port, requests):
        fetch(port, part, size)
    assert f"Range: bytes={have}-" in requests[0]
    assert date in requests[0]
    assert part.read_bytes() == BODY


@pytest.mark.parametrize("start", [b"", OK, OK + b"X-Word: ", b"HTTP/1.1 100 Continue\r\n"])
def test_headers_a_byte_at_a_time_are_given_up(part, start):
    with answering(itertools.chain([start], slowly(b"HTTP/1.1 100 a" * 200))) as (port, _), \
            fails(DownloadError, "no connection", "slower than 1000 bytes a second"):
        fetch(port, part)
    assert not part.exists()


def test_a_pause_is_no_reason_to_give_up(part):
    def pausing():
        yield head(Content_Length=SIZE) + BODY[:5000]
        time.sleep(0.15)
        yield BODY[5000:]

    with answering(pausing()) as (port, _):
        fetch(port, part)
    assert part.read_bytes() == BODY


# ------------------------------------------------------------------------------------------------
# without end


@pytest.mark.parametrize(("start", "again"), [(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
                                              (b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"),
                                              (OK, b"X: y\r\n"), (OK + b"X: ", b"y"),
                                              (OK, b" folded\r\n"), (b"", b"x"), (b"", b"\r\n")])
def test_headers_without_end(part, start, again):
    with answering(itertools.chain([start], forever(again))) as (port, _), fails(DownloadError,
                                                                                 "no connection"):
        fetch(port, part)
    assert not part.exists()


@pytest.mark.parametrize("size", [SIZE, None])
def test_trailers_without_end(part, size):
    start = head(Transfer_Encoding="chunked") + b"2800\r\n" + BODY + b"\r\n0\r\n"
    with answering(itertools.chain([start], forever(b"X: y\r\n"))) as (port, _), \
            fails(DownloadError, "broke off", "sent more than was expected"):
        fetch(port, part, size, most=SIZE)


@pytest.mark.parametrize("start", [head(), head(Transfer_Encoding="chunked"),
                                   head(Content_Length=-1), head(Content_Length="x")])
def test_a_body_without_end(part, start):
    piece = b"2800\r\n" + BODY + b"\r\n" if b"chunked" in start else BODY
    with answering(itertools.chain([start], forever(piece))) as (port, _), \
            fails(DownloadError, "expected at most 50000 bytes, the server sent more", "--from"):
        fetch(port, part, None, most=50_000)
    assert not part.exists()


def test_a_download_without_checksum_has_a_limit(tmp_path):
    with answering(itertools.chain([head()], forever(BODY))) as (port, _), \
            fails(DownloadError, "t10k-labels", "expected at most 1010296 bytes"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(SOURCES, "fashion_mnist", module_source("t10k-labels-idx1-ubyte.gz"))
            download("fashion_mnist", tmp_path, url=f"http://127.0.0.1:{port}/", checksum=False,
                     allow_http=True)
    assert list(tmp_path.iterdir()) == []


def module_source(name):
    """Fashion-MNIST with one of its files only."""
    source = SOURCES["fashion_mnist"]
    files = tuple(file for file in source.files if file.name == name)
    return type(source)(source.folder, source.url, files)


def test_the_page_of_a_redirect_is_not_read(part):
    page = b"HTTP/1.1 302 Found\r\nLocation: /file\r\n\r\n"
    with answering(itertools.chain([page], forever(BODY)),
                   head(Content_Length=SIZE) + BODY) as (port, _):
        fetch(port, part)
    assert part.read_bytes() == BODY


# ------------------------------------------------------------------------------------------------
# lies


@pytest.mark.parametrize(("length", "words"), [(10**15, "the server has 1000000000000000"),
                                               ("9" * 400, "the server has 999"),
                                               (SIZE + 1, "the server has"),
                                               (SIZE - 1, "the server has"),
                                               (0, "the server has 0")])
def test_another_length_is_refused(part, length, words):
    with answering(head(Content_Length=length) + BODY) as (port, _), \
            fails(DownloadError, f"expected {SIZE} bytes", words):
        fetch(port, part)
    assert not part.exists()


@pytest.mark.parametrize("length", [10**15, "9" * 400, 50_001])
def test_a_length_over_the_limit_is_refused_at_once(part, length):
    with answering(head(Content_Length=length) + BODY) as (port, _), \
            fails(DownloadError, "expected at most 50000 bytes", "the server has"):
        fetch(port, part, None, most=50_000)
    assert not part.exists()


def test_less_than_the_length_can_be_resumed(part):
    with answering(head(Content_Length=SIZE) + BODY[:100]) as (port, _), \
            fails(DownloadError, f"broke off after 100 of {SIZE} bytes", "resume"):
        fetch(port, part, None)
    assert part.read_bytes() == BODY[:100]


@pytest.mark.parametrize("place", ["bytes 0-99/10240", "bytes 101-10239/10240",
                                   "bytes 100-99/10240", "bytes */10240", "bytes 100-10239/50",
                                   "bytes -5-10239/10240", "garbage", "bytes 100-10239/*", ""])
@pytest.mark.parametrize("size", [SIZE, None])
def test_a_wrong_range_starts_over(part, place, size):
    part.write_bytes(BODY[:100])
    wrong = f"HTTP/1.1 206 Partial\r\nContent-Range: {place}\r\nContent-Length: 9\r\n\r\n123456789".encode()
    with answering(wrong, head(Content_Length=SIZE) + BODY) as (port, requests):
        fetch(port, part, size)
    assert part.read_bytes() == BODY
    assert ["Range: bytes" in request for request in requests] == [True, False]


def test_a_server_that_sends_a_piece_of_the_rest(part):
    part.write_bytes(BODY[:100])
    piece = (f"HTTP/1.1 206 Partial\r\nContent-Range: bytes 100-199/{SIZE}\r\nContent-Length: "
             "100\r\n\r\n").encode()
    with answering(piece + BODY[100:200]) as (port, _), fails(DownloadError, f"broke off after 200 of {SIZE} bytes"):
        fetch(port, part, None)
    assert part.read_bytes() == BODY[:200]


@pytest.mark.parametrize("status", ["206 Partial", "204 No Content", "203 Changed"])
def test_another_status_than_200_is_refused(part, status):
    with answering(f"HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nabc".encode()) as (port, _), \
            fails(DownloadError, f"expected HTTP 200, got {status[:3]}"):
        fetch(port, part, None)
    assert not part.exists()


def test_a_date_beyond_all_years(part):
    with answering(head(Content_Length=SIZE, Last_Modified="Fri, 31 Dec 9999 23:59:59 GMT")
                   + BODY) as (port, _):
        fetch(port, part)
    assert part.read_bytes() == BODY


def test_a_label_of_gzip_changes_nothing(part):
    """Some servers label each .tar.gz so: the bytes are the file's."""
    with answering(head(Content_Length=SIZE, Content_Encoding="x-gzip") + BODY) as (port, requests):
        fetch(port, part)
    assert part.read_bytes() == BODY
    assert "Accept-Encoding: identity" in requests[0]


@pytest.mark.skipif(os.name == "nt", reason="a process cannot send itself Ctrl-C alone there")
def test_a_real_ctrl_c_ends_in_one_line_and_can_be_resumed(tmp_path, capsys):
    name, length = SOURCES["cifar10"].files[0].name, SOURCES["cifar10"].files[0].size

    def pressing():
        yield head(Content_Length=length) + bytes(100_000)
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.1)

    with answering(pressing(), b"HTTP/1.1 404 Gone\r\n\r\n") as (port, requests):
        command = ["download", "cifar10", "--url", f"http://127.0.0.1:{port}/", "--data-dir",
                   str(tmp_path), "--allow-http"]
        with pytest.raises(SystemExit, match="130"):
            cli.main(command)
        assert capsys.readouterr().err.splitlines() == ["", "stopped"]
        have = sum(path.stat().st_size for path in tmp_path.glob(f"{name}.part"))
        with pytest.raises(SystemExit, match="2"):
            cli.main(command)
    assert 0 <= have <= 100_000
    assert have == 0 or f"Range: bytes={have}-" in requests[1]
