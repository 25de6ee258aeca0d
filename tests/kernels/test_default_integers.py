"""NumPy 1.26 on Windows has integers of 32 bits by default; compiled code gets 64 bits."""
import ast
import importlib
import inspect

import numpy as np
import pytest
from kernel_cases import ALL, CASES
from places import ROOT
from small import random_data, small_config
from test_bad_arrays import call

from tinynnclr.kernels.engine import winograd
from tinynnclr.methods.method import Method
from tinynnclr.train.run import Run
from tinynnclr.train.run_dir import CHECKPOINT, train_into

PACKAGE = ROOT / "tinynnclr"
MODULES = sorted(PACKAGE.rglob("*.py"))
class WindowsNumpy:
    """NumPy, except that integers have 32 bits unless a type or an array says otherwise."""

    def __getattr__(self, name):
        real = getattr(np, name)

        def join(arrays, **settings):
            return real(int32(arrays), **settings)

        def make(*args, dtype=None):
            result = real(*args, **({} if dtype is None else {"dtype": dtype}))
            typed = (np.ndarray, np.generic, type, np.dtype)
            given = dtype not in (None, int) or any(isinstance(a, typed) and a is not int
                                                    for a in args)
            return result if given else int32(result)

        return join if name in ("concatenate", "column_stack") else make if name in (
            "arange", "array", "asarray", "full", "zeros", "empty", "cumsum") else real


def int32(made):
    """What was not an array before, or was made without a type, as Windows has it."""
    if isinstance(made, (list, tuple)):
        return [a if isinstance(a, np.ndarray) else int32(np.array(a)) for a in made]
    return made.astype(np.int32) if isinstance(made,
                                               np.ndarray) and made.dtype == np.int64 else made


def watched(parallel, seen):
    def spy(kernel, count, *args, **settings):
        seen.extend(f"{kernel.__name__}: argument {i}" for i, a in enumerate(args)
                    if isinstance(a, np.ndarray) and a.dtype == np.int32)
        return parallel(kernel, count, *args, **settings)
    return spy


@pytest.mark.parametrize(("name", "i"), ALL, ids=str)
def test_compiled_code_gets_64_bits(name, i, monkeypatch):
    seen = []
    # compiled by now
    assert call(name, CASES[name][i].arguments(np.random.default_rng(0), np.float32))[1] is None
    for module in (importlib.import_module(f"tinynnclr.kernels.{name.split('.')[0]}"), winograd):
        monkeypatch.setattr(module, "np", WindowsNumpy())
        if hasattr(module, "parallel"):
            monkeypatch.setattr(module, "parallel", watched(module.parallel, seen))
    error = call(name, CASES[name][i].arguments(np.random.default_rng(0), np.float32))[1]
    assert (seen, error) == ([], None)


def test_a_run_goes_on_after_an_order_of_32_bits(tmp_path, monkeypatch):
    """As rng.permutation(n) gives it there; a checkpoint holds 64 bits on every system."""
    start_epoch = Method.start_epoch
    monkeypatch.setattr(Method, "start_epoch", lambda self, size, rng: (
        start_epoch(self, size, rng)[0].astype(np.int32), []))
    data = random_data()
    run, again = (Run(small_config(method="simclr", epochs=1), data) for _ in range(2))
    train_into(tmp_path, run, data, progress=False)
    assert run.order.dtype == np.int64
    again.load(tmp_path / CHECKPOINT)
    assert again.epoch == 1


def untyped(tree):
    """The lines of calls that make integers of the default type, outside kernels and twins."""
    for top in tree.body:
        if isinstance(top, ast.FunctionDef) and (
                top.name.endswith("_naive")
                or any("jit" in ast.unparse(d) for d in top.decorator_list)):
            continue
        least = {"np.arange": 9, "np.cumsum": 9, "np.array": 2, "np.full": 3}
        for made in (node for node in ast.walk(top) if isinstance(node, ast.Call)):
            typed = (any(keyword.arg == "dtype" for keyword in made.keywords)
                     or any(isinstance(getattr(n, "value", None), float) for n in ast.walk(made)))
            if len(made.args) < least.get(ast.unparse(made.func), 0) and not typed:
                yield f"{made.lineno}: {ast.unparse(made)}"


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent == PACKAGE / "kernels"],
                         ids=lambda p: p.stem)
def test_kernels_say_of_which_type_integers_are(path):
    assert list(untyped(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_the_rule_sees_what_has_no_type():
    def example(n):
        typed = np.array([0.5]), np.arange(n, dtype=np.int64), np.array([n], np.int64)
        return np.arange(n), np.array([n]), typed

    source = inspect.cleandoc("\n" + inspect.getsource(example))
    assert len(list(untyped(ast.parse(source)))) == 2
