# ---
# jupyter:
#   lesson:
#     question: "Is a convolution secretly a matrix product?"
#     picture: "the matrix of all patches, coloured by source pixel, beside the time of four convolutions"
#     budget_s: 45
#     derives: [conv2d_naive, conv2d_direct, conv2d_unfolded, conv2d_grad_weight]
#     imports: [conv2d, matmul, Tensor]
#     exercises: ["05.a", "05.b", "05.c"]
#     needs: [1, 4]
# ---

# %% [markdown]
# # 05 · Convolution three ways, and its gradient
#
# A network that looks at pictures slides a small window over them and asks the same question everywhere: is there an
# edge here? And here? This is a *convolution*, and most of the arithmetic in training such a network goes into it.
# Lesson 04 made one operation fast, the matrix product. So it would be convenient to hear yes to this: **is a
# convolution secretly a matrix product?**
#
# **You will need** lessons 01 (what a gradient is, and how it is checked) and 04 (why a matrix product is fast).
# **It takes** about 25 s on one core, and half a minute more the first time, while Numba compiles the package.
# **The picture to keep:** the matrix of all patches of an image, coloured by the pixel each number came from, beside
# the time of four convolutions.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from numba import njit

from tinynnclr import ops
from tinynnclr.kernels import conv, conv2d, matmul
from support import bench, check, draw_guess, predict, show
from tinynnclr.tensor import Tensor

BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"

# %% [markdown]
# ## The same question everywhere
#
# An image is an array `(n, h, w, c)`: $n$ pictures, $h$ rows and $w$ columns of pixels, $c$ numbers a pixel (three
# for red, green and blue; deeper in a network more, and then they are called *channels*). The weight is
# `(kh, kw, c, f)`: a window of $kh \times kw$ pixels, and $f$ questions asked of each. Every answer is a sum of
# products:
#
# $$y_{nijf} = \sum_{r,s,c} x_{n,\; i t + r - p,\; j t + s - p,\; c}\; w_{rscf}$$
#
# $y$ is the output, $(i, j)$ one of its pixels, and $(r, s)$ a place in the window, a *tap*. The *stride* $t$ says how
# far the window moves from one output pixel to the next. The *padding* $p$ is a border of zeros, so that the window
# can hang over the edge: with $p = 1$ a 3 x 3 window fits around every pixel. In loops, with nothing hidden:

# %%
def conv2d_naive(x, weight, stride=1, padding=0):
    """x (n, h, w, c), weight (kh, kw, c, f) -> y (n, ho, wo, f)."""
    (n, h, w, c), (kh, kw, _, f) = x.shape, weight.shape
    assert weight.shape[2] == c
    y = np.zeros((n, (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1, f), x.dtype)
    for image, i, j, r, s in np.ndindex(*y.shape[:3], kh, kw):
        row, column = i * stride + r - padding, j * stride + s - padding
        if 0 <= row < h and 0 <= column < w:  # the border is zero, and adds nothing
            for channel, out in np.ndindex(c, f):
                y[image, i, j, out] += x[image, row, column, channel] * weight[r, s, channel, out]
    return y

# %%
rng = np.random.default_rng(5)

def same_as(package, function):
    for h, w, kh, kw, *rest in ((1, 1, 1, 1, 1, 0), (4, 5, 3, 2, 1, 1), (7, 6, 3, 3, 2, 1), (5, 5, 5, 5, 3, 2)):
        x, weight = rng.standard_normal((2, h, w, 3)), rng.standard_normal((kh, kw, 3, 4))
        np.testing.assert_allclose(function(x, weight, *rest), package(x, weight, *rest), atol=1e-12)

same_as(conv.conv2d_naive, conv2d_naive)  # compare: conv2d_naive
same_as(conv2d, conv2d_naive)

# %% [markdown]
# One question, asked of a photograph that comes with Matplotlib (Grace Hopper, who wrote one of the first compilers):
# is it brighter to my right than to my left? The weight that asks it is $(-1, 0, 1)$. Beside it the same weight turned
# around, $(1, 0, -1)$.

# %%
photo = plt.imread(get_sample_data("grace_hopper.jpg", asfileobj=False))
photo = photo[75:291, 150:366].mean(axis=2)  # (216, 216), grey
photo = photo.reshape(72, 3, 72, 3).mean(axis=(1, 3)) / 255  # (72, 72), in 0 to 1
edge = np.array([-1.0, 0, 1]).reshape(1, 3, 1, 1)  # kh 1, kw 3
answers = [conv2d_naive(photo[None, :, :, None], weight)[0, :, :, 0] for weight in (edge, edge[:, ::-1])]

# %%
fig, axes = plt.subplots(1, 3, figsize=(8.6, 3), layout="constrained")
GREY = dict(cmap=plt.get_cmap("gray", 48), vmin=0, vmax=1, interpolation="nearest")
axes[0].imshow(photo, **GREY)
axes[0].set_title("a photograph")
for ax, answer, name in zip(axes[1:], answers, ("(-1, 0, 1)", "turned: (1, 0, -1)"), strict=True):
    shown = ax.imshow(answer, cmap=plt.get_cmap("PuOr", 33), vmin=-0.5, vmax=0.5, interpolation="nearest")
    ax.set_title(f"weight {name}")
fig.colorbar(shown, ax=axes[2], label="answer")
for ax in axes:
    ax.axis("off")
show(fig, alt="A photograph of Grace Hopper's face; its upright edges as one weight answers them; and the same edges "
              "with opposite signs, as the turned weight does.")
plt.close(fig)

# %% [markdown]
# Purple says "yes, brighter to the right", orange "no, to the left". Both find the upright edges, with opposite
# signs. Which of the two is *the* convolution? In mathematics the window is
# turned around before it slides. In deep learning nobody turns it, and neither do we: what networks compute is
# strictly a *cross-correlation*. A network that learns its weights does not care. You will, in a moment, when the
# gradient goes the other way.

# %% [markdown]
# ## A window is a row
#
# Cut out one patch, 3 x 3 pixels of $c$ numbers, and lay it out as a row of $9c$ numbers. Lay out each of the $f$
# questions as a column, in the same order. Every output number is then a row times a column. Collect the rows of all
# patches, and you have a matrix product. What we lack is the list of which pixel stands where.
#
# ## Exercise 05.a · Which pixel is it?
#
# Number the pixels of an image in reading order: pixel (row, column) is number $row \cdot w + column$.

# %% tags=["exercise:05.a"]
def pixel_ids(h, w, kh, kw, stride, padding):
    """Whole numbers (ho*wo, kh*kw): row i*wo + j, column r*kw + s has the number of the pixel that tap (r, s) of
    output pixel (i, j) sees, and -1 where that is in the border.

    ho = (h + 2*padding - kh)//stride + 1, and wo from w and kw. A window of at least one pixel that fits.
    """
    raise NotImplementedError

# %%
pixel_ids = check("05.a", pixel_ids)
print(pixel_ids(2, 2, 3, 3, 1, 1))

# %% [markdown]
# Four patches of a 2 x 2 image: all of them see all of it, each from another place. With this table, unfolding is a
# look-up. The field calls it `im2col`, image to columns. (The -1 comes handy: in NumPy it means the last, so a pixel
# of zeros goes behind the others.)

# %%
def im2col(x, ids):
    """x (n, h, w, c), ids (ho*wo, kh*kw) -> all patches, (n, ho*wo, kh*kw*c)."""
    n, h, w, c = x.shape
    pixels = np.concatenate([x.reshape(n, h * w, c), np.zeros((n, 1, c), x.dtype)], axis=1)
    return np.take(pixels, ids, axis=1).reshape(n, len(ids), -1)

def conv2d_unfolded(x, weight, stride=1, padding=0):
    """As conv2d_naive, by one matrix product."""
    (n, h, w, c), (kh, kw, _, f) = x.shape, weight.shape
    patches = im2col(x, pixel_ids(h, w, kh, kw, stride, padding))
    y = matmul(patches.reshape(-1, kh * kw * c), weight.reshape(kh * kw * c, f))
    return y.reshape(n, (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1, f)

same_as(conv2d, conv2d_unfolded)  # compare: conv2d_unfolded

# %% [markdown]
# So the answer is yes. Now the price. Here are three layers of the package's small network at width 16. How many
# times as large as the image is the matrix of its patches in the first layer? And where the stride is 2?

# %%
predict("05.patches", times=...)  # the matrix of patches over the image: 3 x 3 window, stride 2, padding 1

# %%
LAYERS = {"32 x 32\n3 to 16\nstride 1": (32, 3, 16, 1), "32 x 32\n16 to 32\nstride 2": (32, 16, 32, 2),
          "8 x 8\n64 to 128\nstride 2": (8, 64, 128, 2)}
data = {name: (rng.standard_normal((64, size, size, c), np.float32),
               rng.standard_normal((3, 3, c, f), np.float32), stride, 1)
        for name, (size, c, f, stride) in LAYERS.items()}
memory = []
for x, _, stride, padding in data.values():
    patches = im2col(x, pixel_ids(*x.shape[1:3], 3, 3, stride, padding))
    memory.append(patches.nbytes / x.nbytes)
    print(f"image {x.nbytes / 1e6:5.2f} MB, patches {patches.nbytes / 1e6:5.2f} MB: {memory[-1]:.2f} times")

# %% [markdown]
# Nine times where a window stands on every pixel, a quarter of that where it stands on every second one in both
# directions. Training would have to hold all this until the backward pass, or build it twice.
#
# ## The third way: stay where you are
#
# The opposite plan copies nothing: the loops of the definition, compiled. The order is lesson 04's, neighbours in
# memory innermost.

# %%
@njit
def conv2d_direct(x, weight, stride=1, padding=0):
    """As conv2d_naive; the innermost loop runs over neighbours in memory."""
    (n, h, w, c), (kh, kw, _, f) = x.shape, weight.shape
    y = np.zeros((n, (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1, f), x.dtype)
    for image in range(n):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for r in range(kh):
                    for s in range(kw):
                        row, column = i * stride + r - padding, j * stride + s - padding
                        if 0 <= row < h and 0 <= column < w:
                            for channel in range(c):
                                for out in range(f):
                                    y[image, i, j, out] += x[image, row, column, channel] * weight[r, s, channel, out]
    return y

same_as(conv2d, conv2d_direct)  # compare: conv2d_direct

# %%
middle = data["32 x 32\n16 to 32\nstride 2"]
for function in (conv2d_direct, conv2d_unfolded):
    np.testing.assert_allclose(function(*middle), conv2d(*middle), rtol=1e-3, atol=1e-3)
direct = bench(conv2d_direct, *middle, repeat=5)

# %% [markdown]
# Sixty-four pictures, 75 million multiplications. The other way first writes 9.4 MB of patches, every number several
# times, and multiplies then. How long will it take?

# %%
predict("05.unfolded", milliseconds=...)

# %% [markdown]
# The slow one in plain Python gets one picture and two of the questions; its time is multiplied. Each point is the
# fastest of a few calls, since other programs can only slow one down.

# %%
times = {"Python loops": [], "direct, compiled": [], "unfolded, then product": [], "the package's": []}
for layer, (x, weight, stride, padding) in data.items():
    print(layer.replace("\n", ", "))
    f = weight.shape[3]
    naive = bench(conv2d_naive, x[:1], weight[..., :2], stride, padding, repeat=2, at_least=0)
    times["Python loops"].append(1000 * naive.low * 64 * f / 2)
    for name, function in zip(list(times)[1:], (conv2d_direct, conv2d_unfolded, conv2d), strict=True):
        times[name].append(1000 * bench(function, x, weight, stride, padding, repeat=9).low)

# %%
def draw_ids(ax, ids, outlined, circled):
    """A table of pixel numbers, coloured by pixel; the border is hatched; a row of places outlined, a pixel circled."""
    ax.imshow(np.ma.masked_less(ids, 0), cmap="cividis", vmin=0, vmax=15, aspect="auto")
    ax.set_facecolor("white")
    for (row, column), number in np.ndenumerate(ids):
        ax.text(column, row, "·" if number < 0 else number, ha="center", va="center", fontsize=9,
                color="white" if 0 <= number < 8 else "black")
        if number == circled:
            ax.plot(column, row, "o", ms=17, mfc="none", mec="white", mew=1.8)
    (top, left), (height, width) = outlined
    ax.add_patch(plt.Rectangle((left - 0.5, top - 0.5), width, height, fill=False, ec=VERMILION, lw=3, clip_on=False))

# %% tags=["picture"]
fig, axes = plt.subplot_mosaic([["image", "patches", "time"], ["memory", "patches", "time"]], figsize=(12.5, 6),
                               width_ratios=(1, 1.45, 1.5), layout="constrained")
ids = pixel_ids(4, 4, 3, 3, 1, 1)
draw_ids(axes["image"], np.arange(16).reshape(4, 4), ((0, 1), (3, 3)), 5)
axes["image"].set(title="An image of 16 pixels", xticks=[], yticks=[])
draw_ids(axes["patches"], ids, ((6, 0), (1, 9)), 5)
axes["patches"].set(title="Its patches: 16 rows of 9", xlabel="tap (r, s)", ylabel="output pixel", yticks=range(16))
axes["patches"].set_xticks(range(9), [f"{r},{s}" for r, s in np.ndindex(3, 3)])
axes["memory"].bar(range(3), memory, color=BLUE, width=0.6)
axes["memory"].bar_label(axes["memory"].containers[0], [f"{m:g}\ntimes" for m in memory], color="white",
                         label_type="center")
axes["memory"].set(title="Patches over image, bytes", ylim=(0, 11))
draw_guess(axes["memory"], "05.patches")
for (name, values), look in zip(times.items(), ("ko", "s", "^", "D"), strict=True):
    color = {"s": ORANGE, "^": BLUE, "D": GREEN}.get(look, "black")
    axes["time"].semilogy(range(3), values, look[-1] + ":", color=color, ms=9, label=name)
axes["time"].set(title="Time for 64 pictures", ylim=(0.3, 3e7))
axes["time"].set_yticks(10.0 ** np.arange(6), ["1 ms", "10 ms", "0.1 s", "1 s", "10 s", "100 s"])
axes["time"].legend(frameon=False, fontsize=9, loc="upper right")
draw_guess(axes["time"], "05.unfolded")
for name in ("memory", "time"):
    axes[name].set_xticks(range(3), LAYERS, fontsize=8)
    axes[name].set_xlim(-0.5, 2.5)
show(fig, alt="A 4 x 4 image with numbered pixels and the 16 x 9 matrix of its patches, where pixel 5 is circled nine "
              "times; bars of memory, 9 and 2.25; times of four convolutions in three layers, Python far above.")
plt.close(fig)

# %% [markdown]
# **This is the picture to keep.** The outlined window of the image is the outlined row of the matrix. Colours run in
# slanting stripes, because the next window sees nearly the same pixels; dots are the border. The circled pixel 5
# stands in nine rows, once in every column: that is where the nine came from, and, as you will see, the whole of the
# gradient.
#
# On the right, unfolding usually beats the plain loops in spite of its copies: those loops fetch, add to and store an
# output for *every* multiplication, whereas the package's `matmul`, lesson 04's last dot, keeps its sums in registers,
# the few places where the processor computes. The package (diamonds) does both: it multiplies in tiles, and a table
# says where each patch starts in the padded image, so none is ever copied. It is a matrix product whose matrix is
# never written.

# %% [markdown]
# ## Blame, through a matrix product
#
# Lesson 01 gave the gradients of a product $Y = P W$. With $G = \partial L / \partial Y$, how the loss $L$ changes with
# each output, they are
#
# $$\frac{\partial L}{\partial W} = P^T G \qquad \frac{\partial L}{\partial P} = G\, W^T$$
#
# Here $P$ is the matrix of patches and $W$ the weight as a matrix. The first is what we wanted:

# %%
def conv2d_grad_weight(g, x, weight_shape, stride=1, padding=0):
    """g (n, ho, wo, f), x (n, h, w, c) -> dL/dweight (kh, kw, c, f)."""
    kh, kw, c, f = weight_shape
    patches = im2col(x, pixel_ids(*x.shape[1:3], kh, kw, stride, padding))
    return matmul(patches.reshape(-1, kh * kw * c).T, g.reshape(-1, f)).reshape(weight_shape)

x, weight = rng.standard_normal((2, 6, 7, 3)), rng.standard_normal((3, 3, 3, 4))
g = rng.standard_normal((2, 3, 4, 4))  # of stride 2, padding 1
np.testing.assert_allclose(conv2d_grad_weight(g, x, weight.shape, 2, 1),
                           conv.conv2d_grad_weight(g, x, weight.shape, 2, 1), atol=1e-12)  # compare: conv2d_grad_weight

# %% [markdown]
# The second is the gradient of the *patches*. But pixel 5 was copied to nine places, and lesson 01 said what then
# holds: what is used several times collects the blame from everywhere it was used.
#
# ## Exercise 05.b · Fold it back

# %% tags=["exercise:05.b"]
def col2im(patches, ids, pixels):
    """Send each number of the patches back to its pixel and add up: im2col's gradient.

    patches (n, ho*wo, kh*kw*c), ids (ho*wo, kh*kw) as pixel_ids gives them -> (n, pixels, c), where pixels = h*w. What
    came from the border (-1) is dropped. At most 2,000,000 bytes at once for two 16 x 16 images of 4
    channels: no table of places by pixels.
    """
    raise NotImplementedError

# %%
col2im = check("05.b", col2im)
print(col2im(np.ones((1, 16, 9)), ids, 16).reshape(4, 4))

# %% [markdown]
# Ones, folded back, count how often each pixel was used: nine times in the middle, four in a corner. Now all of it
# against autograd, which goes through the package's kernels:

# %%
tensors = Tensor(x, requires_grad=True), Tensor(weight, requires_grad=True)
(ops.conv2d(*tensors, stride=2, padding=1) * g).sum().backward()
blame = (g.reshape(2, 12, 4) @ weight.reshape(27, 4).T)  # G W^T: (2, 12, 27), the gradient of the patches
np.testing.assert_allclose(col2im(blame, pixel_ids(6, 7, 3, 3, 2, 1), 42).reshape(x.shape), tensors[0].grad, atol=1e-12)
np.testing.assert_allclose(conv2d_grad_weight(g, x, weight.shape, 2, 1), tensors[1].grad, atol=1e-12)

# %% [markdown]
# ## Broken on purpose: a test that cannot fail
#
# On the way to the input's gradient we filled a matrix of nine times its size again. There is a leaner way: each pixel
# gets a weighted sum of the gradients around it, which sounds like another convolution. A colleague reasons that blame
# flows back through the weight it came from, writes `conv2d(g, weight)` with the channels swapped, and tests it with a
# blur. It agrees with the true gradient to the last digit.
#
# Then we use it. A photograph was smeared by a weight we know; starting from grey, follow the gradient of the squared
# error until the smeared guess looks like what we were given. One blur spreads to all sides, the other, like a moving
# camera, to one side only. For the edge weight $(-1, 0, 1)$ the question is different: what is the cosine between the
# colleague's gradient and the true one, 1 being the same direction and 0 nothing in common?

# %%
predict("05.cosine", cosine=...)

# %%
def smear(*rows):
    return np.array(rows, float).reshape(3, 3, 1, 1)

WEIGHTS = {"blur": smear([1, 2, 1], [2, 5, 2], [1, 2, 1]) / 17, "smear": smear([0, 0, 0], [0, 1, 3], [0, 3, 3]) / 10,
           "edge": smear([0, 0, 0], [-1, 0, 1], [0, 0, 0])}

def colleague(g, weight, shape, stride, padding):
    return conv2d(g, weight.transpose(0, 1, 3, 2), stride, padding)

def sharpened(weight, gradient, steps=40):
    given = conv2d(photo[None, :, :, None], weight, 1, 1)
    x, losses = np.full(given.shape, 0.5), []
    for _ in range(steps):
        error = conv2d(x, weight, 1, 1) - given
        losses.append((error ** 2).mean() / 2)
        x = x - gradient(error, weight, x.shape, 1, 1)
    return x[0, :, :, 0], losses, given[0, :, :, 0]

# %% tags=["broken"]
cosines = {}
for name, weight in WEIGHTS.items():
    g = rng.standard_normal((1, 64, 64, 1))
    true, theirs = (f(g, weight, g.shape, 1, 1).ravel() for f in (conv.conv2d_grad_input, colleague))
    cosines[name] = true @ theirs / np.sqrt((true @ true) * (theirs @ theirs))
    print(f"{name}: cosine {cosines[name]:+.2f}")
results = {(name, f): sharpened(WEIGHTS[name], f) for name in ("blur", "smear")
           for f in (conv.conv2d_grad_input, colleague)}
assert cosines["blur"] > 0.999999
assert cosines["edge"] < -0.999999
assert results["blur", colleague][1][-1] < 0.1 * results["blur", colleague][1][0]  # it even learns
assert results["smear", colleague][1][-1] > results["smear", colleague][1][0]

# %%
fig, axes = plt.subplots(2, 4, figsize=(10.5, 5.2), layout="constrained")
for line, name in zip(axes, ("blur", "smear"), strict=True):
    good, bad = results[name, conv.conv2d_grad_input], results[name, colleague]
    for ax, image, title in zip(line, (good[2], good[0], bad[0]), (f"given: {name}", "true gradient",
                                                                   "colleague's gradient"), strict=False):
        ax.imshow(image, **GREY)
        ax.set_title(title)
        ax.axis("off")
axes[0, 3].bar(list(cosines), list(cosines.values()), color=[BLUE, ORANGE, VERMILION], hatch=["", "/", "x"], width=0.6)
axes[0, 3].bar_label(axes[0, 3].containers[0], fmt="%.2f", padding=4)
axes[0, 3].axhline(0, color="black", lw=0.8)
axes[0, 3].set(ylim=(-1.5, 1.5), title="Cosine to the true gradient")
draw_guess(axes[0, 3], "05.cosine")
axes[1, 3].semilogy(results["smear", conv.conv2d_grad_input][1], color=BLUE, label="true")
axes[1, 3].semilogy(results["smear", colleague][1], "--", color=VERMILION, label="colleague's")
axes[1, 3].set(xlabel="step", title="Loss, smear")
axes[1, 3].legend(frameon=False)
show(fig, alt="Two rows of photographs. Blurred to all sides, both gradients bring the picture back. Smeared to one "
              "side, the true one does and the colleague's ends in stripes. Cosines: blur 1, smear near 0, edge -1.")
plt.close(fig)

# %% [markdown]
# A blur looks the same when turned around, so the test passed, and would pass for ever. For the edge weight the
# colleague's gradient points exactly *uphill*: that weight, turned, is its own opposite, as in the first figure.
# Between the two lies the smear, and it is the treacherous one. A smooth error looks nearly the same to a turned
# window, so at first the loss falls, as if all were well; for fine stripes the answer has the wrong sign, and they
# grow with every step. Test with numbers that no turning maps onto themselves: random ones, and sides that differ.
#
# ## Exercise 05.c · Backwards is also a convolution
#
# Look at the picture to keep once more. Output pixel 6 saw pixel 5 through tap (1, 0), to its left. Seen from pixel 5,
# output pixel 6 lies to the *right*. Which tap is that, in a window around pixel 5? And how far may that window
# hang over the edge of $g$, if the first window hung over by the padding?

# %% tags=["exercise:05.c"]
def grad_input(g, weight, padding, convolve):
    """dL/dx (n, h, w, c) by one call of convolve, for stride 1 and a square window, 0 <= padding < k.

    g = dL/dy (n, ho, wo, f), weight (k, k, c, f); h = ho + k - 1 - 2*padding, and so w. convolve(x, weight, stride,
    padding) is conv2d, handed to you so that its calls can be counted.
    """
    raise NotImplementedError

# %%
grad_input = check("05.c", grad_input)

# %%
x, weight = rng.standard_normal((2, 9, 8, 3)), rng.standard_normal((3, 3, 3, 5))
g = rng.standard_normal((2, 9, 8, 5))
np.testing.assert_allclose(grad_input(g, weight, 1, conv2d), conv.conv2d_grad_input_naive(g, weight, x.shape, 1, 1),
                           atol=1e-12)
lhs, rhs = (conv2d(x, weight, 1, 1) * g).sum(), (x * grad_input(g, weight, 1, conv2d)).sum()
print(f"forward against g: {lhs:.10f}; x against backward: {rhs:.10f}")

# %% [markdown]
# The last line is a test worth keeping. For any linear operation, $\langle A x, g \rangle = \langle x, A^T g \rangle$:
# $A$ is the operation, $A^T$ its backward pass, and the brackets multiply place by place and add up. Two random arrays,
# two numbers, no step size.
#
# And so the old definition returns: a cross-correlation going forward is a convolution in the mathematician's sense
# going back, with the window turned.
#
# ## Three sentences to keep
#
# 1. A convolution is a matrix product of all patches with the weight; a $k \times k$ window repeats a pixel up
#    to $k^2$ times, and a good program multiplies by the patches without ever writing them down.
# 2. Whoever copies a pixel to nine places owes it the sum of nine gradients, and that sum is a convolution with the
#    weight turned around.
# 3. A test with a symmetric weight cannot see a turned one: test with random numbers and odd sizes.
#
# **In practice:** PyTorch and this package both cross-correlate and call it convolution, while
# `scipy.signal.convolve2d` turns the window. PyTorch stores images as (n, c, h, w) and weights as (f, c, kh, kw), so
# transpose before comparing. The fastest libraries choose among several ways for each shape; for 3 x 3 windows and
# many channels the package, too, takes Winograd's, which gets the same sums with fewer multiplications.
