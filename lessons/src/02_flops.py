# ---
# jupyter:
#   lesson:
#     question: "Why is Python thousands of times slower at the same sums?"
#     picture: "how fast, and how many of the interpreter's instructions a flop, for six ways to one matrix product"
#     budget_s: 25
#     derives: [matmul_naive, matmul_lists, matmul_rows, matmul_outer, matmul_blas]
#     imports: [RUNGS, instructions]
#     exercises: ["02.a", "02.b", "02.c"]
#     needs: [1]
# ---

# %% [markdown]
# # 02 · Loops, NumPy, and what a FLOP costs
#
# Of the operations that lesson 01 could differentiate, one does most of the work in every network: the matrix product.
# It takes three loops to write down. Written so in Python it is right, and so slow that this course would end here. The
# same sums, asked for with the sign `@`, are done before your finger has left the key. Same processor, same
# multiplications: **why is Python thousands of times slower at the same sums?**
#
# **You will need** lesson 01 (the matrix product as an operation). **It takes** about 5 s on one core.
# **The picture to keep:** how fast six ways to one matrix product are, beside how much Python has to do in each.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

from support.ladder import RUNGS
from support import bench, check, draw_guess, predict, show
from support.bench import in_units
from support.exercises.lesson_02 import instructions

BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"

# %% [markdown]
# ## What has to be done
#
# Row $i$ of a matrix $A$ meets column $j$ of a matrix $B$. They are multiplied place by place, and the products are
# added up:
#
# $$C_{ij} = \sum_{k=1}^{K} A_{ik} B_{kj}$$
#
# $A$ has $M$ rows and $K$ columns, $B$ has $K$ rows and $N$ columns, and so $C$ has $M \times N$ numbers. Each of
# them takes $K$ multiplications and, if the sum starts at 0, $K$ additions. One multiplication or one addition of
# numbers with a decimal point is a *flop*, a floating-point operation. Together that is $2MKN$ flops; for two square
# matrices of size $N$, $2N^3$.
#
# A *rate* is flops divided by seconds, and a GFLOP/s is a thousand million of them in one second. For orientation:
# the clock of a processor ticks about three thousand million times a second, so one flop a tick would be 3 GFLOP/s.
# How many will three loops in Python make, and how many `@`? Write two guesses in place of the dots.

# %%
predict("02.loops", gflops_a_second=...)
predict("02.blas", gflops_a_second=...)

# %% [markdown]
# ## The honest version first

# %%
def matmul_naive(a, b):
    (m, steps), n = a.shape, b.shape[1]
    c = np.zeros((m, n), a.dtype)
    for i in range(m):
        for j in range(n):
            for k in range(steps):
                c[i, j] += a[i, k] * b[k, j]
    return c                                             # (m, k), (k, n) -> (m, n)

# %% [markdown]
# It is the formula, sign for sign. Floating-point sums differ in their last digit when they are added in another order,
# so we compare on small whole numbers, whose sums are exact in any order.

# %%
def same_product(function):
    rng = np.random.default_rng(0)
    for m, k, n in ((1, 1, 1), (2, 3, 4), (7, 5, 6)):
        a, b = (rng.integers(-3, 4, shape).astype(np.float32) for shape in ((m, k), (k, n)))
        np.testing.assert_array_equal(function(a, b), RUNGS["naive"](a, b))
    print(f"{function.__name__}: the same numbers as the package's")

same_product(matmul_naive)  # compare: matmul_naive

# %% [markdown]
# Do not take the formula's word for $2MKN$ either. Here is a number that counts what is done with it:

# %%
class Counted(float):
    flops = 0

    def __mul__(self, other):
        Counted.flops += 1
        return Counted(float(self) * float(other))

    def __add__(self, other):
        Counted.flops += 1
        return Counted(float(self) + float(other))

    __radd__ = __add__                                   # 0 + number, the start of each sum

# %%
counted = np.vectorize(Counted, otypes=[object])
matmul_naive(counted(np.ones((2, 3))), counted(np.ones((3, 4))))
print(f"a 2 x 3 times a 3 x 4 matrix: {Counted.flops} flops")
assert Counted.flops == 2 * 2 * 3 * 4

# %% [markdown]
# ## Exercise 02.a · Count before you run
#
# Flops are one half of a bill. The other half is *bytes*: numbers lie in memory, and must be fetched before anything
# can be done with them. A `float32` takes 4 bytes. Nobody can do with less than reading every input once and
# writing the result once, and that least number is what you count here, for the three operations that carry this
# course: the matrix product; the convolution of lesson 05, where a small window slides over an image and every result
# is the sum of all products of window and pixels beneath; and the search of lesson 11, which takes the dot product
# (multiply place by place, add up) of every query with every row of a bank, and keeps the best row's number for each.

# %% tags=["exercise:02.a"]
def cost(operation, *sizes):
    """(flops, bytes), two whole numbers, exact however large. Inputs and results are float32 unless said otherwise.

    "matmul", m, k, n: (m, k) times (k, n).
    "conv", n, h, w, c, kh, kw, f, stride, padding: n images (h, w, c) and a weight (kh, kw, c, f) give n results
        (ho, wo, f), with ho = (h + 2*padding - kh)//stride + 1, and wo from w and kw. Each result is a sum of
        kh*kw*c products; those with a zero of the padding count too, but the padding is not in memory.
    "nearest", b, q, d: b queries and q rows, d numbers each; written are b row numbers (int64, 8 bytes), no more.
    A sum of K products is K multiplications and K additions, as it starts at 0. A comparison is no flop.
    """
    raise NotImplementedError

# %%
cost = check("02.a", cost)
for name, *sizes in (("matmul", 512, 512, 512), ("matmul", 1, 512, 512), ("nearest", 512, 4096, 64),
                     ("conv", 512, 32, 32, 3, 3, 3, 16, 1, 1)):
    flops, fetched = cost(name, *sizes)
    print(f"{name} {sizes}: {flops / 1e6:.2g} million flops, {fetched / 1e6:.2g} MB, "
          f"{flops / fetched:.2g} flops a byte")

# %% [markdown]
# The last column is the *arithmetic intensity*. In a product of two 512 x 512 matrices each byte serves in 85 flops.
# One row times the same matrix makes half a flop of each byte: it fetches the whole matrix and uses every number once.
# That is one reason why networks are trained in batches. Adding two arrays is worse still.

# %% [markdown]
# ## What Python does meanwhile
#
# Python does not run your line. It translates it to small *instructions* (fetch this variable, look up that item,
# multiply what came out), and a program in C, the *interpreter*, takes them one by one, finds out what kind of thing
# each operand is, and acts. Python's hook for debuggers reports every one of them, and `instructions` counts them. That
# needs no clock, so it comes out the same on a busy machine. How many instructions does `c[i, j] += a[i, k] * b[k, j]`
# take for each of its two flops?

# %%
predict("02.instructions", instructions_a_flop=...)

# %%
def pair(n):
    rng = np.random.default_rng(n)
    return tuple(rng.standard_normal((n, n), np.float32) for _ in range(2))

for n in (4, 8, 16):
    print(f"N = {n}: {instructions(matmul_naive, *pair(n)) / (2 * n**3):.1f} instructions a flop")

# %% [markdown]
# About a dozen, and larger matrices do not help: every flop pays again. Nor is an instruction cheap. `a[i, k]` packs
# two indices into a tuple, finds the number's 4 bytes, and wraps them in a new Python object, to be thrown away after
# one multiplication:

# %%
a, _ = pair(2)
one = a[0, 0]
print(f"{one.nbytes} bytes of number in an object of {one.__sizeof__()} bytes")

# %% [markdown]
# Now the clock. `climb` keeps the *fastest* of several calls, since whatever disturbs a call makes it slower; the line
# that is printed has their median. Rates can be compared across sizes, so each way gets one that it can do in a moment.

# %%
ladder = {}

def climb(name, function, n, count_at):
    timing = bench(function, *pair(n), flops=2 * n**3)
    counted = instructions(function, *pair(count_at)) / (2 * count_at**3)
    ladder[name] = n, timing.low, 2 * n**3 / timing.low, counted

climb("loops over arrays", matmul_naive, 24, 16)

# %% [markdown]
# ## The same loops over lists
#
# A list holds Python objects already: nothing is wrapped or unwrapped on the way. And `zip` hands out two numbers at
# a time, so no index is needed. (Python's own floats have 8 bytes; we round at the end.)

# %%
def matmul_lists(a, b):
    rows, columns = a.tolist(), b.T.tolist()
    c = [[sum(x * y for x, y in zip(row, column, strict=True)) for column in columns] for row in rows]
    return np.array(c, a.dtype)

same_product(matmul_lists)  # compare: matmul_lists
climb("loops over lists", matmul_lists, 24, 16)

# %% [markdown]
# Lists beat arrays here. An array is made to be used *whole*.

# %% [markdown]
# ## A row at a time
#
# So let us use arrays whole. One row of $A$, stood upright as a column, is multiplied with all of $B$ at once. The
# shapes (k, 1) and (k, n) do not match, and NumPy *broadcasts*: an axis of length 1 behaves as if it were repeated.
# Then a sum over k. Or the other way round: column $k$ of $A$ with row $k$ of $B$ makes a table of products for every
# pair, an *outer product*, and $C$ is the sum of K such tables.

# %%
def matmul_rows(a, b):
    c = np.empty((len(a), b.shape[1]), a.dtype)
    for i in range(len(a)):
        c[i] = (a[i, :, None] * b).sum(0)                # (k, 1) * (k, n) -> (k, n) -> (n,)
    return c

same_product(matmul_rows)  # compare: matmul_rows

# %%
def matmul_outer(a, b):
    c = np.zeros((len(a), b.shape[1]), a.dtype)
    for k in range(len(b)):
        c += a[:, k, None] * b[k]                        # (m, 1) * (n,) -> (m, n)
    return c

same_product(matmul_outer)  # compare: matmul_outer

# %%
climb("NumPy, a row at a time", matmul_rows, 128, 128)
climb("NumPy, outer products", matmul_outer, 128, 128)

# %% [markdown]
# One loop is left instead of three. An instruction of the interpreter starts about a thousand flops, which run in
# compiled code, and Python's part of the bill is small. What keeps us from the top, then?
#
# Count bytes. For each $k$ the outer products write a table of $N^2$ products, read it again together with $C$, and
# write $C$: 16 bytes for two flops, where the exercise found many flops for one byte possible. The arithmetic units
# wait, this time for numbers. One thing both ways do well: they go along rows, whose numbers are neighbours in memory,
# and memory hands over 16 neighbours at a time. Down a column, 15 of these would go unused (lesson 03).

# %% [markdown]
# ## Exercise 02.b · No loop, and no `@`
#
# Broadcasting can remove the last loop too. Use no function that knows what a matrix product is: no `@`, `dot`,
# `einsum`, `inner`, `tensordot` or their kin. How does a machine check that? It reads your function's instructions; it
# sends in arrays that write down which NumPy functions they meet and how many products are made; it counts the
# interpreter's work for two sizes, which must be equal, or a loop is hidden somewhere; and at last it falsifies the
# multiplications, and expects your result to be false.

# %% tags=["exercise:02.b"]
def product(a, b):
    """The matrix product of a (m, k) and b (k, n), both float32: (m, n).

    Only *, a sum, and changes of shape, in plain Python (no @njit): no loop of any kind, and none of NumPy's product
    functions. NumPy makes exactly m*k*n products of numbers. Memory is no object.
    """
    raise NotImplementedError

# %%
product = check("02.b", product)
same_product(product)
climb("NumPy, one expression", product, 128, 128)
print(f"products held at once: {4 * 128**3 / 1e6:.1f} MB at N = 128, {4 * 2048**3 / 1e9:.0f} GB at N = 2048")

# %% [markdown]
# Python has hardly anything left to do, and yet the way is a dead end: all products must exist at the same time, and at
# N = 2,048 they would need more memory than most laptops have.

# %% [markdown]
# ## One call for everything
#
# `@` hands the two matrices to a *BLAS* (basic linear algebra subprograms: a library tuned for each processor, over
# decades). It cuts the matrices into pieces that stay near the arithmetic units, and uses every number
# many times before it lets go of it. Its *vector* instructions do eight or sixteen flops of one kind at once. It may
# also use several cores, unless `OPENBLAS_NUM_THREADS` was 1 when NumPy was loaded; all else here runs on one.

# %%
def matmul_blas(a, b):
    return a @ b

same_product(matmul_blas)  # compare: matmul_blas
climb("@, a BLAS", matmul_blas, 512, 512)
print("threads for @:", os.environ.get("OPENBLAS_NUM_THREADS", "as many as it likes"))

# %% [markdown]
# The sign alone is no guarantee. A BLAS knows `float32` and `float64`. For whole numbers NumPy falls back on plain
# loops in C:

# %%
for kind in (np.float32, np.float64, np.int64):
    square = np.ones((192, 192), kind)
    timing = bench(matmul_blas, square, square, flops=2 * 192**3)
    print(f"  {kind.__name__}, fastest call: {2 * 192**3 / timing.low / 1e9:.2g} thousand million operations a second")

# %% [markdown]
# A vector holds half as many `float64`, so half the rate is what to expect. `int64` falls by one to three orders of
# magnitude, with the same code and no warning. If a product is unreasonably slow, look at its `.dtype` first.

# %% [markdown]
# ## The ladder
#
# All six ways, on axes that multiply: on the left each grey line is ten times the one before.

# %%
def two_digits(x):
    return f"{float(f'{x:.2g}') / 1e6:g} million" if x >= 1e6 else f"{float(f'{x:.2g}'):,.10g}"

def for_each(counted):
    return two_digits(counted) if counted > 1 else f"1 for {two_digits(1 / counted)} flops"

# %% tags=["picture"]
fig, axes = plt.subplots(1, 2, figsize=(9.4, 3.6), sharey=True, layout="constrained")
STYLE = {"l": dict(color=BLUE, marker="o"), "N": dict(color=GREEN, marker="s"), "@": dict(color=VERMILION, marker="^")}
for y, (name, (_, _, rate, counted)) in enumerate(ladder.items()):
    for ax, value, text in zip(axes, (rate / 1e9, counted), (two_digits(rate / 1e9), for_each(counted)), strict=True):
        ax.plot(value, y, markersize=8, ls="", **STYLE[name[0]])
        ax.annotate(text, (value, y), xytext=(8, 0), textcoords="offset points", va="center", fontsize=9)
axes[0].axvline(3, color="0.5", ls="--", lw=1)
axes[0].annotate("one flop a tick", (3, 0.02), xycoords=axes[0].get_xaxis_transform(), rotation=90, ha="right",
                 va="bottom", fontsize=8, color="0.35")
axes[0].set(yticks=range(len(ladder)), yticklabels=ladder, ylim=(-0.5, len(ladder) - 0.3), xlabel="GFLOP/s, measured")
axes[1].set(xlabel="the interpreter's instructions a flop, counted")
for ax in axes:
    ax.set_xscale("log")
    ax.minorticks_off()
    ax.margins(x=0.25)
    ax.grid(axis="x", color="0.9")
draw_guess(axes[0], "02.loops", axis="x")
draw_guess(axes[0], "02.blas", axis="x")
draw_guess(axes[1], "02.instructions", axis="x")
show(fig, alt="Left, the measured rate rises from loops over arrays through lists and NumPy to a BLAS, over several "
              "powers of ten. Right, the interpreter's instructions a flop fall from a dozen to almost none.")
plt.close(fig)

# %% [markdown]
# Read the two sides together. From the circles (loops) to the squares (NumPy) speed is bought with *instructions*:
# they become thousands of times fewer. From the squares to the triangle they hardly matter any more, and speed is
# bought with *bytes*: the same flops, on numbers that are at hand. The dashed line is one flop for each tick of a 3
# GHz clock. Loops stay far below it, since the processor is busy with Python; what lies far above it uses vectors, or
# several cores. On a busy machine all of the left side moves further left, and the right side stays.

# %%
for name in ("loops over arrays", "loops over lists"):
    print(f"@ did {two_digits(ladder['@, a BLAS'][2] / ladder[name][2])} times as many flops a second as {name}")

# %% [markdown]
# ## Exercise 02.c · How long for N = 2,048?
#
# You timed a product at $N = 256$, need one at 2,048, and wonder whether to wait or to go home. If the rate stays as it
# is, time grows as the flops do, with the cube of $N$. There is also a *peak*, the rate that the processor cannot
# exceed. It tells how much there is left to gain, and it exposes measurements that cannot be true.

# %% tags=["exercise:02.c"]
def seconds_for(target, n, seconds, peak):
    """(predicted seconds for N = target, share of the peak), from one product at N = n that took `seconds`.

    All matrices are square. The prediction is the cube law; the share is the measured rate, in flop/s, over `peak`, in
    flop/s. Raises ValueError where the share is above 1, as no processor can have done that.
    """
    raise NotImplementedError

# %%
seconds_for = check("02.c", seconds_for)
ceiling = 2 * max(rate for _, _, rate, _ in ladder.values())
for name, (n, seconds, _, _) in ladder.items():
    predicted, share = seconds_for(2048, n, seconds, ceiling)
    said = in_units(predicted) if predicted < 100 else f"{two_digits(predicted / 60)} min"
    print(f"{name:<23} {said:>9} for N = 2048, at {share:.1g} of the ceiling")

# %% [markdown]
# Makers do not print the peak on the box, so the cell takes twice the best rate we saw. The longest of these times is
# one for going home. The shortest we can check:

# %%
law, _ = seconds_for(2048, *ladder["@, a BLAS"][:2], ceiling)
large = bench(matmul_blas, *pair(2048), flops=2 * 2048**3)
print(f"the cube law said {in_units(law)}, the fastest call took {in_units(large.low)}")

# %% [markdown]
# The law is one of arithmetic, and on a machine that does nothing else it gives the order of magnitude. When it fails
# by more, something else has changed: where the numbers lie (lesson 03 falls over such an edge), or who shares the
# processor: a long call is always interrupted.

# %% [markdown]
# ## Broken on purpose
#
# A colleague has a version that beats everything. It makes the rows of $C$ with `@`, one after the other, in elegant
# round brackets:

# %% tags=["broken"]
def matmul_lazy(a, b):
    return (row @ b for row in a)

large_pair = pair(2048)
lazy = bench(matmul_lazy, *large_pair, flops=2 * 2048**3)
try:
    seconds_for(2048, 2048, lazy.low, ceiling)
    caught = False
except ValueError as error:
    caught = True
    print("ValueError:", error)
assert caught, "more than the ceiling, which is twice the best rate that we saw"
assert instructions(matmul_lazy, *large_pair) < 20, "2,048 rows need at least 2,048 instructions"

# %% [markdown]
# The brackets make a *generator*: a promise to compute rows when somebody asks. Nobody asked, and the clock timed the
# making of a promise. The rate gives it away, and so does the count: a handful of instructions cannot ask for 2,048
# rows. Real cases are quieter: a graphics card that answers before it has finished, a compiler that drops work whose
# outcome is never used. The cure is the same: know the flops, know the peak, and compare the *result* before the time.

# %% [markdown]
# ## Three sentences to keep
#
# A flop itself costs next to nothing; you pay for the instructions that ask for it, and for the bytes that it works on.
# NumPy makes the first bill small by asking for many flops at once, and a BLAS the second, by using each number many
# times while it is near. Count flops and bytes before you run anything: they predict the time, and they expose a time
# that cannot be true.
#
# **In practice:** keep arrays whole, watch the `dtype`, and look for a way to say it as one `@`. Where there is none,
# as for the colour changes of lesson 07, a compiler for Python's loops helps: Numba, in lesson 03.
