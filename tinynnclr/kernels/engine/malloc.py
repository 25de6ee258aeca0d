"""Keep freed memory for the next step, instead of returning it to the operating system.

A step frees the same hundreds of megabytes that the next one needs. By default the C library
returns large blocks at once; every page of theirs is then cleared and mapped anew at first touch.
Measured: 7 % of a step at width 16, 12 % at width 32, with two settings instead of a pool of
buffers that every op would have to know.
"""
import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h of the GNU C library


def keep_freed_memory() -> bool:
    """Return no freed memory from now on; True where the C library can do that (Linux, glibc)."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt and mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))
