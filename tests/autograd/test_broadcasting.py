"""Every op on shapes that broadcast: gradients of the input's shape, as in torch, or an error."""
import itertools

import numpy as np
import pytest
from op_cases import CASES

from tinynnclr import Tensor, gradcheck
from tinynnclr.tensor import OPS

SHAPES = [(), (1,), (3,), (1, 1), (1, 3), (2, 1), (2, 3), (4, 2, 3), (4, 1, 1), (1, 2, 1), (0,),
          (0, 3), (2, 0), (0, 1)]
PAIRS = list(itertools.product(SHAPES, SHAPES))
# ops of several arrays
STRETCHED = [name for name in sorted(OPS) if len(CASES[name][0].arrays) > 1]


def fit(*shapes):
    """The shape that these broadcast to; None where they do not."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "masked_fill"])
def test_two_arrays_equal_torch(name, rng):
    torch = pytest.importorskip("torch")
    for shapes in PAIRS:
        arrays, static, theirs = [rng.uniform(1, 2, shape) for shape in shapes], {}, []
        if name == "masked_fill":
            static = {"mask": arrays.pop() < 1.5, "value": 7}
            theirs = [torch.tensor(static["mask"]), 7]
        ours = [Tensor(a, requires_grad=True) for a in arrays]
        if fit(*shapes) is None:
            with pytest.raises(ValueError, match="broadcast"):
                OPS[name](*ours, **static)
            continue
        out, g = OPS[name](*ours, **static), rng.standard_normal(fit(*shapes))
        out.backward(g)
        leaves = [torch.tensor(a, requires_grad=True) for a in arrays]
        wanted = getattr(torch, name)(*leaves, *theirs)
        wanted.backward(torch.tensor(g))
        np.testing.assert_array_equal(out.data, wanted.detach().numpy())
        for x, y in zip(ours, leaves, strict=True):
            assert x.grad.shape == x.shape
            np.testing.assert_allclose(x.grad, y.grad.numpy(), rtol=1e-12, atol=1e-12)


def variants(shape):
    """Shapes that broadcast to this one, or that it broadcasts to."""
    narrow = {shape[i:] for i in range(1, len(shape) + 1)}
    for axis in range(len(shape)):
        narrow.add((*shape[:axis], 1, *shape[axis + 1:]))
        narrow.add((*shape[:axis], 0, *shape[axis + 1:]))
    return sorted(narrow | {(1, *shape), (2, *shape), (1,) * len(shape)} - {shape}, key=str)


@pytest.mark.parametrize("name", STRETCHED)
def test_an_input_of_another_shape(name):
    """Each input is stretched or narrowed: a one-line error, or a right gradient of its shape."""
    (arrays, static, step), messages = CASES[name][0], []
    for i, array in enumerate(arrays):
        for shape in variants(array.shape):
            changed = [np.resize(a, shape) if i == j and a.size else np.zeros(shape) if i == j
                       else a for j, a in enumerate(arrays)]
            leaves = [Tensor(a, requires_grad=True) for a in changed]
            with np.errstate(all="ignore"):
                try:
                    out = OPS[name](*leaves, **static)
                    out.backward(np.ones(out.shape))
                except (ValueError, TypeError) as error:
                    messages.append(str(error))
                    continue
                for x, a in zip(leaves, changed, strict=True):
                    assert (x.grad.shape, x.grad.dtype) == (a.shape, a.dtype), (i, shape)
                if np.isfinite(out.data).all():
                    gradcheck(lambda *x: OPS[name](*x, **static), *changed, eps=step, directions=1)
    assert messages
    assert not [m for m in messages if "\n" in m or not m]
