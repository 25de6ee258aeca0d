# ---
# jupyter:
#   lesson:
#     question: "How close to BLAS can forty lines get, and why not closer?"
#     picture: "the roofline of this machine, with every version of the matrix product as a dot under it"
#     budget_s: 60
#     derives: [in_place, tile_by_four, matmul_tiles]
#     imports: [matmul, parallel, set_num_threads, RUNGS, peak, cache_bytes]
#     exercises: ["04.a", "04.b", "04.c"]
#     needs: [2, 3]
# ---

# %% [markdown]
# # 04 · Cache, tiles, threads
#
# Lesson 03 compiled three loops and swapped two of them, and each of these made the product many times faster. NumPy's
# `@` is faster still. It calls a *BLAS* (basic linear algebra subprograms), a library of the kind that people have been
# tuning for forty years, and it does the same multiplications on the same core. **How close to BLAS can forty lines
# get, and why not closer?**
#
# **You will need** lessons 02 (what an operation costs) and 03 (what Numba compiles). **It takes** about 20 s on one
# free core, a third of it compiling. **The picture to keep:** what this machine could do at best, drawn as a roof, and
# every version of the product as a dot under it.

# %%
import contextlib
import io
import os

for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(variable, "1")  # BLAS on one thread; read when NumPy is imported

import matplotlib.pyplot as plt
import numpy as np
from numba import njit

from tinynnclr.lab.bench.machine import peak
from tinynnclr.kernels import matmul, set_num_threads
from tinynnclr.kernels import parallel
from tinynnclr.kernels.engine.cache import cache_bytes
from support.ladder import RUNGS
from tinynnclr.kernels.engine.simd import MR, VECTOR_BYTES
from support import bench, check, draw_guess, predict, show
from support.exercises.lesson_04 import Counted

BLUE, VERMILION, GREEN, ORANGE, PINK = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7"
set_num_threads(1)  # the package's kernels too, until the last section

# %% [markdown]
# ## Where we stand
#
# Our product is $C = A B$: $A$ has 256 rows of 1,024 numbers, $B$ is 1,024 x 1,024, in float32. $B$ takes 4 MB, and
# that is the whole difficulty. One multiplication and one addition count as two operations, so this is
# $2 \cdot 256 \cdot 1024 \cdot 1024$, 537 million of them. A GFLOP/s is a thousand million operations a second. We take
# the fastest of several calls, because other programs can only slow one down.

# %%
rng = np.random.default_rng(4)
A, B = rng.standard_normal((256, 1024), np.float32), rng.standard_normal((1024, 1024), np.float32)

def same(product, a=A[:9, :70], b=B[:70, :150]):
    a, b = a.copy(), b.copy()  # contiguous: Numba would compile once more for slices
    np.testing.assert_allclose(product(a, b), matmul(a, b), rtol=0, atol=1e-3)

def two(number):
    """Two digits, no more than a clock deserves."""
    return f"{float(f'{number:.2g}'):,g}"

# %%
def rate(function, *args, operations=2 * A.size * B.shape[1]):
    with contextlib.redirect_stdout(io.StringIO()):  # bench prints a line each time
        return operations / bench(function, *args, repeat=7, at_least=0.05).low / 1e9

# %%
for product in (np.matmul, *RUNGS.values()):
    same(product)
measured = {"BLAS": rate(np.matmul, A, B)}
few = {"naive": (A[:1, :256], B[:256, :256]), "compiled": (A[:4], B)}  # slow ones get less to do
for name in ("naive", "compiled", "loop order"):
    a, b = few.get(name, (A, B))
    measured[name] = rate(RUNGS[name], a, b, operations=2 * a.size * b.shape[1])
for name, gflops in measured.items():
    print(f"{name:<10} {two(gflops):>7} GFLOP/s, {two(100 * gflops / measured['BLAS']):>6} % of BLAS")

# %% [markdown]
# `naive` is Python, `compiled` the same loops through Numba, `loop order` the swap. Before you go on: how many GFLOP/s
# will the best loops reach that we can write in Numba, in about forty lines? It will be a line in the picture.

# %%
predict("04.forty_lines", gflops=...)

# %% [markdown]
# ## A staircase
#
# Between a core and the memory lie the *caches*: small, fast memories that keep copies of what was used lately. The
# first level (L1) belongs to one core and is tiny, the second (L2) is larger and slower, the third (L3) is shared by
# all cores. What is not there must come from memory. To see them, we ask for the same simple thing, $x_i = y_i + s
# z_i$ for three arrays and a number $s$, and make the arrays larger and larger.

# %%
@njit
def triad(x, y, z, times):
    """Two numbers fetched and one stored for each i, over and over."""
    for t in range(times):
        s = np.float32(t)
        for i in range(len(x)):
            x[i] = y[i] + s * z[i]

# %%
x, y, z = np.zeros(5, np.float32), np.ones(5, np.float32), np.arange(5, dtype=np.float32)
triad(x, y, z, 3)
np.testing.assert_array_equal(x, y + 2 * z)
kilobytes = np.array([6, 12, 24, 48, 96, 192, 384, 768, 3072, 12288, 98304])
gigabytes = []  # a second
for size in kilobytes:
    x, y, z = np.ones((3, size * 1024 // 12), np.float32)
    times = max(1, 3072 // size)
    gigabytes.append(rate(triad, x, y, z, times, operations=3 * x.nbytes * times))
first, memory = max(gigabytes), gigabytes[-1]

# %%
caches = {f"L{level}": cache_bytes(level, size) for level, size in ((1, 1 << 15), (2, 1 << 19), (3, 1 << 25))}
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
ax.loglog(kilobytes, gigabytes, "o-", color=BLUE)
for name, size in caches.items():
    ax.axvline(size / 1024, color="#888888", ls="--", lw=1)
    ax.text(size / 1024, 1.02, name, transform=ax.get_xaxis_transform(), ha="center")
ax.set(xlabel="KB of the three arrays together", ylabel="GB/s", ylim=(min(gigabytes) / 2, 2 * first))
ax.set_xticks([10, 100, 1000, 10_000, 100_000], ["10", "100", "1,000", "10,000", "100,000"])
paces = [pace for pace in (1, 2, 5, 10, 20, 50, 100, 200, 500) if min(gigabytes) / 2 < pace < 2 * first]
ax.set_yticks(paces, paces)
ax.minorticks_off()
show(fig, alt="Bytes a second against the size of the arrays: fast while they fit the first-level cache, slower in "
              "the second and the third, slowest from memory.")
plt.close(fig)

# %% [markdown]
# The dashed lines are the sizes of the caches as the system tells them (guesses where it does not). The same loop, the
# same instructions: only where the numbers are has changed, and the pace changes by about a factor of ten.
#
# ## Roofs
#
# Two things bound every loop. It cannot do more operations than the core's arithmetic can: the *peak* $P$. And it
# cannot use numbers faster than they arrive. If it does $I$ operations for every byte it asks for (its *intensity*),
# and $W$ bytes arrive a second, then
#
# $$\text{operations a second} \le \min(P,\; I \cdot W)$$
#
# On logarithmic axes this is a slope that ends in a flat roof. A loop under the flat part wants better arithmetic; a
# loop under the slope wants fewer bytes. Now look at the swapped loops: for every multiplication one number of $B$ and
# one of $C$ come in, and one goes back to $C$. We need not take that on trust. `Counted` is a matrix that hands out one
# number at a time and counts.

# %%
def in_place(a, b, c, i0, i1, j0, j1, k0, k1):
    """Add A[i0:i1, k0:k1] B[k0:k1, j0:j1] to C[i0:i1, j0:j1]: a, b, c are whole matrices, the bounds name a part."""
    for k in range(k0, k1):
        row = b[k, j0:j1]  # a view: nothing is fetched yet
        for i in range(i0, i1):
            one, out = a[i, k], c[i, j0:j1]
            for j in range(len(row)):
                out[j] += one * row[j]

# %%
def count(tile, m, n, steps):
    """(numbers fetched, numbers stored, operations for each byte of them) for one tile of m x n numbers of C."""
    matrices = [Counted(np.ones(shape, np.float32)) for shape in ((m, steps), (steps, n), (m, n))]
    tile(*matrices, 0, m, 0, n, 0, steps)
    loads, stores = sum(x.loads for x in matrices), sum(x.stores for x in matrices)
    return loads, stores, 2 * m * n * steps / (4 * (loads + stores))

def told(tile, m=16, n=128, steps=40):
    loads, stores, intensity = count(tile, m, n, steps)
    return f"fetched {loads:,}, stored {stores:,}, intensity {two(intensity)} operations a byte"

# %%
c = np.zeros((9, 150), np.float32)
in_place(A, B, c, 0, 9, 0, 150, 0, 70)
np.testing.assert_allclose(c, matmul(A[:9, :70], B[:70, :150]), atol=1e-3)  # compare: in_place
print(told(in_place))
asked = count(in_place, 16, 128, 40)[2]
print(f"at {two(first)} GB/s from L1 that allows {two(first * asked)} GFLOP/s; from memory, at {two(memory)} GB/s, "
      f"{two(memory * asked)}")

# %% [markdown]
# So there are two ways up: let the bytes come from a nearer cache, or ask for fewer of them. Both are done with
# *tiles*.
#
# ```
#                        j0      j1
#                   k0   ########          a piece of B, depth x width:
#              B         ########          used by every row of A,
#                   k1   ########          so let it stay in the cache
#
#          k0     k1
#      i0  ########      ########          a tile of C, rows x width sums:
#   A      ########   C  ########          used at every step k,
#      i1  ########      ########          so let it stay even nearer
# ```
#
# ## Exercise 04.a · No column left behind
#
# Few matrices are a whole number of tiles wide. Where the last tile ends is the first thing to get wrong.

# %% tags=["exercise:04.a"]
def tiles(n, size):
    """[(start, stop), ...] that cover 0 to n - 1, each place once, from left to right; n >= 1, size >= 1.

    stop is exclusive, as in range. Every tile has `size` places, but the last one may have fewer (never none).
    """
    raise NotImplementedError

# %%
tiles = check("04.a", tiles)
print(tiles(97, 32))

# %% [markdown]
# The nest of loops around a tile. Its order is the drawing's: take a piece of $B$, let all rows of $A$ pass, take the
# next piece. It works on the panels `start` to `stop` of $C$ (all rows, `width` columns each) and writes nowhere else;
# the last section will be glad of that. `parallel` is the package's; on one thread it calls `nest` for all panels.
#
# Three numbers make a tile: its rows and its width in $C$, and its *depth*, the number of steps $k$ that one piece of
# $B$ serves, or $k_1 - k_0$ in the drawing. At depth 40 the 1,024 rows of $B$ are cut into 25 pieces of 40 and a last
# one of 24, so each tile of $C$ is visited 26 times. Why 40? That is exercise 04.c.

# %%
def nest_of(tile):
    """The loops around a compiled tile."""
    @njit(nogil=True)  # it lets other threads run meanwhile
    def nest(start, stop, a, b, c, rows, panels, depths):
        for p in range(start, stop):
            for d in range(len(depths)):
                for r in range(len(rows)):
                    tile(a, b, c, rows[r, 0], rows[r, 1], panels[p, 0], panels[p, 1], depths[d, 0], depths[d, 1])
    return nest

# %%
TILE = 16, 128, 40  # rows and width of a tile of C; depth of a piece of B, in steps k

def matmul_tiles(nest, a, b, tile=TILE):
    """a (m, k), b (k, n) -> a b, (m, n), tile by tile."""
    assert a.shape[1] == b.shape[0]
    c = np.zeros((len(a), b.shape[1]), a.dtype)
    lengths = len(a), b.shape[1], len(b)
    rows, panels, depths = (np.array(tiles(n, size)) for n, size in zip(lengths, tile, strict=True))
    parallel(nest, len(panels), a, b, c, rows, panels, depths)
    return c

ODD = (33, 33, 33), (64, 64, 64), (97, 97, 97), (5, 43, 300)  # what hardly anything divides

# %% [markdown]
# ## Broken on purpose
#
# "Tiles make it fast", so here are tiles: `in_place` in that nest, and its piece of $B$, 20 KB, stays in the cache. The
# numbers are right. Is it faster than no tiles?

# %% tags=["broken"]
nest_in_place = nest_of(njit(in_place))
for m, k, n in ODD:
    same(lambda a, b: matmul_tiles(nest_in_place, a, b), A[:m, :k], B[:k, :n])  # compare: matmul_tiles
measured["tiles, in place"] = rate(matmul_tiles, nest_in_place, A, B)
print(f"no tiles {two(measured['loop order'])} GFLOP/s, tiles {two(measured['tiles, in place'])}")
m, n, k = TILE
assert count(in_place, m, n, k)[1] == m * n * k  # it still goes to C at every step

# %% [markdown]
# On most machines it is slower. The cache was fed, but the loop asks for as many bytes as before: at every step it
# fetches and stores the tile of $C$, in rows that now end after 128 numbers, so a short loop starts again and again. A
# tile pays only if something is *kept* in it.
#
# ## Exercise 04.b · Keep the sums at home
#
# For one step $k$, a tile of $m$ rows and $n$ columns needs $m$ numbers of $A$ and $n$ of $B$, and does $m n$
# multiplications with them. So fetch each of these once, add up in an array of your own, and visit $C$ once, at the
# end. Your answer gets `Counted` matrices first; then Numba compiles it.

# %% tags=["exercise:04.b"]
def tile_product(a, b, c, i0, i1, j0, j1, k0, k1):
    """Add A[i0:i1, k0:k1] B[k0:k1, j0:j1] to C[i0:i1, j0:j1], in place; returns nothing.

    a, b, c are the whole matrices; with m = i1 - i0, n = j1 - j0, it fetches m + n numbers of A and B for each k in
    k0 to k1 - 1; it fetches and stores each of the m n numbers of C once. What you put into arrays of your own,
    np.zeros(shape, a.dtype), is free. Numbers come one at a time, a[i, k]; a[i], b[k, j0:j1] and the like are views.
    Plain loops that Numba can compile, without @njit: the lesson compiles it.
    """
    raise NotImplementedError

# %%
tile_product = njit(check("04.b", tile_product))
nest_kept = nest_of(tile_product)
for m, k, n in ODD:
    same(lambda a, b: matmul_tiles(nest_kept, a, b), A[:m, :k], B[:k, :n])
measured["tiles, sums kept"] = rate(matmul_tiles, nest_kept, A, B)

# %%
print("in place:", told(in_place))
print("kept:    ", told(tile_product.py_func))
print(f"kept: {two(measured['tiles, sums kept'])} GFLOP/s, in place: {two(measured['tiles, in place'])}")

# %% [markdown]
# Twenty-five times the intensity, and nothing like twenty-five times the speed: it wins back what the tiles had cost,
# and hardly more. Somebody else is asking for bytes: our own sums. An array is memory, also a small one, also in L1:
# each multiplication fetches a sum, adds, and stores it. We counted them as free, and they are not.
#
# What can we do about that in Numba? Visit each sum less often: take four steps $k$ at a time.

# %%
@njit
def tile_by_four(a, b, c, i0, i1, j0, j1, k0, k1):
    """As tile_product, four steps a visit; one to three that are left over go one by one."""
    sums, panel = np.zeros((i1 - i0, j1 - j0), a.dtype), np.zeros((4, j1 - j0), a.dtype)
    last = k0 + (k1 - k0) // 4 * 4
    for k in range(k0, last, 4):
        for s in range(4):
            fetched, row = b[k + s, j0:j1], panel[s]
            for j in range(len(row)):
                row[j] = fetched[j]
        row0, row1, row2, row3 = panel[0], panel[1], panel[2], panel[3]
        for i in range(i1 - i0):
            x0, x1, x2, x3 = a[i0 + i, k], a[i0 + i, k + 1], a[i0 + i, k + 2], a[i0 + i, k + 3]
            mine = sums[i]
            for j in range(len(mine)):
                mine[j] += x0 * row0[j] + x1 * row1[j] + x2 * row2[j] + x3 * row3[j]
    for i in range(i1 - i0):
        out, mine = c[i0 + i, j0:j1], sums[i]
        for j in range(len(mine)):
            out[j] += mine[j]
    tile_product(a, b, c, i0, i1, j0, j1, last, k1)

# %%
nest_by_four = nest_of(tile_by_four)
for m, k, n in ODD:
    same(lambda a, b: matmul_tiles(nest_by_four, a, b), A[:m, :k], B[:k, :n])  # compare: tile_by_four
measured["tiles, by four"] = rate(matmul_tiles, nest_by_four, A, B)
print(f"by four: {two(measured['tiles, by four'])} GFLOP/s, "
      f"{two(100 * measured['tiles, by four'] / measured['BLAS'])} % of BLAS")

# %% [markdown]
# With its nest and its exercises that makes about forty lines.
#
# ## Exercise 04.c · How deep?
#
# The depth 40 was not found by trying. Count what one tile touches: its piece of $B$, its strip of $A$, its sums. All
# three should lie in L1 together.

# %% tags=["exercise:04.c"]
def tile_depth(cache, rows, width, itemsize):
    """The largest depth, a multiple of 8, for which depth * width numbers of B, rows * depth of A and rows * width
    sums take at most `cache` bytes together, `itemsize` bytes a number; 8 where not even that fits.

    Four whole numbers in, a whole number out.
    """
    raise NotImplementedError

# %%
tile_depth = check("04.c", tile_depth)
for name, size in caches.items():
    print(f"{name} of {size // 1024:,} KB: depth {tile_depth(size, *TILE[:2], 4):,}")

# %%
depths = 4 * 2 ** np.arange(9)
by_depth = [rate(matmul_tiles, nest_by_four, A, B, (*TILE[:2], d)) for d in depths]
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
ax.semilogx(depths, by_depth, "o-", color=GREEN, base=2)
for name, style in (("L1", "--"), ("L2", ":")):
    ax.axvline(tile_depth(caches[name], *TILE[:2], 4), color="#666666", ls=style, label=f"fits {name}, by arithmetic")
ax.set(xlabel="depth of a piece of B", ylabel="GFLOP/s", ylim=(0, 1.3 * max(by_depth)), xlim=(3, 1400))
ax.set_xticks(depths, depths)
ax.legend(frameon=False, loc="upper left")
show(fig, alt="GFLOP/s against the depth of a piece of B, four to 1,024, with two upright lines at the depths that "
              "fit the first and the second cache by arithmetic.")
plt.close(fig)

# %% [markdown]
# Each tile has a fixed price: its arrays are made and cleared, $C$ is visited once. Shallow tiles, on the left, pay
# it for next to nothing; deep ones spread it over many steps. Against depth speaks the cache, and how loudly depends
# on the machine: some processors fetch ahead so well that a piece in L2 costs little, and then deeper is better
# still. So the arithmetic gives a reasonable place to start from without one measurement, and the last word is the
# clock's.

# %%
best = depths[np.argmax(by_depth)]
measured["tiles, by four"] = max(by_depth)
print(f"fastest depth here: {best}, {two(max(by_depth))} GFLOP/s, "
      f"{two(100 * max(by_depth) / measured['BLAS'])} % of BLAS")

# %% [markdown]
# ## The picture to keep
#
# The last rung is the package's own `matmul`, on one thread. Its inner loop was written in the compiler's own language
# rather than in Numba's, so that it can say what Numba cannot: keep these sums in *registers*, the few places inside
# the core where arithmetic happens.

# %%
kept = count(tile_product.py_func, *TILE)[2]  # operations a byte, if the sums were free
NR = 2 * VECTOR_BYTES // 4
print(f"registers: {MR} x {NR} sums, {MR} + {NR} numbers fetched for {MR * NR} multiplications")
intensity = {"naive": 2 / 16, "compiled": 2 / 16,  # A, B, C in and C out, of 4 bytes, at each multiplication
             "loop order": 2 / 12, "tiles, in place": 2 / 12,  # one number of A stays for a whole row
             "tiles, sums kept": 2 / 12, "tiles, by four": 2 / 6,  # the sums, and the row that we copied
             "tiled": 2 / 12, "packed": 2 / 6, "SIMD": 2 * MR * NR / (4 * (MR + NR))}
for name in ("tiled", "packed", "SIMD"):
    measured[name] = rate(RUNGS[name], A, B)
roof = peak()

# %%
LOOKS = {"naive": ("Python loops", "o", "#222222"), "compiled": ("the same, compiled", "s", PINK),
         "loop order": ("loops swapped", "D", ORANGE), "tiled": ("the package's tiled", "<", "#888888"),
         "tiles, in place": ("tiles, in place", "X", VERMILION), "tiles, sums kept": ("tiles, sums kept", "^", GREEN),
         "packed": ("the package's packed", ">", "#888888"), "tiles, by four": ("by four, best depth", "v", GREEN),
         "SIMD": ("sums in registers", "P", BLUE)}

def draw_roofs(ax):
    reach = np.geomspace(0.06, 30, 200)
    for bytes_a_second, style, name in ((first, "-", "L1"), (memory, "--", "memory")):
        ax.plot(reach, np.minimum(roof, reach * bytes_a_second), style, color="#444444",
                label=f"roof: {name}, {two(bytes_a_second)} GB/s")
    ax.axhline(measured["BLAS"], color=BLUE, ls="-.", lw=1.5, label=f"BLAS, {two(measured['BLAS'])} GFLOP/s")
    ax.set(xscale="log", yscale="log")
    ax.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
    ax.set_yticks([10.0**e for e in range(-3, 3)], ["0.001", "0.01", "0.1", "1", "10", "100"])
    ax.minorticks_off()
    ax.grid(True, color="#E5E5E5")

def draw_dots(ax):
    for name, (label, marker, colour) in LOOKS.items():
        ax.plot(intensity[name], measured[name], marker, color=colour, ms=9, mec="white", ls="", zorder=3,
                label=f"{label}, {two(measured[name])}")
    for name in ("tiles, sums kept", "tiles, by four"):
        ax.plot(kept, measured[name], LOOKS[name][1], color=GREEN, mfc="none", ms=9, zorder=3)
        ax.annotate("", (intensity[name] * 1.1, measured[name]), (kept / 1.1, measured[name]),
                    arrowprops={"arrowstyle": "->", "color": GREEN, "ls": ":"})

# %% tags=["picture"]
fig, ax = plt.subplots(figsize=(11, 6.4), layout="constrained")
near = ax.inset_axes((0.36, 0.06, 0.62, 0.5))  # the crowd at the top left, larger
for axes in (ax, near):
    draw_roofs(axes)
    draw_dots(axes)
ax.set(xlim=(0.06, 30), ylim=(5e-4, 4 * roof), ylabel="GFLOP/s", xlabel="operations for each byte that is asked for",
       title=f"What one core can do at best ({two(roof)} GFLOP/s), and what each version does")
crowd = [measured[name] for name in LOOKS if name not in ("naive", "compiled")]
near.set_xticks([0.2, 0.5, 1, 2, 5], [0.2, 0.5, 1, 2, 5])
near.set_yticks(paces := [pace for pace in (5, 10, 20, 50, 100, 200) if pace < 1.5 * roof], paces)
near.set(xlim=(0.13, 7), ylim=(0.6 * min(crowd), 1.5 * max(roof, measured["BLAS"])))
near.text(kept, measured["tiles, sums kept"] / 1.25, "if sums\nwere free", color=GREEN, ha="center", va="top")
ax.indicate_inset_zoom(near, edgecolor="#888888")
draw_guess(ax, "04.forty_lines")
fig.legend(*ax.get_legend_handles_labels(), loc="outside right upper", frameon=False)
show(fig, alt="A roofline on logarithmic axes: two slopes, for the first-level cache and for memory, end in a flat "
              "roof. Python lies at the bottom, Numba's versions below the slope of L1, registers near the roof.")
plt.close(fig)

# %% [markdown]
# **This is the picture to keep;** the crowd at the top is drawn larger inside. Read it from the bottom. Compiling
# lifts a dot straight up: the bytes asked for are the same. Swapping the loops lifts it again: memory comes in
# *lines* of 64 bytes or so, and now all of a line is used where a column used one number of it. Then the dots crowd
# near the left slope. The hollow ones are where we thought we were; the arrows lead to where our sums, living in L1,
# really put us. Taking four steps at a time moved a dot right, and so it could rise. That is as far as Numba goes:
# there is no word in it for "register". (Dots above the dashed slope could not live on memory alone: caches carry
# them.)
#
# Why not closer, then? The blue cross does not ask L1 for its sums at all. It stands to the right of the L1 slope,
# where only the arithmetic limits it. The package gets there with a few hundred harder lines, and so does BLAS. (The
# grey triangles are the package's own attempts on the way, from `support/ladder.py`: one step and four steps at a
# time.)

# %% [markdown]
# ## Threads
#
# One core is done; most machines have more. The panels of $C$ are independent: nobody else writes there. So `parallel`
# can hand them out to threads, and no sum is added in another order: the bytes of the result are the same, whatever
# the number of threads. Two threads have two L1 caches and two sets of arithmetic. How many times as fast will the
# largest product, 1,024 x 1,024 x 1,024, be?

# %%
predict("04.two_threads", times=...)

# %%
def on_threads(threads, run, *args):
    set_num_threads(threads)
    try:
        return run(*args)
    finally:
        set_num_threads(1)

def by_tiles(x):
    return matmul_tiles(nest_by_four, x, x)

def by_package(x):
    return matmul(x, x)

# %%
for product in (by_tiles, by_package):
    assert on_threads(1, product, B).tobytes() == on_threads(2, product, B).tobytes()
sizes = [64, 128, 256, 512, 1024]
gains = {by_tiles: [], by_package: []}
for product, found in gains.items():
    for x in (B[:n, :n].copy() for n in sizes):
        found.append(on_threads(2, rate, product, x) / on_threads(1, rate, product, x))

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
ax.semilogx(sizes, gains[by_tiles], "v-", color=GREEN, ms=9, label="tiles, by four")
ax.semilogx(sizes, gains[by_package], "P--", color=BLUE, ms=9, label="the package's matmul")
for level, said in ((1, "as fast as one"), (2, "twice as fast")):
    ax.axhline(level, color="#888888", lw=1, ls=":")
    ax.text(1.02, level, said, va="center", color="#555555", transform=ax.get_yaxis_transform())
ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
ax.minorticks_off()
highest = max(2.2, *gains[by_tiles], *gains[by_package])
ax.set(xlabel="rows and columns", ylabel="one thread's time over two's", ylim=(0, highest + 0.2))
draw_guess(ax, "04.two_threads")
ax.legend(frameon=False, loc="lower right")
show(fig, alt="How many times as fast two threads are as one, against the size of square matrices, for our tiles and "
              "for the package's product; lines mark one and two.")
plt.close(fig)

# %% [markdown]
# Small products gain nothing: ours have a single panel up to 128 columns, and waking a thread takes tens of
# microseconds, longer than multiplying small matrices. On a free machine the largest ones come near two. Where other
# programs want the cores too, points fall anywhere, even above two if the one thread was the one disturbed; then run
# the cell again. Two threads raise the roof and move no dot to the right: an inefficient loop stays as inefficient on
# each core. That is why threads come last.

# %% [markdown]
# ## Three sentences to keep
#
# 1. A loop is bounded by arithmetic or by the bytes it asks for, and the roofline says by which.
# 2. A tile pays for what is kept in it: a piece of $B$ in the cache, and the sums as near to the arithmetic as the
#    language allows.
# 3. Numba's nearest place is the first-level cache; the rest of the way to BLAS leads through registers.
#
# **In practice:** call BLAS, or the package's `matmul`, for a product as such; both keep sums in registers and pack
# their tiles. Write your own nest where the product is not the end: a convolution whose matrix is never written
# (lesson 05), a search that forgets every similarity at once (lesson 11). Both are tiles like these around the same
# inner loop.
