"""Where compiled kernels are stored; damaged files and unwritable folders do no harm."""
import hashlib
import os
import re
import sys
import time
from pathlib import Path

import numba
import numpy as np
import pytest
from places import ROOT

from tinynnclr.kernels.engine import compile as module
from tinynnclr.kernels.engine.compile import MARK, UNUSED, jit

LOOP = pytest.param("loop", marks=pytest.mark.skipif(
    sys.platform == "win32", reason="Windows gives few users the right to make symbolic links"))


def twice(x):
    return 2 * x


def call(argument=3):
    """2 * argument by a kernel that is new to Numba: whether its code came from the cache."""
    kernel = jit(twice)
    assert kernel(argument) == 2 * argument
    return bool(kernel.stats.cache_hits)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and an empty temporary folder beside it."""
    monkeypatch.setattr(module.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(module, "_reported", [])
    (tmp_path / "temporary").mkdir()
    return tmp_path / "cache" / "tinynnclr"


def pair(cache):
    [index], [data] = cache.rglob("*.nbi"), cache.rglob("*.nbc")
    return {"nbi": index, "nbc": data}


def test_the_second_process_loads_what_the_first_compiled(cache, capsys):
    assert not call()
    assert call()
    assert not call(3.5)  # another type has its own files
    assert call(3.5)
    assert call()
    [folder] = cache.iterdir()
    assert re.fullmatch("[0-9a-f]{32}", folder.name)
    assert len(list(folder.glob("*.nbi"))) == len(list(folder.glob("*.nbc"))) == 2
    assert capsys.readouterr().err == ""


def flip_a_bit(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:]


def signed(content):
    return content + hashlib.sha256(content).digest()


@pytest.mark.parametrize("file", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [
    lambda content: b"", lambda content: content[:40], lambda content: content[:-1],
    lambda content: content + b"\0", flip_a_bit, lambda content: bytes(len(content)),
    lambda content: b"garbage" * 1000, lambda content: signed(b""),
    lambda content: signed(content[:-40]), lambda content: signed(b"\x80\x05N.")])
def test_a_damaged_file_is_compiled_and_written_again(cache, capsys, damage, file):
    call()
    path = pair(cache)[file]
    path.write_bytes(damage(path.read_bytes()))
    assert not call()
    assert call()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("file", ["nbi", "nbc"])
@pytest.mark.parametrize("make", ["mkdir", "mkfifo", LOOP, "forbidden"])
def test_what_stands_in_a_files_place_does_not_stop_a_run(cache, make, file):
    call()
    path = pair(cache)[file]
    if make == "forbidden":
        path.chmod(0)
    else:
        path.unlink()
        {"mkdir": os.mkdir, "mkfifo": getattr(os, "mkfifo", os.mkdir),
         "loop": lambda p: os.symlink(p, p)}[make](path)
    call()
    assert call()


def test_a_damaged_file_with_a_correct_checksum_cannot_replace_the_kernel(cache, monkeypatch):
    """As where Numba itself cannot read what was stored."""
    def refuse(*_):
        raise SystemError("LLVM")

    call()
    monkeypatch.setattr(module.CompileResult, "_rebuild", refuse)
    assert not call()


def blocked(tmp_path, kind):
    """A path below which no folder can be made, for root as well."""
    if kind == "file":
        (tmp_path / "file").write_text("mine", encoding="utf-8")
        return tmp_path / "file"
    if kind == "long":
        return tmp_path / ("x" * 5000)
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    return tmp_path / "loop"


@pytest.mark.parametrize("kind", ["file", "long", LOOP])
def test_without_a_writable_folder_a_temporary_one_is_used(cache, tmp_path, monkeypatch, capsys,
                                                           kind):
    where = blocked(tmp_path, kind)
    monkeypatch.setattr(module.config, "CACHE_DIR", str(where))
    assert not call()
    assert not call(3.5)
    [line] = capsys.readouterr().err.splitlines()
    [spare] = (tmp_path / "temporary").iterdir()
    assert line.startswith(f"tinynnclr: cannot write to the cache folder {where}")
    assert line.endswith(f"compiled kernels are stored in {spare}; set NUMBA_CACHE_DIR to a "
                         "writable folder")
    assert call()
    assert call(3.5)
    assert capsys.readouterr().err == ""


def test_nothing_can_be_written(cache, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module.config, "CACHE_DIR", str(blocked(tmp_path, "file")))
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert not call()
    assert not call()
    [line] = capsys.readouterr().err.splitlines()
    assert "compiled kernels will be compiled again in the next run" in line


def test_a_full_disk(cache, monkeypatch, capsys):
    real = Path.write_bytes

    def write(path, data):
        if cache in path.parents:
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    assert not call()
    assert call()
    assert "(No space left on device): compiled kernels are stored in" in capsys.readouterr().err
    assert not list(cache.rglob("*.nb*"))


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="on Windows the temporary folder is the "
                    "user's own")
def test_a_temporary_folder_that_others_can_write_to_is_not_used(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(module.config, "CACHE_DIR", str(blocked(tmp_path, "file")))
    folder = module._temporary_root()
    for spoil in (lambda: folder.chmod(0o777),
                  lambda: (folder.rmdir(), folder.symlink_to(tmp_path))):
        spoil()
        assert module._temporary_root() is None
        assert not call()
        assert not call()


def refuse(*_):
    raise PermissionError(13, "Permission denied")


def test_a_cache_that_is_read_only_is_read(cache, monkeypatch, capsys):
    call()
    monkeypatch.setattr(module, "_open_folder", refuse)
    monkeypatch.setattr(os, "utime", refuse)
    module._note_use.cache_clear()
    assert call()
    assert capsys.readouterr().err == ""


def test_windows_may_refuse_to_replace_a_file_in_use(cache, monkeypatch, capsys):
    call()
    before = {name: path.read_bytes() for name, path in pair(cache).items()}
    monkeypatch.setattr(module._Files, "load", lambda *_: None)
    monkeypatch.setattr(os, "replace", refuse)
    assert not call()
    assert {name: path.read_bytes() for name, path in pair(cache).items()} == before
    assert len(list(next(cache.iterdir()).iterdir())) == 3  # and no temporary file is left
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("change", ["sources", "folder", "numba", "llvmlite", "numpy", "processor",
                                    "settings"])
def test_what_the_machine_code_depends_on_has_a_folder_of_its_own(cache, monkeypatch, change):
    call()
    if change == "sources":  # of the kernels, which inline each other
        monkeypatch.setattr(module, "_KERNELS", "other")
    elif change == "folder":  # of the function, such as datasets/
        monkeypatch.setattr(module, "_folder_sources", lambda _: "other")
    elif change == "processor":
        codegen = type(numba.core.registry.cpu_target.target_context.codegen())
        monkeypatch.setattr(codegen, "magic_tuple", lambda _: ("x86_64", "znver5", "+avx512f"))
    elif change == "settings":
        monkeypatch.setattr(module.config, "BOUNDSCHECK", 1)
    else:
        monkeypatch.setattr({"numba": numba, "numpy": np, "llvmlite": module.llvmlite}[change],
                            "__version__", "99.0")
    assert not call()
    assert call()


def test_a_digest_of_sources_sees_names_and_contents(tmp_path):
    seen = []
    for files in ({"a.py": "x"}, {"a.py": "y"}, {"b.py": "y"}, {"a.py": "x", "b.py": "y"},
                  {"a.py": "xb.pyy"}):
        folder = tmp_path / str(len(seen))
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        seen.append(module._sources(folder))
    assert len(set(seen)) == len(seen)


def test_folders_that_are_out_of_date_are_removed_and_nothing_else(cache, monkeypatch):
    call()
    [old] = cache.iterdir()
    kept = {name: cache / name for name in ("1" * 32, "2" * 32, "mine", "3" * 32, "4" * 32)}
    for folder in kept.values():
        folder.mkdir()
        (folder / "x.nbi").write_bytes(b"")
    (kept["1" * 32] / MARK).write_text("another version, used lately", encoding="utf-8")
    (kept["3" * 32] / MARK).write_text("unused, but it holds a file of the user", encoding="utf-8")
    (kept["3" * 32] / "notes.txt").write_text("keep", encoding="utf-8")
    (kept["4" * 32] / MARK).write_text("another version, long unused", encoding="utf-8")
    (kept["mine"] / MARK).write_text("another name", encoding="utf-8")
    for folder in kept.values():
        if folder.name != "1" * 32 and (folder / MARK).exists():
            os.utime(folder / MARK, (time.time() - UNUSED - 60,) * 2)
    monkeypatch.setattr(module, "_KERNELS", "other sources")
    call()
    assert not old.exists()
    assert not kept.pop("4" * 32).exists()
    assert (kept.pop("3" * 32) / "notes.txt").exists()
    assert all((folder / "x.nbi").exists() for folder in kept.values())
    assert call()


def test_a_folder_that_disappears_meanwhile_is_made_again(cache):
    call()
    [folder] = cache.iterdir()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert not call()
    assert call()
    assert (folder / MARK).is_file()


@pytest.mark.parametrize(("platform", "variables", "expected"), [
    ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/tinynnclr"),
    ("linux", {"XDG_CACHE_HOME": "x"}, "~/.cache/tinynnclr"),
    ("linux", {}, "~/.cache/tinynnclr"), ("darwin", {}, "~/Library/Caches/tinynnclr"),
    ("win32", {"LOCALAPPDATA": "/local"}, "/local/tinynnclr"),
    ("win32", {}, "~/AppData/Local/tinynnclr"),
    ("linux", {"XDG_CACHE_HOME": "/x", "CACHE_DIR": "/mine"}, "/mine/tinynnclr")])
@pytest.mark.skipif(sys.platform == "win32", reason="the paths of this test are POSIX's")
def test_the_platforms_cache_folder(platform, variables, expected, monkeypatch):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/a")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module.config, "CACHE_DIR", variables.get("CACHE_DIR", ""))
    monkeypatch.setattr(module.sys, "platform", platform)
    assert str(module._cache_root()) == expected.replace("~", "/home/a")


def test_without_a_home_folder(cache, monkeypatch, capsys):
    monkeypatch.setattr(module, "_cache_root", lambda: None)
    assert not call()
    assert call()
    assert "no cache folder is known: compiled kernels are stored in" in capsys.readouterr().err


def test_the_users_own_functions_are_cached_where_numba_puts_them():
    assert numba.config.CACHE_DIR == os.environ.get("NUMBA_CACHE_DIR", "")
    kernel = numba.njit(twice)
    kernel.enable_caching()
    if not numba.config.CACHE_DIR:
        assert Path(kernel.stats.cache_path) == Path(__file__).parent / "__pycache__"


def test_no_compiled_code_is_stored_beside_the_source():
    from tinynnclr.kernels import matmul

    started = time.time()
    matmul(np.ones((3, 2)), np.ones((2, 2)))
    assert not [path for path in (ROOT / "tinynnclr").rglob("*.nb[ic]") if path.stat().st_mtime
                > started]
