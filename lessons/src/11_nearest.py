# ---
# jupyter:
#   lesson:
#     question: "What is the cheapest exact way to find the closest of 4,096?"
#     picture: "time, and bytes held at once, against queue size for six searches that return the same answer"
#     budget_s: 40
#     derives: [nearest_naive, nearest_broadcast, nearest_matmul, nearest_fused, nearest_lanes]
#     imports: [nearest, get_num_threads, set_num_threads, unit_rows, TinyCNN, projector, make]
#     exercises: ["11.a", "11.b", "11.c"]
#     needs: [4, 10]
# ---

# %% [markdown]
# # 11 · Who is my nearest friend?
#
# What is the cheapest exact way to find the closest of 4,096?
#
# In NNCLR an image learns from a friend: the embedding, among 4,096 that went by a moment ago, that is most like its
# own. With the package's defaults a training step asks for 512 friends (two views of 256 images), and the next step
# asks again, of a queue that has moved on. There is no time to build an index (an order made beforehand, which
# makes each search shorter), and no reason to accept a friend who
# is only probably the right one. So: exact, and cheap. By the end you will have six searches that agree on every
# friend, while their times differ by a factor of several thousand.
#
# **You will need** lessons 04 (loops, caches, tiles) and 10 (the queue). **It takes** about 15 s on one core, and
# half a minute more the first time, while Numba compiles the package. **The picture to keep:** time, and bytes held
# at once, against the size of the queue for six searches that return the same answer.

# %%
import contextlib
import io
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from numba import njit

from tinynnclr.datasets import toybox
from tinynnclr.kernels import get_num_threads, nearest, set_num_threads
from tinynnclr.kernels.l2_normalize import unit_rows
from tinynnclr.models import TinyCNN, projector
from tinynnclr.models.encode import to_float
from support import bench, check, draw_guess, predict, show
from support.bench import in_units
from tinynnclr.tensor import no_grad

# %% [markdown]
# ## A queue, and 512 who ask
#
# Toys from the toybox go through a network with random weights: the first step of a training, before anything is
# learned. The encoder turns a picture into $h$, 128 numbers, and the projector turns $h$ into the embedding $z$, 64
# numbers. The first 4,096 toys are the queue; the 512 after them ask.

# %%
toys = toybox.make(4096 + 512, seed=11).images
rng = np.random.default_rng(11)
encoder, head = TinyCNN(16, rng), projector(128, 256, 64, rng)
with no_grad():
    batches = [encoder(to_float(toys[i:i + 512])) for i in range(0, len(toys), 512)]
    h, z = (np.concatenate([x.numpy() for x in xs]) for xs in (batches, [head(x) for x in batches]))
queue, queries = unit_rows(z[:4096]), unit_rows(z[4096:])
print(f"h {h.shape}, z {z.shape}, queue {queue.shape}, queries {queries.shape}")

# %% [markdown]
# ## Alike means: the same direction
#
# Two embeddings are alike when they point the same way, however long they are. The cosine of the angle between them
# says how nearly they do:
#
# $$\cos(q, s) = \frac{q \cdot s}{\lVert q \rVert \, \lVert s \rVert}$$
#
# Here $q$ is a query, $s$ a row of the queue, $q \cdot s$ their dot product (the sum of the products of their
# numbers, place by place), and $\lVert q \rVert$ the length of $q$. `unit_rows` has divided every row by its length
# already, so both lengths are 1 and the dot product *is* the cosine: 64 multiplications for a pair. For 512 queries
# and 4,096 rows that makes 134 million. Before you go on: how many seconds will plain Python need?

# %%
predict("11.python_seconds", seconds=...)

# %% [markdown]
# ## Two loops and a sum
#
# The plainest search says what it does: every query meets every row, and the best so far is kept. It will be the
# judge of all that follow.

# %%
def nearest_naive(queries, bank):
    best = np.zeros(len(queries), np.int64)
    for i, q in enumerate(queries):                      # q (d,)
        top = -np.inf
        for j, s in enumerate(bank):                     # s (d,)
            similarity = sum(a * b for a, b in zip(q, s, strict=True))
            if similarity > top:                         # ">": the first of two equals stays
                top, best[i] = similarity, j
    return best                                          # (b,)

# %% [markdown]
# One thing must be settled before any race: who wins a tie? We say the lowest index, so that a run can be repeated.
# To test it we need real ties, and floating-point sums blur them: added in another order, the same numbers give
# another last digit. With small whole numbers every sum is exact in every order, so a tie is a tie for everyone. That
# is how each search below is compared with the package's `nearest`.

# %%
def same_friends(search):
    rng = np.random.default_rng(0)
    for b, size, d in ((1, 1, 1), (4, 30, 2), (9, 200, 3)):
        q, s = (rng.integers(-3, 4, (n, d)).astype(np.float32) for n in (b, size))
        np.testing.assert_array_equal(search(q, s), nearest(q, s)[0][:, 0])
    print(f"{search.__name__}: same friends, ties included")

same_friends(nearest_naive)  # compare: nearest_naive

# %%
python = bench(nearest_naive, queries[:1], queue[:512])
print(f"for all 512 queries and 4,096 rows: {in_units(python.seconds * 512 * 8)}")

# %% [markdown]
# ## All at once
#
# NumPy can take all pairs in one expression: give the queries an extra axis, and it *broadcasts*, that is, it behaves
# as if each query were repeated for each row of the queue.

# %%
def nearest_broadcast(queries, bank):
    products = queries[:, None] * bank                   # (b, 1, d) * (q, d) -> (b, q, d)
    return products.sum(-1).argmax(1)                    # argmax takes the first of equals

same_friends(nearest_broadcast)  # compare: nearest_broadcast

# %% [markdown]
# No loop in sight, and a new problem. The products are an array of 512 x 4,096 x 64 numbers of 4 bytes: 537 MB, to
# end up with 512 indices. `tracemalloc`, Python's own bookkeeper, tells how much a call holds at its worst moment. We
# show it 8 queries and leave the rest to arithmetic.

# %%
def held(search, *args):
    tracemalloc.start()
    search(*args)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak

eight = held(nearest_broadcast, queries[:8], queue)
print(f"8 queries hold {eight / 1e6:.1f} MB, so 512 would hold {eight * 64 / 1e6:.0f} MB")

# %% [markdown]
# ## One product
#
# All those dot products together have a name. Row $i$ of the queries times column $j$ of the transposed queue, for
# all $i$ and $j$, is a matrix product, and lesson 04 showed how well a machine can do that one.

# %%
def nearest_matmul(queries, bank):
    return (queries @ bank.T).argmax(1)                  # (b, d) @ (d, q) -> (b, q) -> (b,)

same_friends(nearest_matmul)  # compare: nearest_matmul
product = bench(nearest_matmul, queries, queue, flops=2 * 512 * 4096 * 64)
print(f"{held(nearest_matmul, queries, queue) / 1e6:.1f} MB held; "
      f"{python.low * 512 * 8 / product.low:,.0f} times as fast as Python's loops")

# %% [markdown]
# One line, and hard to beat. What is left to dislike is the matrix of similarities: 8.4 MB written, read once by
# `argmax`, thrown away. At 65,536 rows it would be 134 MB, more than the cache of most machines.

# %% [markdown]
# ## Exercise 11.a · Without the big matrix
#
# Of two million similarities 512 matter. Keep those, and let the others go as soon as they have lost. One way: let
# the queue come by in blocks of a few dozen rows, and keep, for each query, the best so far. Beware of two things:
# the last block may be shorter, and `argmax` takes NaN ("not a number", what 0/0 leaves behind) for the largest of
# all.

# %% tags=["exercise:11.a"]
def nearest_lean(queries, bank):
    """The row of bank (q, d) with the largest dot product with each of queries (b, d), all float32: (b,) integers.

    Of equals the lowest index; a similarity that is NaN is never the largest (each query has one that is not). With
    512 queries and 4,096 rows of 64 numbers it holds at most 524,288 bytes at once, besides its arguments: a 16th of
    the matrix. Plain NumPy or @njit, as you like.
    """
    raise NotImplementedError

# %%
nearest_lean = check("11.a", nearest_lean)
lean = bench(nearest_lean, queries, queue, flops=2 * 512 * 4096 * 64)

# %% [markdown]
# ## The smallest block is one row
#
# Take the idea to its end: blocks of one row, one query at a time, compiled by Numba. The similarity lives in a
# register (one of the few places inside the processor where it computes), and nothing is written but the answer. The
# product above writes 8 MB and reads it again. Say it aloud before you run the cell: which of the two is faster, and
# how long will the new one take?

# %%
predict("11.fused_seconds", seconds=...)

# %%
@njit
def nearest_fused(queries, bank):
    best = np.zeros(len(queries), np.int64)
    for i in range(len(queries)):
        top = -np.inf
        for j in range(len(bank)):
            similarity = np.float32(0)
            for k in range(queries.shape[1]):
                similarity += queries[i, k] * bank[j, k]
            if similarity > top:
                top, best[i] = similarity, j
    return best

same_friends(nearest_fused)  # compare: nearest_fused
fused = bench(nearest_fused, queries, queue, flops=2 * 512 * 4096 * 64)
print(f"the product was {fused.low / product.low:.0f} times as fast")

# %% [markdown]
# Forgetting early saved the memory and lost the race, by far. The reason is in the innermost loop: each addition
# needs the result of the one before. The compiler may not change the order of a sum, since that changes its last
# digit, so it adds one number after another, and the processor, which could add eight or sixteen side by side, waits
# a few ticks for each.
#
# The cure is lesson 04's: swap the loops. One *query* after another is independent work, so let the queries be the
# innermost loop. Each keeps its own sum in its own order, and the compiler can put neighbours side by side in one
# vector.

# %%
@njit
def nearest_lanes(queries, bank):
    columns = queries.T.copy()                           # (d, b): neighbours in memory are different queries
    best, top = np.zeros(len(queries), np.int64), np.full(len(queries), -np.inf, np.float32)
    sums = np.empty(len(queries), np.float32)            # (b,): the only similarities there are
    for j in range(len(bank)):
        sums[:] = 0
        for k in range(bank.shape[1]):
            number = bank[j, k]
            for i in range(len(sums)):
                sums[i] += number * columns[k, i]
        for i in range(len(sums)):
            if sums[i] > top[i]:
                top[i], best[i] = sums[i], j
    return best

same_friends(nearest_lanes)  # compare: nearest_lanes

# %%
def nearest_package(queries, bank):
    return nearest(queries, bank)[0][:, 0]

friends = nearest_package(queries, queue)
for search in (nearest_matmul, nearest_fused, nearest_lanes):
    assert (search(queries, queue) == friends).all(), search
lanes = bench(nearest_lanes, queries, queue, flops=2 * 512 * 4096 * 64)
package = bench(nearest_package, queries, queue, flops=2 * 512 * 4096 * 64)

# %% [markdown]
# The package's `nearest` goes one step further. It takes 24 rows of the queue and as many queries as fit two vectors,
# and multiplies them as lesson 04 does: in tiles whose sums build up in registers, so that each number fetched is
# used many times. The few hundred similarities stay in the nearest cache, are compared with the best so far, and are
# overwritten by the next block. It is the fast matrix product with another last line: where that one stores a result,
# this one asks whether it is any good.

# %% [markdown]
# ## The picture to keep
#
# Now all six against the size of the queue. The slow ones get fewer queries, and their time is multiplied; nobody has
# the patience for 512. Each point is the fastest of a few calls, because other programs can only slow one down. The
# bytes are arithmetic, $b$ queries and $n$ rows of $d$ numbers, and `tracemalloc` has the last word where it can see.

# %%
def seconds_of_512(search, b, size):
    bank = unit_rows(np.random.default_rng(size).standard_normal((size, 64), np.float32))
    with contextlib.redirect_stdout(io.StringIO()):      # bench prints a line each time: thirty are too many
        return bench(search, queries[:b], bank, repeat=3, at_least=0.05).low * 512 / b

SIZES = np.array([256, 1024, 4096, 16384, 65536])
QUERIES = {nearest_naive: 1, nearest_broadcast: 2, nearest_fused: 16, nearest_lanes: 512, nearest_matmul: 512,
           nearest_package: 512}
seconds = {search: [seconds_of_512(search, b, n) for n in SIZES if search is not nearest_naive or n < 10_000]
           for search, b in QUERIES.items()}

# %%
BYTES = {nearest_naive: lambda b, n, d: 8 * b, nearest_fused: lambda b, n, d: 8 * b,
         nearest_broadcast: lambda b, n, d: 4 * b * n * d + 4 * b * n + 8 * b,
         nearest_matmul: lambda b, n, d: 4 * b * n + 8 * b,
         nearest_lanes: lambda b, n, d: 4 * b * d + 16 * b,    # columns; best, top and sums
         nearest_package: lambda b, n, d: 4 * b * d + 16 * b}  # the same columns, packed; best and top
threads = get_num_threads()
set_num_threads(1)                                       # of two, one may have let go before the other begins
for search, b in QUERIES.items():
    n = 64 if search is nearest_naive else 4096
    seen, counted = held(search, queries[:b], queue[:n]), BYTES[search](b, n, 64)
    print(f"{search.__name__:<17} {b:3} queries, {n:5,} rows: {seen:9,} bytes seen, {counted:9,} counted")
    assert abs(seen - counted) < 0.05 * counted + 10_000       # Python's own small objects
set_num_threads(threads)

# %%
LOOK = {nearest_naive: ("#222222", "o", 9, "Python loops"), nearest_broadcast: ("#CC79A7", "v", 6, "broadcast"),
        nearest_fused: ("#E69F00", "s", 5, "fused, one by one"),
        nearest_lanes: ("#009E73", "^", 10, "fused, side by side"),
        nearest_matmul: ("#0072B2", "D", 7, "product, argmax"), nearest_package: ("#D55E00", "P", 5, "the package's")}

def draw(ax, heights, title, ticks):
    for search, (colour, marker, size, label) in LOOK.items():
        ax.plot(SIZES[:len(heights[search])], heights[search], color=colour, marker=marker, ms=size, label=label,
                mfc="white" if size > 8 else colour, ls="--" if search in (nearest_matmul, nearest_fused) else "-")
    ax.axvline(4096, color="#CCCCCC", zorder=0)
    ax.set(xscale="log", yscale="log", xlabel="rows of the queue", title=title)
    ax.set_xticks(SIZES, [f"{n:,}" for n in SIZES])
    ax.set_yticks(list(ticks.values()), list(ticks))
    ax.minorticks_off()

# %% tags=["picture"]
fig, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.6), layout="constrained")
draw(left, seconds, "Time for 512 queries",
     {"1 ms": 1e-3, "10 ms": 1e-2, "0.1 s": 0.1, "1 s": 1, "10 s": 10, "100 s": 100})
draw(right, {search: [count(512, n, 64) for n in SIZES] for search, count in BYTES.items()}, "Bytes held at once",
     {"10 KB": 1e4, "100 KB": 1e5, "1 MB": 1e6, "10 MB": 1e7, "100 MB": 1e8, "1 GB": 1e9, "10 GB": 1e10})
left.plot(4096, lean.low, "*", ms=15, mfc="none", mec="#222222", label="your 11.a (until then\nthe package's)")
draw_guess(left, "11.python_seconds")
draw_guess(left, "11.fused_seconds")
fig.legend(*left.get_legend_handles_labels(), loc="outside right upper", frameon=False)
show(fig, alt="""Two panels against rows of the queue, 256 to 65,536. Time: all lines rise alike, Python's loops
     thousands of times above the matrix product and the package's search. Bytes: broadcast and product rise, the
     others stay flat.""")
plt.close(fig)

# %%
for search in (nearest_matmul, nearest_package):
    megabytes = BYTES[search](512, 65536, 64) / 1e6
    print(f"{search.__name__:<15} at 65,536 rows: {in_units(seconds[search][-1])}, {megabytes:.1f} MB")

# %% [markdown]
# On the left all lines rise alike: each search looks at every row, and they differ in the price of a look. On the
# right there are two families: those whose memory grows with the queue, and those that stay flat because they forget.
# Only the package's is low in both panels (with your 11.a, if it landed near it). At 4,096 rows it and the plain
# product take about the same time, and their memory differs by a factor of 60.

# %% [markdown]
# ## Exercise 11.b · The five best
#
# A variant of NNCLR takes a random one of the $k$ nearest, so we need the $k$ best, in order. Sorting all 4,096 works
# and wastes nearly all of it; `np.argpartition` finds the right set and says nothing about order or ties. Forgetting
# works here too: keep a short list, best first. A new score is compared with the last of the list. Most end there.
# One that is better moves up, place by place, past all that are *smaller*.

# %% tags=["exercise:11.b"]
def top_k(scores, k):
    """The k largest of scores (n,) float32, 1 <= k <= n: (indices (k,), values (k,)), best first.

    Of equal scores the lowest index comes first. None is NaN or infinite. For 100,000 scores and k = 5 it holds at
    most 16,384 bytes at once: the scores pass one by one, and a list of k stays. Plain Python or @njit.
    """
    raise NotImplementedError

# %%
top_k = check("11.b", top_k)

# %%
fig, axes = plt.subplots(3, 6, figsize=(7.2, 3.9), layout="constrained")
for row, i in zip(axes, (3, 40, 401), strict=True):
    indices, values = top_k(queue @ queries[i], 5)
    row[0].imshow(toys[4096 + i])
    row[0].set_title("who asks", fontsize=9)
    for ax, j, value in zip(row[1:], indices, values, strict=True):
        ax.imshow(toys[j])
        ax.set_title(f"cos {value:.2f}", fontsize=9)
    for ax in row:
        ax.axis("off")
show(fig, alt="Three toys that ask, each with its five nearest friends in the queue and their cosines, best first.")
plt.close(fig)

# %% [markdown]
# Exact, and no kindred spirits yet: a castle's best friend is a tree. A search is only as wise as the embedding it
# searches in, and this network has learned nothing. Training it is lesson 12.

# %% [markdown]
# ## Broken on purpose
#
# One line looks like housekeeping: `unit_rows`. Delete it, and nothing crashes. The shapes fit, the indices are in
# range, and every query gets a friend. To see who is chosen, cut the queue into tenths by length, from the shortest
# 410 rows to the longest 410. If length meant nothing, each tenth would get about 10 % of the friendships. What
# percentage goes to the longest tenth now?

# %%
predict("11.longest_tenth", percent=...)

# %% tags=["broken"]
loud = nearest_package(z[4096:], z[:4096])               # the same search; nobody has length 1
length = np.linalg.norm(z[:4096], axis=1)
tenth = length.argsort().argsort() * 10 // 4096          # 0: the shortest rows, 9: the longest
fair, unfair = (100 * np.bincount(tenth[found], minlength=10) / 512 for found in (friends, loud))
print(f"{(loud != friends).mean():.0%} of the friends changed; lengths from {length.min():.1f} to {length.max():.1f}")
print(f"the longest tenth gets {unfair[9]:.0f} % of the friendships; with length 1 it was {fair[9]:.0f} %")
assert (loud != friends).mean() > 0.5
assert unfair[9] > 3 * fair[9]

# %% [markdown]
# Now go one step back in the network, to $h$. None of its numbers is negative, so all rows point roughly the same
# way, and length decides nearly everything. (The projector ends with a normalisation over the batch, which takes that
# common direction out of $z$.)

# %%
popular = np.bincount(nearest_package(h[4096:], h[:4096]), minlength=4096)
star = popular.argmax()
lengths = np.linalg.norm(h[:4096], axis=1)
place = 1 + (lengths > lengths[star]).sum()
print(f"one toy is the friend of {popular[star]} of 512; by length it is number {place} of 4,096")
assert h.min() >= 0
assert popular[star] > 256

# %%
fig, (ax, toy) = plt.subplots(1, 2, figsize=(9.5, 3.6), width_ratios=(3, 1), layout="constrained")
ax.bar(np.arange(10) - 0.2, fair, 0.4, color="#0072B2", label="rows of length 1 (cosine)")
ax.bar(np.arange(10) + 0.2, unfair, 0.4, color="#E69F00", hatch="//", label="unit_rows deleted")
ax.axhline(10, color="#666666", lw=1, ls="--", label="if length meant nothing")
draw_guess(ax, "11.longest_tenth")
ax.set_xticks(range(10), ["shortest", *[""] * 8, "longest"])
ax.set(xlabel="tenths of the queue, by length of the row", ylabel="% of 512 friendships", title="Who is chosen, with z")
ax.legend()
toy.imshow(toys[star])
toy.axis("off")
toy.set_title(f"With h, unit_rows deleted:\nthe friend of {popular[star]} of 512")
show(fig, alt="""Bars: with unit_rows deleted most friendships go to the longest tenth of the queue; with rows of
     length 1 they are spread. Beside them the one toy that nearly everybody's h chooses.""")
plt.close(fig)

# %% [markdown]
# Blue leans a little to the right, because a row's direction and its length are not quite strangers. Orange is
# another matter: with a dot product of raw rows, length buys friends. On the right is the extreme, the toy whose $h$
# is the longest of all. Nearly every query would be told to be like it, and no error message would say so.

# %% [markdown]
# ## Exercise 11.c · Three ways to be near
#
# Search libraries offer the dot product, the cosine, and the Euclidean distance $\lVert q - s \rVert$ (the length of
# the difference), and leave the choice to you. Write all three and let them vote. An identity that saves the array of
# all differences:
#
# $$\lVert q - s \rVert^2 = \lVert q \rVert^2 + \lVert s \rVert^2 - 2\, q \cdot s$$
#
# Ask of each term whether it can change *who wins* for a given query $q$.

# %% tags=["exercise:11.c"]
def winners(queries, bank):
    """Who wins by three measures: (b, 3) integers for queries (b, d) and bank (q, d), both float32, no row all zeros.

    Column 0: the row of the bank with the largest dot product with the query; 1: with the largest cosine; 2: with the
    smallest Euclidean distance. The rows may have any length, and are taken as they come.
    """
    raise NotImplementedError

# %%
winners = check("11.c", winners)

# %%
for name, q, s in (("rows as they came", z[4096:4224], z[:1024]), ("rows of length 1", queries[:128], queue[:1024])):
    dot, cosine, distance = winners(q, s).T
    print(f"{name}, of 128 queries: dot = cosine for {(dot == cosine).sum()}, distance = cosine for "
          f"{(distance == cosine).sum()}, dot = distance for {(dot == distance).sum()}")

# %% [markdown]
# For rows of length 1 the formula becomes $2 - 2\,q \cdot s$: the closest is the one with the largest dot product,
# and all three agree. A query's own length never mattered; it scales all its similarities alike. What must be equal
# is the length of the rows of the *queue*.

# %% [markdown]
# ## Three sentences to keep
#
# 1. To find the nearest exactly you must look at every row, but you need not remember any: the best so far is enough.
# 2. Forgetting early saves memory; it saves time only where many sums run side by side, as in a fast matrix product.
# 3. Rows of length 1 make dot product, cosine and distance name the same friend; without it, long rows win friends
#    whom they are not like.
#
# **In practice:** the package's support set searches as you did here, `unit_rows` and then `nearest`, which can also
# leave out rows by their ids, so that nobody finds itself. Libraries for millions of rows, such as FAISS, build an
# index first and may answer approximately. An index pays when the rows stay and the questions keep coming; a queue of
# a few thousand rows changes with every step, so we look at each of them.
