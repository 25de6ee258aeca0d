# ---
# jupyter:
#   lesson:
#     question: "Who pulls, who pushes, and how hard?"
#     picture: "each negative's share of the push against its similarity, for temperatures of 1, 0.2 and 0.05"
#     budget_s: 30
#     derives: [info_nce_loss, cross_entropy, nt_xent_loss]
#     imports: [load, two_views, TinyCNN, projector, l2_normalize, log_softmax]
#     exercises: ["08.a", "08.b", "08.c"]
#     needs: [1, 6, 7]
# ---

# %% [markdown]
# # 08 · InfoNCE from two pictures
#
# Lesson 07 made two views of every picture and asked that they be alike. There is a cheap way to obey: give the same
# answer to every picture. So the loss must also say who should *not* be alike. InfoNCE (the NCE is for
# *noise-contrastive estimation*) says both in one demand: *find your other view in a line-up*. What comes out is one
# number. It falls, which is reassuring, and it says very little. Its gradient says everything:
# **who pulls, who pushes, and how hard?**
#
# **You will need** lessons 01 (gradients), 06 (the network) and 07 (views). **It takes** about 10 s on one core.
# **The picture to keep:** how the push is shared among the wrong pictures, from the least to the most similar, at
# three temperatures.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

from tinynnclr import ops
from tinynnclr.datasets import load
from tinynnclr.datasets.views import PRESETS, two_views
from tinynnclr.methods import losses
from tinynnclr.models import TinyCNN, projector
from support import check, draw_guess, predict, show
from tinynnclr.tensor import Tensor, no_grad

# %% [markdown]
# ## A line-up
#
# Here are 512 toybox pictures, two views of each, and a network that has learned nothing: its weights are random. It
# turns every view into an *embedding*, 64 numbers, which we scale to length 1. The *similarity* of two views is then
# the dot product of their embeddings, from -1 (opposite) to 1 (the same).

# %%
rng = np.random.default_rng(8)
train, _ = load("toybox", "data", train_size=512)  # drawn, not downloaded
x1, x2 = two_views(train.images, np.arange(512), PRESETS["toybox"], rng)
encoder = TinyCNN(8, rng)
head = projector(encoder.features, hidden=64, dim=64, rng=rng)
with no_grad():
    z1, z2 = (ops.l2_normalize(head(encoder(x))).numpy() for x in (x1, x2))  # (512, 64) each
S = z1 @ z2.T  # (512, 512): row i is view 1 of picture i, column j is view 2 of picture j

# %%
def line_up(S, x1, x2, chosen):
    n = len(chosen) + 1
    fig, axes = plt.subplots(n, n, figsize=(1.15 * n, 1.15 * n), gridspec_kw={"wspace": 0.06, "hspace": 0.06})
    for (i, j), ax in np.ndenumerate(axes):
        ax.set(xticks=[], yticks=[])
        if i == 0 and j == 0:
            ax.axis("off")
            ax.text(0.95, 0.05, "view 1 ↓\nview 2 →", ha="right", va="bottom", transform=ax.transAxes)
        elif i == 0 or j == 0:
            ax.imshow(x2[chosen[j - 1]] if i == 0 else x1[chosen[i - 1]])
        else:
            s = S[chosen[i - 1], chosen[j - 1]]
            ax.imshow([[s]], cmap="PuOr_r", vmin=-1, vmax=1)
            ax.text(0, 0, f"{s:+.2f}", ha="center", va="center", fontsize=13, weight="bold" if i == j else None)
            plt.setp(ax.spines.values(), lw=3 if i == j else 0.5, color="black" if i == j else "#BBBBBB")
    return fig

# %%
fig = line_up(S, x1, x2, chosen=[7, 11])
show(fig, alt="Two toybox pictures: first views beside the rows of a table of similarities, second views above its "
              "columns; the right pairs lie on the diagonal, in frames.")
plt.close(fig)

# %% [markdown]
# Each row is a question: *you are view 1 of this picture; which of the second views is yours?* The framed cell is
# right, the others of the row are wrong. Who asks is called the *anchor*, its own other view the *positive*, the rest
# of the row its *negatives*. The network is untrained: where a frame is the warmest cell of its row, that is luck.
#
# ## The honest version first
#
# A similarity is no probability: it can be negative, and a row does not add up to 1. Exponentials are always positive,
# so take $e^s$ and divide by the row's total: each candidate gets a share of 1. Before that, divide every similarity
# by a *temperature* $\tau$, a number we choose, which says how much a difference should count. The loss of anchor $i$
# is what surprise costs: minus the logarithm of the share that its positive got.
#
# $$\ell_i = -\ln \frac{e^{s_{ii} / \tau}}{\sum_{j=1}^{b} e^{s_{ij} / \tau}}$$
#
# Here $s_{ij}$ is the similarity of first view $i$ and second view $j$, and $b$ the number of pictures. The loss
# called InfoNCE is the mean over all anchors.

# %%
def info_nce_loss(s, temperature):
    """Similarities s (b, b), row i's positive in column i -> mean loss in nats, one number."""
    assert s.shape == (len(s), len(s))
    total_loss = 0.0
    for i in range(len(s)):  # one question for each anchor
        total = 0.0
        for j in range(len(s)):  # the line-up
            total += math.exp(s[i, j] / temperature)
        share = math.exp(s[i, i] / temperature) / total
        total_loss += -math.log(share)
    return total_loss / len(s)

# %%
two = S[np.ix_([7, 11], [7, 11])].astype(np.float64)
for tau in (1, 0.2, 0.05):
    shares = [math.exp(v / tau) for v in two[0]]
    print(f"tau = {tau:<4}  the boat's row: {shares[0] / sum(shares):.2f} right, {shares[1] / sum(shares):.2f} wrong;"
          f"  loss of both rows: {info_nce_loss(two, tau):.3f}")

# %% [markdown]
# With two candidates a shrug, half and half, costs $\ln 2 = 0.693$ nats (a *nat* is the unit of surprise when
# logarithms are natural). At temperature 1 the boat nearly shrugs. At 0.05 the same two similarities become a
# certainty, and a wrong one: nearly all of its row goes to the cup.
#
# Our loop is the judge from here on. It must agree with the package, which takes positives and negatives apart:

# %%
# compare: info_nce_loss
s = S[:6, :6].astype(np.float64)
off = ~np.eye(6, dtype=bool)
theirs = losses.info_nce_loss(Tensor(np.diag(s)[:, None].copy()), Tensor(s[off].reshape(6, 5)), 0.2).item()
assert np.isclose(info_nce_loss(s, 0.2), theirs)
print(f"ours {info_nce_loss(s, 0.2):.6f}, the package's {theirs:.6f}")

# %% [markdown]
# ## Exercise 08.a · A softmax that cannot overflow
#
# Exponentials followed by shares are called a *softmax*; what goes in (here $s / \tau$) are *logits*. Training runs in
# float32, whose exponential is infinite from 89 on. A temperature of 0.01 takes a similarity of 1 to 100:

# %%
with np.errstate(over="ignore"):
    print("exp(1 / 0.01) in float32:", np.exp(np.float32(1 / 0.01)))

# %% [markdown]
# The cure: $\ln \big( e^{a_k} / \sum_j e^{a_j} \big)$ for logits $a$ stays the same when one number is taken from all
# of them. Choose that number so that nothing overflows, and work with logarithms all the way: a share of $e^{-10000}$
# is 0 to a computer, and its logarithm was -10000 a moment ago.

# %% tags=["exercise:08.a"]
def log_softmax(logits):
    """logits (b, k) float64 -> (b, k): the logarithm of each row's softmax.

    Rows may hold 1e4, or -1e4, or -inf (a candidate that is masked: probability 0, logarithm -inf); at least one
    logit of each row is finite. No NaN may come out, and no infinity but for what is masked.
    """
    raise NotImplementedError

# %%
log_softmax = check("08.a", log_softmax)
print(log_softmax(np.array([[1e4, 1e4 - 1, -np.inf]])))

# %% [markdown]
# ## Why the labels are 0, 1, 2, ...
#
# Minus the logarithm of the right one's share is the loss of any classifier, *cross-entropy*. Hence the two lines that
# stand in most contrastive code:
#
# ```python
# labels = np.arange(b)
# loss = cross_entropy(z1 @ z2.T / tau, labels)
# ```
#
# They puzzle almost everyone at first. There are no classes here, and no picture is of class 0.
# **A label is the number of a column.** Row $i$ asks; its right answer stands in column $i$, because we stacked the
# second views in the order of the first. Look at the frames:

# %%
fig = line_up(S, x1, x2, chosen=[7, 11, 8, 9])
show(fig, alt="Four toybox pictures, first views beside the rows and second views above the columns of a table of "
              "similarities; the framed cells 0, 1, 2, 3 of the diagonal are the right answers.")
plt.close(fig)

# %% [markdown]
# Row 0 has its answer in column 0, row 1 in column 1, and so on: `arange(4)` is a list of where the frames are.

# %%
def cross_entropy(logits, labels):
    """logits (b, k), labels (b,) of columns -> mean loss, one number."""
    assert labels.shape == logits.shape[:1]
    return -log_softmax(logits)[np.arange(len(logits)), labels].mean()

# %%
# compare: cross_entropy
labels = np.arange(6)
assert np.isclose(cross_entropy(s / 0.2, labels), ops.cross_entropy(s / 0.2, labels=labels).item())
assert np.isclose(cross_entropy(s / 0.2, labels), info_nce_loss(s, 0.2))  # the double loop agrees

# %% [markdown]
# To be sure, shuffle the second views. The frames leave the diagonal, and the labels must go where they go:

# %%
order = np.array([3, 0, 5, 1, 4, 2])  # column k now holds the second view of picture order[k]
moved = s[:, order]
where = np.argsort(order)  # the column in which picture i's second view is now
print(f"in order, arange:  {cross_entropy(s / 0.2, np.arange(6)):.4f}")
print(f"shuffled, argsort: {cross_entropy(moved / 0.2, where):.4f}")
print(f"shuffled, arange:  {cross_entropy(moved / 0.2, np.arange(6)):.4f}   <- wrong pairs")

# %% [markdown]
# The last line is a fine-looking number for a task that cannot be learned. Nothing in the code objects.

# %% [markdown]
# ## Who pulls, who pushes
#
# A loss acts through its gradient alone. For one row, write $\ell_i = \ln \sum_j e^{s_{ij} / \tau} - s_{ii} / \tau$.
# The slope of the first part in $s_{ij}$ is the share $p_{ij}$ of candidate $j$, over $\tau$; the second part gives
# $-1 / \tau$ at the right column and nothing elsewhere. Over the mean of $b$ rows:
#
# $$\frac{\partial L}{\partial S} = \frac{P - Y}{b \, \tau}$$
#
# $L$ is the loss, $S$ the table of similarities, $P$ the table of shares, and $Y$ has 1 where a frame is and 0
# elsewhere. *What you believe, minus what is true.*
#
# ## Exercise 08.b · The gradient, by hand

# %% tags=["exercise:08.b"]
def info_nce_grad(s, temperature):
    """Similarities s (b, b), row i's positive in column i -> (b, b): the slope of the mean loss in each of them.

    In closed form: no autograd, no finite differences. It must stand float32 at a temperature of 0.01.
    """
    raise NotImplementedError

# %%
info_nce_grad = check("08.b", info_nce_grad)

# %% [markdown]
# Autograd never heard of our formula. Does it agree?

# %%
leaf = Tensor(s, requires_grad=True)
ops.cross_entropy(leaf * (1 / 0.2), labels=np.arange(6)).backward()
G = info_nce_grad(s, 0.2)
assert np.allclose(G, leaf.grad)
assert np.allclose(G.sum(axis=1), 0)
print(np.round(6 * 0.2 * G[:3], 2))  # three rows of P - Y

# %% [markdown]
# Training steps against the gradient, so a number below zero is pulled closer and one above zero pushed away. **One
# candidate pulls: the positive, by $1 - p_{ii}$. All negatives push, each by its share $p_{ij}$.** Every row adds up
# to 0, so the pushes together are exactly as strong as the pull; an anchor that has found its view is left in peace by
# everyone. Both are scaled by $1 / \tau$.
#
# From similarities to embeddings it is one step: $s_{ij} = z_i \cdot z'_j$, so anchor $z_i$ is moved towards its
# positive $z'_i$, and away from each $z'_j$, with those very weights.

# %% [markdown]
# ## How hard
#
# Who gets the push? Take picture 0 and its 511 negatives. An equal share would be 0.2 % each.

# %%
i = 0
negatives = np.delete(S[i], i)  # (511,)
print(f"similarities from {negatives.min():.2f} to {negatives.max():.2f}, "
      f"half of them between {np.quantile(negatives, 0.25):.2f} and {np.quantile(negatives, 0.75):.2f}")

# %%
predict("08.nearest_share", percent=...)  # of the whole push at tau = 0.05: the share of the most similar negative

# %%
def push_shares(s, temperature):
    """Similarities (n,) of one anchor's negatives -> (n,): per cent of its push that each takes; 100 in all."""
    # p_ij over the sum of all negatives' p_ij: the positive's part of the total cancels, a softmax of the rest is left
    return 100 * np.exp(log_softmax(s[None].astype(np.float64) / temperature))[0]

# %% tags=["picture"]
fig, ax = plt.subplots(figsize=(7.5, 4.6))
for tau, color, marker in ((1, "#0072B2", "o"), (0.2, "#009E73", "s"), (0.05, "#D55E00", "^")):
    share = push_shares(negatives, tau)
    ax.semilogy(negatives, share, marker, color=color, ms=4, alpha=0.7,
                label=f"τ = {tau}: the most similar takes {share.max():.2g} %")
ax.axhline(100 / 511, color="#666666", ls="--", lw=1)
ax.text(0.62, 100 / 511 / 1.2, "an equal share", color="#444444", ha="right", va="top", fontsize=9)
ax.set(ylim=(1e-9, 100), xlabel="similarity of the negative to the anchor", ylabel="its share of the push, %")
ax.set_title("The lower the temperature, the fewer negatives push")
ax.legend(loc="lower right", frameon=False)
draw_guess(ax, "08.nearest_share")
show(fig, alt="Share of the push against similarity for the 511 negatives of one anchor, on a logarithmic axis: three "
              "straight lines of dots that rise gently at temperature 1, faster at 0.2 and steeply at 0.05.")
plt.close(fig)

# %% [markdown]
# **This is the picture to keep.** Each dot is a negative. On the logarithmic axis every temperature gives a straight
# line of slope $1 / \tau$: two negatives whose similarities differ by 0.1 differ in push by a factor of
# $e^{0.1/\tau}$, which is 1.1 at $\tau = 1$, 1.6 at 0.2 and 7.4 at 0.05. A warm loss pushes the whole crowd; a cold
# one pushes the few that look most like the anchor. These are the instructive mistakes, or they are other pictures of
# the same thing, pushed away for no fault of theirs. The loss cannot tell, for it has no labels.

# %%
for tau in (1, 0.2, 0.05):
    largest_first = np.sort(push_shares(negatives, tau))[::-1]
    count = np.searchsorted(largest_first.cumsum(), 50) + 1
    print(f"tau = {tau:<4}: half of the push falls on {count} of 511 negatives")

# %% [markdown]
# ## What should the loss be before training?
#
# If all features are identical, each of $N$ candidates gets $1/N$ and the loss is $\ln N$ at any temperature. Is it so
# for random weights? For 512 candidates, $\ln 512 = 6.24$:

# %%
predict("08.loss_at_start", nats=...)  # the loss of our untrained network, 512 candidates, tau = 0.05

# %%
sizes = [8, 16, 32, 64, 128, 256, 512]

def starting_loss(n, temperature):
    """Mean loss of blocks of n pictures: the 512 in 512 / n line-ups."""
    blocks = [S[k:k + n, k:k + n] for k in range(0, 512, n)]
    return np.mean([cross_entropy(block.astype(np.float64) / temperature, np.arange(n)) for block in blocks])

start = {tau: [starting_loss(n, tau) for n in sizes] for tau in (1, 0.2, 0.05)}
assert np.allclose([cross_entropy(np.ones((n, n)), np.arange(n)) for n in sizes], np.log(sizes))  # identical features

# %% [markdown]
# And the norm of the gradient, the length of everything that the embeddings are told at once, against the temperature.
# For contrast, an easy batch: the second embeddings are the first with a little noise, as after a long training.

# %%
easy = z1 + 0.05 * rng.standard_normal(z1.shape).astype(np.float32)
easy /= np.linalg.norm(easy, axis=1, keepdims=True)
taus = np.geomspace(0.02, 2, 15)

def gradient_norm(first, second, temperature):
    """First and second embeddings (b, d) -> length of dloss/d(first)."""
    return np.linalg.norm(info_nce_grad((first @ second.T).astype(np.float64), temperature) @ second)

norms = {"random weights": [gradient_norm(z1, z2, t) for t in taus],
         "an easy batch": [gradient_norm(z1, easy, t) for t in taus]}

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
left.semilogx(sizes, np.log(sizes), "k--", label="ln N", base=2)
for tau, color, marker in ((1, "#0072B2", "o"), (0.2, "#009E73", "s"), (0.05, "#D55E00", "^")):
    left.plot(sizes, start[tau], marker + "-", color=color, label=f"τ = {tau}")
left.set(xlabel="candidates N", ylabel="loss, nats", title="At the start, against a guess", xticks=sizes,
         xticklabels=sizes)
draw_guess(left, "08.loss_at_start")
for (name, values), color, style in zip(norms.items(), ("#0072B2", "#D55E00"), ("o-", "^--"), strict=True):
    right.loglog(taus, values, style, color=color, label=name)
right.set(xlabel="temperature τ", ylabel="norm of the gradient", title="How hard everyone is moved",
          xticks=[0.02, 0.05, 0.2, 1], xticklabels=[0.02, 0.05, 0.2, 1])
for ax in (left, right):
    ax.legend(frameon=False)
show(fig, alt="Left: loss of random weights against the number of candidates; temperature 1 lies on ln N, 0.05 far "
              "above it. Right: norm of the gradient against temperature; for random weights it rises towards low "
              "temperatures, while that of an easy batch has a peak near 0.2 and vanishes below.")
plt.close(fig)
print(f"512 candidates: {start[1][-1]:.2f} at tau = 1, {start[0.2][-1]:.2f} at 0.2, {start[0.05][-1]:.2f} at 0.05; "
      f"ln 512 = {math.log(512):.2f}")
flat = taus * norms["random weights"]
print(f"random weights: the norm times tau lies between {flat.min():.3f} and {flat.max():.3f}")

# %% [markdown]
# Left: at temperature 1 the start is a guess. At 0.05 it is far worse than one: the network has opinions, they are
# wrong, and the temperature takes them for certainties. So "the first loss should be $\ln N$" is a test for identical
# features, or for a warm loss; a higher one is no bug by itself.
#
# Right: with random weights almost every share is wrong, so the norm goes as $1 / \tau$: halving the temperature about
# doubles it. In the easy batch the positives win by a margin; below some temperature each takes its whole row, and
# nobody has anything left to say. Temperature is thus a learning rate at first and a full stop later.

# %% [markdown]
# ## Everybody in the line-up: NT-Xent
#
# Our first views were asked about second views only. SimCLR, the method of lesson 09, puts all $2b$ views in one room.
# Each is an anchor; its candidates are all others: one positive, $2b - 2$ negatives, in all $2b - 1$. Not itself: with
# a similarity of 1 it would win every time. The loss is called NT-Xent, for *normalised temperature-scaled
# cross-entropy*.

# %%
def nt_xent_loss(z1, z2, temperature):
    """Embeddings of two views z1, z2 (b, d) -> mean over all 2b anchors, one number."""
    assert z1.shape == z2.shape
    z = [row / np.linalg.norm(row) for row in (*z1, *z2)]  # 0 ... b-1: first views; b ... 2b-1: second views
    b, total_loss = len(z1), 0.0
    for i in range(2 * b):
        positive = i + b if i < b else i - b
        total = sum(math.exp(z[i] @ z[j] / temperature) for j in range(2 * b) if j != i)
        total_loss += math.log(total) - z[i] @ z[positive] / temperature
    return total_loss / (2 * b)

# %%
# compare: nt_xent_loss
a, c = z1[:6].astype(np.float64), z2[:6].astype(np.float64)
assert np.isclose(nt_xent_loss(a, c, 0.2), losses.nt_xent_loss(Tensor(a), Tensor(c), 0.2).item())
same = np.ones((8, 4))
print(f"8 pictures, identical features: {nt_xent_loss(same, same, 0.2):.4f}; ln 15 = {math.log(15):.4f}")

# %% [markdown]
# ## Exercise 08.c · Without loops
#
# The loop says `if j != i`. A matrix product computes the diagonal whether we want it or not, so it must be *masked*:
# replaced by a logit that takes no share. Mind the labels as well: where do the frames lie in a table of $2b$ rows and
# columns?

# %% tags=["exercise:08.c"]
def nt_xent_matrix(z1, z2, temperature):
    """NT-Xent of embeddings z1, z2 (b, d), of any length above 0 -> one number, as nt_xent_loss gives it.

    All 2b views, stacked as z1 then z2, are scaled to length 1; every one is an anchor and never its own candidate.
    """
    raise NotImplementedError

# %%
nt_xent_matrix = check("08.c", nt_xent_matrix)
assert np.isclose(nt_xent_matrix(a, c, 0.2), nt_xent_loss(a, c, 0.2))

# %% [markdown]
# ## Broken on purpose
#
# A colleague masks with 0: "zero means nothing". But these are logits, and $e^0 = 1$: the anchor stays in the line-up,
# as the ghost of a candidate with similarity 0. We train 16 embeddings (two views of eight pictures, moved directly,
# without a network) with either loss.

# %%
def nt_xent_masked(z1, z2, temperature, value):
    b = len(z1)
    z = ops.l2_normalize(ops.concatenate(z1, z2))
    logits = ops.masked_fill(ops.matmul(z, z.T) * (1 / temperature), mask=np.eye(2 * b, dtype=bool), value=value)
    return ops.cross_entropy(logits, labels=(np.arange(2 * b) + b) % (2 * b))

# %%
def train_embeddings(value, steps=100, temperature=0.5):
    a, c = (Tensor(z[:8].astype(np.float64), requires_grad=True) for z in (z1, z2))
    curve = []
    for _ in range(steps):
        a.grad = c.grad = None
        loss = nt_xent_masked(a, c, temperature, value)
        loss.backward()
        curve.append(loss.item())
        a.data, c.data = a.data - 0.2 * a.grad, c.data - 0.2 * c.grad
    return curve, nt_xent_loss(a.data, c.data, temperature)

curves = {"masked with -inf": train_embeddings(-np.inf), "masked with 0": train_embeddings(0)}

# %% [markdown]
# Both losses fall, as the picture below will show. So look at a *known point*, an input whose loss can be said
# beforehand: identical features must cost $\ln(2b - 1)$.

# %% tags=["broken"]
def known_point(b, value):
    same = np.ones((b, 4))
    return nt_xent_masked(same, same, 0.5, value).item()

sizes_b = [1, 2, 4, 8, 16, 32, 64]
for value in (-np.inf, 0):
    print(f"masked with {value:>4}:", "  ".join(f"b = {b}: {known_point(b, value):.4f}" for b in (1, 2, 8, 64)))
print("ln(2b - 1):      ", "  ".join(f"b = {b}: {math.log(2 * b - 1):.4f}" for b in (1, 2, 8, 64)))
curve, _ = curves["masked with 0"]
assert curve[-1] < 0.9 * curve[0]  # it falls
assert all(np.isclose(known_point(b, -np.inf), math.log(2 * b - 1)) for b in sizes_b)
assert np.isclose(known_point(1, 0), math.log(1 + math.exp(-2)))  # one candidate, and still a cost

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
for (name, (curve, _)), style, color in zip(curves.items(), ("-", "--"), ("#0072B2", "#D55E00"), strict=True):
    left.plot(curve, style, color=color, label=name, lw=2)
left.set(xlabel="step", ylabel="loss, nats", title="Training: nothing to see")
left.legend(frameon=False)
right.loglog(sizes_b, [known_point(b, 0) - math.log(2 * b - 1) for b in sizes_b], "^--", color="#D55E00")
right.set(xlabel="pictures b", ylabel="error, nats", title="Identical features: error of the mask with 0",
          xticks=sizes_b, xticklabels=sizes_b)
right.minorticks_off()
show(fig, alt="Left: two falling loss curves, of the right and the wrong mask. Right: the wrong mask's "
              "error for identical features, largest for one picture and smaller as the batch grows.")
plt.close(fig)
for name, (curve, honest) in curves.items():
    print(f"{name}: its own loss ends at {curve[-1]:.3f}, the honest loss of what it learned is {honest:.3f}")
assert abs(curves["masked with 0"][1] - curves["masked with -inf"][1]) < 0.01

# %% [markdown]
# The curves give nothing away. In this small run even the embeddings come out alike: measured with the honest loss,
# both end at the same place to within a hundredth. What suffers is every number that you compare: with a paper, with
# another batch size, with $\ln(2b - 1)$. The smallest batch speaks loudest: with one picture there is one candidate,
# nothing to confuse it with, and the loss has to be 0. The ghost costs $\ln(1 + e^{-1/\tau})$, 0.127 at our $\tau$ of
# 0.5. At 0.05 it would be $e^{-20}$, about two in a thousand million, and the test would pass: choose a warm
# temperature for it.

# %% [markdown]
# ## Three sentences to keep
#
# InfoNCE is a classifier whose classes are the columns of the table, so the labels are the places of the positives and
# nothing more. Its gradient is belief minus truth, over $b \tau$: the positive pulls by what it lacks, the negatives
# push by what they took, and the two are equal. The temperature decides how many negatives do the pushing, a crowd
# when warm, a handful when cold.
#
# **In practice:** NNCLR keeps this loss and changes who the positive is (lesson 12). The cross-entropy of any
# framework is stable already; what remains yours are the order of the views, the mask, and one test at a known point.
