# ---
# jupyter:
#   lesson:
#     question: "How does the loss know whom to blame?"
#     picture: "the error of a gradient check against its step size: two valleys, one for float32, one for float64"
#     budget_s: 20
#     derives: [exp, tanh, add, mul, Node, Tensor, op, gradcheck]
#     imports: [matmul, unbroadcast, backward]
#     exercises: ["01.a", "01.b", "01.c"]
#     needs: []
# ---

# %% [markdown]
# # 01 · Autograd in 100 lines
#
# A network looks at a horse and says "dog". One number, the *loss*, says how wrong that was: 2.3, perhaps. Behind the
# answer stand millions of weights, and each had some part in it. **How does the loss know whom to blame?**
#
# It does not. But every step of the computation knows its own small part, and that is enough: each step passes the
# blame on to what it was made from. We build the machine that does this, called *autograd*, and a way to catch it
# when it lies.
#
# **You will need** NumPy's broadcasting, and the product rule and the chain rule for derivatives. **It takes** about
# 10 s on two cores. **The picture to keep:** the error of a gradient check against its step size, two valleys, one
# for each kind of float.

# %%
import functools
import inspect
import itertools

import matplotlib.pyplot as plt
import numpy as np

from tinynnclr import ops, tensor
from tinynnclr.gradcheck import gradcheck as package_gradcheck
from support import check, draw_guess, predict, show

BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"

# %% [markdown]
# ## Ask everybody
#
# The honest way to find who is to blame: move one number a little up, then a little down, and see what the loss does.
#
# $$\frac{\partial L}{\partial x_j} \approx \frac{L(x + h e_j) - L(x - h e_j)}{2h}$$
#
# Here $L$ is the loss, $x_j$ one of the numbers it depends on, $h$ a small step, and $e_j$ is 1 at place $j$ and 0
# elsewhere. This is a *central difference*: it looks to both sides.

# %%
def ask_everybody(loss, x, h=1e-6):
    """x of any shape -> the slope of the number loss(x) along each number of x, in the same shape."""
    slopes = np.empty_like(x)
    for j in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[j] = h
        slopes[j] = (loss(x + step) - loss(x - step)) / (2 * h)
    return slopes

# %%
rng = np.random.default_rng(0)
x, w = rng.standard_normal((5, 4)), rng.standard_normal((4, 3))
passes = []
slopes = ask_everybody(lambda w: passes.append(1) or np.tanh(x @ w).sum(), w)
print(f"{w.size} weights, {len(passes)} forward passes")

# %% [markdown]
# This is too plain to be wrong, so it will be our judge. It is also hopeless: two *forward passes*, from the input to
# the loss, for each weight. A network of ten million weights would need twenty million of them to take one step.
#
# ## One step knows its own part
#
# Cut the computation into steps so small that each is easy. Let one of them turn $x$ into $y$, and suppose somebody
# already told us $g_i = \partial L / \partial y_i$: how much the loss rises when $y_i$ does. Then the chain rule says
# what to tell $x$:
#
# $$\frac{\partial L}{\partial x_j} = \sum_i g_i \, \frac{\partial y_i}{\partial x_j}$$
#
# The table of all $\partial y_i / \partial x_j$ is called the *Jacobian*, and the sum multiplies the vector $g$ with
# it. The function from $g$ to that product is the step's *vjp*, its vector-Jacobian product. For $y_i = e^{x_i}$ the
# Jacobian of 1,000 numbers has a million entries, all 0 but the 1,000 on its diagonal. The vjp never writes it down:
# it multiplies $g$ by $e^x$, number by number.
#
# So a step, an *op*, returns two things: its value, and one vjp for each input.

# %%
def exp(a):
    """a -> e^a, same shape."""
    out = np.exp(a)
    return out, (lambda g: g * out,)

def tanh(a):
    """a -> tanh(a), same shape; its slope is 1 - tanh(a)^2."""
    out = np.tanh(a)
    return out, (lambda g: g * (1 - out * out),)

# %% [markdown]
# The package's ops are written in the same way. `__wrapped__` is such a function before it is made to work with
# tensors, which we come to below.

# %%
def compare(mine, *inputs):
    """A derived op beside the package's: values, and what the vjps make of a random g."""
    value, vjps = mine(*inputs)
    package_value, package_vjps = getattr(ops, mine.__name__).__wrapped__(*inputs)
    assert np.allclose(value, package_value)
    g = rng.standard_normal(value.shape)
    for vjp, package_vjp in zip(vjps, package_vjps, strict=True):
        assert np.allclose(vjp(g), package_vjp(g))

# %%
compare(exp, w)                                 # compare: exp
compare(tanh, w)                                # compare: tanh
g = rng.standard_normal(w.shape)
asked = ask_everybody(lambda w: (g * tanh(w)[0]).sum(), w)
assert np.allclose(tanh(w)[1][0](g), asked)     # and the judge agrees

# %% [markdown]
# ## Exercise 01.a · Blame through a matrix product
#
# $y_{ij} = \sum_k a_{ik} b_{kj}$. Where did $a_{ik}$ go? Into all of row $i$ of $y$, each time beside some $b_{kj}$.
# Where it went, there its blame comes from. The check looks at your numbers, and at memory: the two vjps of 24 x 24
# matrices may hold 200,000 bytes, and one Jacobian would take 2.6 million.

# %% tags=["exercise:01.a"]
def matmul(a, b):
    """a (m, k), b (k, n) -> a @ b (m, n), (vjp of a, vjp of b).

    Each vjp takes g (m, n), which is dL/d(a @ b), and returns dL/da (m, k) or dL/db (k, n). Batches must work as well:
    a (s, m, k) and b (s, k, n) are s products, each on its own.
    """
    raise NotImplementedError

# %%
matmul = check("01.a", matmul)

# %% [markdown]
# Count what that cost: one product forward, two products of the same size backward. All weights know their blame for
# the price of about three forward passes, however many they are.
#
# ## Exercise 01.b · A number that was copied
#
# In `x @ w + b` a bias `b` of shape (3,) meets five rows. NumPy *broadcasts* it, which means that each number is used
# five times. All five uses move the loss, so their blame adds up: copying forward is summing backward.

# %% tags=["exercise:01.b"]
def unbroadcast(g, shape):
    """Sum g back to `shape`, a shape that NumPy can broadcast to g.shape.

    g (2, 3) to (3,), (1, 3), (2, 1), (1, 1) or (); g (2, 3, 4) to (3, 1) and the like; an equal shape changes nothing.
    The result has exactly that shape, and each number in it is the sum over all places to which it was copied.
    """
    raise NotImplementedError

# %%
unbroadcast = check("01.b", unbroadcast)

# %%
def add(a, b):
    """a, b of shapes that broadcast -> a + b."""
    return a + b, (lambda g: unbroadcast(g, a.shape), lambda g: unbroadcast(g, b.shape))

def mul(a, b):
    """a, b of shapes that broadcast -> a * b; a moves it by b, and b by a."""
    return a * b, (lambda g: unbroadcast(g * b, a.shape), lambda g: unbroadcast(g * a, b.shape))

# %%
column, row = rng.standard_normal((5, 1)), rng.standard_normal(3)
compare(add, column, row)                       # compare: add
compare(mul, column, row)                       # compare: mul

# %% [markdown]
# ## Who came from whom
#
# Now somebody has to remember which op made what. A *node* does: it holds the nodes its value came from, one vjp for
# each, and a running number that says when it was made. A `Tensor` is an array with its node. A *leaf* is a node that
# came from nowhere: a weight.

# %%
creation = itertools.count()

class Node:
    """parents: nodes, or None for a constant; vjps: one for each parent; grad: the blame, once it is known."""

    def __init__(self, name, parents=(), vjps=()):
        self.name, self.parents, self.vjps, self.grad = name, parents, vjps, None
        self.order = next(creation)             # who is older: an input is always older than its output

class Tensor:
    """data: an array of any shape; node: where it came from, None for a constant."""

    def __init__(self, data, requires_grad=False):
        self.data = np.asarray(data)
        self.node = Node("leaf") if requires_grad else None

    def __add__(self, other):
        return op(add)(self, other)

    def __mul__(self, other):
        return op(mul)(self, other)

    def __matmul__(self, other):
        return op(matmul)(self, other)

# %% [markdown]
# `op` lifts a function of arrays to Tensors: it takes the arrays out, calls the function, and leaves a note of who
# was there. A plain array has no node. It is a constant, and no blame reaches it.

# %%
def op(fn):
    """fn(*arrays) -> (value, one vjp for each array) becomes lifted(*Tensors) -> Tensor."""
    @functools.wraps(fn)
    def lifted(*args):
        arrays = [a.data if isinstance(a, Tensor) else np.asarray(a) for a in args]
        value, vjps = fn(*arrays)
        out = Tensor(value)
        parents = tuple(a.node if isinstance(a, Tensor) else None for a in args)
        if any(parents):
            out.node = Node(fn.__name__, parents, vjps)
        return out

    return lifted

# %% [markdown]
# ## Passing it back, the honest way
#
# A node is given blame. It adds that to what it has, and at once tells each parent its share.

# %%
def backward_naive(node, g):
    """Give g = dL/d(node) to a node and to all below it; returns how many times it was called."""
    node.grad = g if node.grad is None else node.grad + g
    calls = 1
    for parent, vjp in zip(node.parents, node.vjps, strict=True):
        if parent is not None:
            calls += backward_naive(parent, vjp(g))
    return calls

# %%
x, y = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
p = x * y
q = p + x
loss = q * q
backward_naive(loss.node, np.array(1.0))
by_asking = ask_everybody(lambda v: (v[0] * v[1] + v[0]) ** 2, np.array([2.0, 3.0]))
assert np.allclose([x.node.grad, y.node.grad], by_asking)

# %%
places = {"x": (x, 0, 1), "y": (y, 0, 0), "p = x y": (p, 1.3, 0),
          "q = p + x": (q, 2.6, 0.5), "L = q q": (loss, 3.9, 0.5)}
fig, ax = plt.subplots(figsize=(8, 3.4))
boxes, at = {}, {}
for name, (t, left, up) in places.items():
    text = f"{name}\nvalue {t.data:g}\nblame {t.node.grad:g}"
    boxes[t.node] = ax.text(left, up, text, ha="center", va="center", fontsize=12, bbox={
        "fc": "white", "ec": BLUE, "boxstyle": "round,pad=0.4"}).get_bbox_patch()
    at[t.node] = np.array([left, up])
for node in at:
    for i, (parent, vjp) in enumerate(zip(node.parents, node.vjps, strict=True)):
        bend = (0.4 - 0.8 * i) * (node is loss.node)        # two arrows between the same two boxes
        ax.annotate("", at[parent], at[node], arrowprops={
            "arrowstyle": "->", "color": VERMILION, "lw": 1.8, "patchA": boxes[node], "patchB": boxes[parent],
            "shrinkA": 3, "shrinkB": 3, "connectionstyle": f"arc3,rad={bend}"})
        ax.text(*(at[node] + at[parent]) / 2 + [0, 0.75 * bend], f"{vjp(node.grad):g}", color=VERMILION,
                ha="center", va="center", fontsize=13, bbox={"fc": "white", "ec": "none", "pad": 1.5})
ax.set(xlim=(-0.4, 4.3), ylim=(-0.35, 1.35))
ax.axis("off")
show(fig, alt="Five boxes from x and y on the left to L on the right; arrows lead back from L, each with the blame it "
              "carries, and x adds up the 16 and the 48 that reach it.")
plt.close(fig)

# %% [markdown]
# Read it from the right, along the arrows. `L` is given 1 and hands `q` 8 twice, for `q` was used twice. Into `x` two
# arrows lead: 16 comes straight from `q`, 48 by way of `p`. A gradient is the sum over all ways back.
#
# All ways? Many networks, NNCLR's own among them, are *residual*: a block computes `x + f(x)`, so there are two ways
# through it, and a ResNet-50 stacks 16 blocks. Before you run the next cells: how often will `backward_naive` be
# called there, if `f` is a single `tanh`?

# %%
predict("01.calls", calls=...)                  # your guess; it is drawn on the plot below

# %%
def residual(x, blocks):
    for _ in range(blocks):
        x = x + op(tanh)(x)                     # two nodes a block
    return x

# %%
depths = range(1, 17)
calls = []
for blocks in depths:
    leaf = Tensor(np.array(0.5), requires_grad=True)
    calls.append(backward_naive(residual(leaf, blocks).node, np.array(1.0)))
print(f"16 blocks: {2 * 16 + 1} nodes, {calls[-1]:,} calls")

# %%
fig, ax = plt.subplots(figsize=(7, 3.8))
ax.semilogy(depths, calls, "o-", color=VERMILION, label="calls of backward_naive")
ax.semilogy(depths, [2 * blocks + 1 for blocks in depths], "s--", color=BLUE, label="nodes in the graph")
draw_guess(ax, "01.calls")
ax.set(xlabel="residual blocks", ylabel="number (log scale)", xticks=depths[1::2])
ax.legend()
ax.grid(alpha=0.3)
show(fig, alt="Calls of backward_naive double with each block and pass 100,000 at 16 blocks, where the graph "
              "has only 33 nodes.")
plt.close(fig)

# %% [markdown]
# The nodes grow by two a block; the calls double. Nothing is wrong with the values. The waste is that a node passes
# on every bit of blame as it comes in, and all below it must do the same.
#
# ## Newest first
#
# The cure is patience: a node waits until its own blame is complete, then speaks once. When is it complete? When all
# that were made from it have spoken. They are all *newer* than the node. So we always take the newest of those that
# wait. Here is that walk, as it is often written at first:

# %%
def backward_half(root, g):
    grads = {root: g}                           # who waits, and the blame so far
    while grads:
        node = max(grads, key=lambda n: n.order)
        g = grads.pop(node)
        if not node.parents:
            node.grad = g
        for parent, vjp in zip(node.parents, node.vjps, strict=True):
            if parent is not None:
                grads[parent] = vjp(g)

# %%
x = Tensor(3.0, requires_grad=True)
backward_half((x * x).node, np.array(1.0))
print(f"x * x at x = 3: the slope is 6, and backward_half says {x.node.grad:g}")
assert x.node.grad == 3

# %% [markdown]
# ## Exercise 01.c · Half of the blame
#
# Find the line that loses the other half, and write `backward`. Two things more: weights keep their `grad` until
# somebody clears it, so a second walk *adds* to what is there; and an array may be shared by several nodes (both vjps
# of an addition may return the very same one), so nobody may change one that was handed over. The check counts how
# often each vjp is called.

# %% tags=["exercise:01.c"]
def backward(root, g):
    """Add dL/d(leaf) to the grad of each leaf below the node root, given the array g = dL/d(root); returns nothing.

    A node has parents (nodes, or None for a constant), vjps (one for each parent), order (larger: newer) and grad (an
    array, or None at first). A leaf is a node without parents. Call once the vjp of each parent that is
    a node, and change no array in place. A leaf's grad shares no memory with g or with another leaf's grad.
    """
    raise NotImplementedError

# %%
backward = check("01.c", backward)

# %% [markdown]
# ## All of it, beside the package
#
# One layer, written once and run by both engines. Its bias is squared only so that something is used twice.

# %%
def layer(squash, x, w, b):
    return squash(x @ w + b * b)

# %%
arrays = [rng.standard_normal(shape) for shape in ((5, 4), (4, 3), (3,))]
g = rng.standard_normal((5, 3))
ours = [Tensor(a, requires_grad=True) for a in arrays]
backward(layer(op(tanh), *ours).node, g)
theirs = [tensor.Tensor(a, requires_grad=True) for a in arrays]
layer(ops.tanh, *theirs).backward(g)
for a, b in zip(ours, theirs, strict=True):
    assert np.allclose(a.node.grad, b.grad, rtol=1e-12)     # compare: op
    assert np.array_equal(a.data, b.data)                   # compare: Tensor
again = [Tensor(a, requires_grad=True) for a in arrays]
tensor.backward(layer(op(tanh), *again).node, g)            # compare: Node, the package's backward walks ours
assert np.allclose(again[2].node.grad, ours[2].node.grad, rtol=1e-12)

# %%
methods = [m for kind in (Node, Tensor) for m in vars(kind).values() if inspect.isfunction(m)]
parts = [exp, tanh, matmul, unbroadcast, add, mul, op, backward, *methods]
print("lines of the engine:", sum(len(inspect.getsource(part).splitlines()) for part in parts))

# %% [markdown]
# The same gradients to twelve digits, and with some `import`s the engine is well within the hundred lines that the
# title promised.
#
# ## Is a gradient right?
#
# Our judge asks about one input number at a time and wants a loss that is a single number. Two random vectors make
# one question of it. A random *cotangent* $c$, a weight for each output, turns the outputs $f(x)$ into one number
# $\langle c, f(x) \rangle$, the sum of their products. A random *direction* $d$ moves all numbers of an input $x$ at
# once. Then
#
# $$\frac{\langle c, f(x + h d) \rangle - \langle c, f(x - h d) \rangle}{2h} \approx \langle d, \text{vjp}(c) \rangle$$
#
# must hold: the slope that we see on the left, the slope that backward claims on the right. It costs two forward
# passes for each input array, however many numbers are in it.

# %%
def slope(fn, arrays, which, d, c, h):
    """The left side: array number `which` moves along d."""
    ends = []
    for step in (h, -h):
        moved = [a + step * d if i == which else a for i, a in enumerate(arrays)]
        ends.append((fn(*map(Tensor, moved)).data * c).sum())
    return (ends[0] - ends[1]) / (2 * h)

# %%
def gradcheck(fn, *arrays, c=None, h=1e-6, tolerance=1e-6, seed=0):
    """fn(*Tensors) -> Tensor. Returns the worst error over the inputs; AssertionError where it is over tolerance."""
    rng = np.random.default_rng(seed)
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    out = fn(*leaves)
    c = rng.standard_normal(out.data.shape) if c is None else c
    backward(out.node, c)
    errors = []
    for which, leaf in enumerate(leaves):
        d = rng.standard_normal(leaf.data.shape)
        seen, said = slope(fn, arrays, which, d, c, h), (leaf.node.grad * d).sum()
        errors.append(abs(seen - said) / max(1, abs(seen), np.linalg.norm(leaf.node.grad)))
    assert max(errors) <= tolerance, f"an error of {max(errors):.1g}"
    return max(errors)

# %% [markdown]
# The package's `gradcheck` is the same test, with three directions. Both must pass what is right and refuse what is
# wrong, here a `tanh` whose author forgot the square.

# %%
def tanh_wrong(a):
    out = np.tanh(a)
    return out, (lambda g: g * (1 - out),)

def refused(check, fn, *arrays):
    try:
        check(fn, *arrays)
    except AssertionError:
        return True
    return False

# %%
for fn, inputs in ((exp, 1), (tanh, 1), (add, 2), (mul, 2), (matmul, 2)):
    a = [rng.standard_normal((4, 4)) for _ in range(inputs)]
    assert not refused(package_gradcheck, getattr(ops, fn.__name__), *a)
    print(f"{fn.__name__:6} error {gradcheck(op(fn), *a):.0e}")
assert refused(gradcheck, op(tanh_wrong), arrays[0])        # compare: gradcheck
assert refused(package_gradcheck, tensor.op(tanh_wrong), arrays[0])

# %% [markdown]
# Look at that last line: the package's own `op` lifted our function as it stands. The contract is the same.
#
# ## How small is small?
#
# We stepped by a millionth. In a textbook $h$ goes to 0, so would a smaller step not be better? We try steps from
# $10^{-14}$ to 1 on our layer, in float32, which keeps about 7 digits of a number, and in float64, which keeps about
# 16. Which step gives the smallest error in float64?

# %%
predict("01.step", step=...)                    # such as 1e-12; it is drawn on the plot below

# %%
steps = [float(h) for h in np.logspace(-14, 0, 57)]

def errors_of_steps(dtype, trials=40):
    """The median over random c and d of |seen - said|, relative to the gradient: one number for each step."""
    errors = np.empty((trials, len(steps)))
    for t in range(trials):
        c, d = rng.standard_normal((5, 3)), rng.standard_normal((4, 3))
        leaves = [Tensor(a, requires_grad=True) for a in arrays]
        backward(layer(op(tanh), *leaves).node, c)          # the gradient itself in float64
        grad = leaves[1].node.grad                          # of the weights
        low, c_low, d_low = [a.astype(dtype) for a in arrays], c.astype(dtype), d.astype(dtype)
        for i, h in enumerate(steps):
            seen = slope(functools.partial(layer, op(tanh)), low, 1, d_low, c_low, h)
            errors[t, i] = abs(seen - (grad * d).sum()) / np.linalg.norm(grad)
    return np.median(errors, axis=0)

# %%
curves = {dtype: errors_of_steps(dtype) for dtype in (np.float32, np.float64)}

# %% tags=["picture"]
fig, ax = plt.subplots(figsize=(8, 5))
for (dtype, errors), color, marker in zip(curves.items(), (VERMILION, BLUE), "so", strict=True):
    name, best = np.dtype(dtype).name, int(np.argmin(errors))
    ax.loglog(steps, errors, marker + "-", color=color, ms=4, label=name)
    rule = np.cbrt(np.finfo(dtype).eps)
    ax.axvline(rule, color=color, ls="--", lw=1)
    ax.text(rule * 1.15, 3e1, r"$\varepsilon^{1/3}$", color=color, fontsize=12, va="top")
    print(f"{name}: error {errors[32]:.0e} at a step of {steps[32]:.0e}; "
          f"the smallest, {errors[best]:.0e}, at {steps[best]:.0e}; rule {rule:.0e}")
ax.text(3e-11, 3e-8, "rounding:\nerror ~ 1 / h", ha="right")
ax.text(8e-3, 3e-7, "bending:\nerror ~ h²")
ax.text(3e-11, 0.08, "x + h d is x:\nnothing moves", color=VERMILION, va="center")
draw_guess(ax, "01.step", axis="x")
ax.set(xlabel="step h", ylabel="error of the slope, relative to the gradient", ylim=(1e-12, 1e2))
ax.legend(loc="lower left")
ax.grid(alpha=0.3)
show(fig, alt="Two V-shaped valleys on logarithmic axes: float64 falls below 1e-10 near a step of 1e-5, "
              "float32 only to about 1e-5 near 1e-2, and both rise again for smaller steps.")
plt.close(fig)
assert 1e-7 < steps[np.argmin(curves[np.float64])] < 1e-3 < steps[np.argmin(curves[np.float32])] < 0.1

# %% [markdown]
# On the right the two curves are one: a long step misses how the function bends, and ten times the step is a hundred
# times the error. On the left they part: two nearly equal numbers are subtracted, their last digits are rounding
# noise, and dividing by a smaller $h$ blows that up. Where both are equally bad, near $h = \varepsilon^{1/3}$ (the
# dashed lines), the valley is deepest; $\varepsilon$ is the gap between 1 and the next number that the type can hold.
#
# Now put a finger on $h = 10^{-6}$. In float64 it is close to the best step, and rounding stays ten thousand times
# below the tolerance of $10^{-6}$. In float32 the same step is off by several percent, which no test can tell from a
# bug. So we check gradients in float64, even those of a network that trains in float32.
#
# ## Broken on purpose
#
# A colleague writes a *softmax*, which turns each row into positive numbers that sum to 1. Its vjp returns zeros. The
# colleague checks it in the way many tests do: add up all outputs, and compare the gradient of that sum with its
# slope.

# %%
def softmax(a):
    """a (n, classes) -> each row positive, with sum 1."""
    e = np.exp(a - a.max(-1, keepdims=True))
    out = e / e.sum(-1, keepdims=True)
    return out, (lambda g: out * (g - (g * out).sum(-1, keepdims=True)),)

def softmax_silent(a):
    return softmax(a)[0], (lambda g: np.zeros_like(g),)

a = rng.standard_normal((4, 5))
assert np.allclose(softmax(a)[0], np.exp(ops.log_softmax(tensor.Tensor(a)).data))
print(f"the right one: error {gradcheck(op(softmax), a):.0e}")

# %% tags=["broken"]
summed = gradcheck(op(softmax_silent), a, c=np.ones_like(a))        # c of ones: the loss is .sum()
print(f"under .sum() the silent one passes, with an error of {summed:.0g}")
random = [gradcheck(op(softmax_silent), a, seed=seed, tolerance=np.inf) for seed in range(1000)]
print(f"random cotangents refuse it {sum(e > 1e-6 for e in random):,} times of 1,000; "
      f"the smallest error was {min(random):.0e}")
assert summed <= 1e-6 < min(random)
assert refused(package_gradcheck, tensor.op(softmax_silent), a)

# %%
fig, ax = plt.subplots(figsize=(7, 3.2))
bins = np.logspace(-12, 1, 66)
ax.hist(random, bins, color=BLUE, hatch="///", edgecolor="white", label="1,000 random cotangents")
ax.plot([max(summed, 1.5e-12)], [8], "<", color=VERMILION, ms=12, label=f".sum() as the loss: {summed:.0g}")
ax.axvline(1e-6, color="black", ls="--", lw=1)
ax.text(6e-7, 120, "passes", ha="right")
ax.text(1.7e-6, 120, "is refused")
ax.set(xscale="log", xlim=(1e-12, 10), ylabel="checks", xlabel="error that the check sees in the silent softmax")
ax.legend(loc="upper left", bbox_to_anchor=(0, 1.2), ncols=2, frameon=False)
show(fig, alt="Errors of a thousand checks with random cotangents all lie far right of the tolerance of 1e-6; the "
              "check with .sum() lies far left of it and lets the silent softmax pass.")
plt.close(fig)

# %% [markdown]
# All thousand lie far to the right of the tolerance, and the colleague's check at the left edge (0 has no place on
# such a scale). Every row sums to 1, whatever goes in. So the sum of all outputs never moves, its true gradient *is*
# zero, and silence is the right answer to the one question that was asked. Batch norm, a layer that shifts its
# outputs to mean 0, hides in the same way. A random cotangent asks a question that nobody can have prepared for.
#
# ## Three sentences to keep
#
# Each op knows only its own vjp, and that is enough: blame is passed back newest first, and it adds up wherever a
# value was used more than once. A gradient check compares that with the slope itself, in float64, with a step near
# $\varepsilon^{1/3}$. And it asks with a random cotangent, because a loss that cannot move blames nobody.
#
# **In practice:** PyTorch and JAX do what we did, with hundreds of ops, on accelerators; PyTorch's `gradcheck` is
# made for float64 inputs, too. tinynnclr's engine adds float types that must agree, `no_grad`, and a graph that is
# freed as it is walked, so that each array lives no longer than it must.
