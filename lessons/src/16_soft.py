# ---
# jupyter:
#   lesson:
#     question: "One friend, or a weighted crowd?"
#     picture: "weights of ten neighbours at four temperatures, from hard to flat, friends and strangers marked"
#     budget_s: 45
#     derives: [soft_weights, soft_neighbor_loss]
#     imports: [load, two_views, TinyCNN, projector, nt_xent_loss, SupportSet, SNCLR]
#     exercises: ["16.a", "16.b", "16.c"]
#     needs: [8, 10, 12]
# ---

# %% [markdown]
# # 16 · One friend, or a weighted crowd?
#
# NNCLR asks a queue of old embeddings for the one most like you, and makes it your positive. Some of the time that
# neighbour is of another class, and then a whole step pulls you the wrong way. Five or ten neighbours are less likely
# to be all wrong; but the tenth is a poorer friend than the first, and should not count the same. SNCLR (*soft
# neighbours*) takes several, each as far as it deserves. Who decides what it deserves, and does it help:
# **one friend, or a weighted crowd?**
#
# **You will need** lessons 08 (InfoNCE), 10 (the queue) and 12 (NNCLR). **It takes** about 20 s on one core, most of
# it training. **The picture to keep:** ten neighbours of one picture, and how a temperature shares the say among them.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

from tinynnclr import ops
from tinynnclr.datasets import load
from tinynnclr.datasets.views import PRESETS, two_views
from tinynnclr.methods import SNCLR, losses
from tinynnclr.methods.support_set import SupportSet
from tinynnclr.models import TinyCNN, projector
from tinynnclr.nn.optim import AdamW
from support import check, draw_guess, predict, show
from tinynnclr.tensor import Tensor, no_grad

# %% [markdown]
# ## Embeddings worth asking
#
# Neighbours mean something only once the network has learned a little. So we train a tiny one by SimCLR, without
# labels, for 150 steps on 1,500 toybox pictures: long enough to beat chance, far too short to be good. Friends that are
# often wrong are what we want to study.

# %%
rng = np.random.default_rng(16)
train, test = load("toybox", "data", train_size=1500)
encoder = TinyCNN(8, rng)
head = projector(encoder.features, hidden=64, dim=64, rng=rng)

def embed(images):
    """Pictures (n, ...) -> the unit embeddings of two random views of each, (n, 64) twice."""
    views = two_views(images, np.arange(len(images)), PRESETS["toybox"], np.random.default_rng(1))
    with no_grad():
        return [ops.l2_normalize(head(encoder(x))).numpy() for x in views]  # batch norms as in training

untrained = embed(train.images)[1], embed(test.images[:2000])  # kept as a control

# %%
parameters = encoder.parameters() + head.parameters()
optimizer = AdamW(parameters, lr=0.003)
for _ in range(150):
    x1, x2 = two_views(train.images, rng.choice(1500, 128, replace=False), PRESETS["toybox"], rng)
    loss = losses.nt_xent_loss(head(encoder(x1)), head(encoder(x2)), 0.2)
    for p in parameters:
        p.grad = None
    loss.backward()
    optimizer.step()
print(f"loss {loss.item():.2f}; a guess among 255 would cost {math.log(255):.2f}")

# %% [markdown]
# The support set (the queue, full) holds one view of each training picture. Two thousand *test* pictures ask, each with
# two views. As in SNCLR the second view goes looking; what the first is for comes in a moment.

# %%
bank, bank_labels = embed(train.images)[1], train.labels
z1, z2 = embed(test.images[:2000])
labels = test.labels[:2000]
support = SupportSet(1500, 64, rng)
support.enqueue(bank, np.arange(1500))
rows, found = support.nearest_k(z2, 50)  # (2000, 50, 64), best first, and which pictures they are
same = bank_labels[found] == labels[:, None]  # (2000, 50): of the asker's class? For us to see, never for training
print(f"the nearest is of the same class {same[:, 0].mean():.1%} of the time, the tenth {same[:, 9].mean():.1%}, "
      f"the fiftieth {same[:, 49].mean():.1%}; chance is 10%")

# %% [markdown]
# From here on a neighbour of the asker's class is a *friend*, any other a *stranger*.
#
# ## The honest version first
#
# Every neighbour $N_k$, $k = 1 \dots K$, gets a *weight*: its share in a softmax of cosines.
#
# $$w_k = \frac{e^{\cos(z, N_k) / a}}{\sum_{j=1}^{K} e^{\cos(z, N_j) / a}}$$
#
# Here $z$ is the embedding of the first view, and $a$ a temperature: small is *hard* (one takes all), large is *flat*
# (all alike). It is called *attention*, as in a transformer: a query, some keys, a softmax. Mind who asks. View
# 2 chose the neighbours, view 1 weighs them: a second opinion, from a look at the same thing in another light.

# %%
def soft_weights(z, rows, temperature):
    """One embedding z (d,) and its neighbours' rows (K, d) -> a list of K weights that add up to 1."""
    assert rows.shape[1:] == z.shape
    exponentials = []
    for row in rows:
        cosine = sum(a * b for a, b in zip(z, row, strict=True)) / math.sqrt((z @ z) * (row @ row))
        exponentials.append(math.exp(cosine / temperature))
    return [e / sum(exponentials) for e in exponentials]

# %%
# compare: soft_weights
config = SNCLR.Config(dim=64, queue_size=1500, soft_k=10, soft_temperature=0.1, neighbors_after=0.0)
method = SNCLR(TinyCNN(2, rng), config, rng)
method.support_set.enqueue(bank, np.arange(1500))
_, theirs, _ = method.positives(z1[:20], z2[:20], 10)  # (20, 1 + 10): the own key's weight comes first
ours = [soft_weights(z1[i].astype(float), rows[i, :10].astype(float), 0.1) for i in range(20)]
assert np.allclose(ours, theirs[:, 1:], atol=1e-5)

# %% [markdown]
# ## Exercise 16.a · All weights at once

# %% tags=["exercise:16.a"]
def attention_weights(z, rows, temperature):
    """z (b, d), rows (b, K, d), of any length above 0 -> (b, K): soft_weights of each z and its K rows.

    No overflow in float32 at a temperature of 0.005; each row of the result adds up to 1.
    """
    raise NotImplementedError

# %%
attention_weights = check("16.a", attention_weights)

# %% [markdown]
# One test picture, ten neighbours. At temperature 1, which is what you get by leaving $a$ out, what does the one with
# most weight have? Equal shares would be 10 %.

# %%
predict("16.largest_weight", percent=...)  # of ten neighbours of one picture, at temperature 1

# %%
favourite = (z1[:, None] * rows[:, :10]).sum(axis=2).argmax(axis=1)  # of ten, the one that view 1 likes best
wins = same[np.arange(len(same)), favourite]
one = np.flatnonzero((same[:, :10].sum(axis=1) == 5) & ~same[:, 0] & wins)[0]  # see below for the choice
taus = (0.02, 0.1, 0.3, 1)

def draw_weights(ax, weights, friends):
    bars = ax.bar(np.arange(10), 100 * weights, color=np.where(friends, "#0072B2", "#F3C9A8"), edgecolor="#333333")
    for bar, weight, friend in zip(bars, weights, friends, strict=True):
        bar.set_hatch("" if friend else "///")
        ax.text(bar.get_x() + 0.4, 100 * weight + 3, f"{100 * weight:.0f}", ha="center", fontsize=9)
    ax.set(xlim=(-0.5, 9.5), ylim=(0, 118), xticks=[], yticks=[0, 50, 100], ylabel="weight, %")

# %% tags=["picture"]
fig = plt.figure(figsize=(10, 7.6))
grid = fig.add_gridspec(5, 11, wspace=0.08, hspace=0.16)
for k in range(11):
    ax = fig.add_subplot(grid[0, k])
    ax.imshow(test.images[one] if k == 0 else train.images[found[one, k - 1]])
    friend = k == 0 or same[one, k - 1]
    ax.set(xticks=[], yticks=[])
    ax.set_title("asks" if k == 0 else f"{k} {'●' if friend else '×'}", color="#0072B2" if friend else "#B34700")
for line, tau in enumerate(taus, start=1):
    weights = attention_weights(z1[[one]], rows[[one], :10], tau)[0]
    ax = fig.add_subplot(grid[line, 1:])
    draw_weights(ax, weights, same[one, :10])
    ax.yaxis.tick_right()
    ax.yaxis.set_label_position("right")
    share = 100 * weights[same[one, :10]].sum()
    word = {0.02: " (hard)", 1: " (flat)"}.get(tau, "")
    fig.text(0.06, ax.get_position().y0 + 0.04, f"a = {tau}{word}\nfriends:\n{share:.0f} %", fontsize=10)
fig.suptitle("The temperature says how many neighbours have a say   (● same class, × another)", y=0.96)
draw_guess(ax, "16.largest_weight")
show(fig, alt="A toybox picture and its ten nearest neighbours, five friends and five strangers; below, bars of their "
              "weights at four temperatures: one bar has nearly all at 0.02, and all are nearly equal at 1.")
plt.close(fig)

# %% [markdown]
# **This is the picture to keep.** Neighbours stand in the order in which view 2 found them; filled bars under ● are
# friends, hatched ones under × strangers. From top to bottom the temperature rises: one neighbour, a few, a crowd, and
# at last a crowd without opinions, whose favourite has 11 %. The highest bar need not be the first, for view 1 does
# the weighing. This is a lucky picture, chosen for it: five friends of ten, a stranger in front, and a second opinion
# that finds a friend. How often is it so, and how often the reverse?

# %%
for said, who, moved in (("stranger", ~same[:, 0], wins), ("friend", same[:, 0], ~wins)):
    print(f"nearest is a {said}: {who.sum()} cases, in {moved[who].mean():.0%} view 1 prefers one of the other sort")

# %% [markdown]
# A repair is rarer than a spoiling, but there are more strangers in front to repair. On the whole it comes out even.
#
#
# ## Does the crowd know better?
#
# The *agreement* of a weighted set is the weight that lies on friends, on average over askers: the chance that a
# neighbour drawn by its weight is a friend. With $K = 1$ it is how often the nearest is one.

# %%
predict("16.agreement", percent=...)  # ten neighbours at a temperature of 0.1; the nearest alone was printed above

# %%
def agreement(z, rows, same, k, temperature):
    """Per cent of the weight on friends, for each asker (b,): 100 where all is on friends."""
    return 100 * (attention_weights(z, rows[:, :k], temperature) * same[:, :k]).sum(axis=1)

def entropy(weights):
    """Weights (b, K) -> mean entropy in nats: 0 if one neighbour has all, ln K if all have the same."""
    return -(weights * np.log(np.maximum(weights, 1e-12))).sum(axis=1).mean()

# %%
counts = (1, 2, 3, 5, 10, 20, 50)
table = {tau: [agreement(z1, rows, same, k, tau).mean() for k in counts] for tau in taus}
steps = np.geomspace(0.01, 2, 20)
curves = {k: [entropy(attention_weights(z1, rows[:, :k], tau)) for tau in steps] for k in (5, 10, 30)}
blank = SupportSet(1500, 64, rng)
blank.enqueue(untrained[0], np.arange(1500))
control = (bank_labels[blank.nearest(untrained[1][1])[1]] == labels).mean() * 100

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2))
looks = (("#0072B2", "o-"), ("#009E73", "s-"), ("#E69F00", "^-"), ("#D55E00", "v--"))
for tau, (color, style) in zip(taus, looks, strict=True):
    left.semilogx(counts, table[tau], style, color=color, label=f"a = {tau}")
left.axhline(table[1][0], color="#444444", lw=1, ls=":", label="the nearest alone")
left.axhline(control, color="#888888", lw=1, ls="-.", label="nearest, random weights")
left.set(xlabel="neighbours K", ylabel="weight on friends, %", xticks=counts, xticklabels=counts,
         title="Agreement (chance is 10 %)")
left.minorticks_off()
draw_guess(left, "16.agreement")
for (k, values), (color, style) in zip(curves.items(), looks, strict=False):
    right.semilogx(steps, values, style, color=color, ms=4, label=f"K = {k}")
    right.axhline(math.log(k), color=color, lw=1, ls=":")
    right.text(0.01, math.log(k) + 0.04, f"ln {k}", color=color)
right.set(xlabel="temperature a", ylabel="entropy of the weights, nats", title="How many have a say", ylim=(0, 3.8),
          xticks=[0.01, 0.1, 1], xticklabels=[0.01, 0.1, 1])
for ax in (left, right):
    ax.legend(frameon=False, fontsize=9)
show(fig, alt="Left: weight on friends against the number of neighbours; it falls fast for flat weights and hardly for "
              "hard ones. Right: entropy of the weights against temperature, from near 0 up to ln K at 1.")
plt.close(fig)

# %%
for k in (5, 10, 50):
    for tau in taus:
        gain = agreement(z1, rows, same, k, tau) - 100 * same[:, 0]
        error = gain.std() / math.sqrt(len(gain))  # askers are the same in both, so compare them one by one
        effective = math.exp(entropy(attention_weights(z1, rows[:, :k], tau)))
        print(f"K = {k:<2} a = {tau:<4}: {gain.mean():+5.1f} +- {error:.1f} points against the nearest alone, "
              f"as if {effective:4.1f} had equal say")
print("no friend at all among the nearest", ", ".join(f"{k}: {1 - same[:, :k].any(axis=1).mean():.0%}" for k in counts))

# %% [markdown]
# Left: everything beats the nearest neighbour of an untrained network, yet no crowd clearly beats the nearest of the
# trained one. The more you ask, and the flatter you weigh, the more you lose: the farther ones are strangers more
# often. At 0.1, the package's default, ten neighbours cost about a point, which the choice of askers could explain (+-
# is one standard error, the typical slip of such a mean). At 0.02 nothing is lost, but look at the last number of each
# line: $e$ to the entropy, the count of neighbours with equal say that would have that entropy. One and a half to
# three is hardly a crowd. Right: the dial between them.
#
# What a crowd offers is not a better average but fewer disasters, as the last line says: two thirds of all askers have
# a stranger for a nearest neighbour, but few have no friend among twenty. Whether that helps depends on what the loss
# makes of a mixed crowd.

# %% [markdown]
# ## From weights to a loss
#
# The candidates are all keys of the batch: for each of $b$ pictures its own key (the other view, weight $w_0 = 1$) and
# its $K$ neighbours. An anchor's prediction $p$ shares out a belief among them, as in lesson 08: $P_k$ is the softmax
# of $\cos(p, \text{key}) / \tau$ over all $b (1 + K)$. Whatever is not its own is a negative; so more
# neighbours also mean more negatives, some of them friends. The loss:
#
# $$\ell = -\ln \sum_{k=0}^{K} w_k P_k$$
#
# In this lesson there is neither a predictor nor a slow copy: $p$ is view 1's embedding, the own key is view 2's.

# %%
def soft_neighbor_loss(p, keys, weights, temperature, inside=True):
    """Unit p (b, d), unit keys (b, 1 + K, d), weights (b, 1 + K) -> mean loss in nats, one number."""
    assert keys.shape[:2] == weights.shape == (len(p), keys.shape[1])
    total = 0.0
    for i in range(len(p)):
        everyone = sum(math.exp(p[i] @ key / temperature) for keys_of_one in keys for key in keys_of_one)
        mine = [math.exp(p[i] @ key / temperature) / everyone for key in keys[i]]
        if inside:
            total -= math.log(sum(w * share for w, share in zip(weights[i], mine, strict=True)))
        else:
            total -= sum(w * math.log(share) for w, share in zip(weights[i], mine, strict=True))
    return total / len(p)

# %%
# compare: soft_neighbor_loss
p = z1[:8].astype(float)  # (8, 64)
keys = np.concatenate([z2[:8, None], rows[:8, :5]], axis=1).astype(float)  # (8, 6, 64): own, then five neighbours
weights = np.insert(attention_weights(p, keys[:, 1:], 0.1), 0, 1, axis=1)  # (8, 6): the own key's weight is 1
for inside in (True, False):
    theirs = losses.soft_neighbor_loss(Tensor(p), keys, weights, 0.15, inside).item()
    assert np.isclose(soft_neighbor_loss(p, keys, weights, 0.15, inside), theirs)
    print(f"weights {'inside' if inside else 'outside'} the logarithm: {theirs:.3f}")

# %% [markdown]
# The paper has the weights inside the logarithm, its released code has them outside. These are two different wishes.
# Say that an anchor believes in its own key with 0.5, in one neighbour with 0.15, and in a second, a stranger perhaps,
# less and less. Each neighbour has a weight of one half:

# %%
for belief in (0.3, 0.03, 1e-6):
    inside = -math.log(1 * 0.5 + 0.5 * 0.15 + 0.5 * belief)
    outside = -(1 * math.log(0.5) + 0.5 * math.log(0.15) + 0.5 * math.log(belief))
    print(f"belief in the second {belief:<6g}: inside {inside:.2f}, outside {outside:.2f}")

# %% [markdown]
# Inside is *or*: believe in any of your positives, and a stranger among them can be left aside at little cost. Outside
# is *and*: believe in each, and the stranger is expensive until you give in. So it is *or* that can make use of a crowd
# with one friend in it, provided that the anchor believes in the right one.
#
# ## Exercise 16.b · Three limits

# %% tags=["exercise:16.b"]
def soft_loss(p, keys, weights, temperature):
    """p (b, d), keys (b, k, d), of any length above 0, weights (b, k) -> the mean loss, weights inside, one number.

    Candidates are all b k keys. Column 0 may be the own key or not: it counts like the others. No Python loops needed.
    """
    raise NotImplementedError

# %%
soft_loss = check("16.b", soft_loss)

# %% [markdown]
# A new formula is best tested where it must become an old one:

# %%
logits = p @ keys[:, 1].T / 0.15  # each prediction against the nearest neighbours of all
nnclr = ops.cross_entropy(logits, labels=np.arange(8)).item()
assert np.isclose(soft_loss(p, keys[:, 1:2], np.ones((8, 1)), 0.15), nnclr)  # one of weight 1: NNCLR's positive
belief = np.exp(ops.log_softmax(p @ keys.reshape(48, 64).T / 0.15).numpy()).reshape(8, 8, 6)
shares = belief[np.arange(8), np.arange(8)]  # (8, 6): of each one's own keys
assert np.isclose(soft_loss(p, keys, np.full((8, 6), 1 / 6), 0.15), -np.log(shares.mean(axis=1)).mean())  # flat: mean
off = weights * (np.arange(6) == 0)
assert np.isclose(soft_loss(p, keys, off, 0.15), -np.log(shares[:, 0]).mean())  # weight 0: as if it were no positive

# %% [markdown]
# One neighbour of weight 1 is NNCLR's positive (the predictions do the asking here); flat weights are the mean of the
# shares; a weight of 0 takes a neighbour out of the sum. Out of the sum, not out of the line-up: it is a candidate
# still, and so a negative now.
#
# ## Who pulls
#
# In lesson 08 the gradient was belief minus truth. Here, for the cosine $s_k$ of the prediction and key $k$, it is
#
# $$\frac{\partial \ell}{\partial s_k} = \frac{P_k - R_k}{\tau}, \qquad R_k = \frac{w_k P_k}{\sum_j w_j P_j}$$
#
# with $w_k = 0$ for all negatives. Every candidate pushes by $P_k$, and the positives pull by $R_k$. So the truth is
# no label any more: it is the anchor's own belief, re-weighed. Autograd agrees:

# %%
W = np.zeros((8, 8, 6))
W[np.arange(8), np.arange(8)] = weights  # (8, 8, 6): 0 for the keys of others
W = W.reshape(8, 48)
leaf = Tensor(p @ keys.reshape(48, 64).T, requires_grad=True)  # all cosines
log_p = ops.log_softmax(leaf * (1 / 0.15))
(-ops.log((ops.exp(log_p) * W).sum(axis=1))).sum().backward()
P = np.exp(log_p.numpy())
R = W * P / (W * P).sum(axis=1, keepdims=True)
assert np.allclose(leaf.grad, (P - R) / 0.15)

# %% [markdown]
# Now look at the neighbours alone. In $w_k P_k$, the weight has $\cos / a$ in its exponent and the belief has
# $\cos / \tau$. Exponents add up. So with $p = z$ the neighbours pull as if they had been weighed at a lower
# temperature, $1 / (1/a + 1/\tau)$:

# %%
pull = R.reshape(8, 8, 6)[np.arange(8), np.arange(8), 1:]  # (8, 5): of each one's own neighbours
pull /= pull.sum(axis=1, keepdims=True)
assert np.allclose(pull, attention_weights(p, keys[:, 1:], 1 / (1 / 0.1 + 1 / 0.15)))
for a in (0.1, 1):
    print(f"weighed at {a}, they pull as at {1 / (1 / a + 1 / 0.15):.2f}")

# %% [markdown]
# Inside the logarithm, belief sorts the crowd once more, even where the weights are flat. Outside, the pull is $w$
# itself, and flat weights pull flat.
#
# All this holds only while $w$ stands still. The weights come from $z$ too, and if the gradient passed through them,
# the network would be paid for *choosing convenient friends*: weight goes to whoever is believed already.
#
# ## Exercise 16.c · Weights are constants

# %% tags=["exercise:16.c"]
def soft_grad(z, own, rows, attention, temperature):
    """z (b, d), own keys (b, d), neighbours rows (b, K, d), float64 -> (b, d): dloss/dz, with the weights fixed.

    Rows of any length above 0: the loss scales all of them to length 1, and the gradient goes through z's scaling.
    z is the prediction and also weighs the rows, at temperature `attention`; the own key has weight 1. The loss is
    losses.soft_neighbor_loss at `temperature`, weights inside. In closed form or by autograd (a Tensor), as you like.
    """
    raise NotImplementedError

# %%
soft_grad = check("16.c", soft_grad)

# %%
def through_the_weights(z, own, rows, attention, temperature):
    """The same with autograd let into the weights."""
    leaf = Tensor(z, requires_grad=True)
    scores = (leaf.reshape(len(z), 1, -1) * rows).sum(axis=2) * (1 / attention)  # unit rows: products are cosines
    weights = ops.concatenate(Tensor(np.ones((len(z), 1))), ops.exp(ops.log_softmax(scores)), axis=1)
    keys = np.concatenate([own[:, None], rows], axis=1)
    losses.soft_neighbor_loss(leaf, keys, weights, temperature).backward()
    return leaf.grad

fixed = soft_grad(p, keys[:, 0], keys[:, 1:], 0.1, 0.15)
extra = through_the_weights(p, keys[:, 0], keys[:, 1:], 0.1, 0.15) - fixed
print(f"length of the gradient {np.linalg.norm(fixed):.3f}; what the weights would add {np.linalg.norm(extra):.3f}")

# %% [markdown]
# For these eight pictures an extra gradient would come in, about a sixth as long as the true one, and it is about who
# gets a say, not about what is in the picture. The released code lets it in: there the query keeps its graph. The
# package's weights are arrays, which no gradient enters.
#
# ## Broken on purpose
#
# The released code computes the weights without a temperature. Nothing fails: they add up to 1, and the loss is an
# ordinary number. But cosines of neighbours, the nearest of 1,500, lie close together, and the exponential of a small
# difference is nearly 1. What do the weights say?

# %% tags=["broken"]
for k in (5, 10, 30):
    weights = attention_weights(z1, rows[:, :k], 1.0)
    flat, soft = 100 * same[:, :k].mean(), agreement(z1, rows, same, k, 1.0).mean()
    print(f"K = {k:<2}: entropy {entropy(weights):.3f}, ln K = {math.log(k):.3f}; weights from {weights.min() * k:.2f} "
          f"to {weights.max() * k:.2f} times 1 / K; friends {soft:.1f} %, with equal weights {flat:.1f} %")
    assert 0.99 * math.log(k) < entropy(weights) < math.log(k)  # soft is flat
    assert abs(soft - flat) < 1

# %% [markdown]
# The entropy is within 1 % of $\ln K$, and the weight on friends hardly differs from that of equal weights. Soft is
# flat, and flat is the lowest curve in the left picture above. Inside the logarithm, belief still sorts the crowd;
# outside, where the released code has its weights, nothing does. No curve of the loss tells you. Training with
# `--method snclr` writes `entropy` into `metrics.csv` for this reason: look at it beside $\ln K$, and turn the
# temperature down until there is a difference worth having.
#
# ## Three sentences to keep
#
# A crowd is only as good as its weights: flat, it is worse than the nearest alone, because farther neighbours are
# strangers more often. The temperature decides how many have a say, and the entropy of the weights tells you how many
# do. The weights stand inside the logarithm, where they mean *or*, and they are constants, so that nobody is paid for
# choosing convenient friends.
#
# **In practice:** train it with `--method snclr`; `--soft-k`, `--soft-temperature` and `--soft-weights` are this
# lesson's $K$, $a$ and inside or outside. Do not expect a crowd to win by itself: in this project's full runs on the
# toybox, with five seeds and 95 % intervals, SNCLR comes to 96.3 ± 0.4 % (nearest-neighbour classification), below
# NNCLR with 97.7 ± 0.3 % and SimCLR with 97.3 ± 0.4 % (`results/compare/toybox.csv`). That is reason enough to promise
# nothing.
