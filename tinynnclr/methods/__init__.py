"""One file, one paper: each method turns two views of a batch into a loss."""
from .nnclr import NNCLR
from .simclr import SimCLR
from .support_set import SupportSet

METHODS = {"nnclr": NNCLR, "simclr": SimCLR}  # a new method adds its line here

__all__ = ["METHODS", "NNCLR", "SimCLR", "SupportSet"]
