"""Arrays in, arrays out: the fast loops under all else, each beside its naive twin."""
from .attention import attention, attention_grad
from .augment import augment
from .color import rgb_to_lab
from .conv import conv2d, conv2d_grad_input, conv2d_grad_weight
from .detrend import detrend, detrend_grad
from .engine.parallel import get_num_threads, parallel, set_num_threads
from .engine.target import target
from .gelu import gelu
from .kmeans import cluster_sums, kmeans
from .l2_normalize import l2_normalize, l2_normalize_grad
from .layer_norm import layer_norm, layer_norm_grad
from .matmul import matmul
from .nearest import nearest
from .norm import coefficients, moments, normalize, normalize_grad
from .pool import global_avg_pool, global_avg_pool_grad, max_pool2d, max_pool2d_grad
from .roi_align import roi_align, roi_align_grad
from .softmax import cross_entropy, cross_entropy_grad

__all__ = ["attention", "attention_grad", "augment", "cluster_sums", "coefficients", "conv2d",
           "conv2d_grad_input", "conv2d_grad_weight", "cross_entropy", "cross_entropy_grad",
           "detrend", "detrend_grad", "gelu", "get_num_threads", "global_avg_pool",
           "global_avg_pool_grad", "kmeans", "l2_normalize", "l2_normalize_grad", "layer_norm",
           "layer_norm_grad", "matmul", "max_pool2d", "max_pool2d_grad", "moments", "nearest",
           "normalize", "normalize_grad", "parallel", "rgb_to_lab", "roi_align", "roi_align_grad",
           "set_num_threads", "target"]
