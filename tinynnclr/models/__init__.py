"""Networks: encoders (images -> h) and heads (h -> z -> p)."""
from .heads import predictor, projector
from .tiny_cnn import TinyCNN

__all__ = ["TinyCNN", "predictor", "projector"]
