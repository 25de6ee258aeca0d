"""The same step in PyTorch as a careful user writes it: channels last, in-place ReLU."""
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ...kernels.engine.parallel import get_num_threads
from ...methods import Method
from .step import BATCH, DECAY, DIM, HIDDEN, MOMENTUM, QUEUE, RATE, TEMPERATURE, queue, views


class Network(nn.Module):
    """Encoder, projector and predictor of tinynnclr, layer by layer."""

    def __init__(self, width: int):
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, stride in ((3, width, 1), (width, 2 * width, 2),
                                        (2 * width, 4 * width, 2), (4 * width, 8 * width, 2)):
            layers += [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
                       nn.BatchNorm2d(outputs), nn.ReLU(True)]
        self.encoder = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.projector = nn.Sequential(
            nn.Linear(8 * width, HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN), nn.ReLU(True),
            nn.Linear(HIDDEN, HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN), nn.ReLU(True),
            nn.Linear(HIDDEN, DIM, bias=False), nn.BatchNorm1d(DIM))
        self.predictor = nn.Sequential(nn.Linear(DIM, HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN),
                                       nn.ReLU(True), nn.Linear(HIDDEN, DIM))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        z = self.projector(self.encoder(x))
        return z, self.predictor(z)


def load_weights(network: Network, method: Method) -> None:
    """Copy the weights of our method; its parameters have the same order."""
    with torch.no_grad():
        for theirs, ours in zip(network.parameters(), method.parameters(), strict=True):
            a = torch.from_numpy(ours.data)
            theirs.copy_(a.permute(3, 2, 0, 1) if a.ndim == 4 else a.T if a.ndim == 2 else a)


def make_step(width: int, batch: int = BATCH, compiled: bool = False,
              method: Method | None = None) -> Callable[[], float]:
    """A function that makes one step and returns its loss; compiled: by torch.compile."""
    torch.set_num_threads(get_num_threads())
    network = Network(width)
    if method is not None:
        load_weights(network, method)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    groups = [{"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": DECAY},
              {"params": [p for p in network.parameters() if p.ndim == 1], "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, RATE, MOMENTUM)
    forward = torch.compile(network) if compiled else network
    rows, pointer = torch.from_numpy(queue()), 0
    labels = torch.arange(batch)
    x1, x2 = (torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2) for x in views(batch))

    def step():
        nonlocal pointer
        (z1, p1), (z2, p2) = forward(x1), forward(x2)
        with torch.no_grad():
            unit = F.normalize(z1)
            near1, near2 = (rows[(z @ rows.T).argmax(1)] for z in (unit, F.normalize(z2)))
        loss = 0.5 * (F.cross_entropy(near1 @ F.normalize(p2).T / TEMPERATURE, labels)
                      + F.cross_entropy(near2 @ F.normalize(p1).T / TEMPERATURE, labels))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        rows[pointer:pointer + batch] = unit
        pointer = (pointer + batch) % QUEUE
        return loss.item()

    return step
