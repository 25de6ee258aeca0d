"""The processor that the kernels are compiled for; results may differ in their last bits."""
import platform

from llvmlite import binding
from numba import config
from numba.core.codegen import get_host_cpu_features

from .simd import MR, VECTOR_BYTES

# features that decide the results
_ARITHMETIC = ("sse4.2", "avx", "avx2", "fma", "avx512f", "avx512vl", "neon", "sve")


def target() -> str:
    """The instruction set: architecture, LLVM's name of the processor, features, vectors, tiles.

    Two runs with the same seed give the same bytes where this text is the same; otherwise their
    rounding may differ.
    """
    features = get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES
    has = [feature for feature in _ARITHMETIC if f"+{feature}" in features.split(",")]
    return (f"{platform.machine()} {config.CPU_NAME or binding.get_host_cpu_name()} "
            f"({', '.join(has) or 'baseline'}), {VECTOR_BYTES}-byte vectors, tiles of {MR} rows")
