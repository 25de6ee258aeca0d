"""Transfers that break off, resume, start over, or never begin."""
import socket
import threading

import numpy as np
import pytest
from flaky_server import NEW, OLD, running
from one_line import fails

from tinynnclr.datasets.download import http as module
from tinynnclr.datasets.download.http import DownloadError, transfer

BYTES = np.random.default_rng(0).bytes(50_000)
SIZE = len(BYTES)


@pytest.fixture(autouse=True)
def _bounded(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(module, "TIMEOUT", 5)


@pytest.fixture
def server():
    with running({"file": BYTES}) as server:
        yield server


@pytest.fixture
def part(tmp_path):
    return tmp_path / "file.part"


def requests(server):
    """(Range, status, bytes sent) of each."""
    return [entry[1:] for entry in server.log]


def break_off(server, part, at=30_000, size=SIZE):
    server.cut = at
    with fails(DownloadError, "broke off", "resume"):
        transfer(server.url + "file", part, size)
    assert part.read_bytes() == server.files["file"][:at]
    server.cut = None


def test_whole(server, part, capsys):
    transfer(server.url + "file", part, SIZE)
    assert part.read_bytes() == BYTES
    assert requests(server) == [(None, 200, SIZE)]
    assert capsys.readouterr().err == ""  # no progress bar where nobody watches


@pytest.mark.parametrize("size", [SIZE, None])
def test_resumes_with_the_missing_bytes_alone(server, part, size, capsys):
    break_off(server, part, size=size)
    transfer(server.url + "file", part, size)
    assert part.read_bytes() == BYTES
    assert requests(server)[1] == ("bytes=30000-", 206, SIZE - 30_000)
    assert "resuming at byte 30000" in capsys.readouterr().out


def test_resumes_again_and_again(server, part):
    server.cut = 20_000
    for _ in range(2):
        with fails(DownloadError, "broke off"):
            transfer(server.url + "file", part, SIZE)
    transfer(server.url + "file", part, SIZE)
    assert part.read_bytes() == BYTES
    assert requests(server)[1:] == [("bytes=20000-", 206, 20_000), ("bytes=40000-", 206, 10_000)]


def test_a_server_without_range_sends_everything(server, part):
    server.ranges = False
    break_off(server, part)
    transfer(server.url + "file", part, SIZE)
    assert part.read_bytes() == BYTES
    assert requests(server)[1] == ("bytes=30000-", 200, SIZE)


@pytest.mark.parametrize("first", [OLD, None])
@pytest.mark.parametrize("second", [NEW, None, "garbage"])
def test_a_changed_file_is_not_glued_to_the_old_one(server, part, first, second):
    server.modified, server.files["file"] = first, bytes(SIZE)
    break_off(server, part)
    server.modified, server.files["file"] = second, BYTES
    transfer(server.url + "file", part, SIZE)
    assert part.read_bytes() == BYTES
    assert requests(server)[1] == ("bytes=30000-", 200, SIZE)


def test_a_server_that_sends_another_range_starts_over(server, part):
    server.shift = 7
    break_off(server, part)
    transfer(server.url + "file", part, SIZE)
    assert part.read_bytes() == BYTES
    assert [status for _, status, _ in requests(server)] == [200, 206, 200]


def test_a_part_longer_than_the_file_starts_over(server, part):
    server.files["file"] = bytes(2 * SIZE)
    break_off(server, part, at=SIZE + 5, size=None)
    server.files["file"] = BYTES
    transfer(server.url + "file", part, None)
    assert part.read_bytes() == BYTES
    assert [status for _, status, _ in requests(server)] == [200, 416, 200]


@pytest.mark.parametrize("size", [SIZE, None])
def test_without_a_length(server, part, size):
    server.announce = False
    transfer(server.url + "file", part, size)
    assert part.read_bytes() == BYTES


def test_without_a_length_a_short_file_shows(server, part):
    server.announce = False
    break_off(server, part)


def test_without_a_length_an_endless_file_is_not_read_to_its_end(server, part, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 1000)
    server.announce, server.files["file"] = False, bytes(10_000_000)
    transfer(server.url + "file", part, SIZE)
    assert SIZE < part.stat().st_size <= SIZE + 1000


@pytest.mark.parametrize("there", [0, SIZE - 1, SIZE + 1])
def test_another_size_is_refused_at_once(server, part, there):
    server.files["file"] = bytes(there)
    with fails(DownloadError, f"expected {SIZE} bytes, the server has {there}", "--no-checksum"):
        transfer(server.url + "file", part, SIZE)
    assert not part.exists()


def test_a_server_that_falls_silent(server, part, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    server.cut, server.stall = 30_000, threading.Event()
    with fails(DownloadError, "broke off", "timed out", "resume"):
        transfer(server.url + "file", part, SIZE)
    server.stall.set()
    assert part.read_bytes() == BYTES[:30_000]


def test_ctrl_c_can_be_resumed(server, part, monkeypatch):
    def interrupted(url, response):
        yield response.read(10_000)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_chunks", interrupted)
        with pytest.raises(KeyboardInterrupt):
            transfer(server.url + "file", part, SIZE)
    transfer(server.url + "file", part, SIZE)
    assert part.read_bytes() == BYTES
    assert requests(server)[1] == ("bytes=10000-", 206, SIZE - 10_000)


def test_follows_a_redirect(server, part):
    server.redirect = {"/moved": "/file"}
    transfer(server.url + "moved", part, SIZE)
    assert part.read_bytes() == BYTES
    assert [status for _, status, _ in requests(server)] == [302, 200]


def test_redirected_in_a_circle(server, part):
    server.redirect = {"/round": "/round"}
    with fails(DownloadError, "HTTP 302", "--url"):
        transfer(server.url + "round", part, SIZE)


def test_404(server, part):
    with fails(DownloadError, "nowhere: HTTP 404 Not Found", "--url", "--from"):
        transfer(server.url + "nowhere", part, SIZE)
    assert not part.exists()


def test_connection_refused(part):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with fails(DownloadError, "no connection", "--url", "--from"):
        transfer(f"http://127.0.0.1:{port}/file", part, SIZE)
    assert not part.exists()


def test_not_http_at_all(part):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def greet():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example.com\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with fails(DownloadError, "no connection", "220 mail"):
            transfer(f"http://127.0.0.1:{listener.getsockname()[1]}/file", part, SIZE)
        thread.join(5)


@pytest.mark.parametrize("url", ["http://", "http://127.0.0.1:port/", "http://127.0.0.1:9/a b",
                                 "http://[1/"])
def test_malformed_address(part, url):
    with fails(DownloadError, "no connection"):
        transfer(url, part, SIZE)
