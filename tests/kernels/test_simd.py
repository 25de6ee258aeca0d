"""The micro-kernel's parts: a processor's vectors, and panels whose last columns are zero."""
import numpy as np
import pytest

from tinynnclr.kernels import target
from tinynnclr.kernels.engine import simd

HOSTS = {(64, 8): [("+sse2,+avx,+avx2,+avx512f", ""), *(("", name) for name in (
             "skylake-avx512", "znver4", "znver5", "sapphirerapids", "x86-64-v4"))],
         (32, 6): [("+sse2,+avx,+avx2", ""), *(("", name) for name in (
             "haswell", "znver3", "x86-64-v3", "alderlake"))],
         (16, 8): [("+neon", ""), ("", "apple-m1")],
         (16, 4): [("+sse2,+avx", ""), *(("", name) for name in (
             "nehalem", "generic", "x86-64", "sandybridge", "tremont"))]}


@pytest.mark.parametrize(("features", "name", "expected"), [
    (*host, expected) for expected, hosts in HOSTS.items() for host in hosts])
def test_vectors_and_rows_of_a_tile(features, name, expected, monkeypatch):
    """As Numba is told by its own settings; without them it is the machine that is asked."""
    monkeypatch.setattr(simd, "get_host_cpu_features", lambda: features)
    monkeypatch.setattr(simd.config, "CPU_NAME", name or "host")
    monkeypatch.setattr(simd.config, "CPU_FEATURES", None)
    assert simd._host() == expected
    monkeypatch.setattr(simd, "get_host_cpu_features", lambda: "+avx512f")
    monkeypatch.setattr(simd.config, "CPU_NAME", name or "some")
    monkeypatch.setattr(simd.config, "CPU_FEATURES", features)
    assert simd._host() == expected


@pytest.mark.parametrize(("features", "expected"), [("-avx512f", (32, 6)),
                                                    ("-avx512f,-avx2", (16, 4))])
def test_a_feature_that_is_switched_off_is_not_used(features, expected, monkeypatch):
    monkeypatch.setattr(simd.config, "CPU_NAME", "znver4")
    monkeypatch.setattr(simd.config, "CPU_FEATURES", features)
    assert simd._host() == expected


@pytest.mark.parametrize("machine", ["arm64", "aarch64", "ARM64"])
@pytest.mark.parametrize("name", [None, "generic", "neoverse-v1", "cortex-x4"])
def test_arm_has_neon_where_llvm_reports_no_features(machine, name, monkeypatch):
    """As on Apple silicon with some versions of LLVM: every 64-bit ARM processor has NEON."""
    monkeypatch.setattr(simd, "get_host_cpu_features", lambda: "")
    monkeypatch.setattr(simd.platform, "machine", lambda: machine)
    monkeypatch.setattr(simd.config, "CPU_NAME", name)
    monkeypatch.setattr(simd.config, "CPU_FEATURES", None)
    assert simd._host() == (16, 8)


def test_the_target_names_processor_and_features(monkeypatch):
    monkeypatch.setattr(simd.config, "CPU_NAME", "haswell")
    monkeypatch.setattr(simd.config, "CPU_FEATURES", "+sse4.2,+avx,-fma,+avx2,-avx512f")
    text = target()
    assert " haswell (sse4.2, avx, avx2), " in text
    assert text.endswith(f"{simd.VECTOR_BYTES}-byte vectors, tiles of {simd.MR} rows")
    monkeypatch.setattr(simd.config, "CPU_FEATURES", "")
    assert "haswell (baseline)" in target()
    monkeypatch.setattr(simd.config, "CPU_NAME", None)
    monkeypatch.setattr(simd.config, "CPU_FEATURES", None)
    assert target() == target()
    assert "host" not in target()


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_panels_are_filled_up_with_zeros(rng, dtype, transposed):
    nr = 2 * simd.VECTOR_BYTES // np.dtype(dtype).itemsize
    for steps in (1, 3):
        for columns in (1, nr - 1, nr, nr + 1, (simd.PANELS + 1) * nr, (simd.PANELS + 2) * nr - 1):
            b = rng.standard_normal((columns, steps) if transposed
                                    else (steps, columns)).astype(dtype)
            panels = -(-columns // nr)
            out = np.full(panels * steps * nr + 5, np.nan, dtype)
            simd.pack(b.reshape(-1), 0, *((1, steps) if transposed else (columns, 1)), steps,
                      columns, out)
            expected = np.zeros((steps, panels * nr), dtype)
            expected[:, :columns] = b.T if transposed else b
            packed = out[:panels * steps * nr].reshape(panels, steps, nr)
            np.testing.assert_array_equal(packed.transpose(1, 0, 2).reshape(steps, -1), expected)
            assert np.isnan(out[panels * steps * nr:]).all()
