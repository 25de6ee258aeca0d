"""A mean over seeds, and how far it may be off."""
import numpy as np

# 97.5 % point of Student's t for 1, 2, ... degrees of freedom; beyond, the normal distribution's.
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


def mean_and_interval(numbers: list[float]) -> tuple[float, float | None]:
    """The mean, and half the width of its 95 % interval (Student's t); None for the second of a single number.

    Raises ValueError for no numbers.
    """
    if not numbers:
        raise ValueError("mean_and_interval: expected at least 1 number, got none")
    n = len(numbers)
    if n == 1:
        return float(numbers[0]), None
    t = STUDENT[n - 2] if n - 2 < len(STUDENT) else 1.96
    return float(np.mean(numbers)), float(t * np.std(numbers, ddof=1) / np.sqrt(n))
