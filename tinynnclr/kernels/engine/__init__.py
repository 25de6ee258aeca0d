"""What the kernels stand on: the micro-kernel, the thread pool, Winograd, argument checks. Skip it
at first.
"""
from . import environment as environment  # first: it checks what Numba reads on import
