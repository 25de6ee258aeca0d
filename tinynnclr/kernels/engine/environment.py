"""Check Numba's environment variables before importing Numba, which would raise or exit."""
import os
import re

MOST_THREADS = 1024  # more than any machine has cores; a system refuses to start too many

WHOLE_NUMBERS = [f"NUMBA_{name}" for name in (
    "DISABLE_JIT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "FUNCTION_CACHE_SIZE", "DEBUG",
    "DEBUG_CACHE", "DEBUGINFO", "BOUNDSCHECK", "DUMP_IR", "DUMP_LLVM", "DUMP_ASSEMBLY",
    "DUMP_OPTIMIZED", "DISABLE_INTEL_SVML", "FULL_TRACEBACKS")]


def check(variables: "os._Environ[str] | dict[str, str]" = os.environ) -> None:
    """Raise ImportError, one line, for a value with which the kernels cannot be compiled or run."""
    threads = variables.get("NUMBA_NUM_THREADS", "1")
    if not re.fullmatch(r"\s*\+?\d{1,9}\s*", threads) or not 1 <= int(threads) <= MOST_THREADS:
        raise ImportError(f"NUMBA_NUM_THREADS={threads}: expected 1 to {MOST_THREADS}; change it, "
                          "or unset it to use all cores")
    if re.fullmatch(r"\s*[+-]?0*[1-9]\d*\s*", variables.get("NUMBA_DISABLE_JIT", "0")):
        raise ImportError(f"NUMBA_DISABLE_JIT={variables['NUMBA_DISABLE_JIT']}: the kernels need "
                          "Numba's compiler; unset it")
    for name in WHOLE_NUMBERS:
        if not re.fullmatch(r"\s*([+-]?\d+)?\s*", variables.get(name, "")):
            raise ImportError(f"{name}={variables[name]}: expected a whole number; change it, or "
                              "unset it")
    if variables.get("NUMBA_OPT", "3") not in ("0", "1", "2", "3", "max"):
        raise ImportError(f"NUMBA_OPT={variables['NUMBA_OPT']}: expected 0, 1, 2, 3 or max; change "
                          "it, or unset it")
    features = variables.get("NUMBA_CPU_FEATURES", "")
    if not re.fullmatch(r"([+-][\w.-]+(,|$))*", features):
        raise ImportError(f"NUMBA_CPU_FEATURES={features}: expected names of features, each after "
                          "+ or -, such as +avx2,-avx512f")


check()
