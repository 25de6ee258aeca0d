# ---
# jupyter:
#   lesson:
#     question: "How can the loss fall while nothing is learned?"
#     picture: "paths through the plane of alignment and uniformity: a healthy run, one that collapses, one that cheats"
#     budget_s: 80
#     derives: [alignment, uniformity, effective_rank]
#     imports: [load, two_views, TinyCNN, projector, AdamW, nt_xent_loss, cosine_loss, knn_accuracy]
#     exercises: ["09.a", "09.b", "09.c"]
#     needs: [6, 7, 8]
# ---

# %% [markdown]
# # 09 · First self-supervised training, and collapse
#
# We have a network, random views and a loss that asks each view to find its partner. Today they meet for the first
# time, and we watch the one number that everybody watches. Three runs start from the same weights. In all three the
# loss falls. One of them learns, and it is not the one whose loss falls furthest.
# **How can the loss fall while nothing is learned?**
#
# **You will need** lessons 06 (the network), 07 (views) and 08 (InfoNCE). **It takes** about 35 s on one free core.
# **The picture to keep:** the paths of the three runs through a plane with two axes, *are partners together?* and
# *is the whole spread out?*

# %% tags=["evidence"]
import json
import math
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

from tinynnclr.datasets import load
from tinynnclr.datasets.views import PRESETS, two_views
from tinynnclr.metrics import geometry
from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.methods.losses import cosine_loss, nt_xent_loss
from tinynnclr.models import TinyCNN, projector
from tinynnclr.models.encode import encode
from tinynnclr.nn import AdamW, warmup_cosine
from support import check, draw_guess, predict, report, show
from tinynnclr.tensor import Tensor, no_grad

# %% [markdown]
# ## Three recipes
#
# All share 4,000 toybox pictures, 150 steps of 128 pictures, and the temperature $\tau = 0.15$. They differ in one
# thing each. *Healthy* is lesson 08's loss with lesson 07's views. *No negatives* keeps what pulls partners together
# and drops what pushes others away. *No colour change* keeps the loss, and makes views without touching colours.

# %% tags=["evidence"]
STEPS, BATCH, TAU = 150, 128, 0.15
toys, test = load("toybox", "data", train_size=4000)  # drawn, not downloaded
test = test.take(1000)
full = PRESETS["toybox"]
colors_kept = replace(full, jitter=0.0, gray=0.0)  # crops and flips remain

def nt_xent(z1, z2):
    return nt_xent_loss(z1, z2, TAU)

def pull_only(z1, z2):
    return cosine_loss(z1, z2) * (1 / (2 * TAU))  # NT-Xent without its negatives: the mean of 2 - 2 cos

RECIPES = {"healthy": (full, nt_xent), "no negatives": (full, pull_only), "no colour change": (colors_kept, nt_xent)}

# %% [markdown]
# Training is the loop you know: views, loss, backward, step. The encoder turns a view into 64 features `h`; a small
# head, the projector, turns those into an embedding `z` of 32 numbers, and only the loss looks at `z`. We keep every
# step's embeddings, scaled to length 1, to look at them afterwards.

# %% tags=["evidence"]
def network(seed, last_norm=False):
    rng = np.random.default_rng(seed)
    encoder = TinyCNN(8, rng)
    return encoder, projector(encoder.features, hidden=64, dim=32, rng=rng, last_norm=last_norm), rng

def unit(z):
    return z / np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-12)

def train(views, loss_of, seed=0, rate=0.003, last_norm=False):
    """-> encoder, head, losses (steps,), unit embeddings (steps, 2, b, d) of the two views of each step."""
    encoder, head, rng = network(seed, last_norm)
    optimizer = AdamW(encoder.parameters() + head.parameters(), rate, weight_decay=5e-4)
    order = np.concatenate([rng.permutation(len(toys)) for _ in range(1 + STEPS * BATCH // len(toys))])
    losses, embeddings = [], []
    for step in range(STEPS):
        optimizer.lr = warmup_cosine(step, STEPS, 8, rate)
        x1, x2 = two_views(toys.images, order[step * BATCH:(step + 1) * BATCH], views, rng, size=24)
        z1, z2 = head(encoder(x1)), head(encoder(x2))
        loss = loss_of(z1, z2)
        encoder.zero_grad()
        head.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        embeddings.append(unit(np.stack([z1.numpy(), z2.numpy()])))
    return encoder, head, np.array(losses), np.array(embeddings)

# %%
runs = {name: train(*recipe) for name, recipe in RECIPES.items()}

# %% [markdown]
# Here are the three losses, without their names. The dotted line is what a guess costs: with $b = 128$ pictures each
# view has $2b - 1 = 255$ candidates, so $\ln 255 = 5.54$ nats (lesson 08).

# %%
def tens(values):
    """The mean of every ten steps: (150,) -> (15,)."""
    return np.asarray(values).reshape(-1, 10).mean(axis=1)

middle = np.arange(5, STEPS, 10)  # the step in the middle of each ten
fig, ax = plt.subplots(figsize=(7, 4))
lots = 2, 0, 1  # who of RECIPES is A, B and C: do not look it up yet
for letter, lot, line, color in zip("ABC", lots, ("-.s", "-o", "--^"), ("#0072B2", "#009E73", "#D55E00"), strict=True):
    losses = tens(list(runs.values())[lot][2])
    ax.plot(middle, losses, line, color=color, ms=4)
    ax.annotate(letter, (middle[-1], losses[-1]), xytext=(8, -4), textcoords="offset points", color=color,
                weight="bold", fontsize=13)
ax.axhline(math.log(2 * BATCH - 1), color="#666666", ls=":")
ax.text(148, math.log(2 * BATCH - 1) + 0.07, "a guess among 255", color="#444444", fontsize=9, ha="right")
ax.set(xlabel="step", ylabel="loss, nats", xlim=(0, 157), ylim=(0, 6.3))
ax.set_title("Which of the three has learned something?")
show(fig, alt="Three falling losses over 150 steps: C drops to almost zero, A falls to about three, B stays near the "
              "line of a guess.")
plt.close(fig)

# %% [markdown]
# C looks finished, A looks promising, B looks stuck: people who see a B for the first time ask whether it is a bug.
# To judge we use labels, which no run has seen. *kNN accuracy* is the share of test pictures whose nearest training
# pictures, by the features `h`, vote for the right class. There are ten classes, so chance is 10 %. Guess before you
# look:

# %%
predict("09.knn_of_A", percent=...)  # kNN accuracy of run A, whose loss is far below B's
predict("09.knn_of_C", percent=...)  # and of run C, whose loss is almost nothing

# %% tags=["evidence"]
def knn(encoder):
    return knn_accuracy(encode(encoder, toys.images), toys.labels, encode(encoder, test.images), test.labels)

# %%
judged = {name: [knn(encoder)] for name, (encoder, *_) in runs.items()}
report(judged, chance=0.1, random_weights=[knn(network(0)[0])])

# %% [markdown]
# B was the healthy one. A, with colours left as they are, and C, without negatives, stay far behind it. One seed is
# an anecdote, and at random weights this number varies a lot, so these same cells were run with five seeds and stored.
# ± is half a 95 % interval of the mean:

# %%
stored = json.loads(Path("results/collapse.json").read_text())  # python evidence collapse makes it again
five = {name: [run["knn"] for run in stored["runs"][name]] for name in stored["runs"]}
report({name: five[name] for name in RECIPES}, chance=0.1, random_weights=stored["random weights"])

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.2))
rows = (("random weights", stored["random weights"], "#666666", "D"), ("C: no negatives", five["no negatives"],
        "#D55E00", "^"), ("A: no colour change", five["no colour change"], "#0072B2", "s"),
        ("B: healthy", five["healthy"], "#009E73", "o"))
for y, (_, values, color, marker) in enumerate(rows):
    ax.plot(100 * np.array(values), [y] * len(values), marker, color=color, ms=8, alpha=0.7)
ax.axvline(10, color="#666666", ls="--", lw=1)
ax.text(10.5, 3.3, "chance", color="#444444", fontsize=9)
ax.set(yticks=range(4), yticklabels=[row[0] for row in rows], xlim=(0, 70), ylim=(-0.6, 3.7),
       xlabel="kNN accuracy, %", title="Five seeds of each")
draw_guess(ax, "09.knn_of_A", axis="x")
draw_guess(ax, "09.knn_of_C", axis="x")
show(fig, alt="kNN accuracy of five seeds each: the healthy runs lie apart on the right; runs without colour changes "
              "and without negatives lie among or little above those of random weights.")
plt.close(fig)

# %% [markdown]
# B leads in every seed. C is no better than random weights: 150 steps of a falling loss, for nothing. A is perhaps a
# little better; the intervals overlap, and we cannot tell.
#
# ## Why a healthy loss looks ill
#
# How low could the loss go? A good answer: suppose partners coincide exactly and pictures lie in random directions:

# %%
z = Tensor(np.random.default_rng(1).standard_normal((BATCH, 32)))
best, guess_costs, reached = nt_xent(z, z).item(), math.log(2 * BATCH - 1), tens(runs["healthy"][2])[-1]
print(f"a guess {guess_costs:.2f}, our healthy run {reached:.2f}, such a perfect one {best:.2f}")
print(f"so B went {(guess_costs - reached) / (guess_costs - best):.0%} of the way")

# %% [markdown]
# A flat curve near the top is no bug. The views of lesson 07 are hard, and two boats are each other's negatives
# although they look alike, so nobody gets near the bottom. Exactly $\ln(2b - 1)$, step after step, *is* an alarm: a
# network that tells nothing apart.
#
# ## Two questions inside one number
#
# For unit vectors $\lVert a - b \rVert^2 = 2 - 2\,a \cdot b$. Put that into the loss of lesson 08 and it falls apart
# into two terms, with nothing left over:
#
# $$L = \frac{1}{2\tau} \underbrace{\frac{1}{b} \sum_i \lVert z_i - z'_i \rVert^2}_{\text{partners}}
# + \frac{1}{2b} \sum_u \ln \sum_{v \ne u} e^{-\lVert u - v \rVert^2 / 2\tau}$$
#
# Here $z_i$ and $z'_i$ are the two views of picture $i$, and $u$, $v$ run over all $2b$ views. The first term falls
# when partners come together; it is all that run C was given. The second falls when everybody moves apart. Wang and
# Isola (2020) made a number of each that does not depend on $\tau$ or the batch.
#
# **Alignment** $A$ is the mean squared distance of partners: 0 when all coincide, 2 for unrelated directions.

# %%
def alignment(z1, z2):
    """Unit rows z1, z2 (n, d), row i of both from picture i -> their mean squared distance."""
    total = 0.0
    for a, b in zip(z1, z2, strict=True):
        total += sum((x - y) ** 2 for x, y in zip(a.tolist(), b.tolist(), strict=True))
    return total / len(z1)

# %% [markdown]
# **Uniformity** $U$ asks how much company each point has. A pair at distance $r$ counts $e^{-2 r^2}$, so 1 on the same
# spot and next to nothing across the sphere; take the mean over all pairs of different points, then the logarithm. It
# is 0 when all sit in one spot, and falls as they spread.

# %%
def uniformity(z):
    """Unit rows z (n, d) -> ln of the mean over pairs of exp(-2 squared distance)."""
    total = 0.0
    for i in range(len(z)):
        for j in range(len(z)):
            if i != j:  # nobody is company for themselves
                total += math.exp(-2 * sum((x - y) ** 2 for x, y in zip(z[i].tolist(), z[j].tolist(), strict=True)))
    return math.log(total / (len(z) * (len(z) - 1)))

# %%
z1, z2 = runs["healthy"][3][-1].astype(np.float64)[:, :40]  # the last step, 40 pictures
# compare: alignment
assert np.isclose(alignment(z1, z2), geometry.alignment(z1, z2))
# compare: uniformity
assert np.isclose(uniformity(z1), geometry.uniformity(z1))
everyone = np.concatenate([z1, z2])
d2 = 2 - 2 * everyone @ everyone.T + np.diag(np.full(80, np.inf))  # squared distances; infinite to oneself
push = np.log(np.exp(-d2 / (2 * TAU)).sum(axis=1)).mean()
assert np.isclose(alignment(z1, z2) / (2 * TAU) + push, nt_xent(Tensor(z1), Tensor(z2)).item())
print(f"pull {alignment(z1, z2) / (2 * TAU):.3f} + push {push:.3f} = NT-Xent, to the last digit")

# %% [markdown]
# ## Exercise 09.a · Both numbers at once
#
# The double loop over 256 rows takes far too long to be run at every step. One product of matrices holds all the
# distances.

# %% tags=["exercise:09.a"]
def plane(z1, z2):
    """z1, z2 (b, d) of any length, row i of both from picture i -> (alignment, uniformity), two floats.

    Rows are scaled to length 1 first. Uniformity is that of all 2b rows together, over pairs of different rows. No
    array larger than a few (2b, 2b) of float64 may exist at any time.
    """
    raise NotImplementedError

# %%
plane = check("09.a", plane)

# %% [markdown]
# ## The picture
#
# Every ten steps of a run become a point: alignment to the right, uniformity upwards. Good is to the left, and low.
# The *exam* comes last: the final network is shown 256 test pictures in the full views, colours and all, whatever it
# was trained on.

# %% tags=["evidence"]
def exam(encoder, head):
    """(alignment, uniformity, embeddings (512, 32)) on the full views of test pictures, in training's mode."""
    x1, x2 = two_views(test.images, np.arange(256), full, np.random.default_rng(9), size=24)
    with no_grad():
        z1, z2 = (unit(head(encoder(x)).numpy()) for x in (x1, x2))
    return geometry.alignment(z1, z2), geometry.uniformity(np.concatenate([z1, z2])), np.concatenate([z1, z2])

# %%
paths = {name: np.array([plane(z1, z2) for z1, z2 in run[3]]).reshape(-1, 10, 2).mean(axis=1)
         for name, run in runs.items()}  # (15, 2) each
exams = {name: exam(encoder, head) for name, (encoder, head, *_) in runs.items()}
for name, (a, u, _) in exams.items():
    print(f"{name:<17} own views: A {paths[name][-1, 0]:.2f}, U {paths[name][-1, 1]:.2f}   exam: A {a:.2f}, U {u:.2f}")

# %% tags=["picture"]
fig, ax = plt.subplots(figsize=(8, 5))
for name, line, color in (("healthy", "-o", "#009E73"), ("no negatives", "--^", "#D55E00"),
                          ("no colour change", "-.s", "#0072B2")):
    path, (a, u, _) = paths[name], exams[name]
    ax.plot(*path.T, line, color=color, ms=5, label=name)
    ax.annotate("", (a, u), path[-1], arrowprops={"arrowstyle": "->", "color": color, "lw": 1.5, "ls": ":"})
    ax.plot(a, u, "*", color=color, ms=17, mec="black", mew=0.8)
ax.plot([], [], "*", color="white", mec="black", ms=14, label="at the exam, full views")
ax.text(0.92, -2.05, "start", fontsize=9, color="#444444")
ax.annotate("everything\nin one spot", (0.03, -0.05), (0.16, -0.12), va="center", fontsize=9, color="#444444")
ax.set(xlabel="alignment: mean squared distance of partners  (left: together)", xlim=(-0.05, 1.75), ylim=(-3.2, 0.15),
       ylabel="uniformity  (down: spread out)", title="Two numbers, three fates")
ax.legend(frameon=False, loc="upper right")
show(fig, alt="Paths in the plane of alignment and uniformity: no negatives runs to the corner where everything is in "
              "one spot; healthy goes left, then down; no colour change goes further down, but its star, the exam, "
              "lies far to the right.")
plt.close(fig)

# %% [markdown]
# **This is the picture to keep.** C ran into the corner. Its partners are as close as can be, and so is everybody
# else: it has found the one answer that fits all. This is *collapse*. B first comes together, then spreads while it
# keeps its partners.
#
# A is subtle. On its own views it beats B: partners as close, the whole more spread. No number taken from its training
# would worry anyone. But its star flies off to the right: change the colours, and it takes partners for strangers.
# It has found a *shortcut*, a feature that solves the task and means little. Two crops of one picture share their
# colours, and in the toybox colours say nothing of what a thing is.
#
# Is it really the colours? Turn the hue of a test picture, and nothing else: no crop, no flip. How like itself does it
# stay, for each network?

# %%
def turned(images, turn):
    """uint8 images with every hue moved by `turn` of the colour circle."""
    hsv = rgb_to_hsv(images / 255)
    hsv[..., 0] = (hsv[..., 0] + turn) % 1
    return np.round(255 * hsv_to_rgb(hsv)).astype(np.uint8)

def embed(name, images):
    encoder, head = runs[name][:2]
    head.eval()
    with no_grad():
        return unit(head(encode(encoder, images)).numpy())

# %%
turns = np.linspace(0, 1, 9)
fig, ax = plt.subplots(figsize=(7, 4))
for name, line, color in (("healthy", "-o", "#009E73"), ("no colour change", "-.s", "#0072B2")):
    z = embed(name, test.images[:200])
    like = np.array([(z * embed(name, turned(test.images[:200], t))).sum(axis=1).mean() for t in turns])
    stranger = (z * np.roll(z, 1, axis=0)).sum(axis=1).mean()
    ax.plot(360 * turns, like, line, color=color, label=f"{name}: itself, turned")
    ax.axhline(stranger, color=color, ls=":", lw=1.5, label=f"{name}: another picture")
    print(f"{name:<17} itself turned by 180 degrees {like[4]:.2f}, another picture {stranger:.2f}")
ax.set(xlabel="hue turned by, degrees", ylabel="mean cosine", ylim=(-0.15, 1.05), xticks=range(0, 361, 45),
       title="The same picture in other colours")
ax.legend(frameon=False, fontsize=9)
show(fig, alt="Mean cosine of 200 test pictures with themselves against the turn of their hue: the healthy network "
              "stays near one, the network trained without colour changes falls far towards the line of strangers.")
plt.close(fig)

# %% [markdown]
# With its colours opposite, a picture is to the healthy network still nearly itself. To the other it is more than
# half-way to a stranger. The encoder takes the brightness and the overall cast of colour away before its first layer;
# the differences of colour within a picture remain, and they are enough to tell whose crop this is.
#
# ## Exercise 09.b · The doctor
#
# Curves come in without names. Say what each run suffers from.

# %% tags=["exercise:09.b"]
def diagnose(loss, alignment, uniformity, exam):
    """Three curves (n,) of a run on its own training views, and the alignment at the exam, a float -> a word.

    "collapsed": in the end everything sits in one spot. "shortcut": it is spread out and its partners are close, but
    not at the exam. "healthy": neither. Temperatures and batches differ from run to run, and so does the loss they
    reach. The end is the last value. In one spot means a uniformity above -0.2 (0 is one point), which all others are
    far from; a shortcut's alignment is at least twice as large at the exam as on its own views.
    """
    raise NotImplementedError

# %%
diagnose = check("09.b", diagnose)
for name in RECIPES:
    words = [diagnose(*(np.array(run[key]) for key in ("loss", "alignment", "uniformity")), run["exam"])
             for run in stored["runs"][name]]
    print(f"{name:<17} {', '.join(words)}")

# %% [markdown]
# ## Which option was it?
#
# *No colour change* turned two options at once: the colour jitter, and the third of the views that are turned gray.
# Suppose only the jitter goes and the gray views stay. Where will its accuracy be?

# %%
predict("09.gray_kept", percent=...)  # mean kNN accuracy of five seeds: no jitter, but 30 % of the views gray

# %%
fig, ax = plt.subplots(figsize=(7.5, 2.9))
rows = (("neither", "no colour change", "#0072B2", "s"), ("gray views only", "gray only", "#CC79A7", "v"),
        ("jitter and gray", "healthy", "#009E73", "o"))
for y, (_, name, color, marker) in enumerate(rows):
    ax.plot(100 * np.array(five[name]), [y] * 5, marker, color=color, ms=8, alpha=0.7)
ax.set(yticks=range(3), yticklabels=[row[0] for row in rows], xlim=(20, 70), ylim=(-0.6, 2.6),
       xlabel="kNN accuracy, %", title="What is done to the colours")
draw_guess(ax, "09.gray_kept", axis="x")
show(fig, alt="kNN accuracy of five seeds each: with gray views only about as high as with jitter and gray, and far "
              "above the runs in which colours are never changed.")
plt.close(fig)
report({name: five[name] for name in ("no colour change", "gray only", "healthy")}, chance=0.1,
       random_weights=stored["random weights"])

# %% [markdown]
# The gray views alone do as well as both. About half of all pairs then contain a gray view, in which colours are of
# no use, and that is enough. So "leave out colour jitter and it cheats" is *not* true of the toybox; "never change the
# colours and it cheats" is. Which augmentation closes which shortcut is a question for an experiment.
#
# ## Exercise 09.c · How many directions are in use?
#
# Two numbers do not see everything. Embeddings may be far apart and yet all lie on one line. *Singular values*
# $s_1 \ge s_2 \ge \dots$ of the matrix of embeddings say how strongly it extends in each of its principal directions.
# Make them shares, $p_k = s_k / \sum_j s_j$, and ask for their entropy: the *effective rank* (Roy and Vetterli, 2007)
# is
#
# $$\text{erank}(Z) = e^{-\sum_k p_k \ln p_k}$$
#
# Five directions of equal strength give 5. One strong and four faint ones give little more than 1, where the ordinary
# rank would say 5 all the same.

# %% tags=["exercise:09.c"]
def effective_rank(z):
    """z (n, d), not all zeros -> its effective rank, a float; z is neither centred nor scaled.

    Singular values of 0 add nothing. Besides a few arrays of z's size, no large one may be made.
    """
    raise NotImplementedError

# %%
effective_rank = check("09.c", effective_rank)
# compare: effective_rank
for name, (_, _, z) in exams.items():
    gram = z.astype(np.float64).T @ z  # another way to the same: the squares of s are eigenvalues
    p = np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 1e-300))
    p /= p.sum()
    assert np.isclose(effective_rank(z), math.exp(-(p * np.log(p)).sum()), rtol=1e-3)
    assert np.isclose(effective_rank(z), geometry.effective_rank(z))
    print(f"{name:<17} effective rank {effective_rank(z):4.1f} of 32")

# %% [markdown]
# ## Broken on purpose
#
# A colleague has an alarm against collapse: *every number of the embedding must differ from picture to picture, so
# its standard deviation must not be near 0.* Her head ends in a batch norm, as many do. Train it without negatives,
# with a larger learning rate.

# %% tags=["broken"]
encoder, head, losses, z = train(full, pull_only, rate=0.01, last_norm=True)
accuracy = knn(encoder)
x1, _ = two_views(test.images, np.arange(256), full, np.random.default_rng(9), size=24)
with no_grad():
    raw = head(encoder(x1)).numpy()  # (256, 32), lengths as they come
spread = raw.std(axis=0)
print(f"loss from {losses[0]:.2f} to {losses[-1]:.2f}; standard deviations from {spread.min():.2f} to "
      f"{spread.max():.2f}: no alarm")
first, last = effective_rank(z[0, 0]), effective_rank(z[-1, 0])
print(f"effective rank of the embeddings from {first:.1f} to {last:.1f}")
report({"no negatives, batch norm": [accuracy]}, chance=0.1, random_weights=stored["random weights"])
assert spread.min() > 0.3
assert last < 0.4 * first

# %% [markdown]
# The alarm stays silent, as it always will: a batch norm scales every number to a standard deviation that it keeps as
# a weight of its own, whatever the layers below do. So the network obeys and collapses *sideways*. Instead of one spot
# it uses a few directions, copied into 32 numbers. The effective rank sees it.
#
# Look at the accuracy as well, of one seed. It is above all five of random weights, so this collapse of `z` did not
# ruin the features `h` below the head. A likely reason: batch norm compares the pictures of a batch with each other,
# and so brings back something of the missing negatives. *Collapsed* is a word about embeddings; what the features are
# worth has to be measured.
#
# ## Three sentences to keep
#
# A loss is a sum of two wishes, partners together and everybody apart, and it can be had cheaply: by one spot, where
# nobody needs to be told apart, or by a shortcut, where something worthless does the telling. Alignment and uniformity
# show the first without any label, and the effective rank shows its sideways kin. The second shows only when the
# examination differs from the training: other views, or labels.
#
# **In practice:** log alignment, uniformity and the effective rank of a fixed set of held-out pictures at every epoch,
# in views that no recipe changes; they cost one product of matrices and one small decomposition. Run a kNN check where
# you have a few labels, and put a run of random weights beside it. And when a contrastive loss is flat, compare it with
# $\ln(2b - 1)$ before you look for a bug.
