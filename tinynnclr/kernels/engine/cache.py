"""Sizes of the processor's caches, for the sizes of blocks; they do not change results."""
from pathlib import Path

LINUX = Path("/sys/devices/system/cpu/cpu0/cache")


def cache_bytes(level: int, otherwise: int, root: Path = LINUX) -> int:
    """Bytes of the first core's data cache of this level, from Linux; `otherwise` if unknown."""
    try:
        for entry in sorted(root.glob("index*")):
            kind, number, text = ((entry / name).read_text(encoding="ascii").strip()
                                  for name in ("type", "level", "size"))
            if kind != "Instruction" and int(number) == level:
                size = int(text.rstrip("KM")) * {"K": 1 << 10, "M": 1 << 20}.get(text[-1], 1)
                return size if size > 0 else otherwise
    except (OSError, ValueError, IndexError):
        pass
    return otherwise


SECOND = cache_bytes(2, 1 << 19)  # a core's own
THIRD = cache_bytes(3, 1 << 25)  # what all cores share
