"""Download one file over HTTP; continue a download that broke off."""
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError

from tqdm import tqdm

from ...storage.messages import one_line

CHUNK = 1 << 20
TIMEOUT = 30  # seconds without a byte
ELSEWHERE = "try --url ADDRESS or --from FILE"


class DownloadError(Exception):
    """A data set cannot be downloaded; the message is one line."""


def transfer(url: str, part: Path, size: int, exact: bool = True, allow_http: bool = False) -> None:
    """Download url to the file part, or only the bytes that part lacks.

    size: the file's bytes, or the most that it may have if not exact. A redirect must lead to
    https, unless allow_http. Raises DownloadError: no such address, no connection, another size, or
    broken off (part is kept, and the next call continues it).
    """
    have = part.stat().st_size if part.exists() else 0
    with _open(url, have, allow_http) as response:
        if have and response.status != 200 and not _continues(response, have):
            part.unlink()
            return transfer(url, part, size, exact, allow_http)
        if response.status == 200:
            have = 0  # the server sends the whole file
        total = None if response.length is None else have + response.length
        if total is not None and (total > size or exact and total < size):
            raise _wrong_size(url, size, exact, f"the server has {total}")
        print(f"{url}: resuming at byte {have}" if have else f"{url}: downloading")
        with (open(part, "ab" if have else "wb") as file,
              tqdm(desc=part.stem, total=total, initial=have, unit="B", unit_scale=True,
                   disable=None) as bar):
            for chunk in _chunks(url, response):
                file.write(chunk)
                bar.update(len(chunk))
                have += len(chunk)
                if have > size:
                    break
    if have > size:
        part.unlink()
        raise _wrong_size(url, size, exact, "the server sent more")
    if have < (size if exact else total or 0):
        raise DownloadError(f"{url}: broke off after {have} of {size if exact else total} bytes; "
                            "run this again to resume")


def _continues(response, have):
    """Whether the answer begins with the byte after the `have` bytes that are there."""
    return response.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _wrong_size(url, size, exact, got):
    limit = f"{size} bytes" if exact else f"at most {size} bytes"
    advice = "--no-checksum accepts them" if exact else ELSEWHERE
    return DownloadError(f"{url}: expected {limit}, {got}; {advice}")


class _Redirect(urllib.request.HTTPRedirectHandler):
    """Follow redirects to https, and to http if it is allowed."""

    def __init__(self, allow_http):
        self.allow_http = allow_http

    def redirect_request(self, request, response, code, message, headers, url):
        if not self.allow_http and not url.lower().startswith("https://"):
            raise DownloadError(f"{request.full_url}: expected https, was redirected to "
                                f"{one_line(url)}; --allow-http accepts http")
        return super().redirect_request(request, response, code, message, headers, url)


def _open(url, have, allow_http):
    """The server's answer to a request for the bytes from number `have` on."""
    headers = {"User-Agent": "tinynnclr", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        request = urllib.request.Request(url, headers=headers)
        return urllib.request.build_opener(_Redirect(allow_http)).open(request, timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and have:
            return error  # the server's file ends before this byte
        error.close()
        reason = f"HTTP {error.code} {one_line(error.reason)}"
        raise DownloadError(f"{url}: {reason}; {ELSEWHERE}") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise DownloadError(f"{url}: no connection ({one_line(reason)}); {ELSEWHERE}") from error


def _chunks(url, response) -> Iterator[bytes]:
    """The pieces of the body as they come."""
    try:
        while chunk := response.read1(CHUNK):
            yield chunk
    except (OSError, HTTPException) as error:
        raise DownloadError(f"{url}: broke off ({one_line(error)}); run this again to "
                            "resume") from error
