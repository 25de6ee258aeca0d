# ---
# jupyter:
#   lesson:
#     question: "Which bug does not show in the loss?"
#     picture: "a heat map of eight planted bugs and a healthy step against eight diagnostics, filled where one fires"
#     budget_s: 60
#     derives: [step_loss]
#     imports: [load, stored, knn_accuracy, NNCLR, nnclr_loss, l2_normalize, unit_rows, nearest, two_views, encode]
#     exercises: ["14.a", "14.b", "14.c", "14.d"]
#     needs: [8, 10, 11, 12, 13]
# ---

# %% [markdown]
# # 14 · The bug zoo
#
# A program that sorts badly gives a list that is not sorted. A network that is trained badly gives a network. It
# runs, its loss goes down, its pictures have friends; it is a little worse than it should be, and nobody knows how
# good it should be. Of those who wrote NNCLR anew, two said in public that their numbers disappointed and that they
# could not tell yet whether an error of their own was the reason (vissl #318, MalteEbner/NNCLR #1). This lesson keeps
# eight bugs, one to a cage, and asks: **which bug does not show in the loss?** And what would have caught it?
#
# **You will need** lessons 08 (InfoNCE), 10 (the queue), 12 (the NNCLR loss) and 13 (judging). **It takes** about 30 s
# on one core, most of it training. **The picture to keep:** eight bugs against eight diagnostics, filled where a
# diagnostic fires.

# %%
import json
import math
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from tinynnclr.datasets import load
from tinynnclr.datasets.views import PRESETS, two_views
from tinynnclr.metrics.knn import knn_accuracy
from tinynnclr.kernels import nearest
from tinynnclr.methods.losses import nnclr_loss
from tinynnclr.kernels.l2_normalize import unit_rows
from support import check, draw_guess, predict, report, show, stored
from support.exercises.lesson_13 import conclude
from support.zoo import ZOO, patient
from tinynnclr.tensor import Tensor, no_grad  # noqa: F401 - for your answers

# %% [markdown]
# ## A healthy step, whole
#
# First the animal as nature made it. Two views of a batch become embeddings $z_1, z_2$ and predictions $p_1, p_2$.
# Each $z$ looks up its neighbour, the nearest row of the queue (the code calls it a friend, whatever its class), and
# it must find, among all predictions of the *other* view, that of the image that asked. At the end, and not before,
# view 1 goes into the queue.

# %%
def step_loss(method, queue, x1, x2):
    """Views x1, x2 (b, h, w, 3), queue (q, d) of rows of length 1 -> the loss, and the queue after the step."""
    assert (x1.shape, queue.shape[1]) == (x2.shape, method.config.dim)
    z1, z2 = method.projector(method.encoder(x1)), method.projector(method.encoder(x2))  # (b, d)
    n1, n2 = (queue[nearest(unit_rows(z.numpy()), queue)[0][:, 0]] for z in (z1, z2))    # arrays: constants
    p1, p2 = method.predictor(z1), method.predictor(z2)
    t = method.config.temperature
    loss = (nnclr_loss(n1, p2, t) + nnclr_loss(n2, p1, t)) * 0.5
    return loss, np.concatenate([queue[len(z1):], unit_rows(z1.numpy())])

# %% [markdown]
# It must be the package's NNCLR, or we would be studying our own mistakes. The network is the stored one that has had
# three epochs without neighbours; both sides get the same queue of random rows, and the same views.

# %%
# compare: step_loss
train, test = load("toybox", "data", train_size=20_000)
ids = np.arange(128)
x1, x2 = two_views(train.images, ids, PRESETS["toybox"], np.random.default_rng(14), 24)
ours, theirs = stored("results/warm.npz"), stored("results/warm.npz")
theirs.config = replace(theirs.config, neighbors=True)
theirs.support_set.counts[1] = len(theirs.support_set)        # "full": neighbours are looked up from now on
loss, queue = step_loss(ours, theirs.support_set.rows.copy(), x1, x2)
found = theirs([x1, x2], ids)
assert np.isclose(loss.item(), found.loss.item(), rtol=1e-5)
theirs.after_step(found)
assert np.allclose(queue[-128:], theirs.support_set.rows[:128], atol=1e-6)

# %% [markdown]
# ## The same step in parts, and eight ways to get a part wrong
#
# To plant a bug, `support/zoo.py` cuts this step into methods that can be replaced one at a time:
#
# - `step.batch()` gives ids, in the order of `step.order()`; `step.views(ids)` their two views;
# - `step.embed(x)` is $z$; `step.friends(z1, z2, ids)` looks up $n_1, n_2$, stores $z_1$, and says whose $n_1$ are;
# - `step.loss(n, p)` is one half of the loss; `step.rows` and `step.ids` are the queue;
# - `step.encode(images)` gives the features $h$ by which the encoder is judged (lesson 13).
#
# `step(ids)` puts them together. Each bug changes one of them, and each has been seen in the wild (#: its report on
# GitHub) or is next door to one that was:
#
# | bug | what it does | seen |
# |---|---|---|
# | `gradient` | the friend keeps the gradient of $z$: no stop-gradient | Keras' NNCLR example, on purpose |
# | `itself` | stores first, looks second: you find yourself | lightly #564, between two halves of MoCo |
# | `lengths` | the queue is not scaled to length 1 | lightly #1009: scaled, but not assigned |
# | `rotated` | positives are off by one row | any `roll`, `arange` or `concatenate` too many |
# | `inverted` | similarities are *multiplied* by the temperature | Bolts #609 forgot it in one term of a loss |
# | `company` | batch norm judges in training mode | a forgotten `eval()` |
# | `twins` | both views are the same picture | catalyst #1278, seen in review: one view taken twice |
# | `sorted` | nobody shuffles: images come class by class | a list of files, folder by folder |
#
# None raises an error, and none is longer than a few lines. The healthy step in parts must be the step above:

# %%
parts = ZOO["healthy"](stored("results/warm.npz"), train.images, train.labels)
parts.views = lambda ids: (x1, x2)
expected, queue = step_loss(stored("results/warm.npz"), parts.rows, x1, x2)
assert np.isclose(parts(ids)[0].item(), expected.item())
assert np.allclose(parts.rows, queue)

# %% [markdown]
# ## Read the curves, as everybody does
#
# All nine steps, the healthy one included, now start from the same stored network with a queue of 1,024 real
# embeddings and train for 40 steps. Two guesses first. What loss will `itself` show at the end, where everybody's
# friend is the image's own embedding? A guess among the 128 predictions of a batch would cost $\ln 128 = 4.85$ nats; a
# healthy step costs about 3.2. And how many of the eight bugs would you catch by the loss alone?

# %%
predict("14.itself_loss", nats=...)
predict("14.caught", bugs=...)

# %%
steps = {}
for name, kind in ZOO.items():
    step = steps[name] = kind(stored("results/warm.npz"), train.images, train.labels, seed=1).fill()
    step.losses, step.agreement = step.train(40)
    print(f"{name:<8}  loss {step.losses[-10:].mean():.2f}, friends of its class {step.agreement[-10:].mean():.0%}")

# %%
LOOK = {"healthy": ("#222222", "-", "o"), "gradient": ("#E69F00", "--", "s"), "itself": ("#D55E00", "-", "v"),
        "lengths": ("#56B4E9", "-.", "D"), "rotated": ("#CC79A7", "-", "^"), "inverted": ("#0072B2", "--", "P"),
        "company": ("#888888", ":", "x"), "twins": ("#009E73", "-", "<"), "sorted": ("#B8A800", "-", ">")}

def curves(ax, values, title, ylabel):
    for name, (colour, line, marker) in LOOK.items():
        smooth = np.convolve(values[name], np.ones(5) / 5, "valid")
        ax.plot(np.arange(3, 39), smooth, line, color=colour, marker=marker, markevery=6, ms=5, label=name,
                lw=3 if name == "healthy" else 1.5)
    ax.set(xlabel="step", ylabel=ylabel, title=title)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.4), layout="constrained")
curves(left, {name: step.losses for name, step in steps.items()}, "The loss", "nats")
curves(right, {name: 100 * step.agreement for name, step in steps.items()}, "Friends of the anchor's class", "%")
left.axhline(math.log(128), color="#AAAAAA", zorder=0)
left.text(39, math.log(128) + 0.08, "a guess, ln 128", ha="right", color="#666666", fontsize=9)
right.axhline(10, color="#AAAAAA", zorder=0)
right.text(39, 12, "chance", ha="right", color="#666666", fontsize=9)
right.set_ylim(0, 105)
draw_guess(left, "14.itself_loss")
right.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
show(fig, alt="Left: losses of nine steps over 40 steps; two end near the logarithm of 128, the others lie between 1.8 "
              "and 4.2, some below the healthy one. Right: share of friends of the anchor's class; one bug is at "
              "100 percent, one returns there again and again, all others stay near a third.")
plt.close(fig)

# %% [markdown]
# The thick black line is healthy; each point is the mean of five steps. It hardly moves: a network that has had three
# epochs makes no leaps in forty steps. If you knew one curve only, your own, would you worry? `rotated` and `inverted`
# end near the loss of a guess, and that is an alarm. The others look like training. `twins` has by far the *best*
# loss: to recognise the very same picture is easy. `itself` is a little better than healthy on the left, and perfect
# on the right. So is `sorted`, whenever a class has filled the queue: everybody's friend is of that class, for there
# is no other. On the black line lies a dotted grey one, number for number the same: `company` trains as it should.
#
# A curve that is too good is a symptom as well:

# %% tags=["broken"]
healthy, itself, twins = (steps[name] for name in ("healthy", "itself", "twins"))
assert itself.losses[-10:].mean() < healthy.losses[-10:].mean()
assert twins.losses[-10:].mean() < healthy.losses[-10:].mean() - 1
assert itself.agreement[-10:].mean() > 0.99
assert steps["sorted"].agreement[-10:].mean() > 0.7
assert (steps["company"].losses == healthy.losses).all()

# %% [markdown]
# ## Diagnostics: ask a question whose answer you know
#
# The way out is not a better eye for curves. It is to ask a part of the step something to which the right answer is
# known beforehand. A diagnostic here is a function that takes a step, says nothing if all is well, and raises
# `AssertionError` if not. The first is what everybody has: has the loss left the neighbourhood of a guess?

# %%
def loss_tells(step):
    guess = math.log(step.batch_size)                         # ln b
    assert step.losses[-10:].mean() < 0.97 * guess, "the loss is within 3 % of a guess's"

# %% [markdown]
# **A perfect match has a known price.** Let friend and prediction be the rows of the identity matrix: each cosine is 1
# with the own row and 0 with the $b - 1$ others. Then, at temperature $\tau$, the loss is
#
# $$\ell = \ln\left(1 + (b - 1)\, e^{-1/\tau}\right)$$
#
# and no other value will do. A popular known point is no good here: equal embeddings cost $\ln b$, for *every*
# temperature and for *any* assignment of positives. The cell shows it: both broken losses pass.

# %%
def perfect_match(step):
    eye, t = np.eye(128, dtype=np.float32), step.method.config.temperature
    expected = math.log(1 + 127 * math.exp(-1 / t))
    got = step.loss(eye, eye).item()
    assert abs(got - expected) < 1e-3, f"a perfect match costs {got:.2f} nats, not {expected:.2f}"

equal = np.ones((128, 32), np.float32)
for name in ("healthy", "rotated", "inverted"):
    assert abs(steps[name].loss(equal, equal).item() - math.log(128)) < 1e-3

# %% [markdown]
# **What should be of length 1 has length 1**, after real use, not only on the first day. **Two views differ** in every
# image. **A queue is a mixture**: no class should have a third of it, where there are ten. (Labels are for the doctor.
# Without any, ask whether the ids of an epoch come in a random order.)

# %%
def unit_queue(step):
    assert np.abs(np.linalg.norm(step.rows, axis=1) - 1).max() < 1e-3, "a row of the queue is not of length 1"

def two_looks(step):
    x1, x2 = step.views(step.batch())
    assert (x1 != x2).any(axis=(1, 2, 3)).all(), "an image has the same view twice"

def mixed_queue(step):
    shares = np.bincount(step.labels[step.ids]) / len(step.ids)
    assert shares.max() < 0.33, f"{shares.max():.0%} of the queue is of one class"

# %% [markdown]
# Three diagnostics are missing, for `gradient`, `itself` and `company`. They are yours. Each must fire on its own bug,
# in more than one disguise, and be silent on the healthy step, on odd but healthy ones, and on the seven other bugs.
# An alarm that rings for everything is switched off within a week.
#
# ## Exercise 14.a · Only old friends
#
# Write down what the queue was, then ask for friends.

# %% tags=["exercise:14.a"]
def only_old_friends(step):
    """AssertionError unless every friend, n1 (b, d) and n2 (b, d), was a row of the queue *before* step.friends().

    step.rows (q, d); ids = step.batch() (b,); step.views(ids) -> x1, x2; step.embed(x) -> a Tensor z (b, d);
    step.friends(z1, z2, ids) -> n1, n2, whose n1 are. A friend is an array or a Tensor (its .numpy() is the array).
    An older copy of the same image is allowed: after an epoch the queue may hold one.
    """
    raise NotImplementedError

# %%
only_old_friends = check("14.a", only_old_friends)

# %% [markdown]
# ## Exercise 14.b · Friends are constants
#
# In a healthy step $z$ receives a gradient through its prediction, so "there is a gradient" proves nothing. Cut that
# way off, and see whether anything still arrives.

# %% tags=["exercise:14.b"]
def friends_are_constants(step):
    """AssertionError where the gradient of step.loss(n, p) reaches z1 or z2 (b, d) through the friends n1 or n2.

    Tensor(array, requires_grad=True) is a leaf: after loss.backward() its .grad is None or an array. The loss needs one
    leaf with requires_grad to walk back to. Parts of a step as in 14.a; step.loss(n, p) takes n, p (b, d).
    """
    raise NotImplementedError

# %%
friends_are_constants = check("14.b", friends_are_constants)

# %% [markdown]
# ## Exercise 14.c · The same alone
#
# In training, batch norm subtracts the mean of the batch and divides by its spread: what a picture becomes depends on
# who else is there. For judging it must use the averages it collected in training. A flag can lie; features cannot.

# %% tags=["exercise:14.c"]
def same_alone(step):
    """AssertionError where an image's features depend on the images encoded with it.

    step.encode(images): uint8 (n, h, w, 3) -> h (n, f), n at least 1; step.images (m, h, w, 3) are there to be used.
    """
    raise NotImplementedError

# %%
same_alone = check("14.c", same_alone)

# %% [markdown]
# ## The picture to keep
#
# Nine steps, eight diagnostics, 72 questions. Most take a single step or less; only the loss needed forty.

# %%
def fires(diagnostic, step):
    try:
        diagnostic(step)
    except AssertionError:
        return True
    return False

ROWS = {"rotated": "positives rotated", "inverted": "temperature inverted", "gradient": "no stop-gradient",
        "itself": "stored before the search", "lengths": "queue not scaled", "company": "judged in training mode",
        "twins": "one seed for both views", "sorted": "data not shuffled", "healthy": "nothing wrong"}
COLUMNS = {loss_tells: "loss leaves\na guess", perfect_match: "perfect match\ncosts its price",
           friends_are_constants: "friends are\nconstants (b)", only_old_friends: "only old\nfriends (a)",
           unit_queue: "queue of\nlength 1", same_alone: "the same\nalone (c)", two_looks: "two views\ndiffer",
           mixed_queue: "queue is\na mixture"}
fired = np.array([[fires(diagnostic, steps[name]) for diagnostic in COLUMNS] for name in ROWS])
assert fired[:8].any(axis=1).all()                            # every bug is caught,
assert not fired[8].any()                                     # and the healthy step is left alone

# %% tags=["picture"]
fig, (top, ax) = plt.subplots(2, 1, figsize=(10, 6.6), height_ratios=(1, 4.2), layout="constrained", sharex=True)
top.bar(np.arange(8), fired.sum(axis=0), color=["#D55E00", *["#0072B2"] * 7], width=0.6)
top.set(ylabel="bugs caught", yticks=[0, 2, 4, 6, 8], ylim=(0, 8.5))
draw_guess(top, "14.caught")
ax.imshow(np.where(fired, 1.0, 0.0), cmap="Blues", vmin=0, vmax=1.4, aspect="auto")
for i, j in np.argwhere(fired):
    ax.text(j, i, "fires", ha="center", va="center", color="white", fontweight="bold")
for i, j in np.argwhere(~fired):
    ax.text(j, i, "·", ha="center", va="center", color="#999999")
ax.axhline(7.5, color="#222222", lw=2)
ax.set_xticks(np.arange(8), COLUMNS.values(), fontsize=9)
ax.set_yticks(np.arange(9), [f"{words}  ({name})" for name, words in ROWS.items()])
ax.set_xticks(np.arange(0.5, 8), minor=True)
ax.set_yticks(np.arange(0.5, 8), minor=True)
ax.grid(which="minor", color="#DDDDDD")
ax.tick_params(which="both", length=0)
show(fig, alt="Heat map of eight bugs and a healthy step against eight diagnostics. The loss column is filled for two "
              "bugs, positives rotated and temperature inverted; each of the six others is caught by one diagnostic "
              "only, and in the healthy row nothing fires.")
plt.close(fig)

# %% [markdown]
# **This is the picture to keep.** The first column is what most people look at, and it is blank for six bugs of
# eight. Each of these six has exactly one diagnostic that sees it. The last row matters as much as the others:
# nothing fires on a healthy step.
#
# ## What does a bug cost?
#
# Silent is not the same as harmful. So each bug was trained on from the stored network for two epochs (312 steps) with
# three seeds, which is too long for a lesson: `python lessons/evidence` did it, and wrote down the kNN accuracy (lesson
# 13). How many points does the most expensive bug cost? And which of these words does exercise 13.c's `conclude` allow:
# worse, better, cannot tell?

# %%
predict("14.worst_cost", points=...)

# %%
found = json.loads(Path("results/zoo.json").read_text())
knn = {name: np.array(values) for name, values in found["knn"].items()}
report(knn, chance=0.1, random_weights=found["random"])
print(f"before these two epochs: {found['warm']:.1%}")

# %%
cost = {name: 100 * (knn["healthy"] - values) for name, values in knn.items() if name != "healthy"}
order = sorted(cost, key=lambda name: cost[name].mean())
LOOKS = {"worse": ("o", "#D55E00"), "better": ("s", "#009E73")}
fig, ax = plt.subplots(figsize=(9, 4.2), layout="constrained")
for i, name in enumerate(order):
    word, low, high = conclude(dict(enumerate(knn[name])), dict(enumerate(knn["healthy"])), 0.5)
    print(f"{name:<23} against healthy: {word:<11} ({low:+.1f} to {high:+.1f} points)")
    marker, color = LOOKS.get(word, ("D", "#0072B2"))
    ax.plot(cost[name], [i] * len(cost[name]), marker, color=color, mfc="none", ms=8)
    ax.plot(cost[name].mean(), i, "|", color="#222222", ms=18, mew=2)
ax.axvline(0, color="#888888", zorder=0)
ax.set_yticks(np.arange(len(order)), order)
ax.set(xlabel="points of kNN accuracy lost to the bug, seed by seed (left of 0: won)",
       title="Three seeds (circles: worse; squares: better; diamonds: cannot tell), bar: mean")
draw_guess(ax, "14.worst_cost", axis="x")
show(fig, alt="Points of kNN accuracy that each bug loses against a healthy run of the same seed, three seeds each, "
              "sorted from bugs that win to the most expensive.")
plt.close(fig)

# %% [markdown]
# Read this with the curves in mind. By far the best loss belongs to the most expensive bug: `twins` costs more than
# 20 points on average, and so does `company` where batches come class by class, of which more below. `rotated`
# unlearns what was there before. So does `sorted`, whose friends agree so well. `inverted` unlearns nothing and
# learns nothing: its network stands where it began.
#
# And then there are bugs of which three seeds *cannot tell*: `itself`, `lengths`, `company` judged with mixed batches.
# `gradient` comes out *better*, by 0.6 to 3.4 points, in one of nine questions: Keras' choice is worth a thought. Are
# they harmless? Look at `itself`: its friends are the images themselves, so this is no NNCLR at all. Compare it with
# SimCLR, and you will report that neighbours do not help, from an experiment without neighbours. The accuracy is right,
# and the conclusion is wrong. (Two epochs on toys decide nothing about longer runs on photographs, either way.)
#
# ## Broken on purpose
#
# `company` shows how a bug can hide in a fair-looking number. Judge the stored network in training mode twice: with all
# classes in every batch, then with the same images class by class, as they would lie in folders.

# %% tags=["broken"]
def judged(kind, a, b):
    """kNN accuracy with the training images a as the bank and the test images b as queries."""
    step = ZOO[kind](stored("results/warm.npz"), train.images, train.labels)
    return knn_accuracy(step.encode(train.images[a]), train.labels[a], step.encode(test.images[b]), test.labels[b])

mixed = np.arange(5000), np.arange(4000)
by_class = [part[np.argsort(labels[part])] for part, labels in zip(mixed, (train.labels, test.labels), strict=True)]
three = {"evaluation mode": [judged("healthy", *mixed)], "training mode, mixed": [judged("company", *mixed)],
         "training mode, class by class": [judged("company", *by_class)]}
report(three, chance=0.1, random_weights=found["random"])
assert three["training mode, class by class"][0] < three["evaluation mode"][0] - 0.15
assert three["training mode, mixed"][0] > three["evaluation mode"][0] - 0.02

# %% [markdown]
# Mixed, the number is as high as the honest one; a test that shuffles will never notice. Class by class it loses
# about 20 points. Batch norm subtracts what all pictures of a batch have in common, and in a folder of cats that is
# the cat.
#
# ## Exercise 14.d · Name the patient
#
# Take a number for a seed; it chooses what the patient has. Its class is called `Step`, whatever it has, so only
# questions help. Write a function that names the bug of any step. One question, which tells `rotated` from
# `inverted`, you have not asked yet.

# %% tags=["exercise:14.d"]
def diagnose(step):
    """What a step has: "healthy", "gradient", "itself", "lengths", "rotated", "inverted", "company", "twins", "sorted".

    Its queue is full of real embeddings; its batches, images, classes and widths are not those of this lesson. All
    that 14.a to 14.c say of a step holds; step.labels (m,), step.ids (q,), step.method.config.temperature are there.
    """
    raise NotImplementedError

# %%
diagnose = check("14.d", diagnose)

# %%
SEED = 2026  # put your own
mine = patient(SEED, stored("results/warm.npz"), train.images, train.labels).fill()
print(f"patient {SEED}: {diagnose(mine)}")

# %% [markdown]
# ## Three sentences to keep
#
# The loss says how well the network does what the code asks, and a bug is code that asks for something else. So test
# the parts, with questions whose answers are known before any training: a perfect match, a constant that must get no
# gradient, a row that was there before. And a diagnostic is worth as much as its silence, so try it on healthy steps
# and on other people's bugs.
#
# **In practice:** keep such assertions in the tests, with small odd sizes and three different widths, so that a part
# plugged in at the wrong place cannot fit by accident. Keep the cheap numbers in the log: this package's training
# writes the share of friends that are the image's own older copy, the number of different friends in a batch, and the
# spread of the embeddings into `metrics.csv`, and says so when one looks like a collapse. And when a new method is no
# better than the old one, ask the zoo before you ask the public.
