# ---
# jupyter:
#   lesson:
#     question: "What changes when a type is known?"
#     picture: "total time against number of calls, interpreted and compiled: compiling has paid where two lines cross"
#     budget_s: 35
#     derives: [compiled, loop_order]
#     imports: [ladder, parallel, get_num_threads, set_num_threads]
#     exercises: ["03.a", "03.b", "03.c"]
#     needs: [2]
# ---

# %% [markdown]
# # 03 · Numba: what the compiler sees
#
# What changes when a type is known?
#
# In lesson 02 Python took its time over a small matrix product: for each sum that it did, it had to think about what
# to do. Numba takes the same function, the same text, and turns it into machine code. One line above it, `@njit`, and
# loops run a hundred times as fast, or more. It looks like magic for as long as it works. Then one day it refuses, or
# is slow, or gives other numbers, and you need to know what it sees when it looks at your code.
#
# **You will need** lesson 02 (loops, and what a sum costs). **It takes** about 12 s on one core, a good part of it
# compiling. **The picture to keep:** total time against number of calls, interpreted and compiled; compiling has paid
# where the two lines cross.

# %%
import dis
import re

import matplotlib.pyplot as plt
import numpy as np
from numba import njit
from numba.core.errors import TypingError

from tinynnclr.kernels import get_num_threads, set_num_threads
from support import ladder
from tinynnclr.kernels import parallel
from support import bench, check, draw_guess, predict, show
from support.bench import in_units

rng = np.random.default_rng(3)

def about(x):
    return f"{float(f'{x:.2g}'):,.10g}"  # two digits: 1,200 for 1234

# %% [markdown]
# ## One line, any type
#
# Before a function runs, Python translates it into *bytecode*, short instructions for its interpreter. Here are those
# of one step of a matrix product:

# %%
def step(c, a, b):
    return c + a * b

print([instruction.opname for instruction in dis.get_instructions(step)])
print(step(1, 2, 3), step(0.5, 2.0, 3.0), step("ab", "c", 3))

# %% [markdown]
# The bytecode says "multiply" and "add", and not what. The same instructions served integers, fractions and text. So
# each time one is executed, the interpreter has to ask both operands what they are, look up what `*` means for them,
# and make a new object for the result. The multiplication itself is the smallest part.
#
# ## A version for each type
#
# Numba looks at the types of the arguments in the first call, follows them through every line (*type inference*), and
# has the compiler LLVM make code for exactly these. LLVM's text can be read: below, for each version of `step`, the
# types of its arguments and its result, and all arithmetic in it.

# %%
typed = njit(step)
single = np.float32(2)
for arguments in ((1, 2, 3), (1.0, 2.0, 3.0), (single, single, single), (single, single, 3.0)):
    assert typed(*arguments) == step(*arguments)
for types in typed.signatures:
    arithmetic = re.findall(r"= (f?(?:mul|add)\b[^%]*\w)", typed.inspect_llvm(types))
    print(f"{', '.join(map(str, types)):27} -> {typed.overloads[types].signature.return_type!s:8}", arithmetic)

# %% [markdown]
# Two instructions each, and no questions: `mul` of 64-bit integers, `fmul` of doubles (`float64`), `fmul` of floats
# (`float32`). Look at the last line. One argument was a plain `3.0`, a `float64` to Python and to Numba, and the whole
# computation became `double`. Where two types meet, the wider one wins, without a word.
#
# Knowing a type also means believing it. A Python integer grows as long as memory lasts; an `int64` has 64 bits:

# %% tags=["broken"]
print(f"Python: {step(0, 2**62, 4):,}   compiled: {typed(0, 2**62, 4)}")
assert step(0, 2**62, 4) == 2**64
assert typed(0, 2**62, 4) == 0  # the 65th bit had nowhere to go

# %% [markdown]
# ## When it cannot decide
#
# This function describes the numbers of an array: how many are real numbers and not NaN ("not a number", what 0/0
# gives), the largest of these, and a word for the whole. Python runs it. Numba does not:

# %%
def describe_slowly(x):
    found = []
    count, top = 0, None
    for value in x:
        if value == value:  # false for NaN, which equals nothing, not even itself
            count += 1
            if top is None or value > top:
                top = value
    found.append(count)
    found.append(top)
    found.append("clean" if count == len(x) else "spoiled")
    return found

print(describe_slowly(np.array([1, np.nan, 3], np.float32)))

# %% tags=["broken"]
try:
    njit(describe_slowly)(np.ones(3, np.float32))
    refused = ""
except TypingError as error:
    refused = str(error)
print([line for line in refused.splitlines() if "list.append" in line][0])
assert "unicode" in refused

# %% [markdown]
# Read it slowly; messages of this kind are the ones you will meet most. A list has **one** type for all that is in it.
# The function first put in an integer, then a number or None; Numba found one type for both, "float64, or nothing" (the
# count would have come back as 3.0). Then came a text (`unicode_type`), and nothing is both number and text.
#
# ## Exercise 03.a · Make it compile
#
# A *tuple*, `(1, 2.0, "three")`, has a fixed length, so Numba knows a type for each place. That settles the list, and
# leaves a subtler question: what type has `top` in a version for `float32`, and who decides?

# %% tags=["exercise:03.a"]
def describe(x):
    """x (n,) float32 or float64, n >= 1 -> (count, top, word), compiled by @njit.

    count: how many are not NaN, an integer; top: the largest of these, NaN if there are none, of x's own type (float32
    stays float32); word: "clean" where nothing is NaN, otherwise "spoiled".
    """
    raise NotImplementedError

# %%
describe = check("03.a", describe)

# %%
print(describe(np.array([1, np.nan, 3], np.float32)))
print("from a float32 array:", describe.nopython_signatures[-1].return_type)

# %% [markdown]
# ## Three loops, with one line above
#
# A matrix product: each number of C is the sum over $k$ of $a_{ik}\, b_{kj}$, where $a_{ik}$ is the number of A in row
# $i$ and column $k$, and $b_{kj}$ that of B in row $k$ and column $j$. First for the interpreter:

# %%
def three_loops(a, b):
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c

# %%
@njit
def compiled(a, b):
    """A (m, k), B (k, n) -> A B (m, n), of the type of A."""
    assert a.shape[1] == b.shape[0]
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c

# %%
# compare: compiled
def whole(*shape):
    """Small whole numbers, float32: their sums are exact, in whatever order they are added."""
    return rng.integers(-4, 5, shape).astype(np.float32)

a, b = whole(5, 7), whole(7, 9)
for product in (three_loops, compiled, ladder.compiled):
    assert (product(a, b) == a @ b).all()

# %% [markdown]
# The first call of a compiled function is another thing than the later ones: it compiles. Whoever times them together
# measures the compiler. So we time them apart, and ask after how many calls compiling has paid. With $t_i$ seconds a
# call interpreted, $t_1$ for the first compiled call and $t_c$ for each later one, $n$ calls take $n\, t_i$ or
# $t_1 + (n-1)\, t_c$. These are equal at
#
# $$n^* = \frac{t_1 - t_c}{t_i - t_c}$$
#
# Two matrices of 8 x 8 are 512 steps of the inner loop. How many calls until compiling has paid?

# %%
predict("03.break_even", calls=...)

# %%
def costs(n):
    """(t_i, t_1, t_c) for n x n matrices, the lowest of several calls; compiled anew three times."""
    a, b = whole(n, n), whole(n, n)
    interpreted = bench(three_loops, a, b)
    fresh = [bench(njit(compiled.py_func), a, b, at_least=0.05) for _ in range(3)]
    return interpreted.low, min(timing.first for timing in fresh), min(timing.low for timing in fresh)

measured = {n: costs(n) for n in (8, 32)}

# %%
crossing = {n: (t_1 - t_c) / (t_i - t_c) for n, (t_i, t_1, t_c) in measured.items()}
for n, (t_i, t_1, t_c) in measured.items():
    print(f"{n} x {n}: a call takes {in_units(t_i)} or {in_units(t_c)}, {about(t_i / t_c)} times less; "
          f"compiling ({in_units(t_1)}) has paid after {about(crossing[n])} calls")

# %% tags=["picture"]
calls = np.geomspace(1, 1e6, 200)
fig, ax = plt.subplots(figsize=(8, 4.6))
for (n, (t_i, t_1, t_c)), color, marker in zip(measured.items(), ("#0072B2", "#D55E00"), "os", strict=True):
    ax.loglog(calls, calls * t_i, "--", color=color, label=f"{n} x {n}, interpreted")
    ax.loglog(calls, t_1 + (calls - 1) * t_c, "-", color=color, label=f"{n} x {n}, compiled")
    ax.plot(crossing[n], crossing[n] * t_i, marker, color=color, ms=9, label=f"{n} x {n}, equal")
draw_guess(ax, "03.break_even", axis="x")
ax.set(xlabel="number of calls", ylabel="seconds in all", title="When compiling has paid")
ax.grid(alpha=0.3)
ax.legend(frameon=False, fontsize=9)
show(fig, alt="Seconds in all against number of calls, both axes logarithmic: dashed interpreted lines rise from the "
              "start, compiled ones are flat at first; they cross after few calls for 32 x 32, after many for 8 x 8.")
plt.close(fig)

# %% [markdown]
# **This is the picture to keep.** A dashed line rises from the first call. A full line is flat for as long as the
# compilation outweighs the calls, then it rises too, far below. Where they cross, compiling has paid: for 32 x 32
# after a dozen or a few dozen calls, for 8 x 8 after hundreds or thousands. (Each line is drawn from measured numbers,
# the lowest of several. Python over lists would be faster than over arrays, as lesson 02 found; that moves the
# crossing to the right and leaves the picture as it is.) Both full lines start at about the same height: the compiler
# sees types, not sizes.

# %% [markdown]
# ## The same sums in another order
#
# Types are what the compiler sees; here is what it does not ask about. In NumPy a matrix lies in memory row after row:
# the number in row $k$ and column $j$ of an $n$-column matrix has address $kn + j$, counted in numbers. Which addresses
# of B do three loops visit? A matrix that takes notes can tell.

# %%
class Traced:
    """A matrix that notes the address of every number that is read."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.addresses = values, values.shape, values.dtype, []

    def __getitem__(self, at):
        self.addresses.append(at[0] * self.shape[1] + at[1])
        return self.values[at]

# %% [markdown]
# And the same product with two lines swapped: $k$ outside, $j$ innermost. Every number of C gets the same terms in the
# same order as before.

# %%
@njit
def loop_order(a, b):
    """A (m, k), B (k, n) -> A B (m, n), of the type of A; the inner loop runs along rows of B and C."""
    assert a.shape[1] == b.shape[0]
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c

# %%
# compare: loop_order
assert (loop_order(a, b) == a @ b).all()
assert (ladder.loop_order(a, b) == a @ b).all()
orders = {"i, j, k": compiled, "i, k, j": loop_order}
traces = {}
for name, product in orders.items():
    traced = Traced(whole(16, 16))
    product.py_func(whole(16, 16), traced)
    traces[name] = np.array(traced.addresses)
    print(f"{name}: {len(traces[name]):,} reads of B, {(abs(np.diff(traces[name])) > 1).sum():,} of them jumps")

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
for ax, (name, trace), color in zip(axes, traces.items(), ("#D55E00", "#0072B2"), strict=True):
    ax.plot(trace[:64], ".-", color=color, lw=0.8)
    ax.set(title=f"loops {name}", xlabel="read number")
axes[0].set_ylabel("address in B (16 x 16)")
show(fig, alt="The first 64 addresses of B that are read: with k innermost they climb through the whole matrix in "
              "jumps of 16, four times over; with j innermost they go up one by one.")
plt.close(fig)

# %% [markdown]
# Left, a column of B: each read is a whole row away from the one before. Right, row by row: the next read is next door.
# It matters for two reasons. Memory hands over not single numbers but *cache lines*, 64 bytes on most machines, 16
# neighbours of type `float32`: left uses one and leaves 15. And a processor has *vector* instructions, which multiply
# 4, 8 or 16 neighbours at once. Whether the compiler used them stands in its output, as `<8 x float>` or the like:

# %%
for name, product in orders.items():
    text = product.inspect_llvm(product.signatures[0])
    vectors = re.findall(r"fmul (<\d+ x float>)", text)
    print(f"{name}: {len(re.findall('fmul float', text))} single multiplications, {len(vectors)} of vectors "
          f"{' '.join(sorted(set(vectors)))}")

# %% [markdown]
# These are places in the code, not how often they run; the single ones of `i, k, j` take what is left over at the end
# of a row. In `i, j, k` the compiler found nothing for a vector: neighbours in time are not neighbours in memory. And
# all are added to *one* number, each addition waiting for the one before; floating-point sums depend on their order, so
# the compiler must keep to yours.
#
# When B is 1,024 x 1,024, how many times as fast is the swapped version?

# %%
predict("03.swap", times_as_fast=...)

# %% [markdown]
# To keep this short A gets four rows only: the walk through B, which is what we look at, stays the same. Speed is given
# in GFLOP/s, thousand million multiplications and additions a second.

# %%
sizes = (64, 128, 256, 512, 1024)
speeds = {name: [] for name in orders}  # GFLOP/s of the fastest call
for n in sizes:
    a, b = rng.standard_normal((4, n), np.float32), rng.standard_normal((n, n), np.float32)
    assert loop_order(a, b).tobytes() == compiled(a, b).tobytes()
    for name, product in orders.items():
        timing = bench(product, a, b, repeat=5, at_least=0.1, flops=2 * 4 * n * n)
        speeds[name].append(timing.flops / timing.low / 1e9)

# %%
ratio = np.divide(speeds["i, k, j"], speeds["i, j, k"])
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
for (name, values), style in zip(speeds.items(), ("s--", "o-"), strict=True):
    left.loglog(sizes, values, style, color="#D55E00" if style == "s--" else "#0072B2", label=f"loops {name}")
left.set(ylabel="GFLOP/s", title="Speed")
left.legend(frameon=False)
right.loglog(sizes, ratio, "^-", color="#009E73")
right.axhline(1, color="#666666", lw=1, ls="--")
draw_guess(right, "03.swap")
right.set(ylabel="times as fast (dashed: equal)", title="What the swap brings")
for ax in (left, right):
    ax.set(xlabel="rows and columns of B", xticks=sizes, xticklabels=sizes)
    ax.minorticks_off()
show(fig, alt="Left: speed of both orders of loops against the size of B, with i, k, j above i, j, k. Right: how many "
              "times as fast the swapped loops are, against the size of B, on a logarithmic axis.")
plt.close(fig)
print(f"at {sizes[-1]:,}: {about(ratio[-1])} times as fast, by swapping two lines")

# %% [markdown]
# Nothing but the order changed: same types, same sums, same bytes in C. At small sizes the difference is the vectors
# and the waiting. At large ones the caches join in: a column of B touches as many lines as it has numbers, and when
# these no longer fit near the processor, each read waits for memory further away. All this the compiler took as you
# wrote it: it did not swap the loops, although it could see them both.

# %% [markdown]
# ## Exercise 03.b · Loops in the right order
#
# There is no order that is always right. A linear layer $Y = XW$ needs, on the way back, the gradient of its weight:
# $\mathrm{d}W = X^{\mathsf T} G$, with inputs $X$ (n, m), the gradient $G$ (n, k) of its outputs, and $X^{\mathsf T}$
# for $X$ with rows and columns exchanged. As the formula reads:
#
# ```python
# for i in range(m):
#     for j in range(k):
#         for s in range(n):
#             dw[i, j] += x[s, i] * g[s, j]
# ```
#
# Which of the three should be innermost? Take each in turn and ask for all three arrays: does it stay, step to its
# neighbour, or jump? No clock judges you. The check traces the addresses, as we did, and counts the jumps.

# %% tags=["exercise:03.b"]
def add_weight_gradient(x, g, dw):
    """x (n, m), g (n, k), dw (m, k): adds to dw[i, j], in place, the sum over s of x[s, i] * g[s, j].

    Plain loops without @njit that read and write one number at a time, as x[s, i]. The inner loop makes no jump: in
    all, at most 2 n m + 2 n + 2 m steps from one number of an array to the next one used are longer than 1.
    """
    raise NotImplementedError

# %%
add_weight_gradient = check("03.b", add_weight_gradient)

# %%
def as_the_formula_reads(x, g, dw):
    for i in range(dw.shape[0]):
        for j in range(dw.shape[1]):
            for s in range(x.shape[0]):
                dw[i, j] += x[s, i] * g[s, j]

x, g = whole(64, 512), whole(64, 256)
for loops in (as_the_formula_reads, add_weight_gradient):
    fast, dw = njit(loops), np.zeros((512, 256), np.float32)
    fast(x, g, dw)
    assert (dw == x.T @ g).all()
    bench(fast, x, g, dw, repeat=3)

# %% [markdown]
# ## Broken on purpose
#
# A type tells the compiler what a number is. It does not tell it who else is writing there. Python's interpreter lock
# lets one thread run at a time; `@njit(nogil=True)` code lets go of it, and two threads work on two cores at once. The
# package shares out a range: `parallel(kernel, count, ...)` calls `kernel(start, stop, ...)` on pieces of
# `range(count)`, with one rule: **a piece writes only what is its own.** Here is why.
#
# `total[0] += x[i]` is three actions: read, add, write. Let two threads do it in slow motion. At each `yield`
# a thread is held up, and the other has its turn.

# %%
def adder(numbers, total):
    """Adds each number to total[0] as a processor does, held up between reading and writing."""
    for number in numbers:
        seen = total[0]
        yield
        total[0] = seen + number

def take_turns(*threads):
    """A step of each in turn, until all have ended."""
    while threads:
        threads = [thread for thread in threads if next(thread, "ended") != "ended"]

# %% tags=["broken"]
together, one_by_one = [0], [0]
take_turns(adder([1] * 1000, together), adder([1] * 1000, together))
for _ in range(2):
    take_turns(adder([1] * 1000, one_by_one))
print(f"2,000 ones: {together[0]:,} in turns, {one_by_one[0]:,} one after the other")
assert together[0] == 1000
assert one_by_one[0] == 2000

# %% [markdown]
# Half the sum is gone. Both read 0, both write 1, and one addition never happened: a *race*. Run one after the other
# the same code is right, and this is what makes it dangerous: every test on one thread passes. On real threads nobody
# chooses the turns. Fifty runs on two threads, here and now:

# %%
@njit(nogil=True)
def add_all(start, stop, x, total):
    for i in range(start, stop):
        total[0] += x[i]

def race():
    total = np.zeros(1)
    parallel(add_all, len(ones), ones, total)
    return total[0]

ones, threads = np.ones(200_000), get_num_threads()
set_num_threads(2)
print(f"{sum(race() != len(ones) for _ in range(50))} of 50 sums are wrong")
set_num_threads(threads)

# %% [markdown]
# That number depends on the machine and the minute, and 0 would prove nothing. (Numba's own `prange` has the same
# rule: it gives each thread its own copy of a plain variable that is summed up, and not of an element of an array. The
# package does without it for its compile time and its threads; `kernels/engine/parallel.py` tells the story.)
#
# ## Exercise 03.c · A sum that nobody can spoil
#
# The cure is *partial sums*: each part of `x` has a place of its own, and the places are added at the end, by one. How
# many parts? One for each thread works, and then the last digits depend on the machine, because the order of additions
# does:

# %%
x = rng.standard_normal(100_000, np.float32)
for parts in (1, 2, 3):
    sums = [np.cumsum(part)[-1] for part in np.array_split(x, parts)]  # cumsum adds one after the other
    print(f"{parts} part{'s' * (parts > 1)}: {np.cumsum(sums)[-1]:.4f}")

# %% [markdown]
# So let the parts be fixed by the data alone. The check brings its own `launch`: it cuts the range as it likes, in any
# order, and each piece sees the arrays as they were at the start: the unluckiest timing possible, every time.

# %% tags=["exercise:03.c"]
def total(x, launch):
    """x (n,) float32, n >= 1 -> the sum of its numbers, with the same bytes for any number of threads.

    launch(kernel, count, *args) calls kernel(start, stop, *args) on pieces that make up range(count), at the same time.
    Hand over arrays and numbers, as args. All adding up of x is done in kernels. count is the number of
    parts, which you choose: at least 4 for n = 4,096, and no array that the kernels write has more than 512 numbers.
    The kernel may be plain Python or @njit(nogil=True), and may stand above or within this function.
    """
    raise NotImplementedError

# %%
total = check("03.c", total)

# %%
found = set()
for n in (1, 2, 3):
    set_num_threads(n)
    found |= {np.asarray(total(x, parallel)).tobytes() for _ in range(50)}
set_num_threads(threads)
print(f"150 sums on 1, 2 and 3 threads: {len(found)} value, {total(x, parallel):.4f}")
assert len(found) == 1

# %% [markdown]
# ## Three sentences to keep
#
# 1. A known type turns an instruction that asks questions into one that computes, and everything with more than one
#    type (a list, a variable, a stray `3.0`) into an error or a conversion.
# 2. Compiling costs the same whatever the size, so it pays by calls; time the first call apart from all others.
# 3. The compiler sees types, and neither where your data lie nor who else writes: loop order and threads stay with you.
#
# **In practice:** the package's kernels are compiled with `nogil=True`, and your cache folder keeps the machine code,
# so that the next process starts without compiling. Batch norm adds up its means in 64 parts, however many
# threads there are, and so gives the same bytes on one core and on eight. Numba suits loops over arrays; where a
# library call does the work already, such as `@`, leave it alone. How close loops can come to that `@` is lesson 04.
