"""Networks: encoders (images -> h) and heads (h -> z -> p)."""
from .encoder import Encoder
from .heads import predictor, projector
from .tiny_cnn import TinyCNN

__all__ = ["Encoder", "TinyCNN", "predictor", "projector"]
