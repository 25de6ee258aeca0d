"""RGB to CIE Lab: lightness in one number, colour in two."""
import math

import numpy as np

from .engine.checks import FLOATS, expect_arrays
from .engine.compile import jit
from .engine.parallel import parallel

# linear sRGB to XYZ under the white D65 (IEC 61966-2-1), each row divided by the white's X, Y, Z
WHITE = np.array([0.95047, 1.0, 1.08883])
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                   [0.0193339, 0.1191920, 0.9503041]]) / WHITE[:, None]
# below EPSILON a line of slope KAPPA replaces the cube root (CIE 2004)
EPSILON, KAPPA = 216 / 24389, 24389 / 27


def rgb_to_lab_naive(rgb):
    """rgb (..., 3) in [0, 1] -> L in 0 to 100, a and b in about -110 to 110, as the standard says.
    """
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0) + 0.055) / 1.055) ** 2.4)
    xyz = linear @ TO_XYZ.T.astype(rgb.dtype)
    f = np.where(xyz > EPSILON, np.cbrt(xyz), (KAPPA * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]),
                     200 * (f[..., 1] - f[..., 2])], axis=-1)


@jit
def _rgb_to_lab(start, stop, rgb, to_xyz, out):
    f, linear = np.empty(3), np.empty(3)
    for i in range(start, stop):
        for c in range(3):
            v = rgb[i, c]
            linear[c] = v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
        for k in range(3):
            v = to_xyz[k, 0] * linear[0] + to_xyz[k, 1] * linear[1] + to_xyz[k, 2] * linear[2]
            f[k] = (KAPPA * v + 16) / 116 if v <= EPSILON else math.exp(math.log(v) / 3)
        out[i, 0], out[i, 1], out[i, 2] = 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


def rgb_to_lab(rgb: np.ndarray) -> np.ndarray:
    """rgb (..., 3) float in [0, 1] -> Lab (..., 3): L in 0 to 100, a and b in about -110 to 110.

    sRGB under the white D65. Raises ValueError for another last axis or type.
    """
    expect_arrays("rgb_to_lab", rgb=rgb)
    if rgb.shape[-1:] != (3,) or rgb.dtype not in FLOATS:
        raise ValueError(f"rgb_to_lab: expected float32 or float64 (..., 3), got {rgb.dtype} "
                         f"{rgb.shape}")
    flat = np.ascontiguousarray(rgb).reshape(-1, 3)
    out = np.empty_like(flat)
    parallel(_rgb_to_lab, len(flat), flat, TO_XYZ, out, grain=1024)
    return out.reshape(rgb.shape)
