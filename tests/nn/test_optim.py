"""Optimisers against torch and float64, and the learning rate's way through a run."""
import math

import numpy as np
import pytest
from one_line import fails

from tinynnclr import Tensor
from tinynnclr.nn import LARS, SGD, AdamW, warmup_cosine

SHAPES = [(4, 3), (3,), (2, 2, 3, 5), (5,)]
ALL = {
    "plain": (SGD, {"momentum": 0.0}),
    "momentum": (SGD, {"weight_decay": 0.1}),
    "nesterov": (SGD, {"nesterov": True, "weight_decay": 0.1}),
    "adamw": (AdamW, {"weight_decay": 0.1}),
    "adamw-betas": (AdamW, {"betas": (0.5, 0.9), "eps": 1e-3}),
    "lars": (LARS, {"weight_decay": 0.1, "eta": 0.02}),
    "lars-plain": (LARS, {"momentum": 0.0}),
}
every = pytest.mark.parametrize("name", ALL)
both = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])


def draw(dtype, steps, seed=0):
    """Parameters, and the gradients of each step."""
    rng = np.random.default_rng(seed)
    parameters = [Tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True) for shape
                  in SHAPES]
    return parameters, [[rng.standard_normal(shape).astype(dtype) for shape in SHAPES] for _
                        in range(steps)]


def make(name, parameters, lr=0.1):
    kind, options = ALL[name]
    return kind(parameters, lr, **options)


def run(optimizer, gradients):
    for grads in gradients:
        for p, grad in zip(optimizer.parameters, grads, strict=True):
            p.grad = grad
        optimizer.lr = 0.1 / (optimizer.steps.max() + 1)  # the rate may change before any step
        optimizer.step()


@both
@pytest.mark.parametrize("name", [name for name in ALL if "lars" not in name])
def test_equals_torch_over_ten_steps(dtype, name):
    torch = pytest.importorskip("torch")
    parameters, gradients = draw(dtype, 10)
    kind, options = ALL[name]
    theirs = [torch.nn.Parameter(torch.from_numpy(p.data.copy())) for p in parameters]
    groups = [{"params": [p for p in theirs if p.ndim > 1],
               "weight_decay": options.get("weight_decay", 0.0)},
              {"params": [p for p in theirs if p.ndim == 1], "weight_decay": 0.0}]
    options = {"momentum": 0.9, **options} if kind is SGD else options
    reference = {SGD: torch.optim.SGD, AdamW: torch.optim.AdamW}[kind](
        groups, lr=0.1, **{k: v for k, v in options.items() if k != "weight_decay"})
    run(make(name, parameters), gradients)
    for i, grads in enumerate(gradients):
        for group in reference.param_groups:
            group["lr"] = 0.1 / (i + 1)
        for p, grad in zip(theirs, grads, strict=True):
            p.grad = torch.from_numpy(grad)
        reference.step()
    for ours, wanted in zip(parameters, theirs, strict=True):
        atol = 2e-6 if dtype == np.float32 else 1e-13
        np.testing.assert_allclose(ours.data, wanted.detach().numpy(), rtol=0, atol=atol)


@both
@pytest.mark.parametrize("name", ["lars", "lars-plain"])
def test_lars_equals_its_formula(dtype, name):
    parameters, gradients = draw(dtype, 10)
    _, options = ALL[name]
    momentum, eta = options.get("momentum", 0.9), options.get("eta", 1e-3)
    wanted = []
    for i, p in enumerate(parameters):
        w, v = p.data.astype(np.float64), np.zeros(p.shape)
        for step, grads in enumerate(gradients):
            d, trust = grads[i].astype(np.float64), 1.0
            if w.ndim > 1:
                d = d + options.get("weight_decay", 0.0) * w
                trust = eta * math.sqrt((w * w).sum()) / math.sqrt((d * d).sum())
            v = momentum * v + 0.1 / (step + 1) * trust * d
            w = w - v
        wanted.append(w)
    run(make(name, parameters), gradients)
    for p, w in zip(parameters, wanted, strict=True):
        np.testing.assert_allclose(p.data, w, rtol=0, atol=2e-6 if dtype == np.float32 else 1e-13)


def test_lars_trusts_in_full_where_a_length_is_zero():
    for weight, grad in ((np.zeros((2, 2)), np.ones((2, 2))), (np.ones((2, 2)), np.zeros((2, 2)))):
        p = Tensor(weight.copy(), requires_grad=True)
        p.grad = grad
        LARS([p], 0.5).step()
        np.testing.assert_array_equal(p.data, weight - 0.5 * grad)


@pytest.mark.parametrize("kind", [SGD, LARS, AdamW])
def test_decay_leaves_one_axis_alone(kind):
    matrix, bias = (Tensor(np.full(shape, 2.0), requires_grad=True) for shape in ((3, 2), (3,)))
    matrix.grad, bias.grad = np.zeros((3, 2)), np.zeros(3)
    kind([matrix, bias], 0.1, weight_decay=0.5).step()
    assert (matrix.data < 2).all()
    assert (bias.data == 2).all()


@every
def test_without_a_gradient_nothing_moves(name):
    parameters, gradients = draw(np.float32, 2)
    optimizer = make(name, parameters)
    run(optimizer, gradients[:1])
    before = [p.data.copy() for p in parameters]
    memory = optimizer.state_dict()
    grads = [None, gradients[1][1], None, None]
    run(optimizer, [grads])
    moved = [not np.array_equal(p.data, b) for p, b in zip(parameters, before, strict=True)]
    assert moved == [False, True, False, False]
    for key, array in optimizer.state_dict().items():
        assert np.array_equal(array, memory[key]) == (key != "steps" and not key.endswith(".1"))


@every
def test_float32_stays_float32_in_place(name):
    parameters, gradients = draw(np.float32, 3)
    arrays = [p.data for p in parameters]
    optimizer = make(name, parameters)
    for grads in gradients:
        for p, grad in zip(parameters, grads, strict=True):
            p.grad = grad
        copies = [grad.copy() for grad in grads]
        optimizer.lr = np.float64(0.1)  # a schedule may say so
        optimizer.step()
        for grad, copy in zip(grads, copies, strict=True):
            np.testing.assert_array_equal(grad, copy)
    assert all(p.data is a for p, a in zip(parameters, arrays, strict=True))
    assert all(p.dtype == np.float32 for p in parameters)
    state = optimizer.state_dict()
    assert all(a.dtype == np.float32 for key, a in state.items() if key != "steps")


@every
def test_a_state_goes_on_bit_by_bit(name):
    parameters, gradients = draw(np.float32, 8)
    whole = make(name, parameters)
    run(whole, gradients)
    restarted, _ = draw(np.float32, 8)
    first = make(name, restarted)
    run(first, gradients[:4])
    state = {key: array.copy() for key, array in first.state_dict().items()}
    # the state is a copy: what the first one does later does not change it
    run(first, gradients[4:])
    continued = [Tensor(p.data.copy(), requires_grad=True) for p in draw(np.float32, 8)[0]]
    second = make(name, continued)
    run(second, gradients[:4])
    for arrays in second.arrays.values():
        for a in arrays:
            a[...] = 77
    second.steps[...] = 99
    second.load_state_dict(state)
    for key in state:
        state[key] = state[key] + 5
    run(second, gradients[4:])
    for optimizer in (whole, first, second):
        assert optimizer.steps.tolist() == [8] * len(parameters)
    for p, q, r in zip(parameters, restarted, continued, strict=True):
        assert p.data.tobytes() == q.data.tobytes() == r.data.tobytes()


def test_a_state_that_does_not_fit():
    parameters, gradients = draw(np.float32, 1)
    optimizer = SGD(parameters, 0.1)
    run(optimizer, gradients)
    before = optimizer.state_dict()
    with fails(KeyError, "optimiser", "velocity.0", "mean.0"):
        optimizer.load_state_dict(AdamW(parameters, 0.1).state_dict())
    with fails(ValueError, "optimiser", "velocity.3", r"expected float32 \(5,\)",
               r"got float32 \(2,\)"):
        optimizer.load_state_dict({**{k: v + 1 for k, v in before.items()},
                                   "velocity.3": np.ones(2, np.float32)})
    with fails(ValueError, "optimiser", "velocity.1", "expected float32", "got float64"):
        optimizer.load_state_dict({**before, "velocity.1": np.ones(3)})
    for key, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(array, before[key], err_msg=key)


@pytest.mark.parametrize(("step", "wanted"), [(0, 0.2), (3, 0.8), (4, 1.0), (5, 1.0), (25, 0.5),
                                              (44, (1 + math.cos(math.pi * 39 / 40)) / 2),
                                              (45, 0.0)])
def test_warmup_cosine(step, wanted):
    assert warmup_cosine(step, 45, 5, 1.0) == pytest.approx(wanted, abs=1e-15)
    assert warmup_cosine(step, 45, 5, 0.3) == pytest.approx(0.3 * wanted, abs=1e-15)
    assert isinstance(warmup_cosine(step, 45, 5, 1.0), float)


@pytest.mark.parametrize(("total", "warmup"), [(10, 0), (10, 10), (3, 10), (1, 0), (1, 1)])
def test_warmup_cosine_of_odd_lengths(total, warmup):
    rates = [warmup_cosine(step, total, warmup, 1.0) for step in range(total)]
    assert all(0 < rate <= 1 for rate in rates)


@pytest.mark.parametrize(("kind", "options"), [(AdamW, {"weight_decay": 0.1}),
                                               (SGD, {"momentum": 0.9, "nesterov": True}),
                                               (SGD, {"momentum": 0.9})])
def test_late_and_rare_gradients_equal_torch(kind, options, rng):
    """Parameter i has a gradient in every (i + 1)-th step from 7 i; the last is cleared once."""
    torch = pytest.importorskip("torch")
    ours = [Tensor(rng.standard_normal((2, 3)), requires_grad=True) for _ in range(3)]
    theirs = [torch.nn.Parameter(torch.from_numpy(p.data.copy())) for p in ours]
    optimizer = kind(ours, 0.1, **options)
    reference = getattr(torch.optim, kind.__name__)(theirs, 0.1, **options)
    for step in range(30):
        if step == 20:
            optimizer.forget(ours[2:])
            reference.state.pop(theirs[2])
        if step == 25:
            state = {key: array.copy() for key, array in optimizer.state_dict().items()}
            optimizer = kind(ours, 0.1, **options)
            optimizer.load_state_dict(state)
        for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
            due = step >= 7 * i and step % (i + 1) == 0
            p.grad = rng.standard_normal(p.shape) if due else None
            q.grad = torch.from_numpy(p.grad.copy()) if due else None
        optimizer.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", [SGD, LARS, AdamW])
def test_after_forgetting_a_step_is_the_first_one(kind):
    """Whatever happened before: the next update is that of a new optimiser."""
    old, new = (Tensor(np.ones((2, 2)), requires_grad=True) for _ in range(2))
    optimizer = kind([old], 0.1)
    for _ in range(50):
        old.grad = np.full((2, 2), 3.0)
        optimizer.step()
    old.data[...] = 1
    optimizer.forget([old])
    old.grad = new.grad = np.full((2, 2), 0.5)
    optimizer.step()
    kind([new], 0.1).step()
    np.testing.assert_array_equal(old.data, new.data)


def test_counts_that_do_not_fit():
    optimizer = AdamW([Tensor(np.ones(2), requires_grad=True) for _ in range(2)], 0.1)
    state = optimizer.state_dict()
    for steps in (np.array(3), np.array([1, -1]), np.array([1.0, 2.0]), np.array([1, 2, 3])):
        with fails(ValueError, "optimiser", "steps", "2 whole numbers"):
            optimizer.load_state_dict({**state, "steps": steps})


def test_one_array_in_two_tensors_is_refused():
    a = Tensor(np.ones(2), requires_grad=True)
    b = Tensor(a.data, requires_grad=True)
    with fails(ValueError, "optimiser: two Tensors share one array"):
        SGD([a, b], 0.1)
    SGD([Tensor(np.zeros(0), requires_grad=True), Tensor(np.zeros(0), requires_grad=True)], 0.1)
