"""Alignment, uniformity and effective rank: loops in float64, and points of known values."""
import math
import re

import numpy as np
import pytest
from one_line import fails

from tinynnclr.methods.losses import nt_xent_loss
from tinynnclr.metrics.geometry import alignment, effective_rank, uniformity
from tinynnclr.tensor import Tensor

EAST, NORTH = (1.0, 0.0), (0.0, 1.0)


def unit(row):
    length = math.sqrt(sum(float(v) ** 2 for v in row))
    return [float(v) / length for v in row]


def squared(a, b):
    return sum((x - y) ** 2 for x, y in zip(unit(a), unit(b), strict=True))


def uniformity_by_loops(z, t):
    pairs = [math.exp(-t * squared(z[i], z[j])) for i in range(len(z)) for j in range(len(z))
             if i != j]
    return math.log(sum(pairs) / len(pairs))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "d"), [(1, 1), (2, 3), (7, 5), (33, 2)])
def test_alignment_is_the_loop(n, d, dtype, rng):
    z1, z2 = rng.standard_normal((2, n, d)).astype(dtype)
    for alpha in (1.0, 2.0, 3.0):
        expected = sum(squared(a, b) ** (alpha / 2) for a, b in zip(z1, z2, strict=True)) / n
        assert alignment(z1, z2, alpha) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert alignment(z1, z2) == alignment(z1, z2, 2.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "d"), [(2, 1), (2, 3), (7, 5), (33, 2)])
def test_uniformity_is_the_loop(n, d, dtype, rng):
    z = rng.standard_normal((n, d)).astype(dtype)
    for t in (0.5, 2.0, 10.0):
        assert uniformity(z, t) == pytest.approx(uniformity_by_loops(z, t), rel=1e-9, abs=1e-12)
    assert uniformity(z) == uniformity(z, 2.0)


def test_known_points():
    north, east, west = np.array([NORTH]), np.array([EAST]), -np.array([EAST])
    assert alignment(east, east) == 0
    assert alignment(east, north) == pytest.approx(2)
    assert alignment(east, 7 * west) == pytest.approx(4)  # lengths do not count
    assert alignment(east, west, alpha=1) == pytest.approx(2)
    assert uniformity(np.repeat(east, 5, axis=0)) == 0
    # -4 t: as far as two can be
    assert uniformity(np.concatenate([east, 3 * west])) == pytest.approx(-8)
    square = np.concatenate([east, north, west, -north])
    assert uniformity(square) == pytest.approx(math.log((2 * math.exp(-4) + math.exp(-8)) / 3))
    # exp(-2000) is 0 to a float
    assert uniformity(square, t=1000) == pytest.approx(-2000 + math.log(2 / 3))


def test_many_random_directions_come_near_the_sphere(rng):
    """For independent directions in 3 dimensions, E exp(2 t cos) is sinh(2 t) / 2 t."""
    z = rng.standard_normal((2000, 3))
    assert uniformity(z) == pytest.approx(-4 + math.log(math.sinh(4) / 4), abs=0.02)


def test_the_two_add_up_to_the_loss(rng):
    """NT-Xent = A / (2 tau) + mean_i log sum_{j != i} exp(-|z_i - z_j|^2 / (2 tau)), exactly."""
    z1, z2 = rng.standard_normal((2, 6, 4))
    z, tau = np.concatenate([z1, z2]), 0.3
    push = [math.log(sum(math.exp(-squared(a, b) / (2 * tau)) for j, b in enumerate(z) if i != j))
            for i, a in enumerate(z)]
    expected = alignment(z1, z2) / (2 * tau) + np.mean(push)
    assert nt_xent_loss(Tensor(z1), Tensor(z2), tau).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_equal_directions_count_one_each(k):
    assert effective_rank(np.eye(k, 7)) == pytest.approx(k)
    assert effective_rank(np.repeat(np.eye(7)[:k], 4, axis=0)) == pytest.approx(k)
    assert effective_rank(np.ones((k, 3))) == pytest.approx(1)


def test_effective_rank_of_known_singular_values(rng):
    """Strengths 3 and 1 have the shares 3/4 and 1/4: they are not squared."""
    expected = math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert effective_rank(np.diag([3.0, 1.0, 0.0])) == pytest.approx(expected)
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (9, 4))
    z = left[:, :2] @ np.diag([3.0, 1.0]) @ right[:2]
    assert effective_rank(z) == pytest.approx(expected)
    assert effective_rank(z.T) == pytest.approx(expected)
    assert effective_rank(-1e-6 * z) == pytest.approx(expected)


@pytest.mark.parametrize(("n", "d"), [(1, 5), (40, 3), (3, 40), (17, 16)])
def test_effective_rank_by_eigenvalues(n, d, rng):
    z = rng.standard_normal((n, d))
    gram = z @ z.T if n < d else z.T @ z
    s = np.sqrt(np.linalg.eigvalsh(gram))
    p = s / s.sum()
    assert effective_rank(z) == pytest.approx(math.exp(-(p * np.log(p)).sum()), rel=1e-6)
    assert effective_rank(z.astype(np.float32)) == pytest.approx(effective_rank(z), rel=1e-5)


def test_nothing_and_nan(rng):
    assert effective_rank(np.zeros((3, 2))) == 0
    bad = rng.standard_normal((3, 2))
    bad[1, 1] = np.nan
    for measure in (effective_rank, uniformity, lambda z: alignment(z, z)):
        with fails(FloatingPointError, "1 of 3 rows are not finite"):
            measure(bad)
    # a row of zeros has no direction, and stays
    assert alignment(np.zeros((1, 2)), np.array([EAST])) == 1


def test_inputs_are_left_alone(rng):
    z = rng.standard_normal((5, 3)).astype(np.float32)
    before = z.tobytes()
    alignment(z, z[::-1])
    uniformity(z)
    effective_rank(z)
    assert z.tobytes() == before


@pytest.mark.parametrize(("measure", "shapes"), [
    (alignment, [(2, 3), (3, 3)]), (alignment, [(3,), (3,)]), (alignment, [(0, 3), (0, 3)]),
    (uniformity, [(1, 3)]), (effective_rank, [(0, 3)])])
def test_other_shapes_are_refused(measure, shapes):
    with fails(ValueError, measure.__name__, *(re.escape(str(shape)) for shape in shapes)):
        measure(*map(np.zeros, shapes))
