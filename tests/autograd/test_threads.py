"""no_grad and watch hold in one thread or task only, and threads may share leaves."""
import asyncio
import contextvars
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from one_line import fails

from tinynnclr import Tensor, no_grad, ops
from tinynnclr.tensor import watch


def leaf(*values):
    return Tensor(np.array(values, np.float64), requires_grad=True)


SWITCHED = {no_grad: lambda: (leaf(1.0) * 2).node is None,
            watch: lambda: _raises(lambda: ops.log(Tensor(np.array([-1.0]))))}
each_switch = pytest.mark.parametrize("switch", SWITCHED, ids=lambda switch: switch.__name__)


def _raises(call):
    try:
        with np.errstate(all="ignore"):
            call()
    except FloatingPointError:
        return True
    return False


@each_switch
def test_a_switch_holds_in_its_own_thread_only(switch):
    with ThreadPoolExecutor(1) as pool, switch():
        assert SWITCHED[switch]()
        assert not pool.submit(SWITCHED[switch]).result()
        with no_grad(), watch():
            pass
        assert SWITCHED[switch]()
    assert not SWITCHED[switch]()


@each_switch
def test_blocks_in_two_threads_that_overlap(switch):
    """The first thread leaves its block while the second is inside, and the reverse."""
    shared, steps, seen = switch(), threading.Barrier(2, timeout=10), {}

    def work(first):
        with shared:
            steps.wait()
            if first:
                steps.wait()  # until the second has left
            inside = SWITCHED[switch]()
        if not first:
            steps.wait()
        seen[first] = inside, SWITCHED[switch]()

    threads = [threading.Thread(target=work, args=(first,)) for first in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {True: (True, False), False: (True, False)}


@each_switch
def test_a_switch_holds_in_its_own_asyncio_task_only(switch):
    async def inside(entered, checked):
        with switch():
            entered.set()
            await checked.wait()
            return SWITCHED[switch]()

    async def main():
        entered, checked = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(inside(entered, checked))
        await entered.wait()
        outside = SWITCHED[switch]()
        checked.set()
        return await task, outside

    assert asyncio.run(main()) == (True, False)


@each_switch
def test_a_switch_decorates_functions(switch):
    @switch()
    def inside(depth):
        return SWITCHED[switch]() and (depth == 0 or inside(depth - 1))

    assert inside.__name__ == "inside"
    assert inside(2)
    assert not SWITCHED[switch]()

    @switch()
    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert not SWITCHED[switch]()


@each_switch
def test_what_runs_later_cannot_be_decorated(switch):
    def generator():
        yield 1

    async def coroutine():
        return 1

    async def both():
        yield 1

    for fn in (generator, coroutine, both):
        with fails(TypeError, fn.__name__, "`with` block inside"):
            switch()(fn)


@each_switch
def test_a_block_that_is_left_in_another_context(switch):
    block = switch()
    contextvars.copy_context().run(block.__enter__)
    block.__exit__()
    assert not SWITCHED[switch]()


def test_threads_with_their_own_graphs_and_a_shared_leaf():
    shared, count = leaf(*range(5)), 200

    def work(seed):
        rng = np.random.default_rng(seed)
        a, b = (Tensor(rng.standard_normal((4, 5)), requires_grad=True) for _ in range(2))
        for _ in range(count):
            a.grad = b.grad = None
            (ops.tanh(a * b) + shared).backward(np.ones((4, 5)))
        slope = 1 - np.tanh(a.data * b.data) ** 2
        return np.allclose(a.grad, slope * b.data) and np.allclose(b.grad, slope * a.data)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(work, range(4)))
    finally:
        sys.setswitchinterval(before)
    np.testing.assert_array_equal(shared.grad, np.full(5, 4 * 4 * count))
