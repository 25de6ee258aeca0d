"""A valid call of every public kernel, and what NumPy in float64 makes of its arguments."""
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from kernel_references import (
    augment,
    conv,
    conv_grad_input,
    conv_grad_weight,
    cross_entropy,
    detrend,
    detrend_grad,
    max_pool,
    max_pool_grad,
    nearest,
    need,
    normalize,
    normalize_grad,
    roi_align,
    roi_align_grad,
    updated,
)

from tinynnclr import kernels
from tinynnclr.kernels import optim
from tinynnclr.kernels.attention import attention_grad_naive, attention_naive
from tinynnclr.kernels.augment import identity_params
from tinynnclr.kernels.color import rgb_to_lab_naive
from tinynnclr.kernels.gelu import gelu_naive
from tinynnclr.kernels.kmeans import cluster_sums_naive, kmeans_naive
from tinynnclr.kernels.layer_norm import layer_norm_naive


class Case(NamedTuple):
    reference: Callable  # of the same arguments, floats as float64; may raise where the kernel must
    arguments: Callable  # (rng, dtype) -> the kernel's arguments by name


PARTS = {"augment.identity_params", "l2_normalize.unit_rows"}  # no kernels


def public_kernels():
    """{"module.name": function} of all public functions of kernels/ but naive twins."""
    functions = {}
    for module in pkgutil.iter_modules(kernels.__path__):
        path = f"tinynnclr.kernels.{module.name}"
        for name, value in vars(importlib.import_module(path)).items():
            hidden = name.startswith("_") or name.endswith("_naive") or not callable(value)
            function = inspect.unwrap(getattr(value, "py_func", value)) if not hidden else None
            if getattr(function, "__module__", "") == path:
                functions[f"{module.name}.{name}"] = value
    return {name: fn for name, fn in functions.items() if name not in PARTS}


def arrays(**shapes):
    """Arguments by name: a shape for normal numbers, a function to draw, any other value."""
    def draw(rng, dtype):
        return {name: value(rng, dtype) if callable(value)
                else rng.standard_normal(value).astype(dtype) if isinstance(value, tuple)
                else value for name, value in shapes.items()}
    return draw


def below(limit, *shape):
    return lambda rng, dtype: rng.integers(0, limit, shape)


def fixed(value):
    return lambda rng, dtype: value


def positive(*shape):
    return lambda rng, dtype: rng.uniform(0.3, 3, shape).astype(dtype)


def images(rng, dtype):
    params = identity_params(3, 6, 5)
    params[:, 0:4] = 1, 0.5, 4, 3.5
    params[1, 4:12] = 1, 7, 0.8, 1.2, 0.7, 0.1, 0.3, 0.6
    return {"images": rng.integers(0, 256, (4, 6, 5, 3), np.uint8), "indices": np.array([0, 3, 2]),
            "params": params, "size": 4}


def apart(rng, dtype):
    """Rows in three clear groups."""
    return (np.repeat(np.eye(3, 4) * 20, 4, axis=0) + rng.uniform(-1, 1, (12, 4))).astype(dtype)


def unit_rows(*shape):
    def draw(rng, dtype):
        y = rng.standard_normal(shape)
        return (y / np.linalg.norm(y, axis=-1, keepdims=True)).astype(dtype)
    return draw


def layer_norm_back(g, x, weight, means, scales):
    """means and scales as they are given."""
    need(x.ndim > 0, x.shape[-1] > 0, g.shape == x.shape, weight.shape == x.shape[-1:])
    rows, cotangents = x.reshape(-1, x.shape[-1]), g.reshape(-1, x.shape[-1])
    need(means.shape == scales.shape == (len(rows),))
    xhat, u = (rows - means[:, None]) * scales[:, None], cotangents * weight
    dx = (u - u.mean(1, keepdims=True) - xhat * (u * xhat).mean(1, keepdims=True)) * scales[:, None]
    return dx.reshape(x.shape), (cotangents * xhat).sum(0), cotangents.sum(0)


def layer_norm_there(x, weight, bias, eps=1e-5):
    need(x.ndim > 0, x.shape[-1] > 0, weight.shape == bias.shape == x.shape[-1:])
    rows = x.reshape(-1, x.shape[-1])
    return layer_norm_naive(x, weight, bias, eps), rows.mean(1), 1 / np.sqrt(rows.var(1) + eps)


def l2_back(g, y, lengths, eps):
    need(g.shape == y.shape, y.ndim == 2, lengths.shape == y.shape[:1])
    along = (g * y).sum(1, keepdims=True) * (lengths > eps)[:, None]
    return (g - y * along) / np.maximum(lengths, eps)[:, None]


def matmul(a, b, bias=None, relu=False):
    need(a.ndim == b.ndim, a.ndim in (2, 3), a.shape[:-2] == b.shape[:-2])
    if bias is None:
        need(not relu)
        return a @ b
    need(a.ndim == 2, bias.shape == b.shape[-1:])
    c = a @ b + bias
    return np.where(c < 0, 0, c) if relu else c


def attend(q, k, v, heads):
    need(q.ndim == 3, q.shape == k.shape == v.shape, 0 not in q.shape[1:], q.shape[2] % heads == 0)
    return attention_naive(q, k, v, heads)


def attend_back(g, q, k, v, p, heads):
    need(q.ndim == 3, g.shape == q.shape == k.shape == v.shape,
         p.shape == (len(q), heads, *(q.shape[1],) * 2))
    return attention_grad_naive(g, q, k, v, p, heads)


def sums(x, assignment, k):
    need(x.ndim == 2, assignment.shape == x.shape[:1], assignment.dtype.kind in "iu",
         not assignment.size or 0 <= assignment.min() <= assignment.max() < k)
    return cluster_sums_naive(x, assignment, k)


def groups(x, k, steps, rng):
    need(x.ndim == 2, np.isfinite(x).all())
    return kmeans_naive(x, k, steps, rng)


def pooled(x):
    need(x.ndim == 4, 0 not in x.shape[1:3])
    return x.mean((1, 2))


def shared_out(g, input_shape):
    n, h, w, c = (range(size).stop for size in input_shape)  # range: whole numbers only
    need(g.shape == (n, c), min(input_shape) >= 0, 0 not in (h, w))
    return np.broadcast_to(g[:, None, None] / (h * w), input_shape).copy()


def lab_of(rgb):
    need(rgb.shape[-1:] == (3,))
    return rgb_to_lab_naive(rgb)


def moments(x):
    need(x.ndim > 0, x.size > 0)
    axes = tuple(range(x.ndim - 1))
    return x.mean(axes), x.var(axes)


def coefficients(x, weight, bias, mean, var, eps):
    need(all(v.shape == x.shape[-1:] for v in (weight, bias, mean, var)), x.ndim > 0)
    scale = weight / np.sqrt(var + eps)
    return scale, bias - mean * scale


def rows_to_length(x, eps):
    need(x.ndim == 2)
    lengths = np.sqrt((x * x).sum(1))
    return x / np.maximum(lengths, eps)[:, None], lengths


BOXES = np.array([[0.3, 1.2, 4.1, 3.4], [-2.25, -1.7, 6.3, 5.1]])
CHANNELS = {"weight": (3,), "bias": (3,), "mean": (3,), "var": positive(3), "eps": 1e-5}
QKV = {"q": (2, 3, 4), "k": (2, 3, 4), "v": (2, 3, 4)}
STRIDED = {"stride": 2, "padding": 1}
PADDED = {"stride": 1, "padding": 1}
ALIGNED = {"boxes": lambda rng, dtype: BOXES.astype(dtype), "image": fixed(np.array([1, 0])),
           "samples": 2}
UPDATED = {"weight": (3, 4), "grad": (3, 4), "lr": 0.1, "decay": 0.01}


def affine(*a):
    return tuple(arrays(scale=positive(3), shift=(3,))(*a).values())


# (reference, arguments) of each valid call
CALLS = {
    "matmul.matmul": [(matmul, {"a": (5, 7), "b": (7, 4), "bias": (4,), "relu": True}),
                      (matmul, {"a": (2, 5, 3), "b": (2, 3, 4)}),
                      (matmul, {"a": (1, 1), "b": (1, 1)})],
    "attention.attention": [(attend, {**QKV, "heads": 2})],
    "attention.attention_grad": [
        (attend_back, {"g": (2, 3, 4), **QKV, "p": (2, 2, 3, 3), "heads": 2})],
    "augment.augment": [(augment, images)],
    "conv.conv2d": [
        (conv, {"x": (2, 5, 4, 3), "weight": (3, 2, 3, 4), **STRIDED}),
        (conv, {"x": (1, 5, 4, 3), "weight": (3, 3, 3, 2), **PADDED, "affine": affine}),
        (conv, {"x": (1, 6, 5, 32), "weight": (3, 3, 32, 32), **PADDED}),
        (conv, {"x": (1, 6, 8, 64), "weight": (3, 3, 64, 64), **STRIDED})],
    "conv.conv2d_grad_input": [
        (conv_grad_input, {"g": g, "weight": weight, "input_shape": fixed(shape), **STRIDED})
        for g, weight, shape in (((2, 3, 3, 4), (3, 2, 3, 4), (2, 5, 4, 3)),
                                 ((1, 3, 4, 64), (3, 3, 64, 64), (1, 6, 8, 64)),
                                 ((1, 3, 3, 2), (2, 2, 16, 2), (1, 5, 4, 16)))],
    "conv.conv2d_grad_weight": [
        (conv_grad_weight, {"g": (2, 3, 3, 4), "x": (2, 5, 4, 3),
                            "weight_shape": fixed((3, 2, 3, 4)), **STRIDED}),
        (conv_grad_weight, {"g": (1, 6, 5, 32), "x": (1, 6, 5, 32),
                            "weight_shape": fixed((3, 3, 32, 32)), **PADDED})],
    "gelu.gelu": [(gelu_naive, {"a": (3, 5)})],
    "kmeans.cluster_sums": [(sums, {"x": (6, 4), "assignment": below(3, 6), "k": 3})],
    "kmeans.kmeans": [
        (groups, {"x": apart, "k": 3, "steps": 4, "rng": lambda *_: np.random.default_rng(1)})],
    "l2_normalize.l2_normalize": [(rows_to_length, {"x": (4, 5), "eps": 1e-12})],
    "l2_normalize.l2_normalize_grad": [
        (l2_back, {"g": (4, 5), "y": unit_rows(4, 5), "lengths": positive(4), "eps": 1e-12})],
    "color.rgb_to_lab": [(lab_of, {"rgb": positive(3, 4, 3)})],
    "layer_norm.layer_norm": [
        (layer_norm_there, {"x": (3, 2, 5), "weight": (5,), "bias": (5,), "eps": 1e-5})],
    "layer_norm.layer_norm_grad": [
        (layer_norm_back, {"g": (3, 2, 5), "x": (3, 2, 5), "weight": (5,), "means": (6,),
                           "scales": positive(6)})],
    "nearest.nearest": [
        (nearest, {"queries": (5, 3), "bank": (7, 3), "k": 2}),
        (nearest, {"queries": (5, 3), "bank": (7, 3), "k": 2, "ids": below(4, 7),
                   "exclude": below(4, 5)})],
    "norm.moments": [(moments, {"x": (4, 2, 3)})],
    "norm.coefficients": [(coefficients, {"x": (4, 2, 3), **CHANNELS})],
    "norm.normalize": [(normalize, {"x": (4, 2, 3), **CHANNELS, "relu": True})],
    "norm.normalize_grad": [
        (normalize_grad, {"g": (4, 2, 3), "x": (4, 2, 3), **CHANNELS, "relu": True}),
        (normalize_grad, {"g": (4, 3), "x": (4, 3), **CHANNELS, "constant_stats": True})],
    "pool.max_pool2d": [(max_pool, {"x": (2, 5, 4, 3), "size": 3, **STRIDED})],
    "pool.max_pool2d_grad": [
        (max_pool_grad, {"g": (2, 3, 2, 3), "where": below(20, 2, 3, 2, 3),
                         "input_shape": fixed((2, 5, 4, 3))})],
    "pool.global_avg_pool": [(pooled, {"x": (2, 3, 4, 3)})],
    "pool.global_avg_pool_grad": [
        (shared_out, {"g": (2, 3), "input_shape": fixed((2, 3, 4, 3))})],
    "roi_align.roi_align": [(roi_align, {"x": (2, 4, 5, 3), **ALIGNED, "size": 2})],
    "roi_align.roi_align_grad": [
        (roi_align_grad, {"g": (2, 2, 2, 3), **ALIGNED, "input_shape": fixed((2, 4, 5, 3))})],
    "softmax.cross_entropy": [
        (lambda **a: cross_entropy(**a)[:2], {"logits": (4, 3), "labels": below(3, 4)})],
    "softmax.cross_entropy_grad": [
        (lambda g, **a: cross_entropy(**a, g=g)[2],
         {"g": (4,), "logits": (4, 3), "labels": below(3, 4), "log_sums": (4,)})],
    "detrend.detrend": [(detrend, {"x": (2, 4, 5, 3), "eps": 1e-4})],
    "detrend.detrend_grad": [
        (detrend_grad, {"g": (2, 4, 5, 3), "y": (2, 4, 5, 3), "scale": positive(2, 3)})],
    "optim.sgd": [(updated(optim.sgd_naive),
                   {**UPDATED, "velocity": (3, 4), "momentum": 0.9, "nesterov": True})],
    "optim.lars": [(updated(optim.lars_naive),
                    {**UPDATED, "velocity": (3, 4), "momentum": 0.9, "trust": 0.02})],
    "optim.adamw": [(updated(optim.adamw_naive),
                     {**UPDATED, "mean": (3, 4), "square": positive(3, 4),
                      "betas": fixed((0.9, 0.99)), "eps": 1e-8, "steps": 3})]}
CASES = {name: [Case(reference, drawn if callable(drawn) else arrays(**drawn))
                for reference, drawn in calls] for name, calls in CALLS.items()}
ALL = [(name, i) for name in sorted(CASES) for i in range(len(CASES[name]))]
