"""An exported encoder is the same network in PyTorch: it loads, and gives the same features."""
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from exported import as_trained, read, write_run
from places import ROOT

from tinynnclr.lab.export import FORMATS, export_run, torch_state
from tinynnclr.nn import BatchNorm, Conv2d, Detrend, GlobalAvgPool, Linear, Module, ReLU, Sequential
from tinynnclr.tensor import Tensor

torch = pytest.importorskip("torch")

README = (ROOT / "README.md").read_text(encoding="utf-8")
(SNIPPET,) = [text for text in re.findall(r"```python\n(.*?)```", README, re.S)
              if "import torch" in text]


def definitions():
    """README's Detrend and conv for torch, by name."""
    names = {"torch": torch, "nn": torch.nn}
    exec(SNIPPET[SNIPPET.index("class"):SNIPPET.index("encoder =")], names)
    return names


def load(twin, arrays):
    """twin with the arrays loaded, in evaluation mode."""
    twin.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()}, strict=True)
    return twin.eval()


def agree(ours, theirs, images):
    """Whether both give the same features of images (n, h, w, c)."""
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    got = ours(images).numpy()
    assert np.abs(got).max() > 0.05
    assert got.shape == wanted.shape
    return np.abs(got - wanted).max() < 1e-5


def tiny_cnn(width, detrend):
    """What a torch user writes."""
    nn, names, w = torch.nn, definitions(), width
    conv = names["conv"]
    layers = [*conv(3, w, 1), *conv(w, 2 * w, 2), *conv(2 * w, 4 * w, 2), *conv(4 * w, 8 * w, 2)]
    if detrend:
        layers.insert(0, names["Detrend"]())
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("detrend", [True, False])
@pytest.mark.parametrize("width", [2, 5])
def test_torch_makes_the_same_of_images(width, detrend, kind, tmp_path, rng):
    if kind == "safetensors":
        pytest.importorskip("safetensors")
    encoder = write_run(tmp_path / "run", rng, width=width, detrend=detrend)
    twin = tiny_cnn(width, detrend)
    load(twin, read(export_run(tmp_path / "run", kind))[0])
    for size in ((32, 32), (13, 18)):
        light = np.linspace(0, 0.5, size[1], dtype=np.float32)[:, None]  # from one side
        images = 0.5 * rng.random((5, *size, 3), np.float32) + light
        assert agree(encoder, twin, images)
    if detrend:
        assert not agree(encoder, twin[1:], images)  # so it does matter


@pytest.mark.parametrize("shape", [(3, 9, 14, 3), (2, 1, 8, 2), (2, 8, 1, 1), (2, 1, 1, 3)])
def test_detrend_in_torch(shape, rng):
    images = rng.random(shape, np.float32)
    theirs = definitions()["Detrend"]()(torch.from_numpy(images.transpose(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(Detrend()(images).numpy(), theirs.transpose(0, 2, 3, 1), atol=1e-5)


def test_the_readme_s_lines(tmp_path, rng, monkeypatch, capsys):
    pytest.importorskip("safetensors")
    monkeypatch.chdir(tmp_path)
    encoder, names = write_run(Path("runs/nnclr-toybox-0"), rng, width=16), {}
    assert run(capsys, *shlex.split("export runs/nnclr-toybox-0 --format safetensors")) == (
        0, str(Path("runs/nnclr-toybox-0/encoder.safetensors")) + "\n", "")
    exec(SNIPPET, names)
    assert capsys.readouterr().out == "(5, 128)\n"
    assert agree(encoder, names["encoder"], rng.random((4, 32, 32, 3), np.float32))


class Block(Module):
    """A residual block, its layers as attributes."""

    def __init__(self, inputs, outputs, rng):
        self.conv1 = Conv2d(inputs, outputs, 3, rng, padding=1)
        self.bn1 = BatchNorm(outputs, relu=True)
        self.shortcut = None
        if inputs != outputs:
            self.shortcut = Sequential(Conv2d(inputs, outputs, 1, rng), BatchNorm(outputs))

    def forward(self, x):
        return self.bn1(self.conv1(x)) + (x if self.shortcut is None else self.shortcut(x))


class Other(Module):
    """All parts of encoders: attributes, lists, own arrays, a Sequential in a Sequential."""

    def __init__(self, rng):
        self.stem = Sequential(Detrend(), Sequential(Conv2d(3, 4, 3, rng), BatchNorm(4), ReLU()),
                               BatchNorm(4, relu=True))
        self.blocks = [Block(4, 4, rng), Block(4, 6, rng)]
        self.end = Sequential(GlobalAvgPool(), Linear(6, 5, rng), BatchNorm(5, relu=True),
                              Linear(5, 7, rng, bias=False))
        self.token = Tensor(rng.random((1, 7), np.float32), requires_grad=True)
        self.frozen = Tensor(rng.random((2, 7), np.float32))
        self.positions = rng.random((2, 3, 7), np.float32)
        self.features = 7

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.end(x) + self.token


def other_in_torch():
    """Other, as a torch user writes it."""
    nn = torch.nn

    class TorchBlock(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.shortcut = nn.Identity()
            if inputs != outputs:
                self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False),
                                              nn.BatchNorm2d(outputs))

        def forward(self, x):
            return torch.relu(self.bn1(self.conv1(x))) + self.shortcut(x)

    class TorchOther(nn.Module):
        def __init__(self):
            super().__init__()
            conv = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
            self.stem = nn.Sequential(definitions()["Detrend"](), conv, nn.BatchNorm2d(4),
                                      nn.ReLU())
            self.blocks = nn.ModuleList([TorchBlock(4, 4), TorchBlock(4, 6)])
            self.end = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5),
                                     nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 7, bias=False))
            self.token = nn.Parameter(torch.zeros(1, 7))
            self.frozen = nn.Parameter(torch.zeros(2, 7))
            self.register_buffer("positions", torch.zeros(2, 3, 7))

        def forward(self, x):
            x = self.stem(x)
            for block in self.blocks:
                x = block(x)
            return self.end(x) + self.token

    return TorchOther()


def test_any_network_of_our_layers(rng):
    ours = as_trained(Other(rng), rng).eval()
    state = torch_state(ours)
    for name in ("token", "frozen", "positions"):
        assert state[name].tobytes() == ours.state_dict()[name].tobytes()
    assert agree(ours, load(other_in_torch(), state), rng.random((3, 11, 9, 3), np.float32))
