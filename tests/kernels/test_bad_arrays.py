"""Every public kernel with one argument spoiled: a one-line error, or the right answer."""
import copy

import numpy as np
import pytest
from kernel_cases import ALL, CASES, public_kernels
from spoiled import COMPILED_ANEW, emptied, spoils

from tinynnclr import Tensor, kernels, ops
from tinynnclr.datasets.views import Augmentation, two_views
from tinynnclr.metrics.knn import knn_accuracy

KERNELS = public_kernels()
REFUSED = (ValueError, TypeError, FloatingPointError, MemoryError)
# Winograd's sums and differences, a softmax's row and a scale times infinity carry NaN further than
# definitions do, and
# float32 overflows earlier.
SPREADS = ("conv.", "attention.", "norm.", "layer_norm.", "detrend.", "optim.")
# An output of -inf passes no gradient there, ReLU or not; the loss is no number then anyway.
EXCEPTED = {("norm.normalize_grad", f"{name}: one is {value}") for name
            in ("mean", "var", "weight", "bias", "x") for value in ("inf", "-inf")}


def in_float64(value):
    """Arguments as the reference gets them: floats as C-contiguous float64."""
    if isinstance(value, tuple):
        return tuple(in_float64(v) for v in value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return np.array(value, np.float64, order="C")
    return copy.deepcopy(value)


def outcome(fn, arguments):
    """(what came back as a tuple, None) or (None, the error)."""
    try:
        with np.errstate(all="ignore"):
            result = fn(**arguments)
    except Exception as error:
        return None, error
    return result if isinstance(result, tuple) else (result,), None


def call(name, arguments):
    """A kernel's outcome; of those that change their arguments, these."""
    result, error = outcome(KERNELS[name], arguments)
    if name.startswith("optim.") and error is None:
        result = tuple(v for key, v in arguments.items()
                       if isinstance(v, np.ndarray) and key != "grad")
    return result, error


def differs(name, got, wanted):
    """What is wrong with an answer, in words; "" where it is right."""
    tolerance = 2e-4 if any(getattr(a, "dtype", None) == np.float32 for a in got) else 1e-9
    for number, (a, b) in enumerate(zip(got, wanted, strict=True)):
        if b is None:
            continue
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        if a.shape != b.shape:
            return f"result {number} has shape {a.shape}, expected {b.shape}"
        fine, wanted_fine = np.isfinite(a), np.isfinite(b)
        both = fine & wanted_fine
        if (fine
            > wanted_fine).any() or not name.startswith(SPREADS) and (fine != wanted_fine).any():
            return f"result {number}: finite in {fine.sum()} places, expected {wanted_fine.sum()}"
        size = max(1.0, np.abs(b[both]).max(initial=0))
        if not (np.abs(a - b)[both] <= tolerance * size).all():
            return f"result {number} is off by {np.abs(a - b)[both].max()}"
    return ""


def fault(name, case, arguments):
    """What is wrong with a kernel's outcome for these arguments, in words."""
    got, error = call(name, copy.deepcopy(arguments))  # for a kernel may change its arguments
    if error is not None:
        if not isinstance(error, REFUSED):
            return f"{type(error).__name__}: {error}"
        one_line = str(error) and "\n" not in str(error)
        return "" if one_line else f"a message of several lines, or none: {error}"
    wanted, refused = outcome(case.reference, in_float64_each(arguments))
    if refused is not None:
        return f"an answer, where the reference says {type(refused).__name__} {refused}"
    return differs(name, got, wanted)


def in_float64_each(arguments):
    """A list in an array's place is that array: a kernel may take it or not."""
    lists = {key: np.array(v) for key, v in arguments.items() if isinstance(v, list) and not
             key.endswith(("shape", "betas"))}
    return {key: in_float64(value) for key, value in {**arguments, **lists}.items()}


def spoiled_calls(name, case, dtype):
    """(what was done, the arguments), one argument spoiled in each."""
    rng = np.random.default_rng(0)
    arguments = case.arguments(rng, dtype)
    for key in arguments:
        for what, worse in spoils(arguments[key], rng):
            yield f"{key}: {what}", {**copy.deepcopy(arguments), key: worse}
    yield from emptied(arguments)


def test_every_kernel_has_a_case():
    assert set(CASES) == set(KERNELS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f4", "f8"])
@pytest.mark.parametrize(("name", "i"), ALL, ids=lambda value: str(value))
def test_the_reference_agrees_with_the_kernel(name, i, dtype):
    case = CASES[name][i]
    assert fault(name, case, case.arguments(np.random.default_rng(0), dtype)) == ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "i"), ALL, ids=lambda value: str(value))
def test_one_argument_spoiled(name, i, count, record_property):
    every, case, faults, cases = count(7, 2, 1), CASES[name][i], [], 0
    for dtype in (np.float32, np.float64) if every < 7 else (np.float32,):
        for n, (what, arguments) in enumerate(spoiled_calls(name, case, dtype)):
            anew = what.endswith(COMPILED_ANEW) and (every > 1 or dtype != np.float32)
            if (name, what) in EXCEPTED or anew:
                continue
            if n % every == 0 or what.startswith("empty"):
                wrong = fault(name, case, arguments)
                cases += 1
                faults += [f"{np.dtype(dtype)} {what}: {wrong}"] if wrong else []
    record_property("cases", cases)
    assert not faults, f"{len(faults)} of {cases}\n" + "\n".join(faults)


MASKED = np.ma.masked_array([0, 1], [False, True])
X = np.ones((2, 3), np.float32)


@pytest.mark.parametrize("call", [lambda m: kernels.cross_entropy(X, m),
                                  lambda m: ops.cross_entropy(Tensor(X), labels=m),
                                  lambda m: ops.masked_fill(Tensor(X[:, :2]), mask=m > 0, value=0),
                                  lambda m: kernels.nearest(X, X, exclude=m),
                                  lambda m: kernels.nearest(X, X, exclude=np.zeros(2, int), ids=m),
                                  lambda m: knn_accuracy(X, m, X, np.arange(2), k=1),
                                  lambda m: two_views(np.zeros((2, 8, 8, 3), np.uint8), m,
                                                      Augmentation(), np.random.default_rng(0))])
def test_a_mask_is_not_ignored(call):
    """A masked array computes by other rules: what it hides would come in."""
    with pytest.raises((TypeError, ValueError), match="MaskedArray"):
        call(MASKED)
