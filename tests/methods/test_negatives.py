"""Ring and ball: which ranks are negatives, and how the ball shrinks."""
import numpy as np
import pytest
from small import small_config

from tinynnclr.methods.method import START, Progress
from tinynnclr.methods.negatives import Negatives, nearest_share, select_negatives

# candidate 99 is the nearest: rank r is candidate 99 - r
HUNDRED = np.arange(100, dtype=np.float32)[None]


def ranks(allowed):
    return sorted((99 - np.flatnonzero(allowed[0])).tolist())


@pytest.mark.parametrize(("outer", "inner", "fixed", "wanted"), [
    (0.1, 0.01, True, range(1, 10)),   # 1 % to 10 % of all
    (0.1, 0.1, False, range(1, 10)),   # a tenth of the ball
    (0.1, 0.1, True, [10]),            # nothing between: the next one is left
    (0.1, 0.0, False, range(10)),      # a ball
    (0.29, 0.0, True, range(29)),      # 0.29 * 100 is 28.999... in floating point
    (0.57, 0.07, True, range(7, 57)),
    (1.0, 0.0, False, range(100)),     # all
    (1.0, 0.25, False, range(25, 100)),
    (0.0, 0.0, False, [0]),            # at least one
    (0.005, 0.5, False, [0]),
])
def test_ranks(outer, inner, fixed, wanted):
    assert ranks(select_negatives(HUNDRED, outer, inner, fixed)) == list(wanted)


@pytest.mark.parametrize("n", [1, 2, 7, 50])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_sorting(n, dtype, rng):
    """Ties included: of equals the first come first."""
    for trial in range(40):
        similarities = (rng.integers(-3, 4, (5, n)) if trial % 2
                        else rng.standard_normal((5, n))).astype(dtype)
        itself = np.zeros((5, n), bool)
        if n > 1 and trial % 3:
            itself[np.arange(5), rng.integers(0, n, 5)] = True
        outer, inner, fixed = rng.random(), rng.random(), bool(trial % 2)
        allowed = select_negatives(similarities, outer, inner, fixed, itself)
        for row, own, got in zip(similarities, itself, allowed, strict=True):
            others = [i for i in np.argsort(-row, kind="stable") if not own[i]]
            ball = int(outer * len(others) + 1e-9)
            near = int(inner * (len(others) if fixed else ball) + 1e-9)
            assert set(np.flatnonzero(got)) == set(others[near:max(ball, near + 1)])


def test_the_largest_of_each_row(rng):
    rows = rng.standard_normal((4, 9))
    for count in range(-1, 11):
        assert (nearest_share(rows, count).sum(axis=1) == min(max(count, 0), 9)).all()
    assert nearest_share(np.zeros((2, 5)), 2).tolist() == [[True, True, False, False, False]] * 2


def test_all_means_all_where_some_have_more_of_their_own():
    own = np.array([[True, True, False, False], [True, False, False, False]])
    assert (select_negatives(np.zeros((2, 4)), 1.0, 0.0, itself=own) == ~own).all()


@pytest.mark.parametrize(("anneal", "values"), [
    ("none", {0: 0.1, 1: 0.1, 50: 0.1, 199: 0.1}),
    ("linear", {0: 1.0, 25: 0.775, 50: 0.55, 99: 0.109, 100: 0.1, 199: 0.1}),
    ("step", {0: 1.0, 24: 1.0, 25: 0.775, 50: 0.55, 74: 0.55, 75: 0.325, 99: 0.325, 100: 0.1,
              199: 0.1}),
    ("exponential", {0: 1.0, 50: 0.1 ** 0.5, 100: 0.1, 199: 0.1})])
def test_how_the_ball_shrinks(anneal, values):
    """Over the first half of 200 steps, from all to a tenth; it never grows."""
    config = small_config(method="moco", negatives="ring", anneal=anneal, ring_outer=0.1,
                          anneal_until=0.5)
    negatives = Negatives(config)
    for step, share in values.items():
        assert negatives.ball(Progress(step, 200)) == pytest.approx(share, rel=1e-9), step
    sizes = [negatives.ball(Progress(step, 200)) for step in range(200)]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("anneal", ["linear", "step", "exponential"])
def test_shrinking_over_no_time(anneal):
    negatives = Negatives(small_config(method="moco", negatives="ball", anneal=anneal,
                                       anneal_until=0.0))
    assert negatives.ball(Progress(0, 100)) == pytest.approx(0.1)
    negatives = Negatives(small_config(method="moco", negatives="ball", anneal=anneal,
                                       ring_outer=0.0))
    shares = [negatives.ball(Progress(step, 100)) for step in (0, 99)]
    assert shares == [1.0, 0.0]


def test_every_flag_matters(rng):
    """Both values of each, and the inner bound only for a ring."""
    similarities = rng.standard_normal((3, 40))
    chosen = {}
    for kind in ("all", "ball", "ring"):
        config = small_config(method="moco", negatives=kind, ring_outer=0.5, ring_inner=0.2)
        allowed = Negatives(config).allowed(similarities, START)
        chosen[kind] = None if allowed is None else allowed.sum(axis=1).tolist()
    assert chosen == {"all": None, "ball": [20] * 3, "ring": [16] * 3}
    own = np.zeros((3, 40), bool)
    own[:, 5] = True
    assert not Negatives(small_config(method="moco")).allowed(similarities, START, own)[:, 5].any()
