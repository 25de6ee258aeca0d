"""Mean and interval over seeds, against numbers worked out by hand."""
import pytest
from one_line import fails

from tinynnclr.metrics.confidence import STUDENT, mean_and_interval, student


def test_five_numbers():
    mean, half = mean_and_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert mean == 3
    assert half == pytest.approx(2.776 * 2.5**0.5 / 5**0.5)  # variance 2.5, 4 degrees of freedom


def test_few_and_many():
    assert mean_and_interval([0.5]) == (0.5, None)
    assert mean_and_interval([0.2] * 40)[1] == pytest.approx(0, abs=1e-12)
    with fails(ValueError, "at least 1"):
        mean_and_interval([])


def test_students_factor():
    """Against published tables; the expansion takes over from the table without a step."""
    for degrees, factor in ((1, 12.706), (4, 2.776), (10, 2.228), (11, 2.201), (19, 2.093),
                            (30, 2.042), (100, 1.984)):
        assert student(degrees) == pytest.approx(factor, abs=6e-4)
    assert all(a > b for a, b in zip(map(student, range(1, 60)), map(student, range(2, 61)),
                                     strict=True))
    assert len(STUDENT) == 9
