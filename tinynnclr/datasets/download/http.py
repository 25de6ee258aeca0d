"""One file over HTTP, resumed where an earlier try broke off."""
import functools
import http.client
import io
import os
import re
import time
import urllib.request
from collections.abc import Iterator
from email.utils import formatdate, parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError

from tqdm import tqdm

CHUNK = 1 << 20
TIMEOUT = 30  # seconds without a byte
WINDOW, SLOWEST = 60, 1000  # s, bytes/s: a transfer that is slower over a window is aborted
HEADERS = 1 << 20  # bytes of all headers, at most
MOST = 1 << 30  # bytes of a file of unknown size, at most
RANGE = re.compile("bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")


class DownloadError(Exception):
    """Why a data set could not be had, in one line."""


def transfer(url: str, part: Path, size: int | None, most: int = MOST,
             allow_http: bool = False) -> None:
    """Bring the file part up to the whole of url; size is its bytes, or None for any number up to
    `most`.

    A broken part carries the server's Last-Modified as its own time and sends it back as If-Range:
    a server that holds the same file sends the rest (206); one whose file changed, or that cannot
    resume, sends everything (200). Each redirect must lead to https, or to http with allow_http or
    for an http url. Raises DownloadError: no such address, no connection, another size, too slow,
    or interrupted (part is kept for the next try).
    """
    have, most = part.stat().st_size if part.exists() else 0, most if size is None else size
    headers = {"User-Agent": "tinynnclr", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": formatdate(part.stat().st_mtime,
                                                                      usegmt=True)}
    with _open(url, headers, most, allow_http or url.lower().startswith("http:")) as response:
        place = RANGE.fullmatch(response.headers.get("Content-Range",
                                                     "")) if response.status == 206 else None
        start, end, whole = map(int, place.groups()) if place else (0, 0, 0)
        if have and response.status != 200 and not have == start <= end < whole:
            part.unlink()  # other bytes than we asked for, or (416) no byte after ours: start over
            return transfer(url, part, size, most, allow_http)
        if response.status != 200 and not (have and response.status == 206):
            raise DownloadError(f"{url}: expected HTTP 200, got {response.status}; try --url "
                                "ADDRESS or --from FILE")
        have = have if response.status == 206 else 0
        total = whole if have else size if response.length is None else response.length
        if size is not None and total != size:
            raise DownloadError(f"{url}: expected {size} bytes, the server has {total}; "
                                "--no-checksum takes them")
        if total is not None and total > most:
            raise DownloadError(f"{url}: expected at most {most} bytes, the server has {total}; "
                                "try --from FILE")
        print(f"{url}: resuming at byte {have}" if have else f"{url}: downloading")
        try:
            with (open(part, "ab" if have else "wb") as file,
                  tqdm(desc=part.stem, total=total, initial=have, unit="B", unit_scale=True,
                       disable=None) as bar,):
                for chunk in _chunks(url, response):
                    file.write(chunk)
                    bar.update(len(chunk))
                    have += len(chunk)
                    if have > (most if total is None else total):
                        break  # more than announced, perhaps endless
        finally:
            _stamp(part, response.headers.get("Last-Modified"))
    if size is None and have > (most if total is None else total):
        part.unlink()
        raise DownloadError(f"{url}: expected at most {most if total is None else total} bytes, "
                            "the server sent more; try --url ADDRESS or --from FILE")
    if total is not None and have < total:
        raise DownloadError(f"{url}: broke off after {have} of {total} bytes; run this again to "
                            "resume")


class _Watched(io.RawIOBase):
    """The bytes of a connection; raises OSError if they are too slow or too many, headers included.
    """

    def __init__(self, raw):
        self.raw, self.left = raw, HEADERS
        self.since, self.recent = time.monotonic(), 0

    def readable(self):
        return True

    def readinto(self, buffer):
        count = self.raw.readinto(buffer)
        self.left, self.recent = self.left - count, self.recent + count
        seconds = time.monotonic() - self.since
        if self.left < 0:
            raise ConnectionError("the server sent more than was expected")
        if count and seconds > WINDOW:
            if self.recent < SLOWEST * seconds:
                raise TimeoutError(f"slower than {SLOWEST} bytes a second")
            self.since, self.recent = time.monotonic(), 0
        return count

    def close(self):
        self.raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, most, *args, **options):
        super().__init__(*args, **options)
        self.watched, self.most = _Watched(self.fp.detach()), most
        self.fp = io.BufferedReader(self.watched)

    def begin(self):
        super().begin()
        self.watched.left += 2 * self.most  # twice: the lengths of chunks count as well

    def _read_and_discard_trailer(self):
        """What may follow the last chunk are headers again."""
        self.watched.left = HEADERS
        super()._read_and_discard_trailer()  # type: ignore[misc]


class _Connect(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    def __init__(self, most):
        super().__init__()
        self.most = most

    def _connect(self, kind, host, **options):
        connection = kind(host, **options)
        connection.response_class = functools.partial(_Response, self.most)
        return connection

    def http_open(self, request):
        return self.do_open(functools.partial(self._connect, http.client.HTTPConnection), request)

    def https_open(self, request):
        return self.do_open(functools.partial(self._connect, http.client.HTTPSConnection), request)


class _Redirect(urllib.request.HTTPRedirectHandler):
    def __init__(self, allowed):
        self.allowed = allowed

    def http_error_302(self, request, response, *reason):
        response.close()  # otherwise the page is read to its end, and it may be endless
        return super().http_error_302(request, response, *reason)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, request, response, code, message, headers, url):
        if not url.lower().startswith(self.allowed):
            advice = "--allow-http takes it" if url.lower().startswith(
                    "http:") else "try --url ADDRESS or --from FILE"
            raise DownloadError(f"{request.full_url}: expected https, was redirected to "
                                f"{_one_line(url)}; {advice}")
        return super().redirect_request(request, response, code, message, headers, url)


def _open(url, headers, most, allow_http):
    try:
        opener = urllib.request.build_opener(
            _Connect(most), _Redirect(("https://", "http://") if allow_http else ("https://",)))
        return opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and "Range" in headers:
            return error  # it is a response as well
        error.close()
        reason = f"HTTP {error.code} {error.reason}"
        raise DownloadError(f"{url}: {_one_line(reason)}; try --url ADDRESS or --from FILE") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise DownloadError(f"{url}: no connection ({_one_line(reason)}); try --url ADDRESS or "
                            "--from FILE") from error


def _chunks(url, response) -> Iterator[bytes]:
    try:
        while chunk := response.read1(CHUNK):
            yield chunk
    except (OSError, HTTPException) as error:
        raise DownloadError(f"{url}: broke off ({_one_line(error)}); run this again to resume") from error


def _stamp(part, last_modified):
    try:
        seconds = parsedate_to_datetime(last_modified).timestamp()
        os.utime(part, (seconds, seconds))
    except (TypeError, ValueError, OverflowError, OSError):
        pass  # no usable date: the part keeps its own, which matches no server's


def _one_line(error):
    return " ".join(str(error).split())
