"""The kernels and the whole training step beside other libraries: `tinynnclr bench`."""
from .report import PEERS, bench, blas_threads, expect_measure, installed
from .roofline import draw_roofline, drawn

__all__ = ["PEERS", "bench", "blas_threads", "draw_roofline", "drawn", "expect_measure",
           "installed"]
