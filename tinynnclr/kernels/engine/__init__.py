"""The parts under the kernels, to skip at first: micro-kernel, thread pool, Winograd, checks."""
from . import environment as environment  # first: it checks what Numba reads on import
