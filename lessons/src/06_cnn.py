# ---
# jupyter:
#   lesson:
#     question: "How do I know that my network can learn at all?"
#     picture: "four ways to start a network of twelve layers: how large its signals are, and whether it then learns"
#     budget_s: 50
#     derives: [kaiming_normal, batch_norm, global_avg_pool, max_pool2d, adamw]
#     imports: [conv2d, cross_entropy, gradcheck, TinyCNN, Linear, AdamW, Detrend]
#     exercises: ["06.a", "06.b", "06.c"]
#     needs: [1, 5]
# ---

# %% [markdown]
# # 06 · A tiny CNN that trains
#
# You have a gradient (lesson 01) and a convolution (05). You stack a few, press run, and the loss falls from 2.4 to
# 1.9. Is that a network that learns, or a broken one that does what little it can? A wrong network rarely stops. It
# learns *less*, and blames the data. So before the data may be blamed: **how do I know that my network can learn at
# all?**
#
# By three tests that take seconds. Does the signal arrive at the last layer? Does the first loss admit that nothing is
# known yet? Can the network learn one batch by heart?
#
# **You will need** lessons 01 (autograd) and 05 (convolution). **It takes** about 25 s on one core, most of it
# training. **The picture to keep:** four ways to start a network of twelve layers; how large its signals are at the
# start, and whether it then learns.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

from tinynnclr import nn, ops
from tinynnclr.datasets import toybox
from tinynnclr.gradcheck import gradcheck
from tinynnclr.models import TinyCNN
from tinynnclr.nn import init
from support import bench, check, draw_guess, predict, show
from tinynnclr.tensor import Tensor, no_grad

BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"

# %%
toys = toybox.make(64)
images = toys.images.astype(np.float32) / 255  # (64, 32, 32, 3)
labels = toys.labels  # (64,), ten classes
light_gone = ops.detrend(images).numpy()  # each colour channel of each picture: mean 0, spread about 1
print(f"before: mean {images.mean():.2f}, spread {images.std():.2f}; after: "
      f"mean {abs(light_gone.mean()):.2f}, spread {light_gone.std():.2f}")

# %% [markdown]
# Sixty-four pictures will do for the whole lesson. `detrend` is the package's first layer, before any
# convolution: from each colour channel of each picture it takes away the plane that fits it best (brightness, colour
# cast, light from one side) and divides by the spread of what is left. So the first convolution meets numbers of a
# known size. How long is it kept?
#
# ## Does the signal arrive?
#
# One output of a convolution is a sum of $n$ products, $y = \sum_{i=1}^{n} w_i x_i$. The count $n$ is called the
# *fan-in*: 9 times the input channels, for 3 x 3 windows. Draw the weights $w_i$ at random, with mean 0 and variance
# $v$, and the mixed products cancel on average; what stays is
#
# $$\overline{y^2} = n \, v \, \overline{x^2}$$
#
# where a bar is a mean over many outputs. Then comes ReLU, which keeps positive numbers and makes the others 0: it
# takes away half of that mean square. So a layer multiplies it by $n v / 2$, and only $v = 2 / n$ leaves it
# as it was. This is *He's start*, or Kaiming's, after Kaiming He.

# %%
def kaiming_normal(shape, rng, gain=2.0):
    """Weights of `shape`, whose last axis is the outputs: normal, mean 0, variance gain / fan-in."""
    fan_in = math.prod(shape[:-1])
    weights = rng.standard_normal(shape, np.float32) * np.float32(math.sqrt(gain / fan_in))
    assert weights.shape == tuple(shape)
    return weights

# %%
# compare: kaiming_normal
shape = (3, 3, 16, 16)
assert np.array_equal(kaiming_normal(shape, np.random.default_rng(6)),
                      init.kaiming_normal(shape, np.random.default_rng(6)))

# %% [markdown]
# Now twelve convolutions of 16 channels, and three starts: $2/n$; $1/n$, which forgets what ReLU takes; and "small
# numbers, to be careful", with a spread of 0.01. We measure the *size* of what leaves each ReLU: the root of its mean
# square. It goes in at 1. Before you run on: what comes out of the twelfth layer of the careful one?

# %%
predict("06.careful", power_of_ten=...)  # of the size after twelve layers with a spread of 0.01: -2 means 10^-2

# %%
def deep(start, norm=False, seed=6):
    """Twelve convolutions of 16 channels, each with ReLU; start: a spread below 0.1, or a variance's gain, 1 or 2."""
    rng, layers, channels = np.random.default_rng(seed), [nn.Detrend()], 3
    for i in range(12):
        conv = nn.Conv2d(channels, 16, 3, rng, stride=2 if i in (0, 3) else 1, padding=1)
        if start < 0.1:
            conv.weight.data = start * rng.standard_normal(conv.weight.shape, np.float32)
        else:
            conv.weight.data = kaiming_normal(conv.weight.shape, rng, start)
        layers += [conv, nn.BatchNorm(16, relu=True) if norm else nn.ReLU()]
        channels = 16
    return layers

def sizes(layers):
    """The size of what leaves each of the twelve ReLUs."""
    x, found = images, []
    with no_grad():
        for layer in layers:
            x = layer(x).numpy()
            if isinstance(layer, nn.ReLU | nn.BatchNorm):
                found.append(np.sqrt((x.astype(float) ** 2).mean()))
    return found

# %%
for said, start in (("spread 0.01", 0.01), ("variance 1/n", 1.0), ("variance 2/n", 2.0)):
    found = sizes(deep(start))
    print(f"{said}: {found[0]:.2g} after one layer, {found[5]:.2g} after six, {found[-1]:.2g} after twelve")
print(f"the formula, for the careful one: {0.01 * math.sqrt(27 / 2) * (0.01 * math.sqrt(144 / 2)) ** 11:.2g}")
last = sorted(sizes(deep(2.0, seed=seed))[-1] for seed in range(9))
print(f"nine draws of 2/n: the middle one ends at {last[4]:.2g}, the others between {last[0]:.2g} and {last[-1]:.2g}")

# %% [markdown]
# The careful start multiplies by less than a tenth at every layer, and in the end nothing is left. Forgetting ReLU
# costs a factor 0.7 a layer. He's start keeps the size, up to a factor of five: partly luck of the draw, partly the
# zeros around the picture. They count in $n$ and bring nothing, and in the 8 x 8 pixels to which our pictures shrink,
# nearly every other pixel lies at a border.
#
# ## Make it right at every layer
#
# A good start holds until the first steps move the weights. *Batch norm* does not hope, it measures: for each channel
# it takes the mean $\mu$ and the variance $\sigma^2$ over all pictures and pixels of the batch, and makes the channel
# mean 0 and variance 1 by force.
#
# $$\hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y = w \hat x + b$$
#
# The tiny $\epsilon$ guards a division by zero; $w$ and $b$, one of each per channel, are learned, so that the network
# may have another size where it wants one.

# %%
def batch_norm(x, weight, bias, eps=1e-5):
    """x (..., c), weight and bias (c,) -> y (..., c): mean 0 and variance 1 per channel, then scaled and shifted."""
    assert weight.shape == bias.shape == x.shape[-1:]
    rows = x.reshape(-1, x.shape[-1])  # every pixel of every picture is a row
    y = np.empty_like(rows)
    for c in range(rows.shape[1]):
        mean = sum(rows[:, c]) / len(rows)
        var = sum((rows[:, c] - mean) ** 2) / len(rows)
        y[:, c] = (rows[:, c] - mean) / math.sqrt(var + eps) * weight[c] + bias[c]
    return y.reshape(x.shape)

# %%
# compare: batch_norm
rng = np.random.default_rng(0)
x = 3 + 2 * rng.standard_normal((4, 5, 5, 3))
weight, bias = rng.standard_normal(3), rng.standard_normal(3)
assert np.allclose(batch_norm(x, weight, bias), ops.batch_norm(x, weight, bias).numpy())
careful, he = sizes(deep(0.01, norm=True)), sizes(deep(2.0, norm=True))
assert np.allclose(careful, he, rtol=0.01)
print(f"with batch norm the careful start ends at {careful[-1]:.2f}, He's at {he[-1]:.2f}")

# %% [markdown]
# ## Exercise 06.a · Blame through a mean and a spread
#
# Backward, every row now depends on every other, for all of them had a part in $\mu$ and $\sigma$. There is a way to
# see what that does without algebra. Add 5 to a whole channel: $\hat x$ stays as it was. Double the channel: it stays,
# but for $\epsilon$. Along these two directions nothing moves, so no blame may point along them. What autograd should
# hand back is $g w / \sqrt{\sigma^2 + \epsilon}$ with these two parts taken out, where $g$ is the blame of $y$: its
# mean, and $\hat x$ times the mean of $g \hat x$. (With $\epsilon$ a trace
# of the second stays.)

# %% tags=["exercise:06.a"]
def batch_norm_grad(g, x, weight, eps=1e-5):
    """g = dL/dy and x, both (..., c), weight (c,) -> (dL/dx (..., c), dL/dweight (c,), dL/dbias (c,)).

    y = (x - mean) / sqrt(var + eps) * weight + bias, where mean and var (divided by the number of rows) are x's own,
    over all axes but the last. 300 rows of 2 channels must do with 100,000 bytes, so no table of rows by rows.
    """
    raise NotImplementedError

# %%
batch_norm_grad = check("06.a", batch_norm_grad)

# %%
g = rng.standard_normal(x.shape)
dx = batch_norm_grad(g, x, weight)[0]
flat, centred = dx.reshape(-1, 3), x.reshape(-1, 3) - x.reshape(-1, 3).mean(axis=0)
along = np.abs((flat * centred).sum(axis=0)) / np.linalg.norm(flat, axis=0) / np.linalg.norm(centred, axis=0)
print(f"sum of the blame {np.abs(flat.sum(axis=0)).max():.0e}, part along the spread {along.max():.0e}")
gradcheck(lambda x, w, b: ops.batch_norm(x, w, b), x, weight, bias)  # lesson 01's judge, on the package's

# %% [markdown]
# The first is zero up to rounding; of the second, $\epsilon$ leaves a trace.
#
# ## Exercise 06.b · One picture, no batch
#
# A picture's result now depends on its neighbours in the batch. While training, fine. But when the network is used,
# one picture may come alone, and its variance with itself is 0. So batch norm has two modes. In *training* it uses the
# batch's statistics, and lets a *running* mean and variance follow them. In *evaluation* it uses what has run along,
# and changes nothing.

# %% tags=["exercise:06.b"]
def batch_norm_mode(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    """x (..., c), all others (c,) -> (y (..., c), the new running_mean (c,), the new running_var (c,)).

    In training: normalise with x's own mean and (divided by the number of rows m) variance; each running number moves
    by `momentum` of the way towards the batch's, where the variance to follow is the one divided by m - 1. In
    evaluation: normalise with the running numbers, and return them as they came.
    """
    raise NotImplementedError

# %%
batch_norm_mode = check("06.b", batch_norm_mode)

# %% [markdown]
# ## Pools and steps
#
# Two small parts are missing. *Pooling* makes few pixels of many: the mean of all (global average pooling, the end of
# our network), or the largest of each window, in whose place ours has strides.

# %%
def global_avg_pool(x):
    """x (n, h, w, c) -> (n, c): one number for each channel."""
    assert x.ndim == 4
    return sum(x[:, i, j] for i in range(x.shape[1]) for j in range(x.shape[2])) / (x.shape[1] * x.shape[2])

def max_pool2d(x, size):
    """x (n, h, w, c) -> (n, h // size, w // size, c): the largest number of each window."""
    assert x.ndim == 4
    n, h, w, c = x.shape
    y = np.empty((n, h // size, w // size, c))
    for i, j in np.ndindex(y.shape[1:3]):
        y[:, i, j] = x[:, size * i:size * (i + 1), size * j:size * (j + 1)].max(axis=(1, 2))
    return y

# %%
assert np.allclose(global_avg_pool(x), ops.global_avg_pool(x).numpy())  # compare: global_avg_pool
assert np.allclose(max_pool2d(x, 2), ops.max_pool2d(x, size=2).numpy())  # compare: max_pool2d

# %% [markdown]
# And somebody must move the weights. Plain descent goes against the gradient, by *learning rate* times its length. The
# gradients of two layers can differ by powers of ten, and no one rate suits both. *Adam* gives each weight its own:
# it keeps a running mean $m$ of the gradient and one $s$ of its square, and steps by $m / \sqrt{s}$. A gradient
# that always agrees with itself gives 1, one that is all noise nearly 0. Both means begin at 0, so after $t$ steps
# they are too small by $1 - \beta^t$, where $\beta$ is how much of itself a mean keeps in a step; dividing by that
# repairs it. The W in *AdamW* is a slow pull of weights towards 0, from which the package spares biases and norms.

# %%
def adamw(weight, grad, mean, square, lr, betas, eps, decay, steps):
    """All arrays of one shape; steps counts from 1 -> (new weight, new mean, new square)."""
    assert weight.shape == grad.shape == mean.shape == square.shape
    mean = betas[0] * mean + (1 - betas[0]) * grad
    square = betas[1] * square + (1 - betas[1]) * grad**2
    m, s = mean / (1 - betas[0]**steps), square / (1 - betas[1]**steps)
    return weight - lr * (m / (np.sqrt(s) + eps) + decay * weight), mean, square

# %%
# compare: adamw
theirs = Tensor(rng.standard_normal((4, 3)), requires_grad=True)
optimizer = nn.AdamW([theirs], lr=0.1, weight_decay=0.01)
mine, mean, square = theirs.data.copy(), np.zeros((4, 3)), np.zeros((4, 3))
for t in range(1, 6):
    theirs.grad = rng.standard_normal((4, 3))
    mine, mean, square = adamw(mine, theirs.grad, mean, square, 0.1, (0.9, 0.999), 1e-8, 0.01, t)
    optimizer.step()
assert np.allclose(mine, theirs.data)

# %%
for size in (1e3, 1e-3, 1e-8, 1e-11):
    step = -adamw(np.zeros(1), np.full(1, size), np.zeros(1), np.zeros(1), 0.003, (0.9, 0.999), 1e-8, 0, 1)[0][0]
    print(f"a gradient of {size:.0e}: the first step is {step:.1e}")

# %% [markdown]
# The first step is the learning rate, whatever the gradient's size, until that size comes down to `eps`. Keep this in
# mind.
#
# ## Four starts, one batch
#
# Each deep network ends in ten *scores*, one for each class, and must learn the labels of 64 pictures by heart. A
# *softmax* turns scores into shares that add up to 1: $e$ to the score, divided by the sum of all ten. The loss, called
# *cross-entropy*, is $-\ln$ of the right class's share, on average. It is counted in *nats*, and 0 is perfect.

# %%
def learn(network, steps, lr=0.003, labels=labels, both_modes=False):
    """Trains in place -> at each step the loss, the share that is right, and, if asked, that in evaluation mode."""
    optimizer, losses, right, evaluated = nn.AdamW(network.parameters(), lr=lr), [], [], []
    for _ in range(steps):
        if both_modes:
            with no_grad():
                evaluated.append((network.eval()(images).numpy().argmax(axis=1) == labels).mean())
        scores = network.train()(images)  # (64, 10)
        loss = ops.cross_entropy(scores, labels=labels)
        network.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        right.append((scores.numpy().argmax(axis=1) == labels).mean())
    return losses, right, evaluated

# %%
starts = {"spread 0.01": (0.01, False), "variance 1/n": (1.0, False), "variance 2/n (He)": (2.0, False),
          "He + batch norm": (2.0, True)}
signals, curves, blames = {}, {}, {}
for name, start in starts.items():
    layers = deep(*start)
    signals[name] = sizes(layers)
    network = nn.Sequential(*layers, nn.GlobalAvgPool(), nn.Linear(16, 10, np.random.default_rng(1)))
    curves[name] = learn(network, 80, lr=0.002)[0]
    blames[name] = np.sqrt((layers[1].weight.grad ** 2).mean())

# %% tags=["picture"]
fig, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.4))
looks = ((VERMILION, "v"), (ORANGE, "^"), (BLUE, "o"), (GREEN, "s"))
for name, (color, marker) in zip(starts, looks, strict=True):
    left.plot(range(1, 13), np.log10(signals[name]), marker=marker, color=color, label=name)
    right.plot(curves[name], marker=marker, markevery=8, color=color, label=name)
left.set(xlabel="layer", ylabel="size of what leaves it, power of ten", title="Does the signal arrive?",
         xticks=range(1, 13))
right.axhline(math.log(10), color="#555555", ls=":", lw=1)
right.text(6, math.log(10) + 0.04, "ln 10: knows nothing", ha="left", va="bottom", color="#555555", fontsize=9)
right.set(xlabel="step", ylabel="loss on the 64 pictures, nats", title="Does it learn them by heart?", ylim=(0, 3))
draw_guess(left, "06.careful")
left.legend(frameon=False, loc="lower left")
show(fig, alt="Left: the signal's size by layer: near 1 with He's start or batch norm, falling to 0.003 with variance "
              "1/n and to 1e-14 with spread 0.01. Right: the last stays at ln 10, batch norm falls smoothly, the "
              "other two jump on their way down.")
plt.close(fig)

# %%
for name, curve in curves.items():
    print(f"{name}: at step 20 {curve[20]:.2f}, at the end {curve[-1]:.2f}; the loss rose by more than 0.1 in "
          f"{(np.diff(curve) > 0.1).sum()} steps; typical gradient in the first layer {blames[name]:.0e}")

# %% [markdown]
# **This is the picture to keep.** One colour and marker is one start. The careful network has not moved: not even Adam
# can help, for the gradient passes back through the same small weights and ends far below `eps`. Variance $1/n$ is
# slow to leave the dotted line. He's start learns, and now and then a step throws it back; at the end it is the
# lowest. Batch norm goes down without a stumble and, as we saw, does not care at which scale it began. Not the last
# digit of the loss is its merit, but that it forgives.
#
# ## The package's network, and its first loss
#
# `TinyCNN` is four such layers, strided, then the mean over all pixels. On top goes a linear layer with ten outputs.

# %%
def tiny(**head):
    rng = np.random.default_rng(0)
    encoder = TinyCNN(16, rng)
    return nn.Sequential(encoder, nn.Linear(encoder.features, 10, rng, **head))

network = tiny()
scores = network(images).numpy()
first = ops.cross_entropy(scores, labels=labels).item()
print(f"{network.num_parameters():,} weights; first loss {first:.3f}, ln 10 = {math.log(10):.3f}, "
      f"half the variance of the scores {scores.var(axis=1).mean() / 2:.3f}")

# %% [markdown]
# Who knows nothing should give each of ten classes a tenth, and pay $\ln 10$. A first loss well above it says that the
# network has opinions before it has seen anything: for scores of a small variance $s^2$ that are not about the labels,
# the price is about $s^2 / 2$ on top. Ours pays a little. A first loss *below* $\ln 10$ is worse news: the labels leak.
#
# ## Exercise 06.c · A head without opinions
#
# Make the test exact: a last layer whose first loss is $\ln$ of the classes. All zeros would do that, and the check
# says why it is not enough: blame goes back through these weights, and must get through.

# %% tags=["exercise:06.c"]
def quiet_head(features, classes, rng):
    """-> (weight (features, classes), bias (classes,)), drawn from rng, for scores h @ weight + bias.

    For h (n, features) of mean square 1, as after a ReLU, 4 to 4,096 features and 2 to 100 classes: a mean loss within
    1 % of ln(classes), whatever the labels, and a gradient dL/dh at least a thousandth as long as with weights of
    variance 2 / features and no bias. rng is all the chance there is: the same seed gives the same head, another one
    another.
    """
    raise NotImplementedError

# %%
quiet_head = check("06.c", quiet_head)

# %%
def with_quiet_head():
    network = tiny()
    head = network.layers[1]
    weight, bias = quiet_head(128, 10, np.random.default_rng(2))
    head.weight.data, head.bias.data = np.asarray(weight, np.float32), np.asarray(bias, np.float32)
    return network

first = ops.cross_entropy(with_quiet_head()(images), labels=labels).item()
print(f"first loss {first:.3f}")
assert abs(first - math.log(10)) < 0.02

# %% [markdown]
# ## By heart
#
# The last test is the strongest. A network of 99,000 weights has room for 64 labels many times over. If it cannot learn
# them by heart, something is broken, and no data will mend it. How many steps, until all 64 are right?

# %%
predict("06.steps", steps=...)  # the ordinary head first, learning rate 0.003, all 64 pictures at every step

# %%
shuffled = np.random.default_rng(9).permutation(labels)  # as many of each class, on the wrong pictures
losses, right, evaluated = learn(tiny(), 40, both_modes=True)
shuffled_losses, shuffled_right, _ = learn(tiny(), 40, labels=shuffled)
quiet_losses, quiet_right, _ = learn(with_quiet_head(), 40)
for said, share in (("labels", right), ("shuffled labels", shuffled_right), ("labels, quiet head", quiet_right),
                    ("labels, in evaluation mode", evaluated)):
    print(f"{said}: all 64 right after {share.index(1.0)} steps")

# %%
fig, (left, other) = plt.subplots(1, 2, figsize=(10.5, 4))
left.plot(losses, "o-", color=BLUE, markevery=4, label="labels")
left.plot(shuffled_losses, "x--", color=VERMILION, markevery=4, label="shuffled labels")
left.plot(quiet_losses, "^-", color=GREEN, markevery=4, label="labels, quiet head")
left.set(xlabel="step", ylabel="loss, nats", title="Loss on the 64 pictures", ylim=(0, 2.7))
other.plot(100 * np.array(right[:21]), "o-", color=BLUE, markevery=2, label="in training mode")
other.plot(100 * np.array(evaluated[:21]), "s--", color=ORANGE, markevery=2, label="in evaluation mode")
other.set(xlabel="step", ylabel="right, %", title="The same network, judged in two modes", ylim=(0, 105))
other.axhline(10, color="#888888", ls=":", lw=1)
other.text(0.98, 0.105, "chance", ha="right", transform=other.transAxes, color="#666666", fontsize=9)
draw_guess(other, "06.steps", axis="x")
for ax in (left, other):
    ax.legend(frameon=False, loc="center right")
show(fig, alt="Left: three losses fall to nearly zero within 40 steps, shuffled labels as fast as true ones, the quiet "
              "head later. Right: right answers reach 100 % in training mode some steps before evaluation mode.")
plt.close(fig)

# %% [markdown]
# Left: this machine learns. The crosses say what that is worth: labels that were shuffled are learned as fast. It is a
# test of the machine and not of what it knows; whether a 65th picture is recognised is another question. And note the
# quiet head: an exact first loss makes a good test, not a faster start. Little blame passes through small weights.
#
# Right: in training mode all are right first. In evaluation mode the running statistics come behind, a tenth of the
# way at each step, while the network changes fast. Forget `eval()`, and an answer depends on the company it came in;
# call it after five steps, and the statistics are of a network that is no more.
#
# ## Where a step's time goes
#
# Lesson 05 was about convolutions, and they do nearly all of the arithmetic: 54 operations for each number that comes
# out of the first layer, 1,152 in the last. Batch norm needs a handful. What share of the time is batch norm's?

# %%
predict("06.norm", percent=...)  # of the time of one training step of TinyCNN, layer by layer

# %%
layers, inputs, x = network.layers[0].body.layers, [], images
for layer in layers:
    inputs.append(x)
    x = layer(x).numpy()
assert np.allclose(x, network.layers[0](images).numpy(), atol=1e-4)  # layer by layer or in one: the same features

def layer_by_layer(kind):
    """Forward and backward of all layers of that kind, each on its own input."""
    for layer, x in zip(layers, inputs, strict=True):
        if isinstance(layer, kind):
            out = layer(Tensor(x, requires_grad=True))
            out.backward(np.ones_like(out.data))

def whole_step():
    """A training step as the package does it, optimiser and all."""
    learn(network, 1)

# %%
kinds = {"convolution": nn.Conv2d, "batch norm, ReLU": nn.BatchNorm,
         "detrend, pool": nn.Detrend | nn.GlobalAvgPool}
times = {}
for name, kind in kinds.items():
    print(name, end=", ")
    times[name] = bench(layer_by_layer, kind).seconds
fused = bench(whole_step).seconds

# %%
fig, ax = plt.subplots(figsize=(9, 2.2))
total, done = sum(times.values()), 0
for (name, seconds), color, hatch in zip(times.items(), (BLUE, ORANGE, "#999999"), ("", "//", ".."), strict=True):
    ax.barh(1, 100 * seconds / total, left=done, color=color, hatch=hatch, edgecolor="white", label=name)
    if seconds > 0.05 * total:
        ax.text(done + 50 * seconds / total, 1, f"{100 * seconds / total:.0f} %", ha="center", va="center", fontsize=11,
                bbox={"fc": "white", "ec": "none", "pad": 1.5})
    done += 100 * seconds / total
ax.barh(0, 100 * fused / total, color="#444444")
ax.set(yticks=[0, 1], yticklabels=["whole step, in one", "layer by layer"], xlabel="time, % of the layers one by one")
draw_guess(ax, "06.norm", axis="x")
ax.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
show(fig, alt="Bars of the time of a training step: convolution takes the larger part, batch norm with ReLU nearly "
              "all of the rest; the whole step in one is shown below for comparison.")
plt.close(fig)

# %% [markdown]
# Batch norm's share of the time is far above its share of the arithmetic: it reads and writes every number several
# times and does little with each. That is why the package hands batch norm and ReLU to the convolution that follows,
# which normalises what it reads. The lower bar is a whole step done so, loss and optimiser included, and without the
# gradient of the pictures, which nobody needs. Lesson 18 goes on from here.
#
# ## Broken on purpose
#
# A colleague wants probabilities to come out, and ends the network with a softmax. The loss takes its own softmax of
# that, as ever. Nothing fails, and the first loss is better than ours: 2.30 on the spot.

# %% tags=["broken"]
class Probabilities(nn.Module):
    """Scores (n, 10) -> their softmax."""

    def forward(self, x):
        return ops.exp(ops.log_softmax(x))

broken, broken_right, _ = learn(nn.Sequential(*tiny().layers, Probabilities()), 80)
floor = -math.log(math.e / (math.e + 9))  # of ten "scores" from 0 to 1, the best are a 1 and nine 0
print(f"first loss {broken[0]:.3f}, last {broken[-1]:.3f}, floor {floor:.3f}; right {broken_right[-1]:.0%}")
assert abs(broken[0] - math.log(10)) < 0.02
assert broken_right[-1] == 1.0
assert floor < broken[-1] < floor + 0.05

# %% [markdown]
# The first two tests pass. The loss falls smoothly, even the accuracy comes to 100 %. Only the demand that the loss go
# *to zero* finds it out: a softmax of numbers between 0 and 1 cannot be surer than $e / (e + 9)$, or 23 %, and
# $-\ln$ of that is 1.46. This is why you train one batch to zero, and not until it looks well.
#
# ## Three sentences to keep
#
# A signal must reach the last layer at the size it had: start with variance $2/n$, and let batch norm keep it so, in
# two modes. Before the first step, the loss is $\ln$ of the classes, or you know something the network should not.
# Before you trust a network with data, make it learn one batch by heart, down to zero.
#
# **In practice:** these tests belong in the first minute of a new project. The package's own `supervised` method
# keeps the loud head. NNCLR trains the same `TinyCNN` with a loss for which "by heart" is no test any more; lesson 09
# says what takes its place.
