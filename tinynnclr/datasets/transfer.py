"""One file over HTTP, resumed where an earlier try broke off."""
import os
import urllib.request
from collections.abc import Iterator
from email.utils import formatdate, parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError

from tqdm import tqdm

CHUNK = 1 << 20
TIMEOUT = 30  # seconds without a byte


class DownloadError(Exception):
    """Why a data set could not be had, in one line."""


def transfer(url: str, part: Path, size: int | None) -> None:
    """Bring the file part up to the whole of url; size is its bytes, None where any will do.

    A broken part carries the server's Last-Modified as its own time and sends it back as If-Range: a server that holds
    the same file sends the rest (206); one whose file changed, or that cannot resume, sends everything (200).
    Raises DownloadError: no such address, no connection, another size, broken off (part is kept for the next try).
    """
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "tinynnclr", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": formatdate(part.stat().st_mtime, usegmt=True)}
    with _open(url, headers) as response:
        resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if have and not resumed:
            if response.status != 200:  # other bytes than we asked for, or (416) no byte after ours: start over
                part.unlink()
                return transfer(url, part, size)
            have = 0
        total = size if response.length is None else have + response.length
        if size is not None and total != size:
            raise DownloadError(f"{url}: expected {size} bytes, the server has {total}; --no-checksum takes them")
        print(f"{url}: resuming at byte {have}" if have else f"{url}: downloading")
        try:
            with (
                open(part, "ab" if have else "wb") as file,
                tqdm(desc=part.stem, total=total, initial=have, unit="B", unit_scale=True, disable=None) as bar,
            ):
                for chunk in _chunks(url, response):
                    file.write(chunk)
                    bar.update(len(chunk))
                    have += len(chunk)
                    if size is not None and have > size:
                        break  # more than announced, perhaps endless: the caller sees that the size is wrong
        finally:
            _stamp(part, response.headers.get("Last-Modified"))
    if total is not None and have < total:
        raise DownloadError(f"{url}: broke off after {have} of {total} bytes; run this again to resume")


def _open(url, headers):
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and "Range" in headers:
            return error  # it is a response as well
        error.close()
        reason = f"HTTP {error.code} {error.reason}"
        raise DownloadError(f"{url}: {_one_line(reason)}; try --url ADDRESS or --from FILE") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise DownloadError(f"{url}: no connection ({_one_line(reason)}); try --url ADDRESS or --from FILE") from error
    if url.lower().startswith("https:") and not response.url.lower().startswith("https:"):
        response.close()
        raise DownloadError(f"{url}: expected https, was redirected to {response.url}; --url may name that address")
    return response


def _chunks(url, response) -> Iterator[bytes]:
    try:
        while chunk := response.read1(CHUNK):
            yield chunk
    except (OSError, HTTPException) as error:
        raise DownloadError(f"{url}: broke off ({_one_line(error)}); run this again to resume") from error


def _stamp(part, last_modified):
    try:
        seconds = parsedate_to_datetime(last_modified).timestamp()
    except (TypeError, ValueError, OverflowError):
        return  # no usable date: the part keeps its own, which matches no server's
    os.utime(part, (seconds, seconds))


def _one_line(error):
    return " ".join(str(error).split())
