"""Transfers that break off, resume, start over, or are refused."""
import http.client
import socket
import threading

import numpy as np
import pytest
from flaky_server import running
from one_line import fails

from tinynnclr.datasets.download import http as module
from tinynnclr.datasets.download.http import DownloadError, transfer

BYTES = np.random.default_rng(0).bytes(50_000)
SIZE = len(BYTES)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
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
    """(Range, status, bytes sent) of each request."""
    return [entry[1:] for entry in server.log]


def break_off(server, part, at=30_000, size=SIZE, exact=True):
    server.cut = at
    with fails(DownloadError, "broke off", "resume"):
        transfer(server.url + "file", part, size, exact)
    assert part.read_bytes() == server.files["file"][:at]
    server.cut = None


def test_whole(server, part, capsys):
    transfer(server.url + "file", part, SIZE)
    assert part.read_bytes() == BYTES
    assert requests(server) == [(None, 200, SIZE)]
    assert capsys.readouterr().err == ""  # no progress bar without a terminal


@pytest.mark.parametrize("exact", [True, False])
def test_resumes_with_the_missing_bytes_only(server, part, exact, capsys):
    size = SIZE if exact else 2 * SIZE
    break_off(server, part, 20_000, size, exact)
    transfer(server.url + "file", part, size, exact)
    assert part.read_bytes() == BYTES
    assert requests(server)[1:] == [("bytes=20000-", 206, SIZE - 20_000)]
    assert "resuming at byte 20000" in capsys.readouterr().out


def test_a_server_without_range_sends_everything(server, part):
    server.ranges = False
    break_off(server, part)
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
    part.write_bytes(bytes(SIZE + 5))
    transfer(server.url + "file", part, 2 * SIZE, exact=False)
    assert part.read_bytes() == BYTES
    assert [status for _, status, _ in requests(server)] == [416, 200]


@pytest.mark.parametrize("cut", [None, 30_000])
def test_without_a_length(server, part, cut):
    server.announce = False
    if cut:
        break_off(server, part)
    else:
        transfer(server.url + "file", part, SIZE)
        assert part.read_bytes() == BYTES


@pytest.mark.parametrize("announce", [True, False])
@pytest.mark.parametrize(("exact", "words"), [
    (True, (f"expected {SIZE} bytes", "--no-checksum")),
    (False, (f"expected at most {SIZE} bytes", "--from"))])
def test_a_larger_file_is_not_read_to_its_end(server, part, exact, words, announce, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 1000)
    server.announce, server.files["file"] = announce, bytes(10_000_000)
    with fails(DownloadError, *words, "the server (has 10000000|sent more)"):
        transfer(server.url + "file", part, SIZE, exact)
    assert not part.exists()


@pytest.mark.parametrize("there", [0, SIZE - 1])
def test_a_smaller_file_is_refused_at_once(server, part, there):
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


@pytest.mark.parametrize("allow_http", [True, False])
def test_every_redirect_leads_to_https(part, monkeypatch, allow_http):
    """Also those before the last one. Here, https leads to a server without certificates."""
    monkeypatch.setattr(http.client, "HTTPSConnection", lambda host, context=None,
                        check_hostname=None, **options: http.client.HTTPConnection(host, **options))
    with running({"file": BYTES}) as server:
        secure = server.url.replace("http:", "HTTPS:")
        server.redirect = {"/a": f"{secure}b", "/b": f"{server.url}c", "/c": f"{secure}file"}
        if allow_http:
            transfer(f"{secure}a", part, SIZE, allow_http=True)
        else:
            with fails(DownloadError, "b: expected https", "redirected to http://", "--allow-http"):
                transfer(f"{secure}a", part, SIZE)
            assert [path for path, *_ in server.log] == ["/a", "/b"]
            assert not part.exists()
            transfer(f"{secure}c", part, SIZE)
    assert part.read_bytes() == BYTES


def test_404_and_endless_redirects(server, part):
    server.redirect = {"/round": "/round"}
    for path, words in (("nowhere", "nowhere: HTTP 404 Not Found"), ("round", "HTTP 302")):
        with fails(DownloadError, words, "--url", "--from"):
            transfer(server.url + path, part, SIZE, allow_http=True)
    assert not part.exists()


def test_no_connection(part):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/file", "http://", "http://127.0.0.1:port/",
                "http://127.0.0.1:9/a b", "http://[1/"):
        with fails(DownloadError, "no connection", "--url", "--from"):
            transfer(url, part, SIZE)
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
