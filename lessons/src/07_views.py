# ---
# jupyter:
#   lesson:
#     question: "What do two views share?"
#     picture: "eight views each of six pictures, and cosines within and between pictures, before and after training"
#     budget_s: 30
#     derives: [augment, two_views]
#     imports: [load, draw_params, parallel, TinyCNN, encode, stored]
#     exercises: ["07.a", "07.b", "07.c"]
#     needs: [3, 6]
# ---

# %% [markdown]
# # 07 · Augmentation is the supervision
#
# From here on nobody tells the network what a picture shows. We tell it one thing only: *these two came from the same
# picture*. They are two *views*, cut, mirrored and recoloured at random, and the network is to give both the same
# answer. Whatever they have in common it may use to find them; whatever they do not, it must learn to ignore. So the
# programme that makes views takes the place of the teacher, and we should know what it teaches:
# **what do two views share?**
#
# **You will need** lessons 03 (Numba) and 06 (the network). **It takes** about 15 s on one core, and up to half a
# minute more the first time, while Numba compiles the package. **The picture to keep:** views of six pictures, and
# two histograms: how alike are views of one picture, how alike are views of two?

# %%
import json
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit

from tinynnclr import kernels
from tinynnclr.datasets import load, views
from support.histogram import colour_histogram
from tinynnclr.models import TinyCNN
from tinynnclr.models.encode import encode
from support import bench, check, draw_guess, guess, predict, report, show, stored

# %% [markdown]
# ## The recipe
#
# An `Augmentation` is a recipe: how small a crop may be, how far each colour may move, how often to mirror. Here is
# the package's recipe for the toybox, and two halves of it that we shall need.

# %%
everything = views.PRESETS["toybox"]
recipes = {"nothing": views.PRESETS["none"],
           "flip": views.PRESETS["flip-only"],
           "blur": replace(views.PRESETS["none"], blur=1.0),
           "crop and flip": replace(everything, jitter=0, gray=0),
           "colour": replace(everything, crop_area=(1, 1), flip=0),
           "all": everything}
_, test = load("toybox", "data", train_size=1000)  # drawn, not downloaded
toys = test.images[:300]  # (300, 32, 32, 3) uint8
print(f"crop: {everything.crop_area[0]:.0%} to all of the area; flip: {everything.flip:.0%}; jitter: "
      f"{everything.jitter:.0%}, hue up to {everything.hue} turns; gray: {everything.gray:.0%}; blur: "
      f"{everything.blur:.0%}")

# %% [markdown]
# The crop's per cents are of the area, the others are chances. *Jitter* moves brightness, contrast, saturation and
# hue, all four; half a turn of the hue is as far as it goes, from red to cyan. *Gray* drops the colour altogether.
#
# ## How alike is alike?
#
# To measure likeness, turn each view into a row of numbers, its *features*, take away the mean row of all views (what
# all share tells nobody apart), and scale to length 1. The product of two rows is then the *cosine* of the angle
# between them: 1 for the same direction, 0 for nothing in common.
#
# One cosine means little until we see the others. So we ask each first view a question, over and over: *which is more
# like you, your own second view or that of some other picture?* The share of right answers is called *AUC* (area
# under a curve that we shall not draw). A coin gets 50 %.

# %%
def cosines(f1, f2):
    """Features of two views (n, d) each -> (n, n) cosines; picture i's own two views meet at [i, i]."""
    mean = (f1.mean(axis=0) + f2.mean(axis=0)) / 2
    f1, f2 = ((f - mean) / np.linalg.norm(f - mean, axis=1, keepdims=True) for f in (f1, f2))
    return f1 @ f2.T

def auc(S):
    """Per cent of questions answered right: the own second view beats another's; a tie counts half."""
    own = np.diag(S)[:, None]
    others = S[~np.eye(len(S), dtype=bool)].reshape(len(S), -1)  # (n, n - 1)
    return 100 * ((own > others).mean() + 0.5 * (own == others).mean())

# %% [markdown]
# Before you look: a network with random weights, all augmentations on. How many questions of a hundred does it get
# right?

# %%
predict("07.untrained", percent=...)

# %%
def features(network, x):
    """Views (n, h, w, 3) in [0, 1] -> features (n, d) of a frozen network."""
    return encode(network, np.round(255 * x).astype(np.uint8))

untrained = TinyCNN(8, np.random.default_rng(7))
trained = stored("results/trained.npz").encoder  # eight epochs of NNCLR (lesson 12) on such views, of others
rng = np.random.default_rng(70)
x1, x2 = views.two_views(toys, np.arange(300), everything, rng)
tables = {name: cosines(features(network, x1), features(network, x2))
          for name, network in (("untrained", untrained), ("trained", trained))}

# %%
def draw_views(axes, chosen):
    """First column: the picture; then eight views of it."""
    made = [view for _ in range(4) for view in views.two_views(toys, chosen, everything, rng)]  # 8 x (6, ...)
    for row, i in enumerate(chosen):
        for column, image in enumerate([toys[i], *(batch[row] for batch in made)]):
            axes[row, column].imshow(image)
            axes[row, column].set(xticks=[], yticks=[])
    axes[0, 0].set_title("picture", fontsize=10)
    axes[0, 4].set_title("eight views of it", fontsize=10)

def draw_cosines(ax, S, title):
    bins = np.linspace(-1, 1, 41)
    off = S[~np.eye(len(S), dtype=bool)]
    for values, color, style, name in ((off, "#666666", "--", "of two pictures"), (np.diag(S), "#0072B2", "-",
                                                                                 "of one picture")):
        ax.hist(values, bins, density=True, histtype="stepfilled", color=color, alpha=0.25)
        ax.hist(values, bins, density=True, histtype="step", color=color, ls=style, lw=2, label=f"two views {name}")
    ax.set(title=f"{title}: {auc(S):.0f} of 100 right", yticks=[], xlim=(-1, 1), xticks=[-1, 0, 1])

# %% tags=["picture"]
fig = plt.figure(figsize=(11, 4.7))
left, right = fig.subfigures(1, 2, width_ratios=(1.5, 1))
draw_views(left.subplots(6, 9, gridspec_kw={"wspace": 0.06, "hspace": 0.06, "left": 0.02, "right": 0.98}),
           [0, 3, 8, 10, 12, 17])
top, bottom = right.subplots(2, 1, sharex=True, sharey=True, gridspec_kw={"hspace": 0.35, "left": 0.04, "bottom": 0.14})
draw_cosines(top, tables["untrained"], "Random weights")
draw_cosines(bottom, tables["trained"], "Trained on such views")
top.set_ylim(top=1.3 * top.get_ylim()[1])  # room for the legend
top.legend(frameon=False, loc="upper left", fontsize=9)
bottom.set_xlabel("cosine")
show(fig, alt="Left: six toybox pictures with eight random views of each. Right: histograms of cosines; with random "
              "weights those within and between pictures nearly coincide, after training they lie apart.")
plt.close(fig)

# %% [markdown]
# **This is the picture to keep.** Each row on the left is one thing to you. To random weights (upper right) it is
# nearly noise: two views of one picture are hardly more alike than views of two. After training the blue hill has
# moved to the right, away from the gray one, and no label had a part in it. (These are test pictures, which it never
# saw.) Is the overlap that remains a failure? Labels can tell, now that training is over:

# %%
same_class = test.labels[:300, None] == test.labels[:300]
own = np.diag(tables["trained"])[:, None]
for said, others in (("the same", same_class & ~np.eye(300, dtype=bool)), ("another", ~same_class)):
    print(f"against pictures of {said} class: {100 * (own > tables['trained'])[others].mean():.0f} of 100 right")

# %% [markdown]
# Part of that overlap is no failure. A toy of the same class is taken for the other view about twice as often as a toy
# of another class, and whoever confuses two houses has seen houses. The rest is left to learn.

# %% [markdown]
# ## What each step hides
#
# Three judges answer the same questions, none of whom has learned anything. *Pixels* compares colours place by place.
# *Colours* counts how many pixels fall in each of 64 boxes of red, green and blue, and has no idea where they were. The
# third is our network with random weights: three such networks, averaged. (It begins by evening out the light and the
# colour cast of each picture, so it is hard to fool by colour.) If such a judge wins, a network can win the same way,
# and need not look at the thing at all.

# %%
networks = [TinyCNN(8, np.random.default_rng(seed)) for seed in range(3)]
judges = {"pixels": [lambda x: x.reshape(len(x), -1)],
          "colours": [lambda x: colour_histogram(np.round(255 * x).astype(np.uint8))],
          "random weights": [lambda x, n=n: features(n, x) for n in networks]}
right_answers = {}
for recipe, augmentation in recipes.items():
    a, b = views.two_views(toys, np.arange(300), augmentation, np.random.default_rng(71))
    for judge, ways in judges.items():
        right_answers[recipe, judge] = np.mean([auc(cosines(way(a), way(b))) for way in ways])

# %%
fig, ax = plt.subplots(figsize=(8, 4))
looks = (("pixels", "#0072B2", "s", -0.24), ("colours", "#D55E00", "^", 0), ("random weights", "#009E73", "o", 0.24))
for judge, color, marker, shift in looks:
    values = [right_answers[recipe, judge] for recipe in recipes]
    ax.plot(values, np.arange(len(recipes)) + shift, marker, color=color, ms=8, label=judge)
ax.axvline(50, color="#666666", ls="--", lw=1)
ax.text(50.4, -0.45, "a coin", color="#666666", fontsize=9)
ax.set(yticks=range(len(recipes)), yticklabels=recipes, ylim=(5.6, -0.7),
       xlim=(max(0, min(50, guess("07.untrained") or 50)) - 2, 102),
       xlabel="questions answered right, %", title="Three judges who have learned nothing")
draw_guess(ax, "07.untrained", axis="x")
ax.grid(axis="y", color="#DDDDDD")
ax.legend(frameon=True, loc="upper left", bbox_to_anchor=(0.14, 0.9))
show(fig, alt="Six recipes against the share of right answers of three untrained judges: near 100 % for nothing, flip "
              "and blur; colours fail where colour is jittered; only with all steps are all three far from 100 %.")
plt.close(fig)
for recipe in recipes:
    print(f"{recipe:<14}", "  ".join(f"{judge} {right_answers[recipe, judge]:5.1f} %" for judge in judges))

# %% [markdown]
# Read a row as a list of ways to cheat. Flip and blur stop nobody: colours are what they were. Nor do crops, which
# leave the colours alone: counting them finds the other view nearly always. Jitter the colours, and counting them is
# little better than a coin, but every edge is still in its place, and random weights see that. Only together do the
# steps leave no cheap answer. What two views share then is the shape of the thing.
#
# ## What the network learns from it
#
# Does an easy answer do harm? `python lessons/evidence views` trained the same small network under four of these
# recipes, 120 steps of 128 pictures, three seeds, with the loss of lesson 08. Then it took the features to a test
# without any training: *kNN*, the class of a picture is voted by its nearest training pictures (lesson 13). Random
# weights get about 30 %. Trained on pairs of *equal* pictures, recipe "nothing", what will the network get?

# %%
predict("07.knn_nothing", percent=...)

# %%
rows = json.loads(Path("results/views.json").read_text())
kinds = list(dict.fromkeys(row["views"] for row in rows))
of = {kind: [row for row in rows if row["views"] == kind] for kind in kinds}
random_weights = [row["random_weights"] for row in of["all"]]
report({kind: [row["knn"] for row in of[kind]] for kind in kinds}, chance=0.1, random_weights=random_weights)

# %%
fig, (ax, loss) = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True, width_ratios=(1.5, 1))
for y, kind in enumerate(kinds):
    ax.plot([100 * row["knn"] for row in of[kind]], [y] * 3, "o", color="#0072B2", ms=8, alpha=0.7)
    loss.plot([row["loss"] for row in of[kind]], [y] * 3, "D", color="#D55E00", ms=7, alpha=0.7)
ax.axvline(10, color="#666666", ls="--", lw=1)
ax.text(10.5, 3.35, "chance", color="#666666", fontsize=9)
ax.axvspan(100 * min(random_weights), 100 * max(random_weights), color="#009E73", alpha=0.2)
ax.text(100 * np.mean(random_weights), 3.35, "random weights", color="#00674B", fontsize=9, ha="center")
ax.set(yticks=range(4), yticklabels=kinds, ylim=(3.6, -0.5), xlabel="kNN accuracy, %", title="What was learned",
       xlim=(0, max(60, min(100, guess("07.knn_nothing") or 0)) + 2))
draw_guess(ax, "07.knn_nothing", axis="x")
loss.set(xlabel="loss at the end, nats", xlim=(0, 5), title="What the loss says")
show(fig, alt="Left: kNN accuracy of three seeds under four recipes, rising from nothing, inside the band of random "
              "weights, to all, far beyond it. Right: their losses; nothing has the lowest, all the highest.")
plt.close(fig)

# %% [markdown]
# Equal pictures are matched at once. Their loss is the lowest of the four, and the features are no better than random
# ones: an exam that is too easy teaches nothing. All steps together end with the highest loss, and with features far
# above the rest. Halves of the recipe lie between, and they show that a harder exam is not a better one by itself:
# colour ends at a loss of about 1.7, crops at 3.2, and random weights pass colour almost without a mistake, yet it
# taught at least as much as crops. What counts is *what* must be ignored. The loss does not know; it compares two runs
# only if their views were made alike. (This training was short. How far a full one goes is in lesson 13.)

# %% [markdown]
# ## How a view is made
#
# First all draws of a batch, at once, from one generator: `draw_params` gives thirteen numbers for each view. Then the
# pixels, by a function that draws nothing. The same numbers, the same view. (`order` numbers the 24 orders of the four
# jitters, `sigma` is the width of the blur, and `solarize` would invert pixels from that brightness on: 2 is none.)

# %%
params = views.draw_params(everything, 3, 32, 32, np.random.default_rng(0))  # three views, (3, 13)
for column, values in zip(views.COLUMNS, params.T, strict=True):
    print(f"{column:<11}", "  ".join(f"{v:7.2f}" for v in values))

# %% [markdown]
# The crop comes first: $y$, $x$, height and width, in pixels, with fractions. Its $32 \times 32$ new pixels fall
# *between* old ones, and must be mixed from them. Along one axis: pixel $k$ is a little square with its centre at
# $k$. A box from $y$, of height $h$, is cut in $n$ equal parts; the centre of part $i$ lies at
#
# $$p_i = y + (i + \tfrac12)\,\frac{h}{n} - \tfrac12, \qquad i = 0 \dots n - 1,$$
#
# the first half for the middle of the part, the second because a pixel's square begins half before its centre. With
# $h = n$ and $y = 0$ that is $p_i = i$, as it should be. A position of 2.25 gets three quarters of pixel 2 and one of
# pixel 3. Mixed along both axes it is called *bilinear*.

# %%
def sample(line, position):
    """Numbers line (n,) at a position in 0 to n - 1: a mixture of the two pixels around it."""
    low = int(position)
    high = min(low + 1, len(line) - 1)
    return line[low] * (1 - (position - low)) + line[high] * (position - low)

ramp = [0.0, 10.0, 20.0, 30.0]  # four pixels become eight:
positions = np.clip([(i + 0.5) * 4 / 8 - 0.5 for i in range(8)], 0, 3)
print("positions", *positions)
print("numbers  ", *(sample(ramp, p) for p in positions))

# %% [markdown]
# ## Exercise 07.a · A crop, stretched
#
# The ramp stayed a ramp, but for its two ends, which would lie outside the outermost centres and are moved onto them.
# Now in two dimensions, and within a box.

# %% tags=["exercise:07.a"]
def crop_resize(image, box, size):
    """image (h, w, 3) uint8, box (y, x, height, width) real numbers within it -> (size, size, 3) floats, 0 to 255.

    Bilinear at the positions p_i along either axis, each first moved into y ... y + height - 1 (or x ... x + width - 1;
    a box shorter than 1 is all at its start), so that no pixel from outside the box leaks in, and then at most h - 1
    (w - 1).
    """
    raise NotImplementedError

# %%
crop_resize = check("07.a", crop_resize)

# %% [markdown]
# ## Exercise 07.b · A mirror that minds its own piece
#
# The batch is shared out among threads. In this package a kernel is a serial loop over `start` ... `stop - 1`, and
# `kernels.parallel` hands each thread such pieces, in an order nobody knows. Two rules make that safe: write only what
# is yours, and change nothing that others read.

# %% tags=["exercise:07.b"]
def mirror(start, stop, images, flips, out):
    """For each i in start ... stop - 1: out[i] = images[i], with left and right exchanged where flips[i] is true.

    images, out (n, h, w, 3), flips (n,) booleans. No other row of out is written, and images stay as they are.
    Plain Python of a kind that Numba can compile (loops and slices); the next cell compiles it.
    """
    raise NotImplementedError

# %%
mirror = check("07.b", mirror)
compiled, flips, turned = njit(nogil=True)(mirror), rng.random(300) < 0.5, np.empty_like(toys)
kernels.parallel(compiled, 300, toys, flips, turned)  # kernel(start, stop, toys, flips, turned), piece by piece
assert np.array_equal(np.sort(turned, axis=None), np.sort(toys, axis=None))  # no pixel lost, none made
assert np.array_equal(turned[flips], toys[flips][:, :, ::-1])

# %% [markdown]
# ## Slow, then fast
#
# Your two functions, one after the other, make a view. The same arithmetic as compiled loops over pixels makes a
# kernel. Ours knows the crop and the mirror, the package's all thirteen columns.

# %%
def views_slowly(images, indices, params, size):
    cut = np.stack([crop_resize(images[i], p[:4].astype(float), size) for i, p in zip(indices, params, strict=True)])
    out = np.empty_like(cut)
    mirror(0, len(cut), cut, params[:, 4] == 1, out)
    return out / 255

@njit
def place(i, size, start, length, side):
    """Where new pixel i lies: a row or column, real."""
    inside = min((i + 0.5) * length / size - 0.5, length - 1)
    return min(start + max(inside, 0.0), side - 1.0)

# %%
@njit(nogil=True)
def cut_and_flip(start, stop, images, indices, params, out):
    size, (h, w) = out.shape[1], images.shape[1:3]
    for n in range(start, stop):
        image, p = images[indices[n]], params[n].astype(np.float64)
        for i in range(size):
            v = place(i, size, p[0], p[2], h)
            top, bottom = int(v), min(int(v) + 1, h - 1)
            for j in range(size):
                u = place(size - 1 - j if p[4] else j, size, p[1], p[3], w)
                left, right = int(u), min(int(u) + 1, w - 1)
                for c in range(3):
                    upper = image[top, left, c] * (1 - u + left) + image[top, right, c] * (u - left)
                    lower = image[bottom, left, c] * (1 - u + left) + image[bottom, right, c] * (u - left)
                    out[n, i, j, c] = (upper * (1 - v + top) + lower * (v - top)) / 255

def augment(images, indices, params, size):
    """Crop and flip of images[indices] (b, h, w, 3), as params (b, 13) say -> (b, size, size, 3) in [0, 1]."""
    assert params.shape == (len(indices), 13)
    out = np.empty((len(indices), size, size, 3), np.float32)
    kernels.parallel(cut_and_flip, len(out), images, indices, params, out)
    return out

# %%
# compare: augment
order = rng.integers(0, 300, 256)
params = views.draw_params(recipes["crop and flip"], 256, 32, 32, rng)
ours = augment(toys, order, params, 32)
assert np.allclose(ours, kernels.augment(toys, order, params, 32), atol=1e-5)
assert np.allclose(ours, views_slowly(toys, order, params, 32), atol=1e-5)
pieces = np.empty_like(ours)
for start in (200, 100, 0):  # three pieces, the last one first
    cut_and_flip(start, min(start + 100, 256), toys, order, params, pieces)
assert pieces.tobytes() == ours.tobytes()

# %%
for whose, function in (("yours", views_slowly), ("compiled", augment), ("the package's", kernels.augment)):
    print(f"{whose:<14}", end="")
    bench(function, toys, order, params, 32)

# %% [markdown]
# The same bytes, however the batch is cut up. That is what drawing beforehand buys: with a coin tossed inside the
# kernel, the views would depend on which thread came first, and no run could be repeated. The package's kernel is
# also faster than ours: it works along rows of one colour, where the processor takes several pixels at a time.
#
# Two views are then two sets of draws from *one* generator, which goes on:

# %%
def two_views(images, indices, augmentation, rng):
    """x1, x2: two independent views (b, h, w, 3) of images[indices]."""
    assert images.ndim == 4
    draws = [views.draw_params(augmentation, len(indices), *images.shape[1:3], rng) for _ in range(2)]
    return [kernels.augment(images, indices, params, images.shape[1]) for params in draws]

# %%
# compare: two_views
ours, theirs = (f(toys, order, everything, np.random.default_rng(5)) for f in (two_views, views.two_views))
assert all(a.tobytes() == b.tobytes() for a, b in zip(ours, theirs, strict=True))

# %% [markdown]
# ## Broken on purpose
#
# A colleague wants both views repeatable, and gives each its own generator. With the same seed. Every view looks
# fine, and the AUC is the best of this lesson.

# %% tags=["broken"]
def two_views_broken(images, indices, augmentation, seed):
    draws = [views.draw_params(augmentation, len(indices), 32, 32, np.random.default_rng(seed)) for _ in range(2)]
    return [kernels.augment(images, indices, params, 32) for params in draws]

a, b = two_views_broken(toys, np.arange(300), everything, seed=5)
S = cosines(features(untrained, a), features(untrained, b))
print(f"random weights, all augmentations: {auc(S):.1f} of 100 right; it was {auc(tables['untrained']):.1f}")
assert auc(S) > 99.9
assert np.array_equal(a, b)  # the symptom: equal, to the byte

# %% [markdown]
# A network without training that answers everything is no marvel but an alarm: the two views are one. Training on them
# is training on "nothing", and you have seen where that ends, with the loss looking better than ever. The test costs
# one line: no pair may be equal.

# %% [markdown]
# ## Exercise 07.c · An epoch of views
#
# The last piece, what a training loop asks for: batches of an epoch (one pass over all pictures), each with two views.
# No pair is equal, no two epochs are, and a run with the same seed is the same run.

# %% tags=["exercise:07.c"]
def epoch_views(images, augmentation, batch_size, seed, epoch):
    """images (n, h, w, 3) uint8 -> the batches of one epoch, each (indices, x1, x2); yield them or return a list.

    indices: batch_size of 0 ... n - 1 in random order, each once in the epoch; the last batch holds what is left.
    x1, x2: two random views of these images, from views.two_views. The same (seed, epoch) gives the same bytes;
    another seed or epoch another order and other views, and (0, 1) is not (1, 0). NumPy's global generator is not used.
    """
    raise NotImplementedError

# %%
epoch_views = check("07.c", epoch_views)
for indices, x1, x2 in epoch_views(toys, everything, 128, seed=0, epoch=0):
    print(len(indices), "pictures, first", indices[:3], x1.shape, x2.shape)

# %% [markdown]
# ## Three sentences to keep
#
# 1. Two views share what the augmentation leaves alone, and the network learns that, cheap or not.
# 2. If an untrained judge can match the views, by colour or by place, a low loss comes cheap, and proves nothing.
# 3. Draw first, from one generator that goes on, then compute: the same seed gives the same views, on any number of
#    threads.
#
# **In practice:** SimCLR's authors tried the steps in pairs on ImageNet and found crop with colour the best of them,
# for the reason you saw. What to leave alone is knowledge of your pictures: do not mirror text, or jitter the colours
# of ripe and unripe fruit. Lesson 08 turns "these two belong together" into a loss.
