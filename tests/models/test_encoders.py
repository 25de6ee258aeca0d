"""ResNet and ViT against the same networks in torch, and what every encoder must do."""
import numpy as np
import pytest
from one_line import fails
from small import easy_data, random_data, small_config, state_of

from tinynnclr import Tensor
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.lab.export import torch_state
from tinynnclr.methods import NNCLR, make_config
from tinynnclr.models import ENCODERS, ResNet, TinyCNN, ViT, make_encoder
from tinynnclr.models.vit import TransformerBlock, positions
from tinynnclr.nn import BatchNorm, MultiHeadAttention
from tinynnclr.train.hooks import train_run
from tinynnclr.train.run import Run

each = pytest.mark.parametrize("name", ENCODERS)


def build(name, width=3, rng=None, **changes):
    return ENCODERS[name](width, rng or np.random.default_rng(0), **changes)


@each
@pytest.mark.parametrize(("size", "channels", "detrend"),
                         [(24, 3, True), (32, 3, False), (16, 1, True), (8, 2, True)])
def test_images_to_features(name, size, channels, detrend, rng):
    encoder = build(name, detrend=detrend, channels=channels)
    x = rng.random((5, size, size, channels)).astype(np.float32)
    h = encoder(x)
    assert h.shape == (5, encoder.features)
    assert h.dtype == np.float32
    (h * rng.standard_normal(h.shape).astype(np.float32)).sum().backward()
    for key, p in encoder.named_parameters().items():
        assert np.abs(p.grad).max() > 0, key
    first, again, other = (build(name, rng=np.random.default_rng(seed)).state_dict() for seed
                           in (1, 1, 2))
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert any(not np.array_equal(first[key], other[key]) for key in first)


def trained(name, epochs, data):
    config = small_config(method="simclr", width=2, encoder=name, optimizer="adamw", lr=3e-3,
                          epochs=epochs, temperature=0.2, detrend=False)
    run = Run(config, data)
    train_run(run, data, augmentation_pair("crop-only"), progress=False)
    return run


@each
def test_a_run_has_the_same_bytes_for_any_number_of_threads(name, threads):
    states = []
    for n in (1, 3):
        threads(n)
        states.append(state_of(trained(name, 1, easy_data(32))))
    assert states[0] == states[1]


@each
def test_a_run_learns(name):
    losses = [row["loss"] for row in trained(name, 8, easy_data(64)).metrics]
    assert sum(losses[-2:]) / 2 < sum(losses[:2]) / 2 - 0.1, losses


@pytest.mark.parametrize(("blocks", "parameters"), [(1, 0.08), (2, 0.17), (3, 0.27)])
def test_a_resnet_is_as_large_as_the_paper_s(blocks, parameters, rng):
    """Table 6: 0.27 million weights with 20 layers, of which the last, with 650, is absent."""
    encoder = ResNet(16, rng, blocks=blocks)
    assert (encoder.num_parameters() + 650) / 1e6 == pytest.approx(parameters, abs=0.006)
    convolutions = [p for p in encoder.parameters() if p.ndim == 4 and p.shape[0] == 3]
    assert len(convolutions) == 6 * blocks + 1
    assert encoder.features == 64


def trained_norms(encoder, rng):
    """Running statistics, scales and shifts as after some training."""
    for module in encoder.modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor) and value.ndim == 1:
                value.data = (value.data + 0.3
                              * rng.standard_normal(value.shape)).astype(np.float32)
            elif isinstance(module, BatchNorm) and isinstance(value, np.ndarray):
                setattr(module, name, np.abs(value + 0.3
                                             * rng.standard_normal(value.shape)).astype(np.float32))


def twin_of(name, width, channels, torch):
    """The encoder as a torch user would write it."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
                                      nn.BatchNorm2d(outputs), nn.ReLU(),
                                      nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
                                      nn.BatchNorm2d(outputs))
            self.shortcut = nn.Sequential() if inputs == outputs and stride == 1 else nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

        def forward(self, x):
            return torch.relu(self.body(x) + self.shortcut(x))

    class Attention(nn.Module):
        def __init__(self, d, heads):
            super().__init__()
            self.query, self.key, self.value, self.out = (nn.Linear(d, d) for _ in range(4))
            self.heads = heads

        def forward(self, x):
            split = lambda y: y.unflatten(2, (self.heads, -1)).transpose(1, 2)  # noqa: E731
            layers = self.query, self.key, self.value
            y = nn.functional.scaled_dot_product_attention(*(split(f(x)) for f in layers))
            return self.out(y.transpose(1, 2).flatten(2))

    class Transformer(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.norm1, self.attention = nn.LayerNorm(d), Attention(d, max(1, d // 16))
            self.norm2 = nn.LayerNorm(d)
            self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    class VisionTransformer(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.patches = nn.Conv2d(channels, d, 4, 4, bias=False)
            self.blocks = nn.Sequential(*(Transformer(d) for _ in range(4)))
            self.norm = nn.LayerNorm(d)

        def forward(self, x):
            x = self.patches(x)
            _, d, rows, columns = x.shape
            x = x.flatten(2).transpose(1, 2) + torch.from_numpy(positions(rows, columns, d))
            return self.norm(self.blocks(x)).mean(1)

    if name == "vit":
        return VisionTransformer(4 * width)
    if name.endswith("cnn"):
        sizes = (channels, width, 2 * width, 4 * width, 8 * width)
        strides = (1, 2, 2, 1 if name == "fine_cnn" else 2)
        layers = [[nn.Conv2d(a, b, 3, s, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
                  for a, b, s in zip(sizes, sizes[1:], strides, strict=False)]
        return nn.Sequential(*sum(layers, []), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    blocks, w = {"resnet8": 1, "resnet20": 3}[name], width
    sizes = [(w, w, 1), *[(w, w, 1)] * (blocks - 1), (w, 2 * w, 2),
             *[(2 * w, 2 * w, 1)] * (blocks - 1), (2 * w, 4 * w, 2),
             *[(4 * w, 4 * w, 1)] * (blocks - 1)]
    return nn.Sequential(nn.Conv2d(channels, w, 3, 1, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU(),
                         *(Block(*s) for s in sizes), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@each
@pytest.mark.parametrize("training", [False, True])
def test_the_same_network_in_torch(name, training, rng):
    """The exported state loads as it is, strictly; outputs and all gradients agree."""
    torch = pytest.importorskip("torch")
    encoder = build(name, width=4, detrend=False).train(training)
    trained_norms(encoder, rng)
    twin = twin_of(name, 4, 3, torch).train(training)
    twin.load_state_dict({k: torch.from_numpy(v) for k, v in torch_state(encoder).items()},
                         strict=True)
    x = rng.random((6, 16, 24, 3)).astype(np.float32)
    g = rng.standard_normal((6, encoder.features)).astype(np.float32)
    h, wanted = encoder(x), twin(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_allclose(h.numpy(), wanted.detach().numpy(), rtol=0, atol=1e-5)
    h.backward(g)
    wanted.backward(torch.from_numpy(g))
    grads = dict(twin.named_parameters())
    for p in encoder.parameters():
        p.data = p.grad  # gradients travel as weights do, to torch's names and layout
    for key, value in torch_state(encoder).items():
        if key in grads:
            size = max(1.0, float(grads[key].grad.abs().max()))
            np.testing.assert_allclose(value, grads[key].grad.numpy(), rtol=0, atol=5e-5 * size,
                                       err_msg=key)


def test_tiny_cnn_has_97_000_weights_at_width_16(rng):
    weights = sum(p.data.size for p in TinyCNN(16, rng).parameters() if p.ndim > 1)
    assert weights == 97_200
    assert TinyCNN(16, rng).num_parameters() == 97_680


def test_tiny_cnn_takes_images_of_any_size_and_none(rng):
    encoder = TinyCNN(4, rng).eval()
    for shape in ((2, 17, 9, 3), (0, 32, 32, 3)):
        assert encoder(Tensor(np.ones(shape, np.float32))).shape == (shape[0], 32)


def test_in_eval_mode_an_image_does_not_depend_on_its_batch(rng):
    encoder = TinyCNN(4, rng)
    images = rng.random((5, 16, 16, 3), np.float32)
    encoder(Tensor(images))
    encoder.eval()
    alone = np.concatenate([encoder(Tensor(images[i:i + 1])).data for i in range(5)])
    np.testing.assert_array_equal(encoder(Tensor(images)).data, alone)


def test_a_block_begins_near_what_came_in(rng):
    """Pre-norm: attention and MLP are added to a straight path; heads see their own numbers."""
    block, x = TransformerBlock(8, 2, rng), rng.standard_normal((3, 5, 8)).astype(np.float32)
    for part in (block.attention.out, block.mlp.layers[-1]):
        for p in part.parameters():
            p.data[...] = 0
    np.testing.assert_array_equal(block(Tensor(x)).numpy(), x)
    attention = MultiHeadAttention(8, 2, rng)
    attention.out.weight.data = np.eye(8, dtype=np.float32)
    before = attention(Tensor(x)).numpy()
    for layer in (attention.query, attention.key, attention.value):
        layer.weight.data[:, 4:] += 1  # the second head's
    after = attention(Tensor(x)).numpy()
    np.testing.assert_array_equal(before[..., :4], after[..., :4])
    assert np.abs(before[..., 4:] - after[..., 4:]).max() > 0.1
    with fails(ValueError, "MultiHeadAttention: expected heads that divide 8, got 3"):
        MultiHeadAttention(8, 3, rng)


def test_the_order_of_patches_matters_only_through_their_positions(rng):
    encoder = ViT(4, rng, detrend=False)
    x = rng.random((2, 8, 8, 3)).astype(np.float32)
    swapped = x[:, [4, 5, 6, 7, 0, 1, 2, 3]]  # the lower patches above
    assert np.abs(encoder(x).numpy() - encoder(swapped).numpy()).max() > 1e-3
    for rows, columns in ((6, 6), (8, 8), (2, 5)):
        at = positions(rows, columns, 16)
        assert at.shape == (rows * columns, 16)
        assert len(np.unique(at.round(4), axis=0)) == rows * columns
        assert np.abs(at).max() <= 1
    small, large = positions(3, 3, 16).reshape(3, 3, 16), positions(9, 9, 16).reshape(9, 9, 16)
    # the middle is the middle of both
    np.testing.assert_allclose(small, large[1::3, 1::3], atol=1e-6)
    with fails(ValueError, "ViT: expected images with sides of multiples of 4, got 10 x 8"):
        encoder(rng.random((2, 10, 8, 3)).astype(np.float32))


def test_an_encoder_s_own_defaults():
    config = make_config({"encoder": "vit"})
    assert (config.optimizer, config.weight_decay) == ("adamw", 0.05)
    assert make_config({"encoder": "vit", "optimizer": "sgd"}).optimizer == "sgd"
    assert make_config({"encoder": "vit", "method": "moco"}).to_dict() == {
        **make_config({"method": "moco"}).to_dict(), **ViT.defaults, "encoder": "vit",
        "lr": 0.001}
    assert make_config({"encoder": "resnet20"}) == NNCLR.Config(encoder="resnet20")
    assert isinstance(make_encoder(config, np.random.default_rng(0)), ViT)
    for name in ENCODERS:
        data = random_data(32)
        assert Run(small_config(encoder=name, batch_size=16), data).method.encoder.features
