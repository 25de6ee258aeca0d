"""Where an address may lead: redirects, proxies, IPv6, passwords."""
import http.client
import itertools

import pytest
from flaky_server import answering, forever, head, running
from one_line import fails

from tinynnclr.datasets.download import SOURCES, _address
from tinynnclr.datasets.download import http as module
from tinynnclr.datasets.download.http import DownloadError, transfer

BODY = bytes(range(256)) * 40
SIZE = len(BODY)


@pytest.fixture(autouse=True)
def _bounded(monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 5)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def part(tmp_path):
    return tmp_path / "file.part"


def moved(to):
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/file", "file:///etc/passwd", "data:,x",
                                "gopher://x/", "//[1/"])
def test_redirects_to_other_kinds_of_address(part, to):
    with answering(moved(to)) as (port, _), fails(DownloadError, "(expected https|HTTP 302|no "
                                                  "connection)"):
        transfer(f"http://127.0.0.1:{port}/file", part, SIZE)
    assert not part.exists()


@pytest.fixture
def _https_for_tests(monkeypatch):
    """Addresses of https lead to plain servers, which need no certificates."""
    monkeypatch.setattr(http.client, "HTTPSConnection", lambda host, context=None,
                        check_hostname=None, **options: http.client.HTTPConnection(host, **options))


@pytest.mark.usefixtures("_https_for_tests")
@pytest.mark.parametrize("allow_http", [True, False])
def test_every_hop_stays_at_https(part, allow_http):
    """Also where the last one is https again."""
    with running({"file": BODY}) as server:
        secure = server.url.replace("http:", "https:")
        server.redirect = {"/a": f"{secure}b", "/b": f"{server.url}c", "/c": f"{secure}file"}
        if allow_http:
            transfer(f"{secure}a", part, SIZE, allow_http=True)
            assert part.read_bytes() == BODY
        else:
            with fails(DownloadError, "b: expected https", "redirected to http://", "--allow-http"):
                transfer(f"{secure}a", part, SIZE)
            assert [path for path, *_ in server.log] == ["/a", "/b"]
            assert not part.exists()


@pytest.mark.usefixtures("_https_for_tests")
def test_hops_of_https_are_followed(part):
    with running({"file": BODY}) as server:
        secure = server.url.replace("http:", "HTTPS:")
        server.redirect = {"/a": f"{secure}b", "/b": "/file"}
        transfer(f"{secure}a", part, SIZE)
    assert part.read_bytes() == BODY


def test_redirects_without_end(part):
    with running({}) as server:
        server.redirect = {f"/{i}": f"/{i + 1}" for i in range(50)}
        with fails(DownloadError, "HTTP 302"):
            transfer(f"{server.url}0", part, SIZE)
    assert len(server.log) < 15


def test_a_proxy_of_the_environment_is_used(part, monkeypatch):
    with answering(head(Content_Length=SIZE) + BODY) as (port, requests):
        monkeypatch.delenv("no_proxy")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        transfer("http://elsewhere.invalid/file", part, SIZE)
    assert requests[0].startswith("GET http://elsewhere.invalid/file ")
    assert part.read_bytes() == BODY


def test_a_proxy_that_sends_headers_without_end(part, monkeypatch):
    with answering(itertools.chain([b"HTTP/1.1 200 OK\r\n"], forever(b"X: y\r\n"))) as (port, _):
        monkeypatch.delenv("no_proxy")
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        with fails(DownloadError, "no connection"):
            transfer("https://elsewhere.invalid/file", part, SIZE)


def test_ipv6(part):
    try:
        server = answering(head(Content_Length=SIZE) + BODY, host="::1")
        with server as (port, _):
            transfer(f"http://[::1]:{port}/file", part, SIZE)
    except OSError:
        pytest.skip("no IPv6 here")
    assert part.read_bytes() == BODY


@pytest.mark.parametrize("url", ["https://me:secret@host/", "https://secret@host/x",
                                 "http://me:secret@[::1]:8/"])
def test_a_password_is_refused_and_not_shown(url):
    with fails(DownloadError, "url: expected no user name or password", "--from FILE") as caught:
        _address(url, SOURCES["cifar10"].files[0], SOURCES["cifar10"], True)
    assert "secret" not in str(caught.value)
