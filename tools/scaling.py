"""The cost of distributed training, measured on this machine and computed for up to 1,024 machines.

    python tools/scaling.py --ranks 1,2    weak and strong scaling, one thread a rank, with mpiexec
    python tools/scaling.py --paper        seconds of a step on more machines, by the formulas here
"""
import argparse
import functools
import json
import math
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinynnclr import distributed, kernels
from tinynnclr.cli.console import escape_unprintable
from tinynnclr.datasets.dataset import Dataset
from tinynnclr.datasets.views import augmentation_pair
from tinynnclr.kernels.engine.checks import plain_numbers
from tinynnclr.methods import NNCLR, Method
from tinynnclr.nn import BatchNorm
from tinynnclr.storage.text_tables import markdown_table
from tinynnclr.train.hooks import train_run
from tinynnclr.train.run import Run

LATENCY = 20e-6  # seconds of a message of any size: Ethernet, through MPI
SPEED = 1e12  # operations a second that a machine sustains: about 32 cores
NETWORKS = (1.25e9, 12.5e9)  # bytes a second: 10 and 100 Gbit/s
MOST_MACHINES = 1024


@dataclass(frozen=True)
class Job:
    """What the cost of a step of NNCLR depends on."""

    name: str
    operations: float  # of one view, forward: 2 for each multiplication with its addition
    parameters: int
    norms: int  # batch norms that a view passes
    channels: int  # of these, together
    batch: int
    queue: int
    dim: int


# He et al. 2015 (table 1: 3.8e9 multiply-adds), 23.5 M weights, 53 norms of 26,560 channels; heads
# of NNCLR, appendix A
RESNET50 = Job("ResNet-50 at 224 pixels", 2 * 3.8e9, 23_500_000 + 11_000_000, 53 + 4,
               26_560 + 8_448, 4096, 98_304, 256)
TINY = Job("tiny_cnn of width 16 at 24 pixels", 5.1e6, 394_896, 4 + 4, 240 + 1_024, 4096, 98_304,
           256)


@plain_numbers
def step_bytes(ranks: int, parameters: int, channels: int, batch: int, dim: int,
               neighbors: bool = True) -> dict[str, float]:
    """Bytes that each of R ranks sends in a step of NNCLR, by function of `distributed`.

    A sum over all ranks, in a ring, sends 2 (R - 1) / R of an array's bytes; gathering b rows and
    its backward each send (R - 1) / R of their bytes. float32: gradients, embeddings; float64:
    statistics.
    """
    ring = (ranks - 1) / ranks
    statistics = 2 * 2 * 2 * 8 * channels  # two sums of two views, forward and backward
    return {"all_reduce_mean_": 2 * ring * 4 * parameters,
            # embedding variance, loss, whether Ctrl-C was pressed
            "all_reduce_mean": 2 * ring * (statistics + 4 * dim + 4 + 8),
            # p1, p2, z1, ids; the neighbours' ids
            "all_gather": ring * batch * (3 * 4 * dim + 8 + neighbors * 4 * 8),
            "reduce_scatter": ring * batch * 2 * 4 * dim}  # gradients of p1, p2


def operations(job: Job, ranks: int) -> tuple[float, float, float]:
    """Operations of one rank in a step: network, search in the queue, similarities.

    The network takes 3 times the forward of 2 B / R views. The similarities are those of its rows
    with the whole batch, in both directions, forward and twice as much backward.
    """
    views = 2 * job.batch / ranks
    return (3 * views * job.operations, 2 * views * job.queue * job.dim,
            3 * 2 * views * job.batch * job.dim)


def step_seconds(job: Job, ranks: int, bandwidth: float) -> dict[str, float]:
    """Seconds of a step's parts, none of which overlap.

    compute: `operations` at SPEED. reduce, gather, norms: bytes / bandwidth, and LATENCY for each
    message: 2 log2 R for a sum, log2 R for each of 7 gathers and their backward.
    """
    hops = math.ceil(math.log2(ranks))
    sent = step_bytes(ranks, job.parameters, job.channels, job.batch, job.dim)
    return {"compute": sum(operations(job, ranks)) / SPEED,
            "reduce": sent["all_reduce_mean_"] / bandwidth + 2 * hops * LATENCY,
            "gather": (sent["all_gather"] + sent["reduce_scatter"]) / bandwidth
                      + 7 * hops * LATENCY,
            "norms": sent["all_reduce_mean"] / bandwidth + (4 * job.norms + 3) * 2 * hops * LATENCY}


def paper(job: Job) -> str:
    """Markdown: the parts of a step, in ms, and the efficiency of each number of machines."""
    megabytes = 4e-6 * job.dim  # of a row
    _, search, _ = operations(job, 1)
    texts = [f"{job.name}: {job.parameters / 1e6:.1f} M weights, {job.norms} batch norms, "
             f"{job.operations / 1e9:.3g} GFLOP a view; batch {job.batch:,}, queue {job.queue:,} x "
             f"{job.dim}. The queue takes {megabytes * job.queue:.0f} MB on each machine, its "
             f"search {search / 1e9:.0f} of the step's {sum(operations(job, 1)) / 1e9:,.0f} GFLOP "
             f"on all machines, and a step adds {megabytes * job.batch:.1f} MB to it."]
    for bandwidth in NETWORKS:
        network = f"{8 * bandwidth / 1e9:.0f} Gbit/s"
        alone = sum(step_seconds(job, 1, bandwidth).values())
        rows, half_efficient = [], 1
        for ranks in (2**i for i in range(MOST_MACHINES.bit_length())):
            parts = step_seconds(job, ranks, bandwidth)
            total = sum(parts.values())
            efficiency = alone / ranks / total
            half_efficient = ranks if efficiency >= 0.5 else half_efficient
            if math.log2(ranks) % 2 == 0:
                rows.append([ranks, job.batch // ranks,
                             *(f"{1e3 * s:,.1f} ms" for s in (*parts.values(), total)),
                             f"{efficiency:.0%}"])
        limit = "the most in this table" if half_efficient == MOST_MACHINES else "but not on more"
        texts += [markdown_table([f"machines at {network}", "batch of each", "compute", "reduce",
                                  "gather", "norms", "step", "efficiency"], rows),
                  f"At {network}, the efficiency is at least 50 % on {half_efficient} machines, "
                  f"{limit}."]
    return "\n\n".join(texts)


def weights_and_channels(method: Method) -> tuple[int, int]:
    """The number of a network's weights, and of its batch norms' channels, for `step_bytes`."""
    norms = [module for module in method.modules() if isinstance(module, BatchNorm)]
    return method.num_parameters(), sum(len(norm.running_mean) for norm in norms)


class CallTimer:
    """While entered, `seconds` adds up the time in calls to the other ranks, including waiting."""

    CALLS = ("_sum_in_place", "all_gather", "reduce_scatter", "broadcast")

    def __init__(self):
        self.seconds = 0.0
        self.originals = {name: getattr(distributed, name) for name in self.CALLS}

    def __enter__(self):
        for name, call in self.originals.items():
            setattr(distributed, name, functools.partial(self.timed, call))
        return self

    def __exit__(self, *_):
        for name, call in self.originals.items():
            setattr(distributed, name, call)

    def timed(self, call, *arguments):
        started = time.perf_counter()
        try:
            return call(*arguments)
        finally:
            self.seconds += time.perf_counter() - started


def measure_here(batch: int, steps: int) -> dict:
    """On each rank, two epochs of NNCLR on noise: a step's seconds, bytes, and their formula.

    The steps of the second epoch count.
    """
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch * steps, 32, 32, 3), np.uint8)
    data = Dataset(images, np.zeros(len(images), np.int64), ("noise",))
    config = NNCLR.Config(batch_size=batch, epochs=2, neighbors_after=0.0,
                          queue_size=min(4096, batch * steps))
    run = Run(config, data)
    assert isinstance(run.method, NNCLR)
    step = run.optimizer.step
    seen = []  # (bytes sent, seconds in calls) before each step of the optimiser
    with CallTimer() as timer:
        def note():
            seen.append((sum(distributed.sent.values()), timer.seconds))
            step()

        run.optimizer.step = note  # type: ignore[method-assign]
        train_run(run, data, augmentation_pair(config.augmentation), progress=False)
    (sent, waited), (sent_before, _), (_, waited_before) = seen[-1], seen[-2], seen[steps - 1]
    formula = step_bytes(distributed.size(), *weights_and_channels(run.method), batch, config.dim)
    return {"seconds": 2 * batch / run.metrics[-1]["views_per_second"], "sent": sent - sent_before,
            "formula": sum(formula.values()), "waited": (waited - waited_before) / steps}


def launch(launcher: str, kind: str, ranks: int, batch: int, steps: int) -> dict:
    """`measure_here` on so many ranks; kind "apart": in as many independent processes, at once.

    Raises RuntimeError with the last line of the error output if that fails.
    """
    apart = ranks if kind == "apart" else 1
    command = [sys.executable, str(Path(__file__).resolve()), "--here", "--batch",
               str(batch // apart), "--steps", str(steps)]
    if kind != "apart":
        # a path may contain spaces and backslashes
        words = [launcher] if shutil.which(launcher) else shlex.split(launcher)
        command = [*words, "-n", str(ranks), *command]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  encoding="utf-8", errors="replace") for _ in range(apart)]
    results = []
    for process in processes:
        out, err = process.communicate()
        if process.returncode:
            raise RuntimeError((err.strip().splitlines() or ["no message"])[-1])
        results.append(json.loads(out.splitlines()[-1]))
    return max(results, key=lambda result: result["seconds"])


def table(launcher: str, counts: list[int], batch: int, steps: int, turns: int) -> str:
    """Markdown, a row for each number of ranks, the best of several turns.

    strong: the same batch; weak: the same batch for each rank; apart: as weak without any exchange,
    which shows what the cores cost each other (memory, cache, clock).
    """
    rows = [("strong", ranks, batch) for ranks in counts]
    rows += [(kind, ranks, batch // max(counts) * ranks) for kind in ("weak", "apart")
             for ranks in counts]
    best: dict[tuple, dict] = {}
    for _ in range(turns):  # turn by turn, so that a slow minute does not affect one row alone
        for row in rows:
            result = launch(launcher, *row, steps)
            best[row] = min(result, best.get(row, result), key=lambda result: result["seconds"])
    lines = []
    for kind, ranks, size in rows:
        result = best[kind, ranks, size]
        _, first_ranks, first_size = next(row for row in rows if row[0] == kind)
        first = first_size / best[kind, first_ranks, first_size]["seconds"] / first_ranks
        efficiency = size / result["seconds"] / ranks / first
        lines.append([kind, ranks, size, f"{1e3 * result['seconds']:.1f}",
                      f"{2 * size / result['seconds']:,.0f}", f"{efficiency:.2f}",
                      f"{1e3 * result['waited']:.1f}", f"{result['sent'] / 1e6:.3f}",
                      f"{result['formula'] / 1e6:.3f}"])
    return markdown_table(["scaling", "ranks", "batch", "ms a step", "views/s", "efficiency",
                           "ms in MPI", "MB sent by each", "formula"], lines)


def main() -> None:
    """The command in the first lines of this file."""
    escape_unprintable()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--paper", action="store_true", help="compute it for more machines")
    parser.add_argument("--ranks", default="1,2", help="numbers of ranks, with commas [1,2]")
    parser.add_argument("--batch", type=int, default=256, help="images in a step [256]")
    parser.add_argument("--steps", type=int, default=20,
                        help="in each of two epochs, of which the second counts [20]")
    parser.add_argument("--turns", type=int, default=3, help="the best of so many [3]")
    beside = Path(sys.executable).with_name("mpiexec")
    parser.add_argument("--launcher", default=str(beside) if beside.exists() else "mpiexec",
                        help="the command that starts the ranks, with its flags [mpiexec]")
    # what the launcher starts
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.paper:
        print("\n\n".join(paper(job) for job in (TINY, RESNET50)))
    elif options.here:
        distributed.start()
        kernels.set_num_threads(1)
        with distributed.all_or_none():
            print(json.dumps(measure_here(options.batch, options.steps)))
    else:
        counts = [int(word) for word in options.ranks.split(",")]
        print(table(options.launcher, counts, options.batch, options.steps, options.turns))


if __name__ == "__main__":
    main()
