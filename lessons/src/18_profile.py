# ---
# jupyter:
#   lesson:
#     question: "After a fast matrix product, what is slow?"
#     picture: "one training step as a stacked bar, before and after each change, with the limit that Amdahl's law set"
#     budget_s: 70
#     derives: [moments, normalize]
#     imports: [NNCLR, TinyCNN, SGD, views, keep_freed_memory, batch_norm_grad_naive, set_num_threads]
#     exercises: ["18.a", "18.b", "18.c"]
#     needs: [4, 5, 6, 12]
# ---

# %% [markdown]
# # 18 · Where the time really goes
#
# Lessons 04 and 05 made the matrix product fast, and with it the convolution. A network is little else, so we are
# done. Are we? **After a fast matrix product, what is slow?**
#
# Most of us have an opinion about that, and few have looked. We take one whole training step apart, ask before each
# change what it can bring at best, and make it only then.
#
# **You will need** lessons 04 (caches, threads), 05 (convolution), 06 (batch norm) and 12 (the step). **It takes**
# about 15 s of computing, and half a minute more the first time, while Numba compiles the package.
# **The picture to keep:** one training step as a stacked bar, before and after each change, with the limit that was
# known beforehand.

# %%
import contextlib
import time
import tracemalloc
from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
from numba import njit  # noqa: F401 (yours, for exercise 18.b)

from tinynnclr import kernels, nn
from tinynnclr.lab.bench.step import views
from tinynnclr.kernels.engine.malloc import keep_freed_memory
from tinynnclr.kernels.norm import batch_norm_grad_naive
from tinynnclr.methods import NNCLR
from tinynnclr.kernels.l2_normalize import unit_rows
from tinynnclr.models import TinyCNN
from support import check, draw_guess, predict, show
from support.bench import in_units
from tinynnclr.tensor import Tensor

BLUE, VERMILION, ORANGE, GREY = "#0072B2", "#D55E00", "#E69F00", "#BBBBBB"
kernels.set_num_threads(1)  # one thread until we ask for two

# %% [markdown]
# ## One step
#
# This is all that a step does, for 64 images in two views each. The views are noise: the arithmetic takes as long
# whatever they show. (`lab/bench/step.py` has the same step at the package's full size.)

# %%
x1, x2 = views(64)  # (64, 32, 32, 3) each

def build():
    rng = np.random.default_rng(18)
    config = NNCLR.Config(projector_hidden=256, dim=64, queue_size=4096, neighbors_after=0)
    method = NNCLR(TinyCNN(16, rng), config, rng)
    method.support_set.enqueue(unit_rows(rng.standard_normal((4096, 64), np.float32)), np.arange(4096))
    return method, nn.SGD(method.parameters(), 0.06, 0.9)

def step(method, optimizer):
    found = method([x1, x2], np.arange(64))  # forward: encode, search, compare
    method.zero_grad()
    found.loss.backward()
    optimizer.step()
    method.after_step(found)                 # view 1 goes into the queue
    return found.loss.item()

# %% [markdown]
# First, pencil and paper. How many operations are in the convolutions, and how many in batch norm with its ReLU? A
# convolution multiplies and adds once for each output number, tap and input channel; backward it does that twice
# more. Batch norm does about twenty things to each number, forward and backward together.

# %%
layers = [(32, 3, 16), (16, 16, 32), (8, 32, 64), (4, 64, 128)]  # pixels a side, channels in, channels out
products = 128 * sum(3 * 2 * side**2 * 9 * inputs * outputs for side, inputs, outputs in layers)
norms = 128 * sum(20 * side**2 * outputs for side, _, outputs in layers)
print(f"convolutions {products / 1e6:,.0f} million, batch norm {norms / 1e6:,.0f} million: "
      f"{100 * products / (products + norms):.0f} % are products")

# %% [markdown]
# We start with a batch norm that anybody would write, one line of NumPy after the other. What percentage of the
# *time* do the products take beside it?

# %%
predict("18.products", percent=...)

# %%
def moments(x):
    """x (..., c) -> mean (c,) and variance (c,), over all axes but the last."""
    axes = tuple(range(x.ndim - 1))
    return x.mean(axes), x.var(axes)

def normalize(x, weight, bias, mean, var, eps=1e-5, relu=False):
    """x (..., c), weight, bias, mean, var (c,) -> (..., c): each operator is a pass over the whole array."""
    assert weight.shape == bias.shape == mean.shape == var.shape == x.shape[-1:]
    y = (x - mean) / np.sqrt(var + eps) * weight + bias
    return np.maximum(y, 0) if relu else y

def normalize_grad(g, x, weight, bias, mean, var, eps=1e-5, relu=False, constant_stats=False, overwrite=False):
    return batch_norm_grad_naive(g, x, weight, bias, eps, relu)  # lesson 06's chain rule, in NumPy passes

# %%
rng = np.random.default_rng(0)
x, (weight, bias) = rng.standard_normal((4, 5, 5, 3)), rng.standard_normal((2, 3))
assert np.allclose(moments(x), kernels.moments(x))  # compare: moments
both = [f(x, weight, bias, *moments(x), relu=True) for f in (normalize, kernels.normalize)]
assert np.allclose(*both)  # compare: normalize
g = rng.standard_normal(x.shape)
both = [f(g, x, weight, bias, *moments(x), relu=True) for f in (normalize_grad, kernels.normalize_grad)]
assert all(np.allclose(a, b) for a, b in zip(*both, strict=True))

# %% [markdown]
# Three versions of one step, then. *NumPy passes* puts these three functions in the place of the package's. *Fused
# kernel* is the package's own batch norm, with ReLU in the same loop. *Inside the convolution* goes further: where a
# convolution follows, what lies between is never written; the convolution normalises each number as it reads it. The
# package does that already, so the first two have to switch it off. `patch.multiple` swaps names and puts them back.

# %%
apart = (nn.BatchNorm, {"forward_into": lambda norm, conv, x: conv(norm(x))})
numpy_norm = (kernels, {"moments": moments, "normalize": normalize, "normalize_grad": normalize_grad})
VERSIONS = {"NumPy passes": [numpy_norm, apart], "fused kernel": [apart], "inside the convolution": []}

@contextlib.contextmanager
def swapped(*swaps):
    with contextlib.ExitStack() as stack:
        for owner, new in swaps:
            stack.enter_context(patch.multiple(owner, **new))
        yield

# %%
losses = {}
for name, swaps in VERSIONS.items():
    method, optimizer = build()
    with swapped(*swaps):
        losses[name] = [step(method, optimizer) for _ in range(2)]
print({name: [round(loss, 3) for loss in values] for name, values in losses.items()})
assert np.allclose(losses["NumPy passes"], losses["inside the convolution"], rtol=1e-3)
assert np.allclose(losses["fused kernel"], losses["inside the convolution"], rtol=1e-3)

# %% [markdown]
# Same start, same losses, one update apart. Only now may a clock come near.
#
# ## Which clock?
#
# The clock on the wall also runs while another program has the processor. `time.thread_time` counts only what *this*
# thread computes. Where all work is done by one thread, that is the clock to trust. It still sees some of the
# neighbours, since they share the cache, and they can only slow us down; so of several steps we keep the fastest.

# %%
method, optimizer = build()
step(method, optimizer)
wall, own = time.perf_counter(), time.thread_time()
step(method, optimizer)
print(f"wall {in_units(time.perf_counter() - wall)}, this thread {in_units(time.thread_time() - own)}")

# %% [markdown]
# If the two are far apart, your machine had other things to do.
#
# ## A profiler in ten lines
#
# A *profile* says which part of a program took how long. Ours wraps each function of `kernels` in another one that
# looks at the clock before and after, and notes the name. Everything that is no kernel (Python, NumPy, the optimiser)
# is what remains of the step.

# %%
NO_KERNELS = ("parallel", "get_num_threads", "set_num_threads", "target")
KERNELS = [name for name in kernels.__all__ if name not in NO_KERNELS]

def traced(function, name, trace):
    def call(*args, **kwargs):
        started = time.thread_time()
        value = function(*args, **kwargs)
        trace.append((name, started, time.thread_time()))
        return value
    return call

def record(method, optimizer, *more):
    """One step -> its seconds, and a (name, start, stop) for each call, in the order in which they ended."""
    trace = []
    watched = [(kernels, KERNELS), *more]
    with swapped(*((owner, {n: traced(getattr(owner, n), n, trace) for n in names}) for owner, names in watched)):
        started = time.thread_time()
        step(method, optimizer)
        return time.thread_time() - started, trace

# %%
def add_up(trace):
    seconds = {}
    for name, start, stop in trace:
        seconds[name] = seconds.get(name, 0) + stop - start
    return seconds

PRODUCTS = {"conv2d", "conv2d_grad_input", "conv2d_grad_weight", "matmul", "nearest"}
NORM = {"moments", "coefficients", "normalize", "normalize_grad"}  # coefficients: its a and b

def groups(total, trace):
    """Seconds of the products, of batch norm's statistics, of its other passes, and of all the rest."""
    seconds = add_up(trace)
    norm, product = (sum(seconds.get(name, 0) for name in names) for names in (NORM, PRODUCTS))
    statistics = seconds["moments"]
    return {"products": product, "all the rest": total - product - norm,
            "batch norm: passes": norm - statistics, "batch norm: statistics": statistics}

# %%
def profile(name, calls=5):
    """The fastest of some steps of a version: its seconds and its trace."""
    method, optimizer = build()
    with swapped(*VERSIONS[name]):
        step(method, optimizer)  # the first is slower: nothing is in the cache, perhaps nothing is compiled
        return min((record(method, optimizer) for _ in range(calls)), key=lambda run: run[0])

def tell(total, trace):
    for name, seconds in groups(total, trace).items():
        print(f"{name:<22} {100 * seconds / total:3.0f} %")

first = profile("NumPy passes")
tell(*first)
print(f"{len(first[1])} calls, with two looks at the clock each")

# %% [markdown]
# Here is the answer to this lesson's question. Batch norm had a few percent of the arithmetic, and it stands beside
# the products as an equal or more. Lesson 04's tiles use a number many times while it is near. Here each number is
# fetched, used once and sent away, again for every operator.
#
# ## Time that stands in no line
#
# A profile says *where*, never *why*. Part of what NumPy's passes cost is in no operator at all. Each makes a new
# array, and the operating system hands out memory in *pages*, often of 4 KB, that exist only once they are touched:
# then the program stops, a page is cleared and mapped, and the program goes on. That is a *page fault*. By default the
# C library returns large freed blocks to the system, and the next step pays for them again.

# %%
try:
    import resource
except ImportError:  # Windows keeps this count elsewhere
    resource = None

def count():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt if resource else 0

def faults_of_a_step():
    method, optimizer = build()
    with swapped(*VERSIONS["NumPy passes"]):
        step(method, optimizer)
        before = count()
        step(method, optimizer)
        return count() - before

# %%
before, kept = faults_of_a_step(), keep_freed_memory()
again = profile("NumPy passes")
print(f"can freed memory be kept here? {kept}")
print(f"page faults in a step, in hundreds: {before // 100}, then {faults_of_a_step() // 100}")
print(f"the step takes {in_units(first[0])}, then {in_units(again[0])}")

# %% [markdown]
# `keep_freed_memory` is two settings of the GNU C library, which most Linux systems have; elsewhere it does nothing.
# No array operation changed. From here on memory is kept, so that the versions below differ in batch norm alone.
#
# ## What is the most that it can bring?
#
# Say that a part takes the share $p$ of a step's time, and we make that part $s$ times as fast. The rest, $1 - p$,
# stays as it was. So the whole becomes faster by
#
# $$S = \frac{1}{(1 - p) + p / s}, \qquad S < \frac{1}{1 - p}$$
#
# This is *Amdahl's law*, and its right half is the useful one: even if the part took no time at all ($s \to \infty$),
# there is a ceiling. It costs a profile and one division, and it is known before a line is written.

# %% [markdown]
# ## Exercise 18.a · The ceiling
#
# Write it for several parts at once. Careful with two habits: speed-ups do not add, nor do they average. Times do add.

# %% tags=["exercise:18.a"]
def speed_up(total, seconds, factors):
    """How many times as fast a step becomes: a number.

    total: seconds of the whole step. seconds (n,): those of n of its parts, which do not overlap; what they leave of
    total stays as it is. factors (n,): how many times as fast each part becomes, > 0. A factor below 1 makes it
    slower, np.inf makes it take no time. Where exactly nothing is left of the step, np.inf.
    """
    raise NotImplementedError

# %%
speed_up = check("18.a", speed_up)

# %%
total, trace = again
for name, seconds in groups(total, trace).items():
    print(f"{name:<22} in no time at all: {speed_up(total, np.array([seconds]), np.array([np.inf])):.2g} times as fast")
norm = np.array([seconds for name, seconds in groups(total, trace).items() if "norm" in name])
limit = total / speed_up(total, norm, np.full(2, np.inf))
print(f"batch norm as a whole: no better than {in_units(limit)} of {in_units(total)}")

# %% [markdown]
# ## Exercise 18.b · One loop for three
#
# Once mean and variance are known, everything that batch norm does to a number is $y = a x + b$, with one $a$ and one
# $b$ for each channel: $a = w / \sqrt{\sigma^2 + \epsilon}$ and $b = \beta - \mu a$ ($\mu$, $\sigma^2$: mean and
# variance; $w$, $\beta$: weight and bias; $\epsilon$: against division by zero). Then comes ReLU. NumPy takes them one
# by one, with an array between. Written as one loop, a number is fetched once, changed while it is in a register, and
# stored once.

# %% tags=["exercise:18.b"]
def affine_relu(x, scale, shift):
    """x (rows, c), scale and shift (c,), all float32 -> a new array max(x * scale + shift, 0) (rows, c), float32.

    NaN stays NaN, for it is how a broken run is noticed; x stays as it is, for the backward pass needs it. It holds
    the new array and at most 65,536 bytes besides. Plain NumPy or @njit, as you like.
    """
    raise NotImplementedError

# %%
affine_relu = check("18.b", affine_relu)

# %%
def in_passes(x, scale, shift):
    return np.maximum(x * scale + shift, 0)

def held(function, *args):
    """The bytes that a call holds at its worst moment, as Python's own bookkeeper counts them."""
    tracemalloc.start()
    function(*args)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak

def lowest(function, *args, calls=9):
    times = []
    for _ in range(calls):
        started = time.thread_time()
        function(*args)
        times.append(time.thread_time() - started)
    return min(times)

# %%
rows = rng.standard_normal((64 * 32 * 32, 16), np.float32)  # what leaves the first convolution, for one view
scale, shift = rng.standard_normal((2, 16), np.float32)
assert np.allclose(affine_relu(rows, scale, shift), in_passes(rows, scale, shift), atol=1e-5)
for function in (in_passes, affine_relu):
    print(f"{function.__name__:<12} holds {held(function, rows, scale, shift) / rows.nbytes:.1f} arrays, "
          f"takes {in_units(lowest(function, rows, scale, shift))}")

# %% [markdown]
# So it was the passes? A profile would not know, so we try. Below, NumPy gets the same numbers with 16 pixels to a
# row: as many passes, as many bytes. If those were all, its time would stay.

# %%
wide, *repeated = rows.reshape(-1, 256), np.tile(scale, 16), np.tile(shift, 16)
assert np.array_equal(in_passes(wide, *repeated).reshape(rows.shape), in_passes(rows, scale, shift))
print(f"rows of 16: {in_units(lowest(in_passes, rows, scale, shift))}, "
      f"rows of 256: {in_units(lowest(in_passes, wide, *repeated))}")

# %% [markdown]
# What went away is a second culprit: for each row NumPy begins a small loop over its channels, 65,536 times for each
# operator that has a row of channels beside it. What the wide rows still take beyond the fused loop is the price of
# the passes. The package's `normalize` is your loop, and it too lines up several pixels where there are few channels.
#
# ## Ask first, then build
#
# Fusing batch norm with the *next* convolution takes its last array away too. That is a change in the middle of the
# fastest code of the package, so ask Amdahl first. And there is a further idea: the convolution has every output
# number in its hands before it writes it, so it could add up mean and variance in passing, and `moments` would cost
# nothing.

# %%
runs = {name: profile(name) for name in VERSIONS}
total, trace = runs["fused kernel"]
for name in ("normalize", "moments"):
    seconds = np.array([add_up(trace)[name]])
    print(f"without {name:<9} a step would be at most {speed_up(total, seconds, np.array([np.inf])):.3g} times as fast")

# %% [markdown]
# Both ceilings are low, now that the big piece is gone. The second idea was dropped for that reason: at twice this
# width and 256 images, on one machine, `moments` took about 3 of the 150 ms of a forward pass, and the price would
# have been a harder convolution.
#
# Why then was the first one built? Not for the profile above, but for memory, which a clock does not show. How much
# memory does the last version hold at its worst moment, in percent of the first?

# %%
predict("18.memory", percent=...)

# %%
def peak(name):
    method, optimizer = build()
    with swapped(*VERSIONS[name]):
        step(method, optimizer)
        return held(step, method, optimizer)

peaks = {name: peak(name) for name in VERSIONS}
print({name: f"{bytes_ / 1e6:.0f} MB" for name, bytes_ in peaks.items()})
assert list(peaks.values()) == sorted(peaks.values(), reverse=True)

# %% [markdown]
# ## The picture to keep

# %% tags=["picture"]
LOOK = {"products": (BLUE, ""), "all the rest": (GREY, ".."), "batch norm: passes": (VERMILION, "//"),
        "batch norm: statistics": (ORANGE, "xx")}
fig, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.8), width_ratios=[2.2, 1], layout="constrained")
whole, parts = runs["NumPy passes"][0], {name: groups(*run) for name, run in runs.items()}
ticks, below = range(3), np.zeros(3)
for part, (colour, hatch) in LOOK.items():
    heights = np.array([100 * parts[name][part] / whole for name in VERSIONS])
    left.bar(ticks, heights, 0.55, below, color=colour, hatch=hatch, edgecolor="white", label=part)
    below += heights
for i, (total, _) in enumerate(runs.values()):
    left.text(i, below[i] + 1, in_units(total), ha="center", va="bottom")
limit = 100 * (parts["NumPy passes"]["products"] + parts["NumPy passes"]["all the rest"]) / whole
left.axhline(limit, color="#222222", ls="--", lw=1.5, label="Amdahl's limit: batch norm for nothing")
left.set(ylabel="percent of the first version's time", title="One training step", ylim=(0, 118))
right.bar(ticks, [100 * b / peaks["NumPy passes"] for b in peaks.values()], 0.55, color="#009E73", hatch="\\\\",
          edgecolor="white")
right.set(ylabel="percent of the first version's bytes", title="Memory held at once", ylim=(0, 118))
for i, bytes_ in enumerate(peaks.values()):
    right.text(i, 100 * bytes_ / peaks["NumPy passes"] + 1, f"{bytes_ / 1e6:.0f} MB", ha="center", va="bottom")
for ax in (left, right):
    ax.set_xticks(ticks, ["NumPy\npasses", "fused\nkernel", "inside the\nconvolution"])
draw_guess(left, "18.products")
draw_guess(right, "18.memory")
fig.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
show(fig, alt="""Stacked bars of a step in three versions: batch norm is much of the first bar and a fraction of that
     in the second and third, which come much nearer to the dashed limit and differ little. Beside it, the memory held
     at once falls with each version.""")
plt.close(fig)

# %% [markdown]
# On the left, blue and grey move little, and the dashed line where they end in the first bar was known before anything
# was built: no better batch norm gets below it, unless it also helps its neighbours (arrays that are not written leave
# them room in the cache). Your guess, if you made one, was for the top of the first blue piece. The fused kernel takes
# most of what there was to take. The third bar is about as high as the second, and part of its norm's work now hides
# in the blue: a profile can no longer tell the two apart. On the right every change pays. Memory decides how large a
# batch fits.

# %% [markdown]
# ## The other lever: two threads
#
# Amdahl also speaks about threads. Those parts that are shared out take half the time with two, and what one thread
# does alone, here Python between the kernels, stays. Now the wall clock is the judge, and another clock is worth a
# look: `process_time` adds up what *all* our threads compute.

# %%
def clocks(threads, calls=5):
    kernels.set_num_threads(threads)
    method, optimizer = build()
    loss, best = step(method, optimizer), [np.inf, np.inf]
    for _ in range(calls):
        started = time.perf_counter(), time.process_time()
        step(method, optimizer)
        best = [min(b, clock() - s) for b, clock, s in zip(best, (time.perf_counter, time.process_time), started,
                                                           strict=True)]
    kernels.set_num_threads(1)
    return loss, *best

# %%
one, two = clocks(1), clocks(2)
assert one[0] == two[0]  # the same loss, to the last bit
total, trace = runs["inside the convolution"]
shared = np.array([sum(add_up(trace).values())])
print(f"predicted: at best {speed_up(total, shared, np.full(1, 2.0)):.2g} times as fast")
print(f"wall clock: {one[1] / two[1]:.2g} times as fast; work of all threads: {two[2] / one[2]:.2g} times as much")

# %% [markdown]
# The prediction assumes a free second core. Without one the second thread waits in line, the first waits for the
# second, and two threads can be slower than one, at more work in all (a thread that waits by
# asking again and again computes, too): this is *over-subscription*. It comes about
# unseen. If each of 4 processes has a pool of 4 threads, and each of these calls a BLAS library that starts 4 of its
# own, up to 64 threads want to run. The rule: processes times threads, nested pools multiplied, should not exceed the
# cores. That is why `OPENBLAS_NUM_THREADS=1` is often set beside code that has threads of its own.

# %% [markdown]
# ## Broken on purpose
#
# A colleague wants to know more and also wraps the phases of the step: `forward`, `backward`, the optimiser's `step`,
# `after_step`. The profiler needs no change. How much of the time does it explain?

# %% tags=["broken"]
method, optimizer = build()
step(method, optimizer)
total, trace = record(method, optimizer, (NNCLR, ["forward", "after_step"]), (Tensor, ["backward"]), (nn.SGD, ["step"]))
explained = add_up(trace)
print(f"{100 * sum(explained.values()) / total:.0f} % of the step is explained")
for name in sorted(explained, key=explained.get, reverse=True)[:5]:
    print(f"  {name:<20} {100 * explained[name] / total:3.0f} %")
assert sum(explained.values()) > 1.2 * total

# %% [markdown]
# More than all of it. A convolution inside `backward` is counted twice, once as itself and once as a piece of
# `backward`. Each line is true and their sum is nonsense; and whoever puts "backward" into Amdahl's law, as if it were
# a part beside the convolutions, gets ceilings that do not exist.
#
# ## Exercise 18.c · Whose time is it?
#
# What adds up is *self time*: of a call, what is left when the calls directly inside it are taken out. Our trace has
# what that needs. A call is noted when it *ends*, so those inside it stand before it.

# %% tags=["exercise:18.c"]
def self_time(calls):
    """calls: a list of (name, start, stop) in the order in which they ended -> {name: seconds of its own}.

    Of two calls either one lies inside the other or they do not overlap (an end may be another's start). A call's own
    seconds are its duration without the calls directly inside it; those of all calls of one name are added, also
    where a call has one of the same name inside. Every name is there, even with 0 seconds; no calls make an empty dict.
    """
    raise NotImplementedError

# %%
self_time = check("18.c", self_time)

# %%
own = self_time(trace)
assert np.isclose(sum(own.values()), sum(stop - start for name, start, stop in trace
                                         if name in ("forward", "backward", "step", "after_step")))
print(f"{100 * sum(own.values()) / total:.0f} % of the step is explained")
for name in sorted(own, key=own.get, reverse=True)[:8]:
    print(f"  {name:<20} {100 * own[name] / total:3.0f} %")

# %% [markdown]
# Now the parts add up to the whole, and `loss` and `backward` keep what is truly their own: Python, the graph, the
# sums of gradients. Such a list is what Amdahl's law wants to be fed.

# %% [markdown]
# ## Three sentences to keep
#
# When the products are fast, what remains is whatever does little to each number: passes over arrays, the arrays
# between them, loops begun anew for every pixel. A profile and one division tell the most that a change can bring,
# before it is made. Count every second once, with a clock that measures your work and not your neighbours'.
#
# **In practice:** compilers of deep learning (XLA, or `torch.compile`) do our exercise b by themselves, joining chains
# of such small operators into one loop. For whole Python programs there are profilers that ask many times a second
# where the program stands (py-spy), or count every call (`cProfile`, whose `tottime` is self time and whose `cumtime`
# is what fooled our colleague).
