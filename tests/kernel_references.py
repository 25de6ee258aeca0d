"""The larger kernels in NumPy and float64, which refuse whatever the kernels must refuse."""
import numpy as np

from tinynnclr.kernels.augment import augment_naive


def need(*conditions):
    """ValueError unless all hold: the reference refuses."""
    if not all(conditions):
        raise ValueError("the reference refuses")


def whole(*numbers):
    """The numbers, if they are whole: TypeError for 1.5 and "2"."""
    return [range(number).stop for number in numbers]


def _sizes(x_shape, weight_shape, stride, padding):
    (n, h, w, c), (kh, kw, c_weight, f) = whole(*x_shape), whole(*weight_shape)
    stride, padding = whole(stride, padding)
    need(c == c_weight, min(kh, kw, stride) >= 1, padding >= 0, min(*x_shape, *weight_shape) >= 0)
    need(h + 2 * padding >= kh, w + 2 * padding >= kw)
    ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    need(padding < 100)
    return n, h, w, c, kh, kw, f, ho, wo


def _padded(x, padding):
    return np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))


def _window(i, j, stride, ho, wo):
    return np.s_[:, i:i + (ho - 1) * stride + 1:stride, j:j + (wo - 1) * stride + 1:stride]


def conv(x, weight, stride=1, padding=0, affine=None):
    """One tap of the weight after the other."""
    n, h, w, c, kh, kw, f, ho, wo = _sizes(x.shape, weight.shape, stride, padding)
    if affine is not None:
        scale, shift = affine
        need(scale.shape == shift.shape == (c,))
        between = x * scale + shift
        x = np.where(between < 0, 0, between)
    x, y = _padded(x, padding), np.zeros((n, ho, wo, f))
    for i, j in np.ndindex(kh, kw):
        y += x[_window(i, j, stride, ho, wo)] @ weight[i, j]
    return y


def conv_grad_input(g, weight, input_shape, stride, padding):
    """Each tap sends its share back."""
    n, h, w, c, kh, kw, f, ho, wo = _sizes(input_shape, weight.shape, stride, padding)
    need(g.shape == (n, ho, wo, f))
    dx = np.zeros((n, h + 2 * padding, w + 2 * padding, c))
    for i, j in np.ndindex(kh, kw):
        dx[_window(i, j, stride, ho, wo)] += g @ weight[i, j].T
    return dx[:, padding:padding + h, padding:padding + w]


def conv_grad_weight(g, x, weight_shape, stride, padding):
    """Each tap sums over all pixels."""
    n, h, w, c, kh, kw, f, ho, wo = _sizes(x.shape, weight_shape, stride, padding)
    need(g.shape == (n, ho, wo, f))
    x, dw = _padded(x, padding), np.zeros(weight_shape)
    for i, j in np.ndindex(kh, kw):
        dw[i, j] = np.einsum("nijc,nijf->cf", x[_window(i, j, stride, ho, wo)], g)
    return dw


def _windows(shape, size, stride, padding):
    n, h, w, c = whole(*shape)
    stride = size if stride is None else stride
    size, stride, padding = whole(size, stride, padding)
    need(size >= 1, stride >= 1, 0 <= 2 * padding <= size, min(h, w) >= 1,
         min(h, w) >= size - 2 * padding)
    need(max(shape) < 1000, size < 100)
    for i in range((h + 2 * padding - size) // stride + 1):
        for j in range((w + 2 * padding - size) // stride + 1):
            rows = slice(max(i * stride - padding, 0), max(i * stride - padding + size, 0))
            columns = slice(max(j * stride - padding, 0), max(j * stride - padding + size, 0))
            yield i, j, rows, columns


def max_pool(x, size, stride, padding):
    """The largest, and where it was: the first of equals."""
    need(x.ndim == 4)
    n, h, w, c = x.shape
    places = list(_windows(x.shape, size, stride, padding))
    y = np.empty((n, places[-1][0] + 1, places[-1][1] + 1, c))
    where, pixels = np.full(y.shape, -1), np.arange(h * w).reshape(h, w)
    for i, j, rows, columns in places:
        seen = pixels[rows, columns].ravel()
        window = x[:, rows, columns].reshape(n, len(seen), c)
        y[:, i, j] = window.max(axis=1, initial=-np.inf)
        if len(seen):
            where[:, i, j] = seen[window.argmax(axis=1)]
    return y, where


def max_pool_grad(g, where, input_shape):
    """Number by number."""
    n, h, w, c = whole(*input_shape)
    need(g.ndim == 4, g.shape == where.shape, (g.shape[0], g.shape[3]) == (n, c),
         where.dtype.kind in "iu", not where.size or 0 <= where.min() <= where.max() < h * w,
         min(input_shape) >= 0)
    dx = np.zeros((n, h * w, c))
    for i, j, k, channel in np.ndindex(g.shape):
        dx[i, where[i, j, k, channel], channel] += g[i, j, k, channel]
    return dx.reshape(input_shape)


def augment(images, indices, params, size):
    """As `augment_naive`, for what is in range."""
    size, = whole(size)
    need(size >= 1, images.dtype == np.uint8, indices.dtype.kind in "iu" or not indices.size,
         indices.ndim == 1)
    need(indices.min(initial=0) >= 0, indices.max(initial=0) < len(images),
         params.shape == (len(indices), 13))
    need(np.isfinite(params).all(), images.ndim == 4, images.shape[3] == 3, size < 1000)
    return augment_naive(images, indices, params, size)


def cross_entropy(logits, labels, g=None, log_sums=None):
    """(losses, log_sums, gradient of the logits for log_sums as given)."""
    need(logits.ndim == 2, labels.shape == logits.shape[:1], labels.dtype.kind in "iu",
         labels.min(initial=0) >= 0, not labels.size or labels.max() < logits.shape[1])
    rows = np.arange(len(logits))
    top = logits.max(axis=1, initial=-np.inf)
    sums = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    if g is None:
        return sums - logits[rows, labels], sums, None
    need(g.shape == log_sums.shape == labels.shape)
    p = np.exp(logits - log_sums[:, None])
    p[rows, labels] -= 1
    return None, None, g[:, None] * p


def nearest(queries, bank, k, ids=None, exclude=None):
    """All similarities, sorted; NaN and -inf are never nearest."""
    k, = whole(k)
    need(queries.ndim == bank.ndim == 2, queries.shape[1] == bank.shape[1], 1 <= k <= len(bank))
    for numbers, size in ((ids, len(bank)), (exclude, len(queries))):
        need(numbers is None or (numbers.shape == (size,) and numbers.dtype.kind in "iu"))
    scores = (queries[:, None] * bank).sum(-1)
    if exclude is not None:
        scores[(np.arange(len(bank)) if ids is None else ids) == exclude[:, None]] = -np.inf
    scores[np.isnan(scores)] = -np.inf
    index = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(scores, index, axis=1)
    nobody = best == -np.inf
    return np.where(nobody, 0, index), np.where(nobody, np.nan, best)


def normalize(x, weight, bias, mean, var, eps, relu=False):
    """As the formula says."""
    need(x.ndim > 0, all(v.shape == x.shape[-1:] for v in (weight, bias, mean, var)))
    y = (x - mean) / np.sqrt(var + eps) * weight + bias
    return np.where(y < 0, 0, y) if relu else y


def normalize_grad(g, x, weight, bias, mean, var, eps, relu=False, constant_stats=False):
    """The formula of the kernel's docstring, for any mean and var."""
    y = normalize(x, weight, bias, mean, var, eps)
    need(g.shape == x.shape)
    g = np.where(y <= 0, 0, g) if relu else g
    xhat, axes = (x - mean) / np.sqrt(var + eps), tuple(range(x.ndim - 1))
    total, along = g.sum(axes), (g * xhat).sum(axes)
    m = np.inf if constant_stats else x.size / max(x.shape[-1], 1)
    return weight / np.sqrt(var + eps) * (g - total / m - xhat * (along / m)), along, total


def _less_planes(x):
    """What least squares leaves of each channel of each image."""
    n, h, w, c = x.shape
    rows, columns = np.mgrid[:h, :w]
    planes = np.stack([np.ones(h * w), rows.ravel(), columns.ravel()], 1)
    flat = x.transpose(1, 2, 0, 3).reshape(h * w, n * c)
    left = flat - planes @ (np.linalg.pinv(planes) @ flat)
    return left.reshape(h, w, n, c).transpose(2, 0, 1, 3)


def detrend_grad(g, y, scale):
    """dx = scale * (P g - y * mean(g * y)), P g being what least squares leaves of g."""
    need(g.ndim == 4, g.shape == y.shape, scale.shape == (len(g), g.shape[-1]),
         0 not in g.shape[1:])
    return scale[:, None, None] * (_less_planes(g) - y * (g * y).mean((1, 2), keepdims=True))


def detrend(x, eps):
    """(y, None): each channel less its plane, over the rest's root mean square."""
    need(x.ndim == 4, 0 not in x.shape[1:])
    left = _less_planes(x)
    return left / np.sqrt((left * left).mean((1, 2), keepdims=True) + eps), None


def updated(naive):
    """What an optimiser's kernel leaves in the arrays that it changes in place."""
    def reference(**arguments):
        need(len({v.shape for v in arguments.values() if isinstance(v, np.ndarray)}) == 1)
        return naive(**arguments)
    return reference


def roi_places(boxes, image, size, samples, shape):
    """(box, bin down, bin across, weight, (map, row, column)) of every pixel that is read."""
    _, h, w, _ = shape
    need(boxes.ndim == 2, boxes.shape[1:] == (4,), image.shape == boxes.shape[:1], 0 not in (h, w),
         size >= 1)
    need(image.min(initial=0) >= 0, image.max(initial=0) < shape[0], 1 <= samples < 100, size < 100)
    for r, i, j, a, b in np.ndindex(len(boxes), size, size, samples, samples):
        corners = []
        for low, high, part, place, length in ((*boxes[r, 1::2], i, a, h),
                                               (*boxes[r, 0::2], j, b, w)):
            at = low + (part + (place + 0.5) / samples) * ((high - low) / size)
            if not -1 <= at <= length:
                break
            at = min(max(at, 0.0), length - 1)
            first = min(int(at), max(length - 2, 0))
            corners.append(((first, 1 - at + first), (min(first + 1, length - 1), at - first)))
        else:
            for row, down in corners[0]:
                for column, across in corners[1]:
                    yield r, i, j, down * across / samples**2, (image[r], row, column)


def roi_align(x, boxes, image, size, samples=2):
    need(x.ndim == 4, 1 <= size < 100)
    out = np.zeros((len(boxes), size, size, x.shape[3]))
    for r, i, j, weight, pixel in roi_places(boxes, image, size, samples, x.shape):
        out[r, i, j] += weight * x[pixel]
    return out


def roi_align_grad(g, boxes, image, input_shape, samples=2):
    need(g.ndim == 4, len(input_shape) == 4)
    need(g.shape == (len(boxes), g.shape[1], g.shape[1], input_shape[3]))
    dx = np.zeros(input_shape)
    for r, i, j, weight, pixel in roi_places(boxes, image, g.shape[1], samples, input_shape):
        dx[pixel] += weight * g[r, i, j]
    return dx
