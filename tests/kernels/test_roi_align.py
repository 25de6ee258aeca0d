"""RoIAlign: by hand, the naive twin, what lies outside, borders, layouts and threads."""
import numpy as np
import pytest
from guarded import any_layout, nothing_outside, same_bytes
from one_line import fails

from tinynnclr import Tensor, gradcheck, ops
from tinynnclr.kernels.roi_align import roi_align, roi_align_grad, roi_align_naive

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def some(rng, dtype=np.float64, n=3, h=7, w=6, c=5, r=11):
    """Maps and boxes, many of which leave the map; a box may be upside down or empty."""
    boxes = rng.uniform(-4, 10, (r, 4))
    boxes[0, 2:] = boxes[0, :2]
    return rng.standard_normal((n, h, w, c)).astype(dtype), boxes, rng.integers(0, n, r)


def test_by_hand():
    x = np.array([[1.0, 2], [3, 7]])[None, :, :, None]
    whole, pixel = [-0.5, -0.5, 1.5, 1.5], [0.5, 0.5, 0.5, 0.5]
    out = roi_align(x, np.array([whole, pixel]), np.array([0, 0]), 2, 1)[..., 0]
    np.testing.assert_allclose(out[0], x[0, ..., 0])  # bins on the pixels are the pixels
    np.testing.assert_allclose(out[1], np.full((2, 2), 13 / 4))  # the middle of all four
    one = roi_align(x, np.array([whole]), np.array([0]), 1, 2)[0, 0, 0, 0]
    assert one == pytest.approx(13 / 4)  # four samples on the four pixels
    quarter = roi_align(x, np.array([[0.25, 0, 0.25, 0]]), np.array([0]), 1, 1)
    assert quarter.item() == pytest.approx(0.75 * 1 + 0.25 * 2)


def test_outside_the_map():
    """Up to a pixel outside the nearest is read; further out, or at NaN, it is 0."""
    x = np.arange(1.0, 5)[None, None, :, None]  # one row: 1 2 3 4
    for at, wanted in [(-0.6, 1), (-1, 1), (-1.01, 0), (3.9, 4), (4, 4), (4.01, 0), (1e300, 0),
                       (np.nan, 0)]:
        assert roi_align(x, np.array([[at, 0, at, 0]]), np.array([0]), 1, 1).item() == wanted
        assert roi_align(x, np.array([[1, 2 * at, 1, 2 * at]]), np.array([0]), 1,
                         1).item() == 2 * (-1 <= 2 * at <= 1)


@each_dtype
@pytest.mark.parametrize("samples", [1, 2, 3])
def test_agrees_with_the_naive_twin(rng, dtype, samples):
    x, boxes, image = some(rng, dtype)
    out = roi_align(x, boxes, image, 4, samples)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, roi_align_naive(x.astype(float), boxes, image, 4, samples),
                               atol=2e-6 if dtype == np.float32 else 1e-12)


def test_the_gradient_is_the_transpose(rng):
    """<g, roi_align(x)> = <roi_align_grad(g), x> for every x and g, as the value is linear in x."""
    x, boxes, image = some(rng)
    g = rng.standard_normal((len(boxes), 3, 3, x.shape[3]))
    np.testing.assert_allclose((g * roi_align(x, boxes, image, 3)).sum(),
                               (roi_align_grad(g, boxes, image, x.shape) * x).sum(), rtol=1e-12)
    gradcheck(lambda t: ops.roi_align(t, boxes=boxes, image=image, size=3), x)


def test_a_map_of_one_pixel_and_no_boxes():
    x = np.full((2, 1, 1, 3), 4.0)
    assert (roi_align(x, np.array([[-0.5, -0.5, 0.5, 0.5]]), np.array([1]), 2) == 4).all()
    assert roi_align(x, np.zeros((0, 4)), np.zeros(0, int), 2).shape == (0, 2, 2, 3)
    assert (roi_align_grad(np.zeros((0, 2, 2, 3)), np.zeros((0, 4)), np.zeros(0, int), x.shape)
            == 0).all()


@each_dtype
def test_threads_layouts_and_borders(rng, dtype, threads, monkeypatch):
    x, boxes, image = some(rng, dtype, r=90)
    g = rng.standard_normal((90, 3, 3, 5)).astype(dtype)

    def both(x, g):
        return roi_align(x, boxes, image, 3), roi_align_grad(g, boxes, image, x.shape)

    same_bytes(threads, lambda: both(x, g))
    nothing_outside(monkeypatch, roi_align, both, x, g)
    for array in (x, g):
        any_layout(lambda a, changed=array: both(*(a if b is changed else b for b in (x, g))),
                   array)


def test_mistakes():
    x, boxes, image = Tensor(np.zeros((2, 4, 4, 1))), np.zeros((3, 4)), np.array([0, 1, 1])
    with fails(ValueError, "roi_align", r"image", "0 to 1", "2"):
        ops.roi_align(x, boxes=boxes, image=image + 1, size=2)
    with fails(ValueError, "boxes", r"\(3, 3\)"):
        ops.roi_align(x, boxes=boxes[:, :3], image=image, size=2)
    with fails(ValueError, "size", "at least 1", "0"):
        ops.roi_align(x, boxes=boxes, image=image, size=0)
    with fails(ValueError, "maps", r"\(2, 0, 4, 1\)"):
        ops.roi_align(Tensor(np.zeros((2, 0, 4, 1))), boxes=boxes, image=image, size=2)
    with fails(ValueError, "roi_align_grad", r"\(3, 2, 2, 5\)"):
        roi_align_grad(np.zeros((3, 2, 2, 5)), boxes, image, (2, 4, 4, 1))
