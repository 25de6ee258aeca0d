"""The mean over seeds and its 95 % confidence interval."""
import numpy as np

from ..kernels.engine.checks import plain_numbers

# the 97.5 % point of Student's t for 1, 2, ... degrees of freedom
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


@plain_numbers
def student(degrees: int) -> float:
    """The 97.5 % point of Student's t.

    Beyond the table, its expansion around the normal distribution's (Fisher & Cornish 1960).
    """
    if degrees <= len(STUDENT):
        return STUDENT[degrees - 1]
    n = degrees
    z = 1.959964
    return (z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
            + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3))


def mean_and_interval(numbers: list[float]) -> tuple[float, float | None]:
    """The mean, and half the width of its 95 % interval (Student's t; None for a single number).

    Raises ValueError for no numbers.
    """
    if not numbers:
        raise ValueError("mean_and_interval: expected at least 1 number, got none")
    n = len(numbers)
    if n == 1:
        return float(numbers[0]), None
    return float(np.mean(numbers)), float(student(n - 1) * np.std(numbers, ddof=1) / np.sqrt(n))


def format_percent(numbers: list[float]) -> str:
    """The mean and its interval as tables show them: "61.2 % ± 0.8"."""
    mean, half = mean_and_interval(numbers)
    return f"{100 * mean:.1f} %" + ("" if half is None else f" ± {100 * half:.1f}")
