"""The feature map of an encoder before global pooling: a vector for every 4 x 4 pixels."""
import numpy as np

from ... import kernels, ops
from ...models import Encoder, LabEncoder, ResNet, TinyCNN, ViT
from ...models.vit import PATCH
from ...nn import Sequential
from ...tensor import Tensor

STRIDE = 4  # pixels from one place of the map to the next; place (x, y) lies at pixel (4 x, 4 y)


def feature_map(encoder: Encoder, x: np.ndarray) -> Tensor:
    """Images x (n, h, w, channels) -> (n, h / 4, w / 4, c).

    TinyCNN ends at a stride of 8, too coarse for small things: its last map is resampled to a
    stride of 4 and joins the one before. With last_stride 1 it ends at 4, as a ResNet does. Tokens
    of a ViT lie at the centres of their patches and are interpolated. Raises ValueError for another
    encoder, and for images that are not square or whose side is no multiple of 4.
    """
    if isinstance(encoder, LabEncoder):
        lab = kernels.rgb_to_lab(x) * np.float32(0.01)
        halves = ((encoder.lightness, lab[..., :1]), (encoder.colors, lab[..., 1:]))
        return ops.concatenate(*(feature_map(half, np.ascontiguousarray(part))
                                 for half, part in halves), axis=3)
    if isinstance(encoder, TinyCNN) and encoder.stride > STRIDE:
        *layers, convolution, norm, _ = encoder.body.layers
        fine = Sequential(*layers)(x)
        coarse = Sequential(convolution, norm)(fine)
        return ops.concatenate(fine, _resampled(coarse, x.shape, 8, 0.0), axis=3)
    if isinstance(encoder, (TinyCNN, ResNet)):
        return Sequential(*encoder.body.layers[:-1])(x)
    if isinstance(encoder, ViT):
        n, rows, columns = x.shape[0], x.shape[1] // PATCH, x.shape[2] // PATCH
        tokens = encoder.tokens(x)[:, -rows * columns:].reshape(n, rows, columns, encoder.features)
        return _resampled(tokens, x.shape, PATCH, (PATCH - 1) / 2)
    raise ValueError("dense: expected an encoder with a map (tiny_cnn, fine_cnn, resnet, vit), "
                     f"got {type(encoder).__name__}")


def _resampled(x, image_shape, stride, first):
    """A map whose place (i, j) lies at pixels (first + stride i, first + stride j), at STRIDE."""
    n, height, width = image_shape[:3]
    if height != width or height % STRIDE:
        raise ValueError(f"dense: expected square images with sides of multiples of {STRIDE}, got "
                         f"{height} x {width}")
    # one bin around each place
    low, high = ((pixel - first) / stride for pixel in (-STRIDE / 2, height - STRIDE / 2))
    return ops.roi_align(x, boxes=np.tile([low, low, high, high], (n, 1)), image=np.arange(n),
                         size=height // STRIDE, samples=1)
