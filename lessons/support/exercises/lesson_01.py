"""Lesson 01, autograd: gradients of a product, of broadcasting, of values used twice."""
import inspect
import math

import numpy as np

from tinynnclr import ops, tensor

from ..check import Trial, exercise

# bytes that a vjp of two 24 x 24 matrices may hold; one Jacobian of theirs has 2,654,208
MEMORY = 200_000


@exercise("01.a", reference=inspect.unwrap(ops.matmul))
def _(trial):
    one = np.ones((1, 1))
    _product(trial, 2 * one, 3 * one, one, "out = a b, so a moves out by b, and b moves it by a")
    a, b, g = np.array([[1., 2], [3, 4]]), np.array([[5., 6], [7, 8]]), np.array([[1., 0], [0, 0]])
    _product(trial, a, b, g, "the loss depends on out[0, 0] alone, which is row 0 of a times "
             "column 0 of b")
    rng = np.random.default_rng(0)
    for m, k, n in ((1, 1, 2), (1, 2, 1), (2, 1, 1), (2, 3, 4), (5, 2, 3), (7, 6, 5), (7, 6, 5)):
        a, b, g = _whole(rng, m, k), _whole(rng, k, n), _whole(rng, m, n)
        _product(trial, a, b, g, "each vjp gives the shape of its input: the shapes determine what "
                 "to transpose")
    for items, m, k, n in ((1, 1, 2, 1), (2, 2, 2, 2), (3, 2, 4, 3)):
        a, b, g = _whole(rng, items, m, k), _whole(rng, items, k, n), _whole(rng, items, m, n)
        _product(trial, a, b, g, "a batch: transpose the last two axes and leave the first where "
                 "it is")
    a, b, g = (rng.standard_normal((24, 24)) for _ in "abg")
    hint = "A vjp multiplies by the Jacobian without forming it: two matrix products are enough."
    _, vjps = trial.allocates(MEMORY, a, b, hint=hint)
    for vjp in vjps:
        Trial(trial.name, vjp).allocates(MEMORY, g, hint=hint)


def _whole(rng, *shape):
    """Whole numbers, but none 0: easy to work out by hand."""
    return rng.integers(1, 5, shape) * rng.choice([-1.0, 1.0], shape)


def _product(trial, a, b, g, hint):
    result = trial(a, b)
    pair = isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], tuple | list)
    trial.true(pair and len(result[1]) == 2 and all(map(callable, result[1])),
               "return a @ b and a pair of functions: value, (vjp of a, vjp of b)",
               got=result)
    value, vjps = result
    trial.equal(value, a @ b, hint="the value is a @ b", a=a, b=b)
    gradients = np.einsum("...ij,...kj->...ik", g, b), np.einsum("...ik,...ij->...kj", a, g)
    for name, vjp, wanted in zip("ab", vjps, gradients, strict=True):
        inputs = {"a": a, "b": b, "g": g}
        try:
            got = vjp(g.copy())
        except ValueError as error:
            trial.fail(f"the vjp of {name} raised ValueError: {error}; {hint}", expected=wanted,
                       **inputs)
        trial.equal(got, wanted, hint=f"the vjp of {name}: {hint}", **inputs)


@exercise("01.b", reference=tensor.unbroadcast)
def _(trial):
    for wide, shape in (
            ((2,), (2,)), ((2,), ()), ((2,), (1,)), ((2, 1), (1,)), ((1, 2), (2,)), ((2, 2), (2,)),
            ((2, 2), (1, 2)), ((2, 2), (2, 1)), ((2, 3), (1, 1)), ((2, 3), ()), ((1, 3), (1, 3)),
            ((2, 3, 4), (1, 3, 1)), ((2, 3, 4), (3, 1)), ((2, 3, 4), (4,)), ((2, 1, 3), (2, 1, 1)),
            ((0, 3), (1, 3))):
        # the digits of a sum tell what went into it
        g = 10.0 ** (np.arange(math.prod(wide)) % 5).reshape(wide)
        # which number was copied where
        places = np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), wide)
        expected = np.bincount(places.ravel(), g.ravel(),
                               minlength=math.prod(shape)).astype(float).reshape(shape)
        times = g.size // expected.size
        used = "once: nothing to add" if times == 1 else f"{times} times: add up their gradients"
        trial.equal(trial(g, shape), expected, hint=f"each number of an array of shape {shape} was "
                    f"used {used}; the result has that shape", g=g, shape=shape)


class _Named(tensor.Node):
    """A node named by its formula; with terms [(factor, parent)] it counts calls of its vjps."""

    __slots__ = ("calls",)

    def __init__(self, formula, *terms):
        super().__init__(formula, tuple(parent for _, parent in terms),
                         tuple(self._vjp(factor) if parent else None for factor, parent in terms))
        self.calls = 0

    def _vjp(self, factor):
        def vjp(g):
            self.calls += 1
            # like the package's add, a sum hands on g itself
            return g if factor == 1 else factor * g

        return vjp

    def __repr__(self):
        return self.name


def _walk(trial, nodes, leaves, hint):
    """Walk back from the last node with g = [1, 10]; grads must grow by `leaves` times g."""
    g = np.array([1.0, 10.0])
    before = [0 if node.grad is None else node.grad.copy() for node in leaves]
    inner = [(node, sum(p is not None for p in node.parents)) for node in nodes if node.parents]
    graph = ";  ".join(node.name for node in nodes)
    trial(nodes[-1], g)
    for old, (leaf, factor) in zip(before, leaves.items(), strict=True):
        trial.equal(leaf.grad, old + factor * g, hint=hint, graph=graph, g=g, leaf=leaf)
    for node, once in inner:
        trial.true(node.calls <= once, f"the gradients are right, but the vjps of '{node}' were "
                   f"called {node.calls} times, and {once} are enough: a node is visited once, "
                   "when its gradient is complete", graph=graph)


@exercise("01.c", reference=tensor.backward)
def _(trial):
    x = _Named("x")
    _walk(trial, [x, _Named("y = 3x", (3, x))], {x: 3}, "one way back: g times 3")
    x = _Named("x")
    _walk(trial, [x, _Named("y = 3x + 3x", (3, x), (3, x))], {x: 6},
          "x is used twice: the second gradient is added to the first")
    x = _Named("x")
    _walk(trial, [x, _Named("y = 2x + 5x", (2, x), (5, x))], {x: 7}, "x is used twice, and its "
          "shares differ")
    x = _Named("x")
    _walk(trial, [x, _Named("y = 4x + constant", (4, x), (0, None))], {x: 4},
          "a constant has no node: None is skipped")
    x, b = _Named("x"), _Named("b")
    s = _Named("s = x + b", (1, x), (1, b))
    _walk(trial, [x, b, s, _Named("y = s + x", (1, s), (1, x))], {x: 2, b: 1},
          "an array may be shared: adding in place changes what another node was given")
    x = _Named("x")
    z = _Named("z = 2x", (2, x))
    _walk(trial, [x, z, _Named("y = z + 5z", (1, z), (5, z))], {x: 12}, "two ways through z")
    x = _Named("x")
    z = _Named("z = 2x", (2, x))
    w = _Named("w = 3z", (3, z))
    _walk(trial, [x, z, w, _Named("y = z + w", (1, z), (1, w))], {x: 8},
          "one way to z is longer than the other")
    _leaves_do_not_share(trial)
    nodes = [x := _Named("x")]
    for i in range(10):
        nodes.append(_Named(f"y{i} = {'y' + str(i - 1) if i else 'x'} twice", (1, nodes[-1]),
                            (1, nodes[-1])))
    _walk(trial, nodes, {x: 1024}, "ten doublings")


def _leaves_do_not_share(trial):
    """Each leaf's gradient is its own array."""
    a, b = _Named("a"), _Named("b")
    _walk(trial, [a, b, _Named("y = a + b", (1, a), (1, b))], {a: 1, b: 1}, "two leaves")
    own = not np.shares_memory(a.grad, b.grad)
    first, g = a.grad, np.array([1.0, 10.0])
    _walk(trial, [a, _Named("u = 3a", (3, a))], {a: 3}, "a second graph adds to the grad that is "
          "there")
    trial.equal(first, g, hint="the array that a had as its grad was changed in place, and other "
                "code may still use it", graph="y = a + b, then u = 3a", g=g)
    trial.equal(b.grad, g, hint="b had no part in the second graph, and its grad must not move "
                "with a's", graph="y = a + b, then u = 3a", g=g)
    c, given = _Named("c"), g.copy()
    trial._call((_Named("y = 1c", (1, c)), given), {})
    trial.true(own and not np.shares_memory(c.grad, given), "right gradients, but two leaves, or a "
               "leaf and g, share one array: clipping one in place would change the other, so a "
               "leaf needs a copy", g=g)
