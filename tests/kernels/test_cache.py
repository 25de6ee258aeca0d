"""The sizes of the caches, from what Linux writes down, and a guess where it does not."""
import pytest

from tinynnclr.kernels.engine.cache import SECOND, THIRD, cache_bytes
from tinynnclr.kernels.engine.simd import MR
from tinynnclr.kernels.matmul import COLUMNS, ROWS


def write(root, *caches):
    for i, (level, kind, size) in enumerate(caches):
        (root / f"index{i}").mkdir()
        for name, text in (("level", level), ("type", kind), ("size", size)):
            (root / f"index{i}" / name).write_text(f"{text}\n", encoding="utf-8")
    return root


def test_what_linux_tells(tmp_path):
    root = write(tmp_path, (1, "Instruction", "32K"), (1, "Data", "48K"), (2, "Unified", "2048K"),
                 (3, "Unified", "30M"))
    assert [cache_bytes(level, 7, root) for level in (1, 2, 3, 4)] == [48 << 10, 2 << 20, 30 << 20,
                                                                       7]


@pytest.mark.parametrize("caches", [[], [(2, "Instruction", "32K")], [(2, "Unified", "0K")],
                                    [(2, "Unified", "")], [(2, "Unified", "many")],
                                    [("two", "Unified", "512K")]])
def test_nobody_tells(caches, tmp_path):
    assert cache_bytes(2, 99, write(tmp_path, *caches)) == 99
    assert cache_bytes(2, 99, tmp_path / "nowhere") == 99


def test_blocks_fit_the_caches():
    assert SECOND > 0
    assert THIRD > 0
    assert ROWS % MR == 0
    assert ROWS >= 120
    assert 1024 <= COLUMNS <= 4096
