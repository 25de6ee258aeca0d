"""The methods, one paper per file: each computes a loss from views of a batch."""
from .byol import BYOL
from .cmc import CMC
from .deepcluster import DeepCluster
from .feature_nnclr import FeatureNNCLR
from .instance_discrimination import InstanceDiscrimination
from .method import EmbeddingConfig, Method, PredictorConfig, Progress, Step, TemperatureConfig
from .moco import MoCo
from .nnclr import NNCLR
from .oracle_nnclr import OracleNNCLR
from .random_weights import RandomWeights
from .registry import METHODS, make_config
from .simclr import SimCLR
from .snclr import SNCLR
from .supervised import Supervised
from .support_set import SupportSet

__all__ = ["BYOL", "CMC", "METHODS", "NNCLR", "SNCLR", "DeepCluster", "EmbeddingConfig",
           "FeatureNNCLR", "InstanceDiscrimination", "Method", "MoCo", "OracleNNCLR",
           "PredictorConfig", "Progress", "RandomWeights", "SimCLR", "Step", "Supervised",
           "SupportSet", "TemperatureConfig", "make_config"]
