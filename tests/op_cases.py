"""Inputs for every op, away from its kinks, and its value by plain NumPy."""
from typing import NamedTuple

import numpy as np

from tinynnclr import kernels
from tinynnclr.kernels.attention import attention_naive
from tinynnclr.kernels.detrend import detrend_naive
from tinynnclr.kernels.gelu import gelu_naive
from tinynnclr.kernels.roi_align import roi_align_naive

_rng = np.random.default_rng(3)


class Case(NamedTuple):
    arrays: tuple
    static: dict
    step: float  # of the central differences: small against the distance to the next kink


def case(*arrays, step=1e-6, **static):
    """Tuples stand for normal numbers of that shape."""
    return Case(tuple(normal(*a) if isinstance(a, tuple) else a for a in arrays), static, step)


def normal(*shape):
    return _rng.standard_normal(shape)


def away(*shape):
    """Numbers of either sign, none closer to 0 than 0.2."""
    return _rng.uniform(0.2, 2, shape) * _rng.choice([-1, 1], shape)


def positive(*shape):
    return _rng.uniform(0.3, 3, shape)


def different(*shape):
    """No two closer than 0.1, so that a small step changes no maximum."""
    return _rng.permutation(np.prod(shape)).reshape(shape) * 0.1 - 1


def rows_of_length(length, *shape):
    x = normal(*shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True) * length


def pairs(first, second):
    """Shapes that broadcast in every way, also with missing axes, no axes and no numbers."""
    shapes = [((3, 4), (3, 4)), ((3, 4), (4,)), ((4,), (3, 4)), ((3, 1), (1, 4)),
              ((2, 1, 3), (4, 1)), ((), (2, 3)), ((2, 3), ()), ((), ()), ((1, 1), (1,)),
              ((0, 3), (1, 3)), ((1,), (0,))]
    return [case(first(*a), second(*b)) for a, b in shapes]


def singles(draw):
    return [case(draw(*shape)) for shape in [(3, 4), (5,), (), (2, 1, 3), (0, 2)]]


def reductions():
    return [case((3, 4, 2), axis=axis, keepdims=keepdims) for keepdims in (False, True)
            for axis in (None, 0, -1, 1, (0, 2), (-1, 0), (0, 1, 2))]


def batch_norms():
    for relu in (False, True):
        for shape in [(6, 3), (2, 3, 3, 2), (40, 5), (2, 1)]:
            c = shape[-1]
            yield case(shape, positive(c), away(c), relu=relu)
            yield case(shape, away(c), away(c), relu=relu, running_mean=normal(c),
                       running_var=positive(c))
            yield case(shape, away(c), away(c), relu=relu, running_mean=normal(c),
                       running_var=positive(c), training=False, eps=0.1)
    yield case(normal(9, 2) + 100, (2,), (2,))
    # hardly any variance
    yield case(np.tile(normal(1, 3), (5, 1)) + 1e-3 * normal(5, 3), (3,), (3,), step=1e-7)


def batch_norm_convolutions():
    # the last by Winograd
    for x, filters, static in [((3, 4, 5, 2), (3, 3, 2, 3), {"padding": 1}),
                               ((2, 6, 4, 2), (3, 3, 2, 2), {"stride": 2}),
                               ((1, 4, 4, 64), (3, 3, 64, 64), {"stride": 2, "padding": 1})]:
        c = x[-1]
        yield case(x, positive(c), away(c), filters, **static)
        yield case(x, away(c), away(c), filters, running_mean=normal(c), running_var=positive(c),
                   training=False, **static)


CASES = {
    "add": pairs(normal, normal), "sub": pairs(normal, normal), "mul": pairs(normal, normal),
    "div": pairs(normal, away), "neg": singles(normal),
    "power": [*(case(positive(3, 2), exponent=e) for e in (2, 3, 0.5, -1, -1.5, 1)),
              case((4,), exponent=2), case(away(), exponent=3)],
    "exp": singles(normal), "log": singles(positive), "tanh": singles(normal),
    "relu": singles(away),
    "masked_fill": [case((3, 4), mask=normal(3, 4) > 0, value=-5),
                    case((3, 4), mask=normal(4) > 0, value=2),
                    case((2, 3), mask=np.eye(2, 3, dtype=bool), value=0)],
    "sum": [*reductions(), case(()), case((0, 3), axis=0)],
    "mean": [*reductions(), case(()), case((0, 4, 4, 3), axis=(1, 2))],
    "reshape": [case((3, 4), shape=(2, 6)), case((3, 4), shape=(-1,)), case((3, 4), shape=12),
                case((1,), shape=()), case((2, 3, 4), shape=(4, -1))],
    "transpose": [case((3, 4)), case((2, 3, 4)), case((2, 3, 4), axes=(1, 2, 0)),
                  case((2, 3, 4), axes=(0, -1, 1)), case((2, 3, 4, 5), axes=(-2, 0, -1, 1))],
    "getitem": [case((4, 5), index=index) for index in (
        1, -1, slice(1, 3), slice(None, None, -2), np.s_[:, 2], np.s_[..., None, 1:],
        np.array([0, 2, 2, 2]), (np.array([0, 1, 0]), np.array([2, 2, 2])),
        np.arange(20).reshape(4, 5) % 3 == 0, np.s_[1, 2], [], [3, 3])],
    "all_gather": [case((3, 4)), case((5,)), case((0, 2, 3))],
    "concatenate": [case((3, 4), (2, 4)), case((3, 4), (3, 1), (3, 2), axis=1),
                    case((2, 3), axis=-1), case((2, 0, 3), (2, 2, 3), axis=-2)],
    "matmul": [case((3, 4), (4, 5)), case((1, 1), (1, 1)), case((9, 33), (33, 2)),
               case((3, 0), (0, 2)), case(normal(4, 3).T, normal(5, 4).T),
               case((3, 4, 2), (3, 2, 5)), case((1, 2, 3), (1, 3, 1)), case((0, 2, 3), (0, 3, 4))],
    "log_softmax": [case((3, 5)), case((4,)), case(normal(2, 3) * 30), case((3, 1)),
                    case((2, 2, 3))],
    "cross_entropy": [case((4, 3), labels=np.array([0, 2, 2, 1])), case((1, 5), labels=[4]),
                      case((3, 1), labels=[0] * 3),
                      case(normal(3, 4) * 20, labels=np.array([1, 0, 3]))],
    "l2_normalize": [case((3, 4)), case((5,)), case((2, 3, 4)), case((4, 1), eps=0.0),
                     case(rows_of_length(1e-4, 3, 5), step=1e-9),
                     case(rows_of_length(1e4, 3, 5), step=1e-2),
                     case(rows_of_length(np.array([[0], [4e-3], [0.5]]), 3, 4), eps=1e-2)],
    "conv2d": [case((2, 5, 4, 2), (3, 3, 2, 3), stride=1, padding=1),
               case((1, 6, 7, 1), (2, 3, 1, 2), stride=2),
               case((2, 7, 7, 2), (3, 3, 2, 2), stride=3, padding=2),
               case((1, 9, 5, 1), (2, 2, 1, 1), stride=4),
               case((1, 2, 1, 3), (5, 4, 3, 2), padding=2), case((3, 4, 4, 3), (1, 1, 3, 5)),
               case((0, 4, 4, 3), (3, 3, 3, 2))],
    "max_pool2d": [case(different(2, 6, 4, 3), size=2),
                   case(different(1, 7, 7, 2), size=3, stride=2, padding=1),
                   case(different(1, 9, 9, 1), size=2, stride=4),
                   case(different(2, 4, 5, 1), size=3, stride=1)],
    "global_avg_pool": [case((2, 3, 5, 4)), case((1, 1, 1, 1)), case((0, 2, 2, 3)),
                        case((2, 4, 4, 0))],
    "batch_norm": list(batch_norms()), "batch_norm_conv2d": list(batch_norm_convolutions()),
    "detrend": [case((2, 5, 4, 3)), case((1, 3, 3, 1), eps=0.5), case((2, 1, 5, 2)),
                case((1, 4, 1, 2)), case((1, 1, 1, 2)), case((0, 4, 4, 3)),
                case(normal(1, 4, 6, 2) * 1e-2, step=1e-7)],
    "gelu": [*singles(normal), case(normal(3, 50) * 3), case(np.array([-9.0, 9.0, 0.0]))],
    "layer_norm": [case((3, 4), (4,), (4,)), case((2, 3, 5), (5,), (5,)),
                   case((4, 1), (1,), (1,), eps=0.1), case(normal(70, 3) + 50, (3,), (3,)),
                   case((0, 3), (3,), (3,)), case((6,), (6,), (6,))],
    "attention": [case((2, 5, 4), (2, 5, 4), (2, 5, 4)),
                  case((2, 3, 6), (2, 3, 6), (2, 3, 6), heads=3),
                  case((1, 17, 10), (1, 17, 10), (1, 17, 10), heads=2),
                  case((2, 1, 2), (2, 1, 2), (2, 1, 2)), case((0, 3, 2), (0, 3, 2), (0, 3, 2)),
                  case(normal(1, 4, 4) * 5, (1, 4, 4), (1, 4, 4), heads=2)],
    "linear": [case((3, 4), (4, 5), (5,)), case((1, 1), (1, 1), (1,)), case((9, 33), (33, 2), (2,)),
               case((3, 0), (0, 2), (2,)), case(normal(4, 3).T, normal(5, 4).T, (5,)),
               case((3, 4), (4, 5), (5,), relu=True), case((9, 33), (33, 2), (2,), relu=True),
               case((3, 0), (0, 2), away(2), relu=True)],
    "roi_align": [
        case((2, 5, 6, 3), image=np.array([1, 0, 1]), size=3,
             boxes=np.array([[0.3, 1.2, 4.1, 3.9], [-3, -2.2, 7.7, 9], [2, 2, 2.5, 2.5]])),
        case((1, 4, 4, 1), boxes=np.array([[-0.5, -0.5, 3.5, 3.5]] * 2), image=np.zeros(2, int),
             size=2, samples=1),
        case((3, 1, 1, 2), boxes=np.zeros((1, 4)), image=np.array([2]), size=1, samples=3),
        case((2, 3, 3, 2), boxes=np.zeros((0, 4)), image=np.zeros(0, int), size=2)],
    "log_sigmoid": [*singles(normal), case(60 * away(2, 3))]}


def _log_softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return np.log(powers / powers.sum(-1, keepdims=True))


def _batch_norm(x, weight, bias, running_mean=None, running_var=None, training=True, eps=1e-5,
                relu=False):
    axes = tuple(range(x.ndim - 1))
    mean, var = (x.mean(axes), x.var(axes)) if training else (running_mean, running_var)
    y = (x - mean) / np.sqrt(var + eps) * weight + bias
    return np.maximum(y, 0) if relu else y


def _batch_norm_conv2d(x, weight, bias, filters, stride=1, padding=0, **static):
    return kernels.conv.conv2d_naive(_batch_norm(x, weight, bias, relu=True, **static), filters,
                                     stride, padding)


def _layer_norm(x, weight, bias, eps=1e-5):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * weight + bias


def _linear(x, weight, bias, relu=False):
    y = x @ weight + bias
    return np.maximum(y, 0) if relu else y


def _cross_entropy(x, labels):
    return np.mean([-_log_softmax(row)[k] for row, k in zip(x, labels, strict=True)])


def _l2_normalize(x, eps=1e-12):
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), eps)


REFERENCES = {
    "linear": _linear, "gelu": lambda a: gelu_naive(a)[0], "layer_norm": _layer_norm,
    "attention": lambda q, k, v, heads=1: attention_naive(q, k, v, heads)[0],
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "exp": np.exp, "log": np.log, "log_sigmoid": lambda a: -np.logaddexp(0, -a), "tanh": np.tanh,
    "sum": np.sum, "mean": np.mean, "transpose": np.transpose, "matmul": np.matmul,
    "power": lambda a, exponent: a ** exponent, "relu": lambda a: np.maximum(a, 0),
    "masked_fill": lambda a, mask, value: np.where(mask, value, a),
    "reshape": lambda a, shape: np.reshape(a, shape), "getitem": lambda a, index: a[index],
    "all_gather": lambda a: a, "concatenate": lambda *arrays, axis=0: np.concatenate(arrays, axis),
    "log_softmax": _log_softmax, "cross_entropy": _cross_entropy, "l2_normalize": _l2_normalize,
    "conv2d": kernels.conv.conv2d_naive, "max_pool2d": kernels.pool.max_pool2d_naive,
    "global_avg_pool": kernels.pool.global_avg_pool_naive, "batch_norm": _batch_norm,
    "batch_norm_conv2d": _batch_norm_conv2d, "detrend": detrend_naive,
    "roi_align": lambda x, samples=2, **static: roi_align_naive(x, samples=samples, **static)}
ALL = [(name, i) for name in sorted(CASES) for i in range(len(CASES[name]))]
