"""Every rung of the ladder gives the same product."""
import numpy as np
import pytest
from support.ladder import DEPTH, RUNGS, TILE


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, DEPTH + 1, TILE + 1), (3, 7, TILE - 1),
                                   (9, 2, 2 * TILE), (2, 0, 3)])
def test_rungs_agree(rng, rung, dtype, shape):
    m, k, n = shape
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    c = RUNGS[rung](a, b)
    assert c.dtype == dtype
    np.testing.assert_allclose(c, a.astype(np.float64) @ b.astype(np.float64), rtol=0,
                               atol=200 * np.finfo(dtype).eps)
