"""Mean and interval over seeds, against numbers worked out by hand."""
import pytest
from one_line import fails

from tinynnclr.evaluate.interval import mean_and_interval


def test_five_numbers():
    mean, half = mean_and_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert mean == 3
    assert half == pytest.approx(2.776 * 2.5**0.5 / 5**0.5)  # variance 2.5, 4 degrees of freedom


def test_few_and_many():
    assert mean_and_interval([0.5]) == (0.5, None)
    assert mean_and_interval([0.2] * 40)[1] == pytest.approx(0, abs=1e-12)
    with fails(ValueError, "at least 1"):
        mean_and_interval([])
