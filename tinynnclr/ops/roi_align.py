"""RoIAlign: boxes of feature maps as grids of one size."""
from .. import kernels
from ..tensor import op


@op
def roi_align(x, *, boxes, image, size, samples=2):
    """Boxes (r, 4) of maps x (n, h, w, c) -> (r, size, size, c); see kernels.roi_align.

    The value is linear in x, so backward is the transpose. The boxes are constants.
    """
    shape = x.shape
    return kernels.roi_align(x, boxes, image, size, samples), (
        lambda g: kernels.roi_align_grad(g, boxes, image, shape, samples),)
