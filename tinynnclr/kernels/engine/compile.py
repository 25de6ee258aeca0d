"""`jit` compiles a kernel and stores the machine code on disk, so that only the first run waits.

Numba's own `cache=True` stores it beside the source, checks one source file only, and fails on a
damaged cache file. Here a digest of the sources, the versions and the processor, which determine
the machine code, names the folder.
"""
import contextlib
import functools
import hashlib
import io
import os
import re
import stat
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba import config, njit
from numba.core import caching
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

PACKAGE = Path(__file__).resolve().parents[2]
MARK = "tinynnclr-kernels.txt"  # a folder without this file is never removed
UNUSED = 30 * 24 * 3600  # seconds after which an unused folder is removed
_SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "USING_SVML", "BOUNDSCHECK",
             "DEBUGINFO_DEFAULT")
_reported: list[str] = []


def jit(function: Callable | None = None, **options: Any) -> Any:
    """Decorate a kernel: compiled without the interpreter lock, dividing by zero as NumPy, cached.

    `options` go to `numba.njit`. Unlike `njit(cache=True)`, it works where no folder can be
    written.
    """
    if function is None:
        return functools.partial(jit, **options)
    kernel = njit(**{"nogil": True, "error_model": "numpy", **options})(function)
    kernel._cache = KernelCache(function)
    return kernel


def _sources(folder: Path) -> str:
    """A digest of the Python files in a folder and the folders in it."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix().encode()
        digest.update(name + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


# read once, when the first kernel of the folder is defined
_folder_sources = functools.cache(_sources)
_KERNELS = _sources(PACKAGE / "kernels")


def _cache_root() -> Path | None:
    """The folder tinynnclr in NUMBA_CACHE_DIR or the platform's cache folder; None without a home.
    """
    home = os.path.expanduser("~")
    if config.CACHE_DIR:
        parent = os.path.abspath(config.CACHE_DIR)
    elif sys.platform == "win32":
        parent = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        parent = os.path.join(home, "Library", "Caches")
    else:
        parent = os.environ.get("XDG_CACHE_HOME") or ""
        parent = parent if os.path.isabs(parent) else os.path.join(home, ".cache")
    return Path(parent, "tinynnclr") if os.path.isabs(parent) else None


def _temporary_root() -> Path | None:
    """A folder in the system's temporary folder; None if another user could write into it."""
    # Windows: the temporary folder is the user's own
    user = os.getuid() if hasattr(os, "getuid") else None
    folder = Path(tempfile.gettempdir(), "tinynnclr-kernels" + ("" if user is None else f"-{user}"))
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    safe = user is None or status.st_uid == user and not status.st_mode & 0o022
    return folder if safe and stat.S_ISDIR(status.st_mode) else None


def _description(processor: tuple) -> str:
    """What the machine code depends on besides the sources."""
    versions = (f"{sys.implementation.cache_tag}{getattr(sys, 'abiflags', '')}, "
                f"Numba {numba.__version__}, llvmlite {llvmlite.__version__}, "
                f"NumPy {np.__version__}")
    settings = (f"{name}={getattr(config, name, None)}" for name in _SETTINGS)
    return "\n".join([versions, *map(str, processor), *settings, ""])


def _folder(root: Path, processor: tuple) -> Path:
    return root / hashlib.sha256(f"{_KERNELS}\n{_description(processor)}".encode()).hexdigest()[:32]


def _open_folder(folder: Path, processor: tuple) -> None:
    """Make and mark the folder; a new one replaces those of the same package with other sources."""
    folder.mkdir(parents=True, exist_ok=True)
    text = ("Compiled kernels of tinynnclr. You may delete this folder.\n"
            f"{str(PACKAGE)!r}\n{_description(processor)}")
    if (folder / MARK).is_file():
        return
    (folder / MARK).write_text(text, encoding="utf-8")
    for other in folder.parent.iterdir():
        mark = other / MARK
        with contextlib.suppress(OSError, ValueError):
            is_cache = not other.is_symlink() and re.fullmatch("[0-9a-f]{32}", other.name)
            if other == folder or not is_cache:
                continue
            replaced = mark.read_text(encoding="utf-8") == text
            if replaced or time.time() - mark.stat().st_mtime > UNUSED:
                # processes that still use them compile again
                for path in (*other.glob("*.nb[ic]*"), mark):
                    path.unlink()
                other.rmdir()


@functools.cache
def _note_use(folder: Path) -> None:
    """The date of the mark is the date of the last use."""
    with contextlib.suppress(OSError):  # the folder may be read-only
        os.utime(folder / MARK)


def _report(message: str) -> None:
    """One line on standard error, once in a process."""
    if not _reported:
        _reported.append(message)
        if sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                print(f"tinynnclr: {message}", file=sys.stderr, flush=True)


def _whole(path: str) -> bool:
    """Whether a regular file ends with the checksum of the bytes before it."""
    if not os.path.isfile(path):
        return False
    content = Path(path).read_bytes()
    return hashlib.sha256(content[:-32]).digest() == content[-32:]


class _Files(caching.IndexDataCacheFile):
    """Numba's pair of index and data, each with a checksum at its end, which unpickling ignores."""

    @contextlib.contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[io.BytesIO]:
        content = io.BytesIO()
        yield content
        data, temporary = content.getvalue(), f"{filepath}.{uuid.uuid4().hex[:16]}"
        try:
            Path(temporary).write_bytes(data + hashlib.sha256(data).digest())
            try:
                os.replace(temporary, filepath)
            except PermissionError:
                # Windows: another process is reading or writing the same code
                if not os.path.isfile(filepath):
                    raise
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    def _load_index(self) -> dict:
        with contextlib.suppress(Exception):
            if _whole(self._index_path):
                return super()._load_index()
        return {}

    def _load_data(self, name: str) -> Any:
        if not _whole(self._data_path(name)):
            raise FileNotFoundError
        return super()._load_data(name)


class KernelCache(caching.NullCache):
    """The machine code of one kernel on disk; a missing or damaged file is compiled again."""

    def __init__(self, function: Callable) -> None:
        code = function.__code__
        self._name = f"{function.__module__.split('.')[-1]}.{function.__qualname__}"
        self._cells = function.__closure__ or ()
        self._key = (function.__module__, self._name, code.co_firstlineno, code.co_code,
                     _folder_sources(Path(code.co_filename).parent))

    def _files(self, root: Path, processor: tuple, signature: Any) -> tuple[_Files, str]:
        """The pair of files for one signature, and the key in its index."""
        cells = dumps(tuple(cell.cell_contents for cell in self._cells)) if self._cells else b""
        key = hashlib.sha256(repr((*self._key, cells, signature)).encode()).hexdigest()
        name = re.sub(r"\W+", ".", self._name)
        return _Files(str(_folder(root, processor)), f"{name}-{key[:16]}", key), key

    def load_overload(self, sig: Any, target_context: Any) -> CompileResult | None:
        """The kernel for these types, or None where it has to be compiled."""
        target_context.refresh()
        processor = target_context.codegen().magic_tuple()
        for find in (_cache_root, _temporary_root):
            with contextlib.suppress(Exception):
                if root := find():
                    files, key = self._files(root, processor, sig)
                    if (data := files.load(key)) is not None:
                        result = CompileResult._rebuild(target_context, *data)
                        _note_use(_folder(root, processor))
                        return result
        return None

    def save_overload(self, sig: Any, data: CompileResult) -> None:
        """Store a compiled kernel in the cache folder, or else in a temporary folder."""
        if data.library.has_dynamic_globals or any(not lifted.can_cache for lifted in data.lifted):
            return
        processor, reduced, failures = data.codegen.magic_tuple(), data._reduce(), []
        for find in (_cache_root, _temporary_root):
            root = None
            try:
                if root := find():
                    _open_folder(_folder(root, processor), processor)
                    files, key = self._files(root, processor, sig)
                    files.save(key, reduced)
                    break
                failures.append("no cache folder is known")
            except Exception as error:  # the kernel is compiled: an error here must not end the run
                reason = getattr(error, "strerror", None) or error
                failures.append(f"cannot write to the cache folder {root or ''} ({reason})")
        if failures:
            result = (f"are stored in {root}" if len(failures) == 1
                      else "will be compiled again in the next run")
            _report(f"{failures[0]}: compiled kernels {result}; set NUMBA_CACHE_DIR to a writable "
                    "folder")
