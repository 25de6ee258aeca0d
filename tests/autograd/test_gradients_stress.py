"""Every op's gradient in float64 on drawn shapes, layouts, strides, axes and sizes.

The magnitudes, about 1e-3 to 1e3, are those at which central differences are accurate.
"""
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import tinynnclr  # noqa: F401 (registers the ops)
from tinynnclr.gradcheck import gradcheck
from tinynnclr.tensor import OPS

SIZES = st.integers(0, 5)
SOME = st.integers(1, 5)  # where an axis of no numbers is refused, or means nothing


@st.composite
def array(draw, *shape, low=None, different=False):
    """Numbers of a drawn seed and magnitude; low: all above it; different: no two are close."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if different:
        x = rng.permutation(int(np.prod(shape))).reshape(shape) * 0.1 - 1.0
    elif low is None:
        x = rng.standard_normal(shape)
    else:
        x = rng.uniform(low, 3, shape)
    return x if different else x * draw(st.sampled_from((1.0, 1.0, 1e-3, 1e2)))


def away(x):
    """The same numbers, none closer to 0 than a tenth of the largest."""
    size = np.abs(x).max(initial=0) or 1.0
    return np.where(np.abs(x) < 0.1 * size, 0.1 * size + np.abs(x), x)


def laid(x, layout):
    """(array, op): the op turns the array, of another layout, into the numbers of x."""
    if layout == "C" or x.ndim == 0:
        return x, lambda tensor: tensor
    if layout == "transposed":
        return x.T, OPS["transpose"]
    if layout == "reversed":
        return x[::-1], lambda tensor: OPS["getitem"](tensor, index=slice(None, None, -1))
    wide, every_second = np.zeros([2 * n for n in x.shape]), (slice(None, None, 2),) * x.ndim
    wide[every_second] = x
    return wide, lambda tensor: OPS["getitem"](tensor, index=every_second)


@st.composite
def broadcasting(draw):
    """Two shapes that NumPy broadcasts: axes of 1, missing and empty ones."""
    full = draw(st.lists(SIZES, max_size=3))
    shapes = []
    for _ in range(2):
        shape = [n if draw(st.booleans()) else 1 for n in full]
        shapes.append(tuple(shape[draw(st.integers(0, len(shape))):]) if draw(st.booleans())
                      else tuple(shape))
    return shapes


@st.composite
def binary(draw, divisor=False):
    first, second = draw(broadcasting())
    b = draw(array(*second))
    return (draw(array(*first)), away(b) if divisor else b), {}


@st.composite
def unary(draw, low=None, no_zero=False, scale=1.0):
    x = draw(array(*draw(st.lists(SIZES, max_size=4)), low=low))
    return (away(x) if no_zero else x * scale,), {}


@st.composite
def reduction(draw, sizes=SIZES):
    shape = draw(st.lists(sizes, max_size=4))
    axes = list(range(-len(shape), len(shape)))
    axis = draw(st.none() | st.sampled_from(axes)) if axes else None
    if axis is not None and draw(st.booleans()):
        other = [a for a in axes if a % len(shape) != axis % len(shape)]
        axis = (axis, draw(st.sampled_from(other))) if other else (axis,)
    return (draw(array(*shape)),), {"axis": axis, "keepdims": draw(st.booleans())}


@st.composite
def reshaped(draw):
    shape = draw(st.lists(SIZES, min_size=1, max_size=3))
    size = int(np.prod(shape))
    split = draw(st.sampled_from([d for d in range(1, size + 1) if size % d == 0] or [0]))
    new = draw(st.sampled_from([(size,), (split, size // split if split else 1),
                                (-1,) if size else (0,), (1, size, 1)]))
    return (draw(array(*shape)),), {"shape": new}


@st.composite
def transposed(draw):
    shape = draw(st.lists(SIZES, min_size=1, max_size=4))
    order = draw(st.permutations(range(len(shape))))
    axes = tuple(a - len(shape) * draw(st.integers(0, 1)) for a in order)
    return (draw(array(*shape)),), {"axes": draw(st.sampled_from([None, axes]))}


@st.composite
def indexed(draw):
    shape = draw(st.lists(SOME, min_size=1, max_size=3))
    n = shape[0]
    integers = st.lists(st.integers(-n, n - 1), max_size=6).map(lambda i: np.array(i, int))
    masks = st.lists(st.booleans(), min_size=n, max_size=n).map(lambda m: np.array(m, bool))
    index = draw(st.one_of(st.integers(-n, n - 1), st.slices(n), integers, masks, st.just(...),
                           st.none()))
    return (draw(array(*shape)),), {"index": index}


@st.composite
def joined(draw):
    shape = draw(st.lists(SIZES, min_size=1, max_size=3))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    parts = []
    for size in draw(st.lists(SIZES, min_size=1, max_size=4)):
        part = list(shape)
        part[axis] = size
        parts.append(draw(array(*part)))
    return tuple(parts), {"axis": axis}


@st.composite
def products(draw):
    m, k, n = draw(SIZES), draw(st.integers(0, 40)), draw(st.integers(0, 40))
    items = draw(st.sampled_from([(), (0,), (1,), (3,)]))
    return (draw(array(*items, m, k)), draw(array(*items, k, n))), {}


@st.composite
def linears(draw):
    m, k, n = draw(SIZES), draw(st.integers(0, 20)), draw(st.integers(0, 20))
    return (draw(array(m, k)), draw(array(k, n)), draw(array(n))), {"relu": False}


@st.composite
def convolutions(draw):
    kh, kw = draw(SOME), draw(SOME)
    c, f = draw(st.sampled_from([1, 2, 3, 9, 17])), draw(st.sampled_from([1, 2, 8, 19]))
    padding, stride = draw(st.integers(0, 3)), draw(st.integers(1, 4))
    h, w = (max(1, side - 2 * padding) + draw(st.integers(0, 5)) for side in (kh, kw))
    return (draw(array(draw(st.integers(0, 2)), h, w, c)),
            draw(array(kh, kw, c, f))), {"stride": stride, "padding": padding}


@st.composite
def pools(draw):
    size, stride = draw(SOME), draw(st.none() | SOME)
    padding = draw(st.integers(0, size // 2))
    h, w = (max(1, size - 2 * padding) + draw(st.integers(0, 5)) for _ in range(2))
    return (draw(array(draw(st.integers(0, 2)), h, w, draw(SOME), different=True)),), {
        "size": size, "stride": stride, "padding": padding}


@st.composite
def images(draw):
    return (draw(array(draw(st.integers(0, 2)), draw(SOME), draw(SOME), draw(SOME))),), {}


@st.composite
def batch_norms(draw, filters=False):
    n, h, w = (draw(st.integers(2, 4)) for _ in range(3))
    c = draw(SOME)
    x = draw(array(n, h, w, c)) + draw(st.sampled_from([0.0, 50.0]))
    size = max(np.abs(x - x.mean((0, 1, 2))).max(), 1e-9)
    static = {"eps": draw(st.sampled_from([1e-5, 0.1]))}
    if draw(st.booleans()):
        static.update(training=False, running_mean=x.mean((0, 1, 2)),
                      running_var=np.full(c, size * size))
    weight = draw(array(c, low=0.3))
    # above the kink of ReLU: |x - mean| / std < 8
    bias = weight.max() * (10 + draw(array(c, low=0.3)))
    if not filters:
        return (x, weight, bias), {**static, "relu": draw(st.booleans())}
    taps = draw(array(draw(st.integers(1, 2)), draw(st.integers(1, 2)), c, draw(SOME)))
    return (x, weight, bias, taps), {**static, "stride": draw(st.integers(1, 3)),
                                     "padding": draw(st.integers(0, 2))}


@st.composite
def rows(draw, vectors=0, least=1, axes=3):
    """Rows along the last axis, and so many vectors of its length."""
    shape = (*draw(st.lists(SIZES, max_size=axes - 1)), draw(st.integers(least, 9)))
    return (draw(array(*shape)), *(draw(array(shape[-1])) for _ in range(vectors))), {}


@st.composite
def lengths(draw):
    x = draw(array(draw(SIZES), draw(SOME)))
    return (away(x),), {"eps": draw(st.sampled_from([0.0, 1e-12]))}


@st.composite
def labelled(draw):
    n, classes = draw(SOME), draw(SOME)
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n))
    return (draw(array(n, classes)),), {"labels": np.array(labels)}


@st.composite
def attentions(draw):
    heads, d, t, n = (draw(strategy) for strategy
                      in (st.integers(1, 3), SOME, st.integers(1, 20), st.integers(0, 2)))
    tokens = array(n, t, heads * d).filter(lambda x: np.abs(x).max(initial=0) < 50)
    return tuple(draw(tokens) for _ in range(3)), {"heads": heads}


@st.composite
def powers(draw):
    return (draw(array(*draw(st.lists(SIZES, max_size=3)), low=0.3)),), {
        "exponent": draw(st.sampled_from([2, 3, 0.5, -1, -1.5, 1, 0]))}


@st.composite
def masked(draw):
    shape = draw(st.lists(SIZES, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return (draw(array(*shape)),), {"mask": rng.random(shape) < 0.5,
                                    "value": draw(st.sampled_from([0, -5, 3]))}


@st.composite
def aligned(draw):
    n, h, w, r = draw(SOME), draw(SOME), draw(SOME), draw(st.integers(0, 3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return (draw(array(n, h, w, draw(SOME))),), {
        "boxes": rng.uniform(-2, 7, (r, 4)), "image": rng.integers(0, n, r),
        "size": draw(st.integers(1, 3)), "samples": draw(st.integers(1, 3))}


STRATEGIES = {"add": binary(), "sub": binary(), "mul": binary(), "div": binary(divisor=True),
              "neg": unary(), "power": powers(), "exp": unary(scale=0.1), "log": unary(low=0.3),
              "tanh": unary(), "relu": unary(no_zero=True), "gelu": unary(),
              "masked_fill": masked(), "sum": reduction(), "mean": reduction(sizes=SOME),
              "reshape": reshaped(), "transpose": transposed(), "getitem": indexed(),
              "concatenate": joined(), "matmul": products(), "linear": linears(),
              "log_softmax": rows(), "cross_entropy": labelled(), "l2_normalize": lengths(),
              "conv2d": convolutions(), "max_pool2d": pools(),
              "global_avg_pool": images(), "batch_norm": batch_norms(),
              "batch_norm_conv2d": batch_norms(filters=True), "detrend": images(),
              "layer_norm": rows(vectors=2), "attention": attentions(), "all_gather": rows(),
              "log_sigmoid": unary(), "roi_align": aligned()}


def test_every_op_has_a_strategy():
    assert set(STRATEGIES) == set(OPS)


def step(arrays):
    """Of the central differences: small beside the inputs, whose smallest size counts."""
    sizes = [np.abs(a).max() for a in arrays if a.size]
    return 1e-6 * max(min([*sizes, 1.0]), 1e-4)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
@pytest.mark.parametrize("name", sorted(OPS))
def test_gradient(name, count, record_property):
    cases = []

    @settings(max_examples=count(6, 20, 60), deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))
    @given(STRATEGIES[name], st.sampled_from(["C", "transposed", "strided", "reversed"]))
    def check(drawn, layout):
        arrays, static = drawn
        wide, back = zip(*(laid(a, layout) for a in arrays), strict=True)
        out, eps = OPS[name](*arrays, **static).numpy(), step(arrays)
        noise = 2e-14 * np.linalg.norm(out) / eps  # of the differences of rounded values
        assume(noise < 1e-3)
        cases.append(name)
        gradcheck(lambda *tensors: OPS[name](*(f(t) for f, t in zip(back, tensors, strict=True)),
                                             **static), *wide, eps=eps, tolerance=max(2e-5, noise),
                  directions=2)

    check()
    record_property("cases", len(cases))
