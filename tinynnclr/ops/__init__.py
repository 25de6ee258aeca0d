"""Every op: a function of arrays that returns its value and one vjp per array."""
from .attention import attention, gelu, layer_norm
from .conv import conv2d, global_avg_pool, max_pool2d
from .elementwise import (
    add,
    div,
    exp,
    log,
    log_sigmoid,
    masked_fill,
    mul,
    neg,
    power,
    relu,
    sub,
    tanh,
)
from .loss import cross_entropy, log_softmax
from .matmul import linear, matmul
from .norm import batch_norm, batch_norm_conv2d, detrend, l2_normalize
from .reduce import mean, sum  # noqa: A004 (torch's and NumPy's name)
from .roi_align import roi_align
from .shape import all_gather, concatenate, getitem, reshape, transpose

__all__ = ["add", "all_gather", "attention", "batch_norm", "batch_norm_conv2d", "concatenate",
           "conv2d", "cross_entropy", "detrend", "div", "exp", "gelu", "getitem",
           "global_avg_pool", "l2_normalize", "layer_norm", "linear", "log", "log_sigmoid",
           "log_softmax", "masked_fill", "matmul", "max_pool2d", "mean", "mul", "neg", "power",
           "relu", "reshape", "roi_align", "sub", "sum", "tanh", "transpose"]
