"""One file, one paper: each method turns two views of a batch into a loss."""
from .deepcluster import DeepCluster
from .method import Method
from .nnclr import NNCLR
from .simclr import SimCLR
from .support_set import SupportSet

METHODS: dict[str, type[Method]] = {"nnclr": NNCLR, "simclr": SimCLR,
                                    "deepcluster": DeepCluster}  # a new method adds its line here

__all__ = ["METHODS", "NNCLR", "DeepCluster", "Method", "SimCLR", "SupportSet"]
