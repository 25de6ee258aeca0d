# ---
# jupyter:
#   lesson:
#     question: "Which negatives are worth pushing?"
#     picture: "similarities of one anchor to a bank, stacked by class, with the ring of 1 % to 10 % shaded"
#     budget_s: 40
#     derives: [nearest_share, select_negatives]
#     imports: [make, two_views, TinyCNN, projector, AdamW, nt_xent_loss, info_nce_loss]
#     exercises: ["15.a", "15.b", "15.c"]
#     needs: [8, 9]
# ---

# %% [markdown]
# # 15 · Which negatives are worth pushing?
#
# In lesson 08 every wrong picture pushed, each by its share. Most of them are far away and push with next to nothing;
# telling a boat from a flower teaches little by now. So why not keep the near ones alone? Because the nearest of all
# may be another boat, and pushing boats from boats teaches what is wrong. *Conditional negative sampling* (CNS)
# settles between the two: near, but not nearest. The negatives it keeps lie in a *ring*. It reads no labels; it has
# two numbers instead, and they turn out to know something about labels after all.
# **Which negatives are worth pushing?**
#
# **You will need** lessons 08 (InfoNCE, the push) and 09 (SimCLR). **It takes** about 20 s on one core.
# **The picture to keep:** the similarities of one anchor to a bank of 1,000 pictures, with the ring shaded, and whose
# class is in it.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

from tinynnclr import ops
from tinynnclr.datasets import toybox
from tinynnclr.datasets.views import PRESETS, two_views
from tinynnclr.methods import losses, negatives
from tinynnclr.models import TinyCNN, projector
from tinynnclr.nn import AdamW
from support import bench, check, draw_guess, predict, show
from tinynnclr.tensor import Tensor, no_grad

# %% [markdown]
# ## A bank, and a network that learns for a moment
#
# We draw 1,000 toybox pictures, 100 of each of ten classes. A *bank* holds one embedding of each: 64 numbers, scaled
# to length 1, so that a dot product of two rows is their similarity, from -1 to 1. Our network trains for 100 steps
# of SimCLR, and we keep the bank of three moments: random weights, 20 steps, and 100 steps.

# %%
toys = toybox.make(1000)
images = toys.images / np.float32(255)
rng = np.random.default_rng(15)
encoder = TinyCNN(8, rng)
head = projector(encoder.features, hidden=64, dim=64, rng=rng)
weights = [*encoder.parameters(), *head.parameters()]
optimizer = AdamW(weights, lr=0.01)

# %%
def embed(x):
    """Pictures (n, 32, 32, 3) -> their embeddings (n, 64), each of length 1."""
    with no_grad():
        return ops.l2_normalize(head(encoder(x))).numpy()

# %%
def simclr_step(batch=128, temperature=0.2):
    x1, x2 = two_views(toys.images, rng.choice(1000, batch, replace=False), PRESETS["toybox"], rng)
    for w in weights:
        w.grad = None
    losses.nt_xent_loss(head(encoder(x1)), head(encoder(x2)), temperature).backward()
    optimizer.step()

# %%
banks = {0: embed(images)}
for step in range(1, 101):
    simclr_step()
    if step in (20, 100):
        banks[step] = embed(images)
print({step: bank.shape for step, bank in banks.items()})

# %% [markdown]
# ## Near, but not nearest: the honest version
#
# Sort the bank by its similarity to an anchor. A picture's place in that order is its *rank*; rank 0 is the nearest.
# Of $m$ candidates, the nearest $\lfloor \omega_o m \rfloor$ make the *ball*, where $\omega_o$ is the outer bound and
# the brackets round down. Of the ball, the nearest share $\omega_i$ (the inner bound) is too near. What is left is
# the ring. With $\omega_o$ and $\omega_i$ both 10 %, as in the released code of the method, it holds the ranks from
# 1 % to 10 % of the bank. (Or $\omega_i$ may be a share of all $m$: the flag `fixed`.)
#
# One's own row is no candidate. It is left out *before* ranks are counted.

# %%
def select_negatives(similarities, outer, inner, fixed=False, own=None):
    """Similarities (b, n), own (b, n) True where no candidate is -> (b, n): True for the ranks in the ring."""
    assert own is None or own.shape == similarities.shape
    chosen = np.zeros(similarities.shape, bool)
    for i, row in enumerate(similarities):
        order = [j for j in np.argsort(-row, kind="stable") if own is None or not own[i, j]]  # the nearest first
        ball = math.floor(outer * len(order) + 1e-9)  # 0.29 * 100 is 28.999... to a computer
        near = math.floor(inner * (len(order) if fixed else ball) + 1e-9)
        chosen[i, order[near:max(ball, near + 1)]] = True  # at least one
    return chosen

# %% [markdown]
# Sort each row, cut out a slice. This is our judge. Does the package agree, in both readings of the inner bound?

# %%
# compare: select_negatives
S = banks[100] @ banks[100].T  # (1000, 1000)
own = np.eye(1000, dtype=bool)
for bounds in ((0.1, 0.1, False), (0.1, 0.01, True), (0.1, 0.1, True), (1.0, 0.0, False), (0.57, 0.07, True)):
    ring = select_negatives(S[:50], *bounds, own[:50])
    assert (ring == negatives.select_negatives(S[:50], *bounds, own[:50])).all()
    print(f"outer {bounds[0]}, inner {bounds[1]}, fixed {bounds[2]!s:<5}: {ring[0].sum()} of 999 are negatives")

# %% [markdown]
# ## Without putting everything in order
#
# A sort finds out who is 713th; nobody asked. A ring needs two edges: the value of the last one in, and of the last
# one too near. `np.partition(row, k)` puts at place `k` what a sort would put there, smaller values before it, larger
# ones behind, and leaves both sides in disorder. That is less work.

# %%
def nearest_share(similarities, count):
    """Similarities (b, n) -> (b, n): True for the `count` largest of each row; of equals the first come first."""
    b, n = similarities.shape
    if count <= 0 or count >= n:
        return np.full((b, n), count > 0)
    edge = np.partition(similarities, n - count, axis=1)[:, n - count, None]  # (b, 1): each row has its own
    above, level = similarities > edge, similarities == edge
    room = count - above.sum(axis=1, keepdims=True)
    return above | (level & (level.cumsum(axis=1) <= room))

def nearest_by_sorting(similarities, count):
    chosen = np.zeros(similarities.shape, bool)
    np.put_along_axis(chosen, np.argsort(-similarities, axis=1, kind="stable")[:, :count], True, axis=1)
    return chosen

# %%
# compare: nearest_share
ties = np.round(S[:50], 1)  # about twenty different values among 1,000: nearly all are ties
for s in (S[:50], ties):
    for count in (0, 1, 99, 1000):
        assert (nearest_share(s, count) == nearest_by_sorting(s, count)).all()
        assert (nearest_share(s, count) == negatives.nearest_share(s, count)).all()
bench(nearest_by_sorting, S, 100)
timing = bench(nearest_share, S, 100)

# %% [markdown]
# The same answer, ties included, in a small part of the time.
#
# ## Exercise 15.a · A ring in each row
#
# A ring is a ball without a smaller ball. Build it from partial sorts; the judge counts calls of `sort` and
# `argsort`. Here both bounds are shares of the $n - 1$ others.

# %% tags=["exercise:15.a"]
def ring_mask(similarities, ids, outer, inner):
    """similarities (b, n) of b anchors to a bank of n, ids (b,): anchor i's own row -> (b, n), True in the ring.

    In are the ranks from floor(inner (n - 1)) up to, not including, floor(outer (n - 1)), and one at least; rank 0
    is the nearest of the n - 1 others. One's own row is neither in nor counted. Add 1e-9 before rounding down.
    No two similarities of a row are equal. Nothing may be sorted from end to end.
    """
    raise NotImplementedError

# %%
ring_mask = check("15.a", ring_mask)

# %% [markdown]
# ## Who is in the ring?
#
# Now the labels, which training never sees. A *false negative* is a negative of the anchor's own class. By chance one
# in ten would be: 99 of the 999 others, 9.9 %.

# %%
predict("15.ring", percent=...)  # how much of the ring (1 % to 10 %) is of the anchor's own class after 100 steps?

# %%
ids = np.arange(1000)
same = toys.labels[:, None] == toys.labels  # (1000, 1000)
zones = {"inside the inner bound": (0.01, 0), "in the ring": (0.1, 0.01), "beyond the ring": (1, 0.1)}
rates = {step: [100 * same[ring_mask(bank @ bank.T, ids, *bounds)].mean() for bounds in zones.values()]
         for step, bank in banks.items()}
for zone, values in zip(zones, zip(*rates.values(), strict=True), strict=True):
    print(f"{zone:<22}", "  ".join(f"{value:5.1f} % at step {step}" for step, value in zip(banks, values, strict=True)))

# %%
def rate_of_each(bank):
    """Bank (n, d) -> (n,): for each anchor, per cent of its ring that is of its class."""
    rings = ring_mask(bank @ bank.T, ids, 0.1, 0.01)
    return 100 * (rings & same).sum(axis=1) / rings.sum(axis=1)

distance = abs(rate_of_each(banks[0]) - rates[0][1]) + abs(rate_of_each(banks[100]) - rates[100][1])
typical = int(np.argmin(distance))  # not a chosen beauty: the anchor nearest to both averages

# %% tags=["picture"]
fig, axes = plt.subplots(2, 1, figsize=(7.5, 6.4), sharex=True, gridspec_kw={"hspace": 0.25})
bins = np.linspace(-1, 1, 41)
for ax, step in zip(axes, (0, 100), strict=True):
    s, others = banks[step] @ banks[step][typical], ids != typical
    inside = s[ring_mask(s[None], ids[[typical]], 0.1, 0.01)[0]]
    ax.axvspan(inside.min(), inside.max(), color="#E69F00", alpha=0.25, lw=0, label="the ring, ranks 1 % to 10 %")
    _, _, bars = ax.hist([s[same[typical] & others], s[~same[typical]]], bins, stacked=True, lw=0.4, ec="white",
                         color=["#D55E00", "#56B4E9"], label=["the anchor's class", "other classes"])
    for bar in bars[0]:
        bar.set_hatch("////")
    rate = 100 * same[typical][ring_mask(s[None], ids[[typical]], 0.1, 0.01)[0]].mean()
    ax.set(ylabel="pictures", title=f"after {step} steps: {rate:.0f} % of the ring is of its class"
           if step else f"random weights: {rate:.0f} % of the ring is of its class")
handles, names = axes[0].get_legend_handles_labels()
fig.legend(handles, names, frameon=False, loc="upper center", ncols=3, bbox_to_anchor=(0.5, 0.98))
axes[1].set_xlabel("similarity to the anchor")
show(fig, alt="Two histograms of one anchor's similarities to 999 pictures, before and after training, with the ring "
              "shaded near the upper end: after training the hatched part, the anchor's own class, has moved into it.")
plt.close(fig)

# %% [markdown]
# **This is the picture to keep.** One anchor, the same before and after; the hatched part is its own class. With
# random weights the class lies everywhere, and the ring is a sample of all. To learn is to move the hatched part to
# the right, and the ring stands there and waits for it. Read the printed rates from the left: over all anchors they
# rise inside the inner bound and in the ring, and fall beyond. **The better the network, the more of a fixed ring are
# class-mates.** Inside the inner bound it is worst, so leaving the nearest 1 % out does help; it is not nearly enough.

# %%
def rate_by_rank(bank, labels):
    """Bank (n, d), labels (n,) -> (n - 1,): how often the candidate of each rank has the anchor's label."""
    s = bank @ bank.T
    np.fill_diagonal(s, -np.inf)
    order = np.argsort(-s, axis=1)[:, :-1]
    return (labels[order] == labels[:, None]).mean(axis=0)

curves = {step: rate_by_rank(bank, toys.labels) for step, bank in banks.items()}
edges = np.unique(np.geomspace(1, 999, 25).astype(int))

# %%
fig, ax = plt.subplots(figsize=(7.5, 4.2))
ax.axvspan(1, 10, color="#E69F00", alpha=0.25, lw=0)
ax.text(3.16, 103, "the ring", ha="center", color="#7A5200")
for (step, curve), color, marker in zip(curves.items(), ("#666666", "#0072B2", "#D55E00"), "os^", strict=True):
    means = [100 * curve[a - 1:b - 1].mean() for a, b in zip(edges, edges[1:], strict=False)]
    ax.semilogx(np.sqrt(edges[1:] * edges[:-1]) / 9.99, means, marker + "-", ms=4, color=color, label=f"{step} steps")
ax.plot([0.1, 9.9, 9.9, 100], [100, 100, 0, 0], "k--", lw=1.2, label="a perfect network")
ax.set(ylim=(-2, 101), xlabel="rank, % of the candidates (the nearest on the left)", ylabel="of the anchor's class, %",
       xticks=[0.1, 1, 10, 100], xticklabels=["0.1", "1", "10", "100"])
ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 0.5))
draw_guess(ax, "15.ring")
show(fig, alt="Share of the anchor's class against rank: flat near 10 % for random weights, rising towards the "
              "nearest ranks with training; a perfect network is at 100 % up to rank 9.9 % and at 0 beyond.")
plt.close(fig)

# %% [markdown]
# The curves tilt with training, towards the dashed line of a perfect network, which has sorted every class out: the 99
# class-mates on the ranks up to 9.9 %, then everybody else. There, **the ring of 1 % to 10 % is all class-mates.** No
# network of ours is perfect, so one that is trained for longer than ours lies between the orange line and the dashed
# one.

# %%
predict("15.thousand", percent=...)  # the same ring, a perfect network, 1,000 classes: how much is false?

# %% [markdown]
# ## What the bounds know about the labels
#
# With $k$ classes of equal size, a perfect network has its class-mates on the ranks below $1/k$, give or take oneself.
# Of a ring from $a$ to $c$, both as shares of all candidates, the false part is
#
# $$f = \frac{\max(0, \min(c, 1/k) - a)}{c - a}$$
#
# The toybox can play at having more classes: every class comes in three or four *kinds* (of boats: sailing boat, tall
# ship, steamer, rowing boat), 39 in all, of about 26 pictures each. We keep the bank and change the question.

# %%
def perfect(k, a, c):
    """The false part of a ring from a to c, if the nearest share 1/k of the candidates is the anchor's class."""
    return 100 * max(0, min(c, 1 / k) - a) / (c - a)

kinds = 10 * toys.labels + toys.kinds
cumulated = {k: np.append(0, np.cumsum(rate_by_rank(banks[100], y))) for k, y in ((10, toys.labels), (39, kinds))}

def measured(k, a, c):
    a, c = math.floor(999 * a + 1e-9), math.floor(999 * c + 1e-9)
    return 100 * (cumulated[k][c] - cumulated[k][a]) / (c - a)

# %%
assert len(np.unique(kinds)) == 39
assert abs(measured(10, 0.01, 0.1) - rates[100][1]) < 1e-6  # two ways to count the same thing
for k in (10, 39, 1000):
    live = f"{measured(k, 0.01, 0.1):4.1f} %" if k in cumulated else "   - "
    print(f"{k:>4} classes, ring 1 % to 10 %: chance {100 / k:4.1f} %, after 100 steps {live}, "
          f"perfect {perfect(k, 0.01, 0.1):5.1f} %")

# %%
ks = np.geomspace(2, 1000, 200)
fig, ax = plt.subplots(figsize=(7.5, 3.8))
ax.semilogx(ks, [perfect(k, 0.01, 0.1) for k in ks], "k--", label="a perfect network")
ax.plot(ks, 100 / ks, ":", color="#666666", lw=2, label="chance, 1 / k")
live = [measured(k, 0.01, 0.1) for k in (10, 39)]
ax.plot((10, 39), live, "^", color="#D55E00", ms=9, label="ours after 100 steps (classes, kinds)")
ax.set(xlabel="number of classes k", ylabel="false part of the ring, %", xticks=[2, 10, 39, 100, 1000],
       xticklabels=[2, 10, 39, 100, 1000], title="The same ring, 1 % to 10 %, for more and more classes")
ax.minorticks_off()
draw_guess(ax, "15.thousand")
ax.legend(frameon=False)
show(fig, alt="False part of the ring from 1 to 10 % against the number of classes: for a perfect network 100 % up to "
              "ten classes, then falling to 0 at a hundred; chance falls as 1 / k, and our network lies between.")
plt.close(fig)

# %% [markdown]
# Up to ten classes a perfect network fills this ring with class-mates; from a hundred on there are none in it. What
# about other bounds?

# %%
bounds = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]

def table(rate, k):
    return np.array([[rate(k, a, c) if a < c else np.nan for c in bounds[1:]] for a in bounds[:-1]])

# %%
fig, axes = plt.subplots(1, 3, figsize=(11, 4), sharey=True)
panels = (("10 classes, 100 steps", table(measured, 10)), ("10 classes, perfect", table(perfect, 10)),
          ("39 kinds, perfect", table(perfect, 39)))
for ax, (title, values) in zip(axes, panels, strict=True):
    ax.imshow(values, cmap="cividis", vmin=0, vmax=100)
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, "" if np.isnan(value) else f"{value:.0f}", ha="center", va="center",
                color="black" if value > 50 else "white", weight="bold" if (i, j) == (1, 3) else None)
    ax.add_patch(plt.Rectangle((2.5, 0.5), 1, 1, fill=False, ec="#E69F00", lw=3))
    names = [f"{100 * bound:g}" for bound in bounds]
    ax.set(title=title, xlabel="outer bound, %", xticks=range(7), xticklabels=names[1:], yticks=range(7),
           yticklabels=names[:-1])
axes[0].set_ylabel("inner bound, % of all")
show(fig, alt="Three tables of the false part of a ring by inner and outer bound: ten classes measured, ten classes "
              "perfect, 39 kinds perfect; the frame at 1 to 10 % reads far higher for ten classes than for 39.")
plt.close(fig)

# %% [markdown]
# The frame marks 1 % to 10 %. With ten classes it is among the worst places to be once the network is good; with 39
# the class ends at 2.6 %, and most of the ring lies beyond; with a thousand it ends at 0.1 %, and the ring is clean.
# The same two percentages mean different things.
#
# So if you know $k$: **an inner bound of at least $1/k$ of all candidates, and an outer one well above it.** For ten
# classes, 10 % to 20 %, say: no class-mates in the perfect case, and 17 % today, by the left table. For a thousand,
# 0.1 % is enough. Who does not know $k$ has to guess at the labels, in a method that was to do without them. Nor is a
# clean ring a promise: negatives that are clean and easy teach little.
#
# What did it do to training? In this project's longer runs on the toybox (20,000 pictures, eight epochs, five seeds),
# a ball that shrank in a straight line to the ring of 1 % to 10 % lowered the kNN accuracy, where pictures are
# classified by their nearest neighbours and chance is 10 %, with every method and every seed. MoCo, whose bank is the
# queue of lesson 10, fell from 93.1 % to 88.2 % in the mean; instance discrimination, whose bank has a row for every
# training picture, from 78.8 % to 69.7 %. All runs
# are in `results/compare/toybox.csv`. It fits our explanation and does not prove it, for the ring also leaves fewer
# than a tenth of the negatives. The fair control would be a ring of 10 % to 19 %, which is as large and, by the curves
# above, holds fewer class-mates. Nobody has run it here yet.

# %% [markdown]
# ## Exercise 15.b · A ball that shrinks
#
# At the start similarities mean little, and so does a ring. The remedy of the paper is to begin with everybody and
# shrink the ball to $\omega_o$ over a part of the run: in a straight line, in four steps, or by the same factor at
# every step.

# %% tags=["exercise:15.b"]
def ball_share(step, total, outer, until, kind):
    """The share of the candidates that is in the ball at `step` (0, 1, ...) of a run of `total` steps.

    p = step / (until * total), at most 1, and 1 where until is 0. kind "linear": from 1 to outer in a straight line
    in p; "exponential": outer to the power of p; "step": linear's value at p rounded down to a quarter.
    """
    raise NotImplementedError

# %%
ball_share = check("15.b", ball_share)
for kind in ("linear", "step", "exponential"):
    print(f"{kind:<11}", "  ".join(f"step {t}: {ball_share(t, 200, 0.1, 0.5, kind):.3f}" for t in (0, 50, 99, 199)))

# %% [markdown]
# Half-way through the shrinking the straight line still holds 55 %, the exponential 32 %. All three end at the same
# ball, so by the end of a long run they meet the same class-mates in it.
#
# ## Exercise 15.c · A ring of everything
#
# A new loss should contain the old one. If the ring holds everybody, the loss must be InfoNCE to the last digit; and
# whoever is outside must take no share at all.

# %% tags=["exercise:15.c"]
def ring_loss(positive, others, allowed, temperature):
    """positive (b,), others (b, n): similarities; allowed (b, n): who is a negative -> mean InfoNCE, one number.

    The positive is always in the line-up. It must stand a temperature of 0.001, and a row in which nobody is allowed.
    """
    raise NotImplementedError

# %%
ring_loss = check("15.c", ring_loss)

# %%
chosen = np.arange(200)  # anchors: new views of the first 200 pictures; the bank holds the pictures themselves
views, _ = two_views(toys.images, chosen, PRESETS["toybox"], rng)
q = embed(views)
scores = (q @ banks[100].T).astype(np.float64)  # (200, 1000)
positive, mine = scores[chosen, chosen], np.eye(200, 1000, dtype=bool)
everything = negatives.select_negatives(scores, 1.0, 0.0, itself=mine)
plain = losses.info_nce_loss(Tensor(positive[:, None].copy()), Tensor(scores[~mine].reshape(200, 999)), 0.2).item()
assert abs(ring_loss(positive, scores, everything, 0.2) - plain) < 1e-6
print(f"a ring of everything {ring_loss(positive, scores, everything, 0.2):.6f}, InfoNCE {plain:.6f}")

# %% [markdown]
# ## Broken on purpose
#
# A bank of all pictures holds the anchor's own row as well, and that row is its positive. A colleague ranks the bank
# and forgets to take it out, as released code once did. One row is now pulled as the positive and pushed as a
# negative. What is left of the pull?

# %% tags=["broken"]
def pull(allowed, temperature=0.2):
    """(200,): what draws each anchor to its own row: 1 - p as the positive, less that row's share as a negative."""
    taken = np.exp(scores / temperature) * allowed  # (200, 1000)
    up = np.exp(positive / temperature)
    return 1 - (up + taken[chosen, chosen]) / (up + taken.sum(axis=1))

for name, inner in (("ball of 10 %", 0), ("ring of 1 % to 10 %", 0.1)):
    right = negatives.select_negatives(scores, 0.1, inner, itself=mine)
    wrong = negatives.select_negatives(scores, 0.1, inner)  # own forgotten
    p, hit = 1 - pull(right), (wrong & mine).any(axis=1)
    print(f"{name:<20} own row a negative for {100 * hit.mean():2.0f} % of the anchors; "
          f"pull {pull(right)[hit].mean():.3f} there, {pull(wrong)[hit].mean():.3f} with the mistake")
    assert hit.any()
    assert not (right & mine).any()
    assert np.allclose(pull(wrong)[hit], (1 - p[hit]) / (1 + p[hit]), rtol=0.05)

# %% [markdown]
# Early in training that is a trifle, and the loss curve falls as ever. Let $p$ be the positive's share in the right
# line-up. The mistake adds a second candidate of the same size, so the pull goes from $1 - p$ to
# $(1 - p) / (1 + p)$: it is divided by $1 + p$, hardly anything for a beginner and two for an anchor that has nearly
# arrived. The brake grips as the network learns. And the loss has a floor:

# %%
arrived = np.array([[1.0, *[-1.0] * 9]])  # an anchor on its own row (the first), far from nine others
for name, outside in (("left out", np.eye(1, 10, dtype=bool)), ("forgotten", None)):
    ball = negatives.select_negatives(arrived, 0.5, 0, itself=outside)
    print(f"own row {name}: {ring_loss(arrived[:, 0], arrived, ball, 0.2):.4f} nats")
assert abs(ring_loss(arrived[:, 0], arrived, ball, 0.2) - math.log(2)) < 1e-3

# %% [markdown]
# It stops at $\ln 2 = 0.693$: the positive ties with itself. A ring drops the own row by luck, where it is among the
# very nearest; for four in ten of our anchors, whose views have strayed, the luck does not hold. The test is one
# line: *my own row is never chosen, near or far*.
#
# The same code had a flag that no one could switch off:

# %% tags=["broken"]
def ring_size(fixed):
    fixed = fixed or True  # left over from an afternoon of debugging
    return int(negatives.select_negatives(S[:1], 0.5, 0.2, fixed, own[:1]).sum())

sizes = {flag: ring_size(flag) for flag in (True, False)}
print("with the slip:", sizes, " without:",
      {flag: int(negatives.select_negatives(S[:1], 0.5, 0.2, flag, own[:1]).sum()) for flag in (True, False)})
assert sizes[True] == sizes[False]

# %% [markdown]
# Every run works. A comparison of the two settings finds no difference, and one might believe it. For each flag, write
# one test in which its two values must disagree.
#
# ## Three sentences to keep
#
# Near negatives push hardest, and the nearest are the likeliest to be friends. A ring keeps the ranks between two
# bounds, and whether these are hard negatives or class-mates depends on how many classes there are and how well the
# network knows them. With $k$ equal classes the class-mates of a good network fill the nearest $1/k$, and an inner
# bound below that pushes them.
#
# **In practice:** begin with all negatives and a temperature, which weighs them softly (lesson 08), and measure the
# rate of false negatives on a few hundred labelled pictures before you narrow anything. NNCLR takes the other
# side of the bargain: it makes the nearest a positive (lesson 12).
