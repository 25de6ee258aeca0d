# ---
# jupyter:
#   lesson:
#     question: "What will this machine do that pixels cannot?"
#     picture: "five toys, each with its five nearest others by pixels, by a random network and by a trained one"
#     budget_s: 15
#     derives: []
#     imports: [make, pixels, encode, TinyCNN, stored, unit_rows, nearest, report]
#     exercises: ["00.a", "00.b", "00.c"]
#     needs: []
# ---

# %% [markdown]
# # 00 · Where we are going
#
# What will this machine do that pixels cannot?
#
# Show a child a boat, and then another boat: another colour, another place, seen from the other side. The child says
# *boat* both times. A computer sees 3,072 numbers, and hardly one of them is the same. In these lessons you build,
# from nothing but NumPy and Numba, a machine that learns to see the boat, though nobody ever tells it what a boat is.
# Before you build it, meet it finished, and ask what a buyer should ask: is it any good, and compared with what?
#
# **You will need** Python, and NumPy as far as `a[i, j]`, `a.mean()` and `a @ b`. **It takes** about 10 s on one core,
# and up to half a minute more the first time, while Numba compiles the package. **The picture to keep:** five toys
# with their five nearest others, as pixels see them, as an untrained network does, and as a trained one does.

# %%
import contextlib
import io
import textwrap

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Pretty
from matplotlib.patches import FancyBboxPatch, Rectangle

from tinynnclr.datasets import toybox
from tinynnclr.kernels import nearest
from tinynnclr.kernels.l2_normalize import unit_rows
from tinynnclr.models import TinyCNN
from tinynnclr.models.encode import encode, pixels
from support import WrongAnswer, check, draw_guess, predict, report, show, stored

# %% [markdown]
# ## Two thousand toys
#
# The *toybox* is a set of pictures that the package draws itself: ten classes of things, each in several kinds, in
# random poses and colours. A picture's class is its *label*. The machine never sees labels; we keep them to judge it.

# %%
toys = toybox.make(2000, seed=0, split="test")
labels = toys.labels
print(f"pictures {toys.images.shape}; {', '.join(toybox.CLASS_NAMES)}")

# %% [markdown]
# Three pairs of eyes look at them. **Pixels**: the picture as it is, 32 x 32 x 3 = 3,072 numbers. **A random
# network**: some 25,000 weights, still as chance set them, turn those into 64 numbers, the *embedding* of the
# picture. **A trained network**: one of the same build after eight passes over 20,000 other toys, without labels.

# %%
trained = stored("results/trained.npz").encoder
eyes = {"pixels": pixels(toys.images), "trained network": encode(trained, toys.images)}
for seed in range(5):
    eyes[f"random network {seed}"] = encode(TinyCNN(8, np.random.default_rng(seed)), toys.images)
for name in ("pixels", "random network 0", "trained network"):
    print(f"{name:<17} {eyes[name].shape}")
print(f"weights of a network: {sum(p.data.size for p in trained.parameters()):,}")

# %% [markdown]
# ## Guess first
#
# Take a toy, find the five others that look most like it to one pair of eyes, and count how many are of its class. If
# those eyes see what things *are*, it is many. What percentage do you expect? Write a number in place of each `...`
# and run the cell. A guess costs nothing, nobody collects it, and it will be drawn beside the truth: we remember what
# surprised us.

# %%
predict("00.pixels", percent=...)
predict("00.random", percent=...)
predict("00.trained", percent=...)

# %% [markdown]
# ## Alike, and how an exercise works
#
# What is "most like"? Two rows of numbers are alike when they point the same way. The cosine of the angle between
# them is 1 if they do, 0 at right angles, -1 if they are opposed:
#
# $$\cos(a, b) = \frac{a \cdot b}{\lVert a \rVert \, \lVert b \rVert}$$
#
# where $a \cdot b$ is the sum of the products of the rows $a$ and $b$, place by place, and
# $\lVert a \rVert = \sqrt{a \cdot a}$ is the length of $a$. Let us make it an exercise, and do this one for you. An
# exercise is a function with a description and no inside:

# %%
def cosine(a, b):
    """The cosine of the angle between a (d,) and b (d,), neither of them zero: one number."""
    raise NotImplementedError

# %% [markdown]
# In a lesson, `cosine = check("00.example", cosine)` would follow. `check` can say three things. (`verdict` only
# reports them; a wrong answer would stop the notebook.)

# %%
def verdict(answer):
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            check("00.example", answer)
    except WrongAnswer as wrong:
        said.write(str(wrong))
    return Pretty(said.getvalue())

verdict(cosine)

# %% [markdown]
# **Not attempted.** You may leave any exercise alone: the lesson goes on with the package's function, and Run All
# reaches the end. Now a hopeful answer.

# %%
def cosine(a, b):
    return (a * b).sum()

verdict(cosine)

# %% [markdown]
# **Wrong**, with the smallest example that shows it, and a hint. Work the example out by hand, and try again:

# %%
def cosine(a, b):
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())

verdict(cosine)

# %% [markdown]
# **Passed**, and the lesson goes on with *your* function. Every exercise has itself been tried on wrong answers, so a
# pass means something. They are in `wrong/`, each with its diagnosis; right ones are in `solutions/`.

# %% [markdown]
# ## Everybody asks everybody
#
# Once each row is divided by its length, the cosine is the bare product $a \cdot b$. The package's `nearest` finds the
# largest: here the six best of 2,000, for each of the 2,000. For one toy we compare it with the slow way.

# %%
found = {name: nearest(unit_rows(h), unit_rows(h), 6)[0] for name, h in eyes.items()}  # (2000, 6) each

h = eyes["trained network"]
slow = sorted(range(len(h)), key=lambda j: -cosine(h[123], h[j]))[:6]
assert slow == found["trained network"][123].tolist()

# %% [markdown]
# ## Broken on purpose
#
# And the score: how often has the nearest the same label?

# %% tags=["broken"]
for name in ("pixels", "random network 0", "trained network"):
    same = labels[found[name][:, 0]] == labels
    print(f"{name:<17} {same.mean():.1%}")
    assert same.all()

# %% [markdown]
# Three perfect scores, pixels among them. If a result is too good, ask who was asked: the toy most like toy 7 is toy
# 7. With all six counted the slip hides better: pixels would get nearly twice their score, and you would believe it.
# It comes back in lesson 10, where a queue of memories must not answer with the one who asks.

# %% [markdown]
# ## Exercise 00.a · Do not count yourself

# %% tags=["exercise:00.a"]
def label_match(found, labels):
    """Share, 0 to 1, of neighbours that have the label of the picture whose neighbours they are.

    found (n, k) integers: row i names the neighbours of picture i. labels (n,). Where row i names i itself, in
    whatever place, it does not count, neither as right nor as wrong. All that are left count alike; there are some.
    """
    raise NotImplementedError

# %%
label_match = check("00.a", label_match)

# %% [markdown]
# ## Exercise 00.b · What does guessing get?
#
# A percentage alone says nothing. The first thing to put beside it is *chance*: for each toy, draw a neighbour blindly
# from the others. With ten classes of equal size, is that 10 %? Nearly. And if half of all toys were boats?

# %% tags=["exercise:00.b"]
def chance(labels):
    """The label_match to expect of one neighbour drawn blindly for each picture, never itself: 0 to 1, exactly.

    labels (n,) integers, n > 1, in any order; classes may differ in size, and some may be absent. Nothing is drawn:
    the same labels always give the same number.
    """
    raise NotImplementedError

# %%
chance = check("00.b", chance)
boats = np.repeat(np.arange(10), [1100, *[100] * 9])
print(f"ten classes of 200: {chance(labels):.2%};  1,100 boats and nine classes of 100: {chance(boats):.2%}")

# %% [markdown]
# Ten classes again, and blind luck is right three times as often. Hence a rule of these lessons: `report` prints no
# accuracy without chance, random weights, and the number of *seeds* (independent starts of the random numbers).

# %%
match = {name: label_match(found[name], labels) for name in eyes}
random = [match[f"random network {seed}"] for seed in range(5)]
report({name: [match[name]] for name in ("pixels", "trained network")}, chance=chance(labels), random_weights=random)

# %% [markdown]
# (± is the 95 % interval of the mean, lesson 13, not the spread of single networks.) Compare with your guesses. Pixels
# beat chance by a few points, and random networks are about where pixels are: a network is not clever by being a
# network. What lifts the last number is training, and no label took part in it. That is worth twenty lessons. But is
# the cosine unkind to pixels, none of which is negative? Take the average away first:

# %%
for name in ("pixels", "random network 0", "trained network"):
    h = unit_rows(eyes[name] - eyes[name].mean(0))
    print(f"{name:<17} {label_match(nearest(h, h, 6)[0], labels):.1%} with the average taken away")

# %% [markdown]
# ## Exercise 00.c · The nearest others
#
# Better than forgiving the slip is not making it. Search so that nobody finds itself.

# %% tags=["exercise:00.c"]
def nearest_others(h, k):
    """The k rows of h most like each row of h (n, d) by cosine, never that row itself: (n, k) integers, best first.

    Of equals the lowest index comes first, also where two rows are the same. No row is zero; 0 < k < n.
    """
    raise NotImplementedError

# %%
nearest_others = check("00.c", nearest_others)
others = {name: nearest_others(h, 5) for name, h in eyes.items()}

# %%
def curve(name):
    """Per cent of the same class, for the nearest, the second, ... the fifth."""
    return 100 * (labels[others[name]] == labels[:, None]).mean(0)

fig, axes = plt.subplots(1, 3, figsize=(10, 3.1), sharey=True, layout="constrained")
panels = ("pixels", "pixels"), ("random network", "random"), ("trained network", "trained")
for ax, (title, key) in zip(axes, panels, strict=True):
    for name in (name for name in eyes if name.startswith(title)):
        ax.plot(range(1, 6), curve(name), "o-", color="#0072B2", lw=1.2, ms=5)
    ax.axhline(100 * chance(labels), color="#666666", ls="--", lw=1)
    ax.set(title=title, xticks=range(1, 6), xlabel="1 = the nearest", ylim=(0, 100))
    draw_guess(ax, f"00.{key}")
axes[0].text(5, 100 * chance(labels) - 2, "chance", color="#666666", ha="right", va="top")
axes[0].set_ylabel("% of the same class")
show(fig, alt="""Share of the same class for the nearest to the fifth neighbour, in three panels. Pixels and five random
     networks: low, falling towards chance. Trained network: far above both.""")
plt.close(fig)

# %% [markdown]
# Each dot is 2,000 toys; the middle panel has five random networks. On the whole, farther neighbours are worse company.
# What differs is where the line begins.
#
# ## The picture to keep
#
# Here is the first toy of every second class: nobody chose them for their looks.

# %%
queries = [np.flatnonzero(labels == c)[0] for c in range(0, 10, 2)]

def tile(ax, i, x, y, asker=None):
    """Picture i at (x, y); a solid blue frame if it is of the asker's class, a dotted one with a cross if not."""
    ax.imshow(toys.images[i], extent=(x, x + 1, y + 1, y), interpolation="nearest")
    if asker is not None:
        same = labels[i] == labels[asker]
        ax.add_patch(Rectangle((x, y), 1, 1, fill=False, ec="#0072B2" if same else "#D55E00", lw=3 if same else 1.5,
                               ls="-" if same else ":"))
        if not same:
            ax.plot(x + 0.84, y + 0.16, "x", color="#D55E00", mec="#D55E00", mew=2, ms=6)

# %% tags=["picture"]
fig, ax = plt.subplots(figsize=(10, 3.9), layout="constrained")
for row, i in enumerate(queries):
    tile(ax, i, 0, 1.12 * row)
    ax.text(-0.15, 1.12 * row + 0.5, toybox.CLASS_NAMES[labels[i]], ha="right", va="center", fontsize=11)
    for block, name in enumerate(("pixels", "random network 0", "trained network")):
        for place, j in enumerate(others[name][i]):
            tile(ax, j, 1.5 + 6.1 * block + 1.12 * place, 1.12 * row, asker=i)
for block, name in enumerate(("pixels", "a random network", "the trained network")):
    ax.text(1.5 + 6.1 * block, -0.2, f"nearest by {name}", fontsize=11)
ax.set(xlim=(-1.6, 19.4), ylim=(5.6, -0.9))
ax.axis("off")
show(fig, alt="""Five toys, each with its five nearest others in three blocks. By pixels and by a random network most
     are of other classes but alike in colour; by the trained network most are of the toy's own class.""")
plt.close(fig)

# %% [markdown]
# Solid blue frames are of the asking toy's class; dotted ones with a cross are not. Pixels find the same *colours in
# the same places*. The trained network finds the same *thing*, in other colours, turned, elsewhere, and now and then
# a wrong friend: lessons 12 to 16 are about those.
#
# How does it learn that? Cut two pieces from a picture, colour them differently, and ask that their embeddings agree
# while those of other pictures stay apart: that is *contrastive learning*. Then go one step further, and let the
# picture agree with its *nearest neighbour* among thousands that passed by a moment ago. That may be another boat;
# nobody said so. This is NNCLR, nearest-neighbour contrastive learning; neighbours like those that you have been
# counting are its teachers.

# %% [markdown]
# ## The map
#
# Each line is a lesson: its number, its place on the map (row, column), its seconds, what it asks, and what it needs.

# %%
LESSONS = (
    (0, "ab", 10, "Where we are going", "what can it do that pixels cannot?", ()),
    (1, "bb", 10, "Autograd in 100 lines", "how does the loss know whom to blame?", (0,)),
    (2, "ba", 25, "Loops, NumPy, and what a FLOP costs", "why is Python slow at the same sums?", (1,)),
    (3, "ca", 35, "Numba: what the compiler sees", "what changes when a type is known?", (2,)),
    (4, "da", 60, "Cache, tiles, threads", "how close to the best get 40 lines?", (3,)),
    (5, "db", 45, "Convolution three ways, and its gradient", "is it secretly a matrix product?", (1, 4)),
    (6, "eb", 50, "A tiny CNN that trains", "how do I know that it can learn?", (5,)),
    (7, "fb", 30, "Augmentation is the supervision", "what do two views share?", (6,)),
    (8, "gb", 25, "InfoNCE from two pictures", "who pulls, who pushes, how hard?", (7,)),
    (9, "hb", 80, "First self-supervised training, and collapse", "how can loss fall, nothing learned?", (8,)),
    (10, "ib", 15, "A queue of friends", "how old may a memory be?", (9,)),
    (11, "ja", 40, "Nearest neighbour by hand", "who is closest of 4,096, at what cost?", (4, 10)),
    (12, "kb", 60, "The NNCLR loss", "what if the positive is somebody else?", (11,)),
    (13, "lb", 60, "Training properly, judging fairly", "is it better, or lucky?", (12,)),
    (14, "mb", 60, "The bug zoo", "which bug does not show in the loss?", (13,)),
    (15, "ic", 60, "Ring negatives (CNS)", "which negatives are worth pushing?", (9,)),
    (16, "kc", 60, "Soft neighbours (SNCLR)", "one friend, or a weighted crowd?", (12,)),
    (17, "jc", 80, "DeepCluster", "can labels be invented?", (11,)),
    (18, "la", 70, "Where the time really goes", "after fast products, what is slow?", (11, 12)),
    (19, "mc", 300, "Capstone: your neighbour rule", "can you choose better friends?", (13, 16)),
)
PLACE = {number: (3.5 * "abc".index(at[1]), 0.66 * "abcdefghijklm".index(at[0])) for number, at, *_ in LESSONS}

# %%
ROADS = (("#D55E00", "--", "#FBEDE3"), ("#0072B2", "-", "#E6F1F8"), ("#009E73", ":", "#E5F5F0"))  # fast, main, aside

def box(ax, number, title, asks):
    """A lesson: its number, its title, what it asks."""
    x, y = PLACE[number]
    edge, line, face = ROADS[round(x / 3.5)]
    frame = FancyBboxPatch((x - 1.5, y - 0.2), 3, 0.4, "round,pad=0.06", fc=face, ec=edge, ls=line, lw=1.4)
    ax.add_patch(frame)
    ax.text(x - 1.48, y, f"{number:02}", va="center", fontsize=15, weight="bold", color=edge)
    lines = textwrap.wrap(title, 28 if len(title) > 34 else 34)
    for i, text in enumerate([*lines, asks]):
        ax.text(x - 1.03, y + 0.155 * (i - len(lines) / 2), text, va="center", fontsize=9,
                weight="bold" if i < len(lines) else "normal")

def arrow(ax, start, end):
    """From a lesson to one that needs it: down, across, or across and then down."""
    (x0, y0), (x1, y1) = PLACE[start], PLACE[end]
    side, fast = np.sign(x1 - x0), x0 == x1 == 0
    tail, head = ((x0 + 1.56 * side, y0), (x1, y1 - 0.27)) if side else ((x0, y0 + 0.26), (x1, y1 - 0.27))
    head = (x1 - 1.57 * side, y1) if y0 == y1 else head
    bend = "arc3" if x0 == x1 or y0 == y1 else "angle,angleA=0,angleB=90,rad=8"
    colour, line, _ = ROADS[0 if fast else max(1, round(x1 / 3.5))]
    ax.annotate("", head, tail, zorder=3 if x1 < 7 else 2, arrowprops={
        "arrowstyle": "-|>", "color": colour, "ls": line, "lw": 2, "shrinkA": 0, "shrinkB": 0, "connectionstyle": bend})

# %%
fig, ax = plt.subplots(figsize=(10.4, 8.6), layout="constrained")
for number, _, _, title, asks, needs in LESSONS:
    box(ax, number, title, asks)
    for other in needs:
        arrow(ax, other, number)
ways = "only speed: 02 to 04, 11, 18", "the main road (02 to 04 belong to it)", "afterwards, as you like"
for (colour, line, _), y, text in zip(ROADS, (0.75, 0.3, 1.2), ways, strict=True):
    ax.plot((5.6, 6.1), (y, y), line, color=colour, lw=2)
    ax.text(6.25, y, text, va="center", fontsize=10)
y = PLACE[7][1]
ax.annotate("only self-supervised learning?\nstart here, take 01 to 06 on trust", (5.06, y), (5.7, y), va="center",
            fontsize=10, arrowprops={"arrowstyle": "-|>", "color": "#222222", "lw": 2})
ax.set(xlim=(-1.7, 8.7), ylim=(PLACE[14][1] + 0.35, -0.35))
ax.axis("off")
show(fig, alt="""Twenty boxes joined by arrows: on the left the lessons on speed, 02 to 04, 11 and 18; in the middle the
     main road from 00 to 14; on the right 15, 16, 17 and 19. Who wants only self-supervised learning starts at 07.""")
plt.close(fig)
print(f"seconds of all lessons together: {sum(seconds for _, _, seconds, *_ in LESSONS):,}")

# %% [markdown]
# Follow the arrows, and nothing is used before it has been built. There are three ways in: at the top, for
# everything; at 02, along the dashed road, for **speed** alone, taking what 01, 10 and 12 lend it on trust; at 07, for
# **learning without labels** alone, if you are willing to believe in the network.
#
# ## How long it takes
#
# The seconds are budgets on two cores: about 20 minutes for all twenty, 5 of them the capstone's. Nothing is
# downloaded, and no graphics card is needed. Reading takes longer: an hour for a lesson with its exercises is our
# guess, measured by nobody. If you can sketch its picture the next day, you have the lesson.
#
# ## Three sentences to keep
#
# In pixels, and to a network that nobody has trained, the five nearest pictures are of the same kind one and a half to
# twice as often as by chance; after training without labels, eight times as often. A percentage says something only
# beside chance and random weights, and only if nobody was counted as their own neighbour. Guess, run, be surprised.
#
# **In practice:** toys are kind. On photographs (CIFAR-10, 15 epochs, one seed, `results/cifar10.json`) a vote of the
# 20 nearest neighbours names the class of 59.5 % with NNCLR, 45.3 % with pixels, 32.9 % with random weights; chance is
# 10 %. The same training without neighbours, SimCLR, got 62.2 %: friends do not always help, and lesson 13 is about how
# to tell.
