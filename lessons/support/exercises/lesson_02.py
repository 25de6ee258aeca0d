"""Lesson 02: the cost of an operation, a matrix product from multiplications, the cube law."""
import dis
import sys
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, ClassVar

import numpy as np

from ..check import Trial, exercise

PRODUCTS = {"dot", "matmul", "einsum", "einsum_path", "inner", "vdot", "vecdot", "matvec", "vecmat",
            "tensordot", "multi_dot", "matrix_power", "__matmul__", "__rmatmul__", "__imatmul__",
            "matrix", "asmatrix"}
LOOPS = ("The interpreter executes more instructions for larger matrices: there is a loop left. "
         "Use one multiplication for all products, and one sum.")


def cost(operation: str, *sizes: int) -> tuple[int, int]:
    """(flops, bytes) of "matmul", "conv" or "nearest" in float32, all read once and written once.
    """
    if operation == "matmul":
        m, k, n = sizes
        return 2 * m * k * n, 4 * (m * k + k * n + m * n)
    if operation == "conv":
        n, h, w, c, kh, kw, f, stride, padding = sizes
        ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
        numbers = n * h * w * c + kh * kw * c * f + n * ho * wo * f
        return 2 * n * ho * wo * f * kh * kw * c, 4 * numbers
    b, q, d = sizes
    return 2 * b * q * d, 4 * (b * d + q * d) + 8 * b


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(m, k) times (k, n): all products (m, k, n), then their sum over k: (m, n)."""
    return (a[:, :, None] * b).sum(1)


def seconds_for(target: int, n: int, seconds: float, peak: float) -> tuple[float, float]:
    """(seconds at N = target, share of the peak), measured at N = n; ValueError for more than 1."""
    share = 2 * n**3 / seconds / peak
    if share > 1:
        raise ValueError(f"{share:.3g} times the peak: that work was not done in that time")
    return seconds * (target / n) ** 3, share


def instructions(function: Callable, *args: Any) -> int:
    """Number of instructions that Python's interpreter executes in function(*args), calls included.

    Counted by sys.settrace, so the same on every machine with the same Python and NumPy; compiled
    code is not counted.
    """
    count = 0

    def trace(frame, event, _):
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before, here = sys.gettrace(), sys._getframe()
    # 3.12 sends opcode events only if a frame wants them before settrace
    here.f_trace_opcodes = True
    sys.settrace(trace)
    try:
        function(*args)
    finally:
        sys.settrace(before)
        here.f_trace_opcodes = False
    if count == 0:
        raise RuntimeError("instructions: this Python does not report them to sys.settrace")
    return count


class Watched(np.ndarray):
    """An array that writes down which NumPy functions meet it, and how many numbers they make.

    Its products are `factor` times too large: a result that comes out of them must be, too.
    """

    seen: ClassVar[list[tuple[str, int]]] = []
    factor: ClassVar[int] = 1

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **kwargs):
        """The same result, watched too; name and size of it are noted."""
        if out:
            kwargs["out"] = tuple(plain(x) for x in out)
        result = getattr(ufunc, method)(*map(plain, inputs), **kwargs)
        if ufunc is np.multiply and isinstance(result, np.ndarray):
            np.multiply(result, Watched.factor, out=result)
        Watched.seen.append((ufunc.__name__ if method in ("__call__", "outer")
                             else f"{ufunc.__name__}.{method}", np.size(result)))
        return out[0] if out else result.view(Watched) if isinstance(result, np.ndarray) else result

    def __array_function__(self, func, types, args, kwargs):
        """As without us; the name is noted."""
        Watched.seen.append((func.__name__, 0))
        return super().__array_function__(func, types, args, kwargs)

    def dot(self, *args: Any) -> Any:
        """The method of that name asks neither of the two above."""
        Watched.seen.append(("dot", 0))
        return plain(self).dot(*map(plain, args)).view(Watched)


def plain(x: Any) -> Any:
    """A watched array as an ordinary one; anything else as it is."""
    return x.view(np.ndarray) if isinstance(x, Watched) else x


def product_names(code: CodeType) -> Iterator[str]:
    """Product functions that a code object, or one inside it, names; "@" for the operator."""
    for step in dis.get_instructions(code):
        operator = step.argrepr if step.opname == "BINARY_OP" else ""
        if step.opname.endswith("MATRIX_MULTIPLY") or operator in ("@", "@="):
            yield "@"
    yield from (name for name in code.co_names if name in PRODUCTS)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from product_names(inner)


@exercise("02.a", reference=cost)
def _(trial):
    one, big = (1, 1, 1, 1, 1, 1, 1, 1, 0), 10**8
    for operation, sizes, hint in (
            ("matmul", (1, 1, 1),
             "one multiplication, one addition to 0; two numbers read, one written, 4 bytes each"),
            ("matmul", (1, 2, 1),
             "one row times one column: two products and, from 0, two additions"),
            ("matmul", (2, 1, 1), "two rows, one column: two results"),
            ("matmul", (1, 1, 2), "one row, two columns: two results"),
            ("matmul", (2, 3, 4),
             "2 x 4 results of 3 products each; a has 6 numbers, b 12, the result 8"),
            ("conv", one, "one pixel, one window of one pixel: as a product of 1 x 1 matrices"),
            ("conv", (2, *one[1:]), "two images, one weight: it is read once"),
            ("conv", (1, 1, 1, 3, 1, 1, 1, 1, 0),
             "a window reaches through all channels: three products"),
            ("conv", (1, 1, 1, 1, 1, 1, 5, 1, 0), "five filters: five results from one pixel"),
            ("conv", (1, 3, 4, 1, 2, 3, 1, 1, 0),
             "a 2 x 3 window fits into 3 x 4 pixels in 2 x 2 places"),
            ("conv", (1, 3, 3, 1, 3, 3, 1, 1, 1),
             "padding 1: there are 3 x 3 results; the border is not in memory"),
            ("conv", (1, 5, 7, 1, 1, 1, 1, 2, 0),
             "stride 2: results on rows 0, 2, 4 and columns 0, 2, 4, 6"),
            ("conv", (2, 9, 8, 3, 3, 2, 4, 2, 1),
             "all at once: ho x wo results, each of kh * kw * c products"),
            ("nearest", (1, 1, 1),
             "two numbers of 4 bytes read, one row number of 8 bytes written"),
            ("nearest", (1, 3, 2), "three dot products of two numbers; a comparison is no flop"),
            ("nearest", (4, 5, 6),
             "only the row numbers must be written: one for each query, no similarities"),
            ("matmul", (123_456_789, 987, 654_321),
             "the last digits count: whole numbers, not floats, which keep 16"),
            ("conv", (big, big, big, 3, 3, 3, 1, 1, 1),
             "Python's whole numbers grow as needed, NumPy's end at 2**63"),
            ("nearest", (big + 1, big + 1, 10**6 + 1), "the last digits count, also here")):
        got, expected = trial(operation, *sizes), cost(operation, *sizes)
        shown: dict[str, Any] = {"sizes": sizes, "expected": expected, "got": got}
        trial.true(isinstance(got, tuple | list) and len(got) == 2, "return two numbers, (flops, "
                   "bytes)", **shown)
        for kind, ours, theirs in zip(("flops", "bytes"), expected, got, strict=True):
            trial.true(bool(ours == theirs), f"{kind} of {operation}: {hint}", **shown)


@exercise("02.b", reference=product)
def _(trial):
    def numbers(m, k, n):
        return (rng.integers(-3, 4, shape).astype(np.float32) for shape in ((m, k), (k, n)))

    rng = np.random.default_rng(2)
    for sizes, hint in (
            ((1, 1, 1), "one number times one number"),
            ((1, 2, 1), "a row times a column is one number"),
            ((2, 1, 2), "a column times a row is a table"),
            ((2, 2, 2),
             "c[i, j] is the sum over k of a[i, k] * b[k, j]; check which axis is added up"),
            ((2, 3, 4), "all sizes differ: put the axes in the order (m, k, n)"),
            ((7, 5, 6), "larger")):
        a, b = numbers(*sizes)
        trial.equal(trial(a, b), a @ b, hint=hint, a=a, b=b)
    code = getattr(trial.answer, "__code__", None)
    trial.true(code is not None, "write a plain Python function that calls NumPy, not a compiled "
               "or wrapped one")
    for name in product_names(code):
        trial.fail(f"right numbers, but {name} does the work, and it is not allowed here: only *, "
                   "a sum, and shapes")
    calls, counts = [], []
    for sizes in ((2, 3, 4), (4, 6, 8)):
        a, b = (x.view(Watched) for x in numbers(*sizes))
        trial(a, b)  # once before: what Python looks up or imports the first time does not count
        Watched.seen.clear()
        trial(a, b)
        _check_work(trial, sizes, list(Watched.seen))
        calls.append(len(Watched.seen))
        counts.append(instructions(trial.answer, a, b))
    trial.true(counts[0] == counts[1] and calls[0] == calls[1], "right numbers, but not without a "
               f"loop. {LOOPS}", instructions_at_2_3_4_and_at_4_6_8=counts, NumPy_calls=calls)
    # double the multiplications: what does not come from them stays as it is
    Watched.factor = 2
    try:
        result = trial(a, b)
    finally:
        Watched.factor = 1
    trial.true(np.array_equal(result, 2 * (plain(a) @ plain(b))), "right numbers, but they do not "
               "come from the multiplications: doubling these does not double the result")


def _check_work(trial: Trial, sizes: tuple[int, int, int], seen: list[tuple[str, int]]) -> None:
    """The work must be m*k*n elementwise multiplications, without a product function."""
    m, k, n = sizes
    for name, _ in seen:
        trial.true(name not in PRODUCTS,
                   f"right numbers, but somewhere {name} does the work: only *, a sum, and shapes")
    made = sum(size for name, size in seen if name == "multiply")
    trial.true(made == m * k * n, f"right numbers, but NumPy made {made} products in "
               f"multiplications of arrays, and a {m} x {k} times a {k} x {n} matrix needs "
               f"{m * k * n}, no more and no fewer. Work on the arrays that come in, with *.",
               NumPy_calls=[name for name, _ in seen])


@exercise("02.c", reference=seconds_for)
def _(trial):
    for target, n, seconds, peak, hint in (
            (1, 1, 3.0, 4.0,
             "the same size takes the same time; 2 flops in 3 s is a rate of 2/3 flop/s"),
            (2, 1, 1.0, 4.0,
             "twice the N: twice the rows, twice the columns, and sums twice as long"),
            (3, 1, 1.0, 8.0, "three times the N: 27 times the work"),
            (1, 2, 8.0, 8.0, "a smaller product takes less time"),
            (3, 2, 8.0, 4.0, "N need not be a multiple: the ratio is 1.5"),
            (2, 1, 2.0, 100.0,
             "the peak changes the share, not the time: the method stays as slow as it was"),
            (2, 1, 2.0, 1.0, "all of the peak, and no more, is possible: the share is 1"),
            (2048, 256, 0.5, 1e11, "from 256 to 2,048 is a factor of 8 in N"),
            (48, 1000, 0.25, 4e10, "downwards as well")):
        got = trial(target, n, seconds, peak)
        trial.equal(got, seconds_for(target, n, seconds, peak), hint=f"(seconds, share): {hint}",
                    rtol=1e-9, atol=0, target=target, n=n, seconds=seconds, peak=peak)
    for args in ((2, 1, 1.0, 1.5), (2048, 256, 1e-6, 1e12), (1, 1000, 0.01, 1.9e11)):
        try:
            got = trial.answer(*args)
        except ValueError:
            continue
        trial.fail("more flops than the peak allows: raise ValueError, as the measurement must be "
                   "wrong", **dict(zip(("target", "n", "seconds", "peak"), args, strict=True)),
                   got=got)
