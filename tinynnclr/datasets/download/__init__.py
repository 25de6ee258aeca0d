"""Download a data set, compare it with what its owner published, and unpack it."""
import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from ...storage import atomic
from .archive import unpack, write_whole
from .http import CHUNK, DownloadError, transfer


@dataclass(frozen=True)
class Published:
    """A file as its owner publishes it; the checksum is the owner's, too."""

    name: str
    size: int
    md5: str


@dataclass(frozen=True)
class Source:
    """Where a data set comes from: url + name is a file's address, folder its place in data_dir.

    members: the files to unpack from the only archive, with their largest sizes; empty if the files
    are stored as they are.
    """

    folder: str
    url: str
    files: tuple[Published, ...]
    members: dict[str, int] = field(default_factory=dict)


# Sizes and MD5 as stated at https://www.cs.toronto.edu/~kriz/cifar.html and in the README of
# fashion-mnist.
SOURCES = {
    "cifar10": Source(
        "cifar-10-batches-bin",
        "https://www.cs.toronto.edu/~kriz/",
        (Published("cifar-10-binary.tar.gz", 170_052_171, "c32a1d4ab5d03f1284b67883e8d87530"),),
        {f"data_batch_{i}.bin": 30_730_000 for i in range(1, 6)}
        | {"test_batch.bin": 30_730_000, "batches.meta.txt": 2_000},
    ),
    "cifar100": Source(
        "cifar-100-binary",
        "https://www.cs.toronto.edu/~kriz/",
        (Published("cifar-100-binary.tar.gz", 168_513_733, "03b5dce01913d631647c71ecec9e9cb8"),),
        {"train.bin": 153_700_000, "test.bin": 30_740_000, "fine_label_names.txt": 2_000},
    ),
    "fashion_mnist": Source(
        "fashion-mnist",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        (
            Published("train-images-idx3-ubyte.gz", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            Published("train-labels-idx1-ubyte.gz", 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
            Published("t10k-images-idx3-ubyte.gz", 4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
            Published("t10k-labels-idx1-ubyte.gz", 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
    ),
}


def download(
    name: str, data_dir: str | Path, *, url: str | None = None, archive: str | Path | None = None,
    checksum: bool = True, allow_http: bool = False
) -> Path:
    """Put a data set of SOURCES into data_dir and return its folder, which may be there already.

    url (or the environment variable TINYNNCLR_<NAME>_URL): another address, of the file or, with a
    / at its end, of its folder. archive: a local file instead, or the folder that holds the files.
    checksum=False accepts other bytes, and allow_http=True an http address. Raises DownloadError,
    and ValueError for an unknown name. After a failure, at most FILE.part is kept, to be resumed.
    """
    if name not in SOURCES:
        raise ValueError(f"name: expected one of {', '.join(SOURCES)}, got {name!r}")
    source = SOURCES[name]
    folder = Path(data_dir) / source.folder
    if _is_there(source, folder):
        print(f"{folder}: already there")
        return folder
    url = url or os.environ.get(f"TINYNNCLR_{name.upper()}_URL") or source.url
    try:
        if archive is not None:
            paths = [_local(Path(archive), file, source, checksum) for file in source.files]
            _install(source, paths, folder)
        else:
            urls = [_address(url, file, source, allow_http) for file in source.files]
            folder.parent.mkdir(parents=True, exist_ok=True)
            parts = [_fetch(*pair, folder.parent, checksum, allow_http)
                     for pair in zip(urls, source.files, strict=True)]
            _install_and_remove(source, parts, folder)
    except OSError as error:
        raise DownloadError(f"{error.filename or data_dir}: {error.strerror or error}") from error
    print(f"{folder}: ready")
    return folder


def _is_there(source, folder):
    """Whether the folder exists; raises DownloadError if one of its files is missing."""
    if not folder.exists():
        return False
    for name in source.members or [file.name for file in source.files]:
        if not (folder / name).is_file() and not (folder / name.removesuffix(".gz")).is_file():
            raise DownloadError(f"{folder}: this folder exists but has no {name}; move it away and "
                                "run this again")
    return True


def _address(url, file, source, allow_http):
    """The address of a file, whether url is the file's or its folder's."""
    if url.lower().startswith("http://") and not allow_http:
        raise DownloadError(f"url: expected https://..., got {url!r}; --allow-http accepts it")
    if not url.lower().startswith(("https://", "http://")):
        raise DownloadError(f"url: expected https://..., got {url!r}; --from takes a local file")
    if len(source.files) > 1 and not url.endswith("/"):
        url += "/"
    return url + file.name if url.endswith("/") else url


def _local(path, file, source, checksum):
    """The path of a local file, which is compared with what was published."""
    if path.is_dir():
        path = path / file.name
    elif len(source.files) > 1:
        raise DownloadError(f"archive: expected the folder with {file.name} and the other files, "
                            f"got {path}")
    if not path.is_file():
        raise DownloadError(f"archive: expected a file, got {path}, which is not there")
    _verify(path, file, checksum)
    return path


def _fetch(url, file, data_dir, checksum, allow_http):
    """Download a file to data_dir/NAME.part and compare it with what was published."""
    part = data_dir / f"{file.name}.part"
    if not checksum or not part.exists() or part.stat().st_size < file.size:
        # another file may be larger than the published one, but not without end
        size = file.size if checksum else 2 * file.size + 1_000_000
        transfer(url, part, size, checksum, allow_http)
    try:
        _verify(part, file, checksum)
    except DownloadError:
        part.unlink()  # whole but wrong, so there is nothing to resume
        raise
    return part


def _verify(path, file, checksum):
    """Raise DownloadError unless the file has the published size and MD5."""
    size = path.stat().st_size
    if not checksum:
        print(f"{path}: {size} bytes, checksum not compared")
        return
    if size != file.size:
        raise DownloadError(f"{path}: expected {file.size} bytes, got {size}; --no-checksum "
                            "accepts them")
    md5 = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as data:
        while chunk := data.read(CHUNK):
            md5.update(chunk)
    if md5.hexdigest() != file.md5:
        raise DownloadError(f"{path}: expected the MD5 {file.md5}, got {md5.hexdigest()}; "
                            "--no-checksum accepts it")


def _install_and_remove(source, parts, folder):
    """Install downloaded files; keep them only if another try can install them."""
    try:
        _install(source, parts, folder)
    except DownloadError:  # whole, but not the expected data
        _remove(parts)
        raise
    _remove(parts)


def _install(source, paths, folder):
    """Build the folder under a temporary name beside its place, then rename it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder.parent) as scratch:
        if source.members:
            members = {f"{source.folder}/{name}": size for name, size in source.members.items()}
            try:
                unpack(paths[0], members, Path(scratch))
            except ValueError as error:
                raise DownloadError(str(error)) from error
        else:
            for path, file in zip(paths, source.files, strict=True):
                with open(path, "rb") as data:
                    write_whole(data, Path(scratch) / source.folder / file.name)
        atomic.replace(Path(scratch) / source.folder, folder)


def _remove(paths):
    for path in paths:
        path.unlink()
