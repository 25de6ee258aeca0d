"""The exponential that kernels call: the library's numbers, and its ends."""
import math

import numpy as np
import pytest
from numba import njit

from tinynnclr.kernels.engine.exp import exp, exp_naive

both = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])


@njit
def exponentials(x, y):
    """The exponential as kernels call it."""
    for i in range(len(x)):
        y[i] = exp(x[i])


@both
def test_the_exponential_equals_the_librarys(rng, dtype):
    # the last: where n changes
    x = np.concatenate([-rng.uniform(0, 87, 20001), -rng.uniform(0, 1, 20001), -np.arange(88.0),
                        -np.arange(125) * math.log(2) / 2]).astype(dtype)
    y = np.empty_like(x)
    exponentials(x, y)
    np.testing.assert_allclose(y, exp_naive(x.astype(np.float64)), rtol=2 * np.finfo(dtype).eps,
                               atol=0)
    assert exp(-1.0) == math.exp(-1)


@both
def test_the_exponential_at_its_ends(dtype):
    x = np.array([0, -0.0, -87, -88, -1e4, -np.inf, np.nan], dtype)
    y = np.empty_like(x)
    exponentials(x, y)
    assert y[:2].tolist() == [1, 1]
    np.testing.assert_allclose(y[2], math.exp(-87), rtol=1e-6)
    assert (y[3:6] <= 1e-38).all()
    assert y[4] == y[5] == 0
    assert np.isnan(y[6])
