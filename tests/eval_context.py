"""A small encoder and its data, as an evaluation protocol gets them."""
from small import random_data, small_config

from tinynnclr.lab.protocols.context import EvalContext
from tinynnclr.train.run import Run


def small_context(train=None, test=None, to=None, **changes):
    """Random weights of a small encoder, evaluated on (train, test), or on random images."""
    data = train or random_data(size=32), test or train or random_data(size=32)
    config = small_config(**changes)
    return EvalContext(config, Run(config, data[0]).method.encoder, data, to)
