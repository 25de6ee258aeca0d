# ---
# jupyter:
#   lesson:
#     question: "How old may a memory be?"
#     picture: "cosine of a stored embedding with the same view encoded now, against its age, at two learning rates"
#     budget_s: 30
#     derives: [SupportSet]
#     imports: [load, two_views, TinyCNN, projector, nt_xent_loss, SGD]
#     exercises: ["10.a", "10.b", "10.c"]
#     needs: [1, 7, 8, 9]
# ---

# %% [markdown]
# # 10 · A queue of friends
#
# SimCLR knows only the pictures of its batch. NNCLR, which begins here, wants to ask *who is like me?* among thousands,
# and a batch of thousands does not fit into a small computer. So it keeps what it computed a moment ago: embeddings of
# pictures that went by, in a queue. They cost nothing, for they were made anyway. But the network that made them has
# learned since, and would place those pictures elsewhere today. **How old may a memory be?**
#
# **You will need** lessons 07 (views), 08 (the loss) and 09 (training). **It takes** about 15 s on one core.
# **The picture to keep:** how a memory parts from the present, step by step, at two learning rates.

# %%
from collections import deque
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np

from tinynnclr import methods
from tinynnclr.datasets import load
from tinynnclr.datasets.views import PRESETS, two_views
from tinynnclr.methods.losses import nt_xent_loss
from tinynnclr.models import TinyCNN, projector
from tinynnclr.nn import SGD, Sequential
from support import bench, check, draw_guess, predict, show
from tinynnclr.tensor import no_grad

# %% [markdown]
# ## The honest version first
#
# A queue is a line at a counter: who came first leaves first. Of a *support set* (NNCLR's name for its queue of
# embeddings) we want to know three things of each row: its numbers, the *id* of the picture they belong to, and the
# step in which it came in. Python has all that: a `deque` (a list open at both ends) with a largest length drops its
# oldest element whenever a new one enters.

# %%
line = deque(maxlen=5)  # five places
for step, batch in enumerate(([10, 11, 12], [13, 14, 15], [16]), start=1):
    for i in batch:
        line.append((i, step))  # an embedding would stand here too
    print("oldest first, (id, step):", list(line))

# %% [markdown]
# This is our judge. Its one fault shows when we search. Lesson 11 compares every query with every row by a matrix
# product, and that wants all rows side by side in one array; from a line of loose rows it must be built anew at every
# step. Moving everybody up by one place, in an array, would be no better. So let nobody move. A *ring buffer* is
# an array and one number, the *pointer*: the place of the oldest row, which is where the next row goes. After the last
# place comes the first again.
#
# ## Exercise 10.a · Let them in
#
# Two things can go wrong here, and in published code the first one does. A batch may reach beyond the last place, and
# its rest belongs at the front. And a batch may be larger than the whole queue; then its last rows stay, as they would
# in the line.

# %% tags=["exercise:10.a"]
def enqueue(queue, z, ids):
    """Let the rows z (b, d) of the pictures ids (b,) into the ring; the oldest go. Returns nothing, changes `queue`.

    queue.rows (size, d), queue.ids (size,), queue.born (size,): arrays, written at the same places; a row's `born` is
    the number of the batch it came with, and this batch has the number queue.clock + 1, which becomes the new clock.
    queue.pointer: where the next row goes, from 0 to size - 1. b may be 0 (which counts as a batch, too), or more than
    size; the pointer moves by b in all cases, modulo size.
    What stays in the queue stays in its place: copying all rows at every step is not allowed.
    """
    raise NotImplementedError

# %%
enqueue = check("10.a", enqueue)

# %% [markdown]
# Here is a ring of 8 places into which batches of 3 come. A line of the picture is a moment, a column a place.

# %%
def empty_ring(size, dim=1):
    return SimpleNamespace(rows=np.zeros((size, dim), np.float32), ids=np.full(size, -1),
                           born=np.zeros(size, int), pointer=0, clock=0)

ring, moments = empty_ring(8), []
for step in range(6):
    enqueue(ring, np.ones((3, 1), np.float32), np.arange(3 * step, 3 * step + 3))
    moments.append((ring.ids.copy(), ring.clock - ring.born + 1, ring.pointer))

# %%
fig, ax = plt.subplots(figsize=(7, 3.6))
ages = np.array([np.where(ids < 0, 5, age) for ids, age, _ in moments])
ax.imshow(ages, cmap="Blues_r", vmin=0, vmax=4.5, aspect="auto")
for (step, place), age in np.ndenumerate(ages):
    i = moments[step][0][place]
    ax.text(place, step, i if i >= 0 else "·", ha="center", va="center", color="white" if age < 2 else "black")
ax.plot([pointer for _, _, pointer in moments], np.arange(6) + 0.33, "^", color="#D55E00", ms=7, clip_on=False,
        label="the next row goes here")
ax.set(xlabel="place in the ring", ylabel="after batch", yticks=range(6), yticklabels=range(1, 7),
       title="Nobody moves; the pointer does")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False)
show(fig, alt="A table of six moments by eight places with picture ids: each batch of three, in dark blue, stands "
              "right of the one before and continues at the left edge; a marker shows the place of the oldest row.")
plt.close(fig)

# %% [markdown]
# Dark is new, pale is old. Batch 3 fills the last two places and puts its third row at the front, where id 0 was. The
# marker stands on an empty place while there is one, and then always on the palest row: **in a full ring, the place for
# the next is the place of the oldest.**
#
# What the ring saves, at a common size, 4,096 rows of 64 numbers and batches of 256:

# %%
rng = np.random.default_rng(10)
z, ids = rng.standard_normal((256, 64)).astype(np.float32), np.arange(256)
line, ring = deque(np.zeros((4096, 64), np.float32), maxlen=4096), empty_ring(4096, 64)

def line_and_array():
    line.extend(z)
    return np.stack(line)

def ring_array():
    enqueue(ring, z, ids)
    return ring.rows

for _ in range(16):
    expected, got = line_and_array(), ring_array()
assert np.array_equal(expected, got)  # after 16 x 256 rows the pointer is at 0 again
for way in (line_and_array, ring_array):
    bench(way, at_least=0.05)

# %% [markdown]
# The same array both times. The line pays for 4,096 rows at every step, the ring for the 256 that come.
#
# ## Exercise 10.b · Not from this batch
#
# The *age* of a row is the number of batches that came since, its own included: the newest are 1 step old. A queue of
# $Q$ rows that gets $b$ a step holds ages up to $\lceil Q / b \rceil$, that quotient rounded up. Ages have a first use
# at once. If the batch enters before the search, each picture's most similar row is its own, and whoever asks for a
# friend and gets a mirror learns nothing new. The loss will not complain. So search only among rows that are old
# enough.

# %% tags=["exercise:10.b"]
def nearest_older(z, rows, born, clock, at_least):
    """Queries z (b, d), queue rows (size, d), all of length 1 -> (b,): the place of each query's most similar row.

    Only rows of age `at_least` or more count; the age of row k is clock - born[k] + 1, born being (size,). Of equals,
    the lowest place. Where no row is old enough: -1 for every query. Nothing that is given may be changed.
    """
    raise NotImplementedError

# %%
nearest_older = check("10.b", nearest_older)

# %% [markdown]
# ## Exercise 10.c · What may stand in the queue
#
# A row stays for many steps, and whatever is wrong with it stays as long. So there are three rules. Each row has length
# 1, so that the dot product of two rows is their cosine. A row has a direction: one that is zero, NaN (*not a number*,
# the result of $0/0$) or infinite is refused aloud, since a NaN, once in, spreads into every similarity. And the queue
# *owns* what it holds: numbers of its own, not a *reference*, a name for memory that somebody else will write into. As
# plain arrays they carry no gradient either: a neighbour is a fact, and the loss cannot talk it into moving.

# %% tags=["exercise:10.c"]
def entries(z):
    """Embeddings z (b, d) float32 -> a new array (b, d) float32: each row divided by its length.

    It shares no memory with z, and z stays as it is. Raises FloatingPointError if any row has no direction: it is all
    zeros, or holds a NaN or an infinity. All other rows have lengths from 1e-15 to 1e15, whose squares fit float32. b
    may be 0.
    """
    raise NotImplementedError

# %%
entries = check("10.c", entries)

# %% [markdown]
# Together they make the support set. It begins with random directions under the id -1, so that there is something to
# search from the first step on.

# %%
class SupportSet:
    """A ring of `size` rows of length 1: rows (size, dim), ids (size,), and for each the batch it came with."""

    def __init__(self, size, dim, rng):
        self.rows = entries(rng.standard_normal((size, dim), np.float32))
        self.ids, self.born = np.full(size, -1), np.zeros(size, int)
        self.pointer = self.clock = 0

    def enqueue(self, z, ids):
        assert z.shape == (len(ids), self.rows.shape[1])
        enqueue(self, entries(z), ids)

    def age(self):
        """(size,): 1 for the newest."""
        return self.clock - self.born + 1

# %%
# compare: SupportSet
ours, theirs = (kind(37, 8, np.random.default_rng(0)) for kind in (SupportSet, methods.SupportSet))
for _ in range(200):
    b = int(rng.integers(0, 80))  # up to twice the queue, and now and then nothing
    z, ids = rng.standard_normal((b, 8)).astype(np.float32), rng.integers(0, 999, b)
    for queue in (ours, theirs):
        queue.enqueue(z, ids)
    assert np.allclose(ours.rows, theirs.rows)
    assert np.array_equal(ours.ids, theirs.ids)
    assert np.array_equal(ours.age(), theirs.age(np.arange(37)))

# %% [markdown]
# ## How old is too old
#
# Now a live one. A small network trains on 512 toybox pictures with the loss of lesson 08, 64 pictures a step, and each
# step's first views go into a queue that is long enough to forget nothing. We keep the views too, which nobody does in
# earnest: at the end we encode the very same pixels again and compare.

# %%
train, _ = load("toybox", "data", train_size=512)  # drawn, not downloaded
rng = np.random.default_rng(10)
encoder = TinyCNN(8, rng)
network = Sequential(encoder, projector(encoder.features, hidden=64, dim=64, rng=rng))

def train_steps(steps, lr, queue, seed):
    """Trains `network`; returns the first views of each step, [(64, 32, 32, 3), ...], the newest last."""
    rng, optimizer, seen = np.random.default_rng(seed), SGD(network.parameters(), lr), []
    for _ in range(steps):
        ids = rng.choice(len(train), 64, replace=False)
        x1, x2 = two_views(train.images, ids, PRESETS["toybox"], rng)
        z1, z2 = network(x1), network(x2)
        network.zero_grad()
        nt_xent_loss(z1, z2, temperature=0.2).backward()
        optimizer.step()
        queue.enqueue(z1.numpy(), ids)
        seen.append(x1)
    return seen

# %%
def encode(x):
    with no_grad():
        return entries(network(x).numpy())

def cosines_by_age(queue, seen):
    """(steps, 64): row a - 1 holds the cosines of the memories of age a with their own views encoded now."""
    age = queue.age()
    return np.array([(queue.rows[age == a] * encode(x)).sum(axis=1) for a, x in enumerate(reversed(seen), start=1)])

# %% [markdown]
# A control comes first. If nothing is learned, with a learning rate of 0, memories must not age at all. Then 20 steps
# at 0.03 to leave the random weights behind, and from that one state two runs over the same pictures: at 0.12, the
# package's own rate for this batch, and at a tenth of it.

# %%
queue = SupportSet(5 * 64, 64, rng)
assert np.allclose(cosines_by_age(queue, train_steps(5, 0.0, queue, seed=0)), 1, atol=1e-5)
train_steps(20, 0.03, queue, seed=1)
start = network.state_dict()

# %%
predict("10.age", steps=...)  # at the rate 0.12: the age from which on a memory's mean cosine with now is below 0.9

# %%
x1, x2 = two_views(train.images, np.arange(512), PRESETS["toybox"], np.random.default_rng(3))
curves, other_view, strangers = {}, {}, {}
for lr in (0.012, 0.12):
    network.load_state_dict(start)
    queue = SupportSet(50 * 64, 64, rng)
    seen = train_steps(50, lr, queue, seed=2)
    curves[lr] = cosines_by_age(queue, seen)
    a, b = encode(x1), encode(x2)
    other_view[lr] = (a * b).sum(axis=1).mean()  # two views of one picture, both encoded now
    strangers[lr] = (a @ b.T)[~np.eye(512, dtype=bool)].mean()  # of two pictures

# %% tags=["picture"]
fig, ax = plt.subplots(figsize=(7.5, 4.6))
steps = np.arange(1, 51)
for lr, color, marker in ((0.012, "#0072B2", "o"), (0.12, "#D55E00", "^")):
    mean = curves[lr].mean(axis=1)
    ax.fill_between(steps, *np.quantile(curves[lr], (0.25, 0.75), axis=1), color=color, alpha=0.15, lw=0)
    ax.plot(steps, mean, marker + "-", color=color, ms=4, label=f"learning rate {lr}")
    ax.axhline(other_view[lr], color=color, ls="--", lw=1)
    ax.text(0.5, other_view[lr] - 0.01, f"another view of the picture, now ({lr})", color=color, fontsize=9, va="top")
ax.axhline(strangers[0.12], color="#666666", ls=":", lw=1)
ax.text(0.5, strangers[0.12] + 0.01, "another picture, now", color="#444444", fontsize=9, va="bottom")
ax.set(xlim=(0, 51), ylim=(-0.05, 1.25), yticks=np.arange(0, 1.1, 0.2), xlabel="age of the memory, steps",
       ylabel="cosine with the same view encoded now", title="The faster you learn, the sooner memories are wrong")
ax.legend(loc="upper right", frameon=False)
draw_guess(ax, "10.age", axis="x")
show(fig, alt="Cosine of memories with the present against their age from 1 to 50 steps: both curves fall from 1, that "
              "of the higher learning rate far lower; dashed lines mark the cosine of another view, a dotted one that "
              "of other pictures.")
plt.close(fig)

# %%
for lr, curve in curves.items():
    mean = curve.mean(axis=1)
    below = [f"at age {np.argmax(mean < v) + 1}" if (mean < v).any() else "never" for v in (0.9, other_view[lr])]
    print(f"rate {lr:<5}: age 1: {mean[0]:.3f}, 10: {mean[9]:.2f}, 50: {mean[49]:.2f}; below 0.9 {below[0]}, "
          f"below another view's {other_view[lr]:.2f} {below[1]}")

# %% [markdown]
# **This is the picture to keep.** Each point is the mean of 64 memories, the shade their middle half. A memory of one
# step is nearly the present. Then they part, and at the higher rate they part faster: steps are a poor clock, and
# what counts is how far the weights went meanwhile.
#
# The dashed lines are a yardstick, one for each rate: the faster run has learned more, so its two views are more alike,
# and its memories have less room. There the network compares *another view* of the same picture, encoded today. That
# much difference is what we train it to overlook, so a memory above the line is, by this measure, no worse than one
# more view. Below it, age has become the larger distortion. That is one answer to our question: **the slower the
# network, the older a memory may be.** The oldest row has $Q / b$ steps behind it, so a long queue wants a slow network
# or a large batch.
#
# This is one run with one seed, near the beginning of a training. Late in a long one, when the rate is brought down to
# 0, expect flatter curves.
#
# ## Who finds whom
#
# The queue of the faster run is still there, and its newest batch is in it. Search with that batch, and count by ids:

# %%
newest = np.flatnonzero(queue.age() == 1)
for at_least in (1, 2):
    found = nearest_older(queue.rows[newest], queue.rows, queue.born, queue.clock, at_least)
    own = np.mean(found == newest)
    print(f"age {at_least} or more: {own:4.0%} of the batch find the row that they are")
    assert own == (at_least == 1)

# %% [markdown]
# Without the rule of 10.b the whole batch looks into mirrors. With it nobody does, but there is a second way to meet
# oneself: 3,200 memories of 512 pictures hold each picture about six times, in older views. Search with a new view of
# every picture, and count by ids:

# %%
found = nearest_older(a, queue.rows, queue.born, queue.clock, at_least=2)  # a: one new view of each picture
there = np.isin(np.arange(512), queue.ids[queue.age() >= 2])
print(f"own picture in the queue: {there.mean():.1%}; found: {np.mean(queue.ids[found] == np.arange(512)):.1%}, "
      f"and by chance it would be {1 / 512:.1%}")

# %% [markdown]
# Such a pair is two views of one picture, which SimCLR had already, and one of them is stale. No shape is wrong and no
# loss is odd: only ids can tell. Our network is young and confuses most pictures; expect more of these meetings as it
# gets better. So a queue should be short against the *data* as well, and the package speaks up when it is longer than a
# quarter of them.
#
# And does age change whom one finds? Encode the whole queue again, and search in the old rows and the new:

# %%
fresh = np.concatenate([encode(x) for x in seen])  # (3200, 64): the first step's views stand at the first places
for low, high in ((1, 5), (6, 10), (41, 50)):
    some = (queue.age() >= low) & (queue.age() <= high)
    then, now = ((a @ rows[some].T).argmax(axis=1) for rows in (queue.rows, fresh))
    cosine = (queue.rows * fresh)[some].sum(axis=1).mean()
    print(f"ages {low} to {high}: mean cosine {cosine:.2f}, the same row is nearest for {np.mean(then == now):.0%}")

# %% [markdown]
# A search is touchier than a mean cosine: among hundreds of near equals a small turn decides. The old queue names
# another friend soon, which need not be a worse one. What lesson 12 asks is whether it shows the same kind of thing.
#
# ## Broken on purpose
#
# A published queue, used by many, does this at the end of its array: *if pointer plus batch reaches the size, write
# what fits, and begin at 0 with the next batch.* The rest of the batch is dropped.

# %%
def enqueue_dropping(queue, z, ids):
    queue.clock += 1
    end = min(queue.pointer + len(z), len(queue.rows))
    places, fits = slice(queue.pointer, end), end - queue.pointer
    queue.rows[places], queue.ids[places], queue.born[places] = z[:fits], ids[:fits], queue.clock
    queue.pointer = end % len(queue.rows)  # z[fits:] is gone

# %%
def times_entered(enqueue, size, batches, pictures):
    """(pictures,): how often each picture entered the queue."""
    queue, times = empty_ring(size), np.zeros(pictures, int)
    for ids in batches:
        enqueue(queue, np.ones((len(ids), 1), np.float32), ids)
        times[queue.ids[queue.born == queue.clock]] += 1
    return times

# %%
predict("10.lost", percent=...)  # queue of 100, batches of 64: the share of all rows that never enter

# %%
def lost(size, b):
    """Per cent of rows that are dropped, over 20 rounds of the pointer."""
    n = 20 * -(-size // b)
    return 100 * (1 - times_entered(enqueue_dropping, size, np.arange(n * b).reshape(n, b), n * b).sum() / (n * b))

sizes = np.arange(1, 101)
shares = np.array([lost(100, b) for b in sizes])

# %% tags=["broken"]
def epochs(shuffle):
    rng = np.random.default_rng(4)
    orders = [rng.permutation(512) if shuffle else np.arange(512) for _ in range(20)]
    return np.concatenate(orders).reshape(-1, 64)

fixed, shuffled = (times_entered(enqueue_dropping, 100, epochs(s), 512) for s in (False, True))
assert times_entered(enqueue, 100, epochs(False), 512).tolist() == [20] * 512  # the right one: everybody, every time
assert np.isclose(shares[64 - 1], 100 * 28 / 128)  # of two batches, 128 rows, 28 are lost
assert (fixed == 0).sum() == 112
assert set(fixed) == {0, 20}
assert shuffled.min() > 0
print(f"batches of 64: {shares[63]:.1f}% of the rows are lost; of 50: {shares[49]:.1f}%")
print(f"fixed order: {np.mean(fixed == 0):.1%} of the pictures never enter; shuffled: {np.mean(shuffled == 0):.0%}")

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
left.plot(sizes, shares, "-", color="#0072B2", lw=1)
whole = 100 % sizes == 0
left.plot(sizes[whole], shares[whole], "o", color="#009E73", label="divides the queue: nothing is lost")
left.plot(64, shares[63], "^", color="#D55E00", ms=8, label="64")
left.set(xlabel="batch size, queue of 100", ylabel="rows that never enter, %", ylim=(-3, 75),
         title="Who tests with round numbers sees 0")
left.legend(frameon=False, loc="upper left")
draw_guess(left, "10.lost")
right.plot(shuffled, ".", color="#0072B2", ms=4, label="shuffled every epoch")
right.plot(fixed, "^", color="#D55E00", ms=3, label="always the same order")
right.set(xlabel="picture id", ylabel="times it entered, of 20", title="Batches of 64, queue of 100, 20 epochs",
          ylim=(-1, 29), yticks=range(0, 21, 5))
right.legend(frameon=False, loc="upper left", markerscale=1.5)
show(fig, alt="Left: share of rows lost against batch size, zero where the batch divides the queue of 100 and up to "
              "half elsewhere. Right: how often each of 512 pictures entered; in a fixed order four blocks never did, "
              "shuffled all did, most of them 13 to 18 times.")
plt.close(fig)

# %% [markdown]
# Left: nothing is lost when the batch divides the queue, and powers of two, which everyone tests with, divide each
# other. A batch of 99 loses nearly half: 99 rows enter, then 1, then 99 again. Right: with shuffled batches it is a
# waste, spread evenly. In a fixed order the same pictures stand at the end of the same batches, and 112 of 512 are
# nobody's friend, ever. It is always the *end* of a batch that is lost: if batches are sorted by class, the last class.
#
# The second fault is of one line: storing a reference. Fast code reuses one output buffer, step after step.

# %% tags=["broken"]
buffer, line = np.empty((64, 64), np.float32), deque(maxlen=5)
for x in seen[-5:]:
    buffer[:] = encode(x)
    line.append(buffer)  # the cure: entries(buffer), or buffer.copy()
memory = np.concatenate(line)
distinct = len(np.unique(memory, axis=0))
print(f"{len(memory)} memories, {distinct} of them distinct")
assert distinct == 64
assert np.array_equal(line[0], line[-1])

# %% [markdown]
# Five names for one array: the ids are right, the rows are all of the last batch. So two tests belong to any queue:
# compare it with the line under sizes that do not divide, and change the source after storing.
#
# ## Three sentences to keep
#
# A queue lends you thousands of candidates for the price of a batch, and what it charges is age. A memory is true while
# the weights have moved little since, so learning rate, batch and queue size are one choice. A ring buffer is right
# when it equals a line of people for every size of batch, knows whose each row is, and owns what it holds.
#
# **In practice:** MoCo answers the question of age from the other side: it fills its queue with a slow copy of the
# network, so that old rows stay true longer. NNCLR takes its positives from the queue, a stale friend being a friend
# still, and enqueues after the search. Lesson 11 makes that search fast, and lesson 12 builds the loss on it.
