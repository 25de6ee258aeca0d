"""What it costs to spread the batch: measured on this machine's cores, with the bytes counted, and
on paper for 64.

    python tools/scaling.py --ranks 1,2        weak and strong scaling, one thread a rank, through
    mpiexec python tools/scaling.py --paper            times of a step on up to 1,024 machines, by
    the formulas here
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
from collections.abc import Iterator
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
from tinynnclr.train.loop import train
from tinynnclr.train.run import Run

LATENCY = 20e-6  # seconds that a message takes, however short: Ethernet, through MPI
SPEED = 1e12  # operations a second that a machine sustains: some 32 cores
NETWORKS = (1.25e9, 12.5e9)  # bytes a second: 10 and 100 Gbit/s


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
    """Bytes that each of R ranks sends in a step of NNCLR, by function of `distributed`, around a
    ring.

    A sum over all ranks takes 2 (R - 1) / R of an array's bytes, one way round to add and one to
    tell; to gather b rows takes (R - 1) / R of them all, and so does the way back. float32:
    gradients, embeddings; float64: statistics.
    """
    around = (ranks - 1) / ranks
    statistics = 2 * 2 * 2 * 8 * channels  # two sums of two views, forward and backward
    return {"average_in_place": 2 * around * 4 * parameters,
            "average": 2 * around * (statistics + 4 * dim + 4 + 8),  # how much z spreads, the loss, has anyone pressed
            "gather": around * batch * (3 * 4 * dim + 8 + neighbors * 4 * 8),  # p1, p2, z1, ids; who was found
            "scatter_sum": around * batch * 2 * 4 * dim}  # gradients of p1, p2


def operations(job: Job, ranks: int) -> tuple[float, float, float]:
    """Of one rank in a step: 3 times forward for its 2 B / R views, their search in the queue, the
    similarities.

    Similarities are those of its rows with the whole batch, of either direction, forward and twice
    backward.
    """
    views = 2 * job.batch / ranks
    return 3 * views * job.operations, 2 * views * job.queue * job.dim, 3 * 2 * views * job.batch * job.dim


def step_seconds(job: Job, ranks: int, bandwidth: float) -> dict[str, float]:
    """Seconds of a step's parts, none of which hides behind another.

    compute: `operations` at SPEED. reduce, gather, norms: bytes / bandwidth, and for each message 2
    log2 R (sums) or log2 R (gathers and their way back, 7 with the ids and who was found) times
    LATENCY.
    """
    hops = math.ceil(math.log2(ranks))
    sent = step_bytes(ranks, job.parameters, job.channels, job.batch, job.dim)
    return {"compute": sum(operations(job, ranks)) / SPEED,
            "reduce": sent["average_in_place"] / bandwidth + 2 * hops * LATENCY,
            "gather": (sent["gather"] + sent["scatter_sum"]) / bandwidth + 7 * hops * LATENCY,
            "norms": sent["average"] / bandwidth + (4 * job.norms + 3) * 2 * hops * LATENCY}


def paper(job: Job) -> Iterator[str]:
    """Markdown: the parts of a step, in ms, and what share of R times the speed R machines reach.
    """
    # MB; operations
    rows, (_, search, _), whole = 4e-6 * job.dim, operations(job, 1), sum(operations(job, 1))
    yield (f"{job.name}: {job.parameters / 1e6:.1f} M weights, {job.norms} batch norms, "
           f"{job.operations / 1e9:.3g} GFLOP a view; batch {job.batch:,}, queue {job.queue:,} x "
           f"{job.dim}. The queue takes {rows * job.queue:.0f} MB on each machine, its search "
           f"{search / 1e9:.0f} of the step's {whole / 1e9:,.0f} GFLOP on all machines, and a step "
           f"lets {rows * job.batch:.1f} MB in.")
    for bandwidth in NETWORKS:
        yield ""
        yield f"| machines at {8 * bandwidth / 1e9:.0f} Gbit/s | batch of each | compute | reduce | gather | norms " \
              "| step | efficiency |"
        yield "|---|---|---|---|---|---|---|---|"
        alone, paying, most = sum(step_seconds(job, 1, bandwidth).values()), 1, 1024
        for ranks in (2**i for i in range(most.bit_length())):
            parts = step_seconds(job, ranks, bandwidth)
            total = sum(parts.values())
            efficiency = alone / ranks / total
            paying = ranks if efficiency >= 0.5 else paying
            if math.log2(ranks) % 2 == 0:
                times = " | ".join(f"{1e3 * s:,.1f} ms" for s in (*parts.values(), total))
                yield f"| {ranks} | {job.batch // ranks} | {times} | {efficiency:.0%} |"
        yield f"\nAt {8 * bandwidth / 1e9:.0f} Gbit/s, half of what is paid for is still used on {paying} machines" \
              + (", as far as the table goes." if paying == most else ", and less on more.")


def weights_and_channels(method: Method) -> tuple[int, int]:
    """What `step_bytes` needs to know of a network: how many weights it has, and its batch norms
    channels.
    """
    norms = [m for m in method.modules() if isinstance(m, BatchNorm)]
    return method.num_parameters(), sum(len(n.running_mean) for n in norms)


class Waits:
    """While it is entered, `seconds` adds up what this rank spends in calls to the others:
    transport, and waiting.
    """

    CALLS = ("_sum_in_place", "gather", "scatter_sum", "first")

    def __init__(self):
        self.seconds, self.kept = 0.0, {name: getattr(distributed, name) for name in self.CALLS}

    def __enter__(self):
        for name, call in self.kept.items():
            setattr(distributed, name, functools.partial(self.timed, call))

    def __exit__(self, *_):
        for name, call in self.kept.items():
            setattr(distributed, name, call)

    def timed(self, call, *arguments):
        started = time.perf_counter()
        try:
            return call(*arguments)
        finally:
            self.seconds += time.perf_counter() - started


def measure_here(batch: int, steps: int) -> dict:
    """On each rank: two epochs of NNCLR on noise; seconds of a step of the second, bytes sent and
    their formula.
    """
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch * steps, 32, 32, 3), np.uint8)
    data = Dataset(images, np.zeros(len(images), np.int64), ("noise",))
    config = NNCLR.Config(batch_size=batch, epochs=2, neighbors_after=0.0,
                          queue_size=min(4096, batch * steps))
    run = Run(config, data)
    assert isinstance(run.method, NNCLR)
    seen, step, waits = [], run.optimizer.step, Waits()

    def note():
        seen.append((sum(distributed.sent.values()), waits.seconds))
        step()

    run.optimizer.step = note  # type: ignore[method-assign]
    with waits:
        train(run, data, augmentation_pair(config.augmentation), progress=False)
    (sent, waited), (before, _), (_, begun) = seen[-1], seen[-2], seen[steps - 1]
    formula = step_bytes(distributed.size(), *weights_and_channels(run.method), batch, config.dim)
    return {"seconds": 2 * batch / run.metrics[-1]["views_per_second"], "sent": sent - before,
            "formula": sum(formula.values()), "waited": (waited - begun) / steps}


def launch(launcher: str, kind: str, ranks: int, batch: int, steps: int) -> dict:
    """`measure_here` on so many ranks; "apart": in as many processes that know nothing of each
    other, at once.

    Raises RuntimeError with the last line where that fails.
    """
    apart = ranks if kind == "apart" else 1
    command = [sys.executable, str(Path(__file__).resolve()), "--here", "--batch",
               str(batch // apart), "--steps", str(steps)]
    # a path may hold spaces and backslashes
    words = [launcher] if shutil.which(launcher) else shlex.split(launcher)
    started = [subprocess.Popen(command if kind == "apart"
                                else [*words, "-n", str(ranks), *command], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, encoding="utf-8", errors="replace") for _
               in range(apart)]
    found = []
    for process in started:
        out, err = process.communicate()
        if process.returncode:
            raise RuntimeError((err.strip().splitlines() or ["no message"])[-1])
        found.append(json.loads(out.splitlines()[-1]))
    return max(found, key=lambda r: r["seconds"])


def table(launcher: str, counts: list[int], batch: int, steps: int, turns: int) -> Iterator[str]:
    """Markdown, a row for each number of ranks, best of turns: strong (the same batch), weak (as
    much for each), apart.

    apart is weak without any exchange: what the cores take from each other (memory, cache, clock)
    is seen there alone.
    """
    rows = [("strong", r, batch) for r in counts]
    rows += [(kind, r, batch // max(counts) * r) for kind in ("weak", "apart") for r in counts]
    best: dict[tuple, dict] = {}
    for _ in range(turns):  # turn by turn, so that a slow minute does not hit one row alone
        for row in rows:
            found = launch(launcher, *row, steps)
            best[row] = min(found, best.get(row, found), key=lambda r: r["seconds"])
    yield "| scaling | ranks | batch | ms a step | views/s | efficiency | ms in MPI | MB sent by each | formula |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for kind, ranks, b in rows:
        found = best[kind, ranks, b]
        _, first_ranks, first_batch = next(row for row in rows if row[0] == kind)
        speed = b / found["seconds"] / ranks
        efficiency = speed / (first_batch / best[kind, first_ranks, first_batch]["seconds"]
                              / first_ranks)
        yield (f"| {kind} | {ranks} | {b} | {1e3 * found['seconds']:.1f} | "
               f"{2 * b / found['seconds']:,.0f} | {efficiency:.2f} | {1e3 * found['waited']:.1f} "
               f"| {found['sent'] / 1e6:.3f} | {found['formula'] / 1e6:.3f} |")


def main() -> None:
    """The command in the first lines of this file."""
    escape_unprintable()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--paper", action="store_true", help="work it out for more machines than "
                        "there are here")
    parser.add_argument("--ranks", default="1,2", help="how many, with commas between [1,2]")
    parser.add_argument("--batch", type=int, default=256, help="images in a step [256]")
    parser.add_argument("--steps", type=int, default=20, help="in each of two epochs, of which the "
                        "second counts [20]")
    parser.add_argument("--turns", type=int, default=3, help="the best of so many [3]")
    beside = Path(sys.executable).with_name("mpiexec")
    parser.add_argument("--launcher", default=str(beside) if beside.exists() else "mpiexec",
                        help="the command that starts the ranks, with its flags [mpiexec]")
    # what the launcher starts
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.paper:
        print("\n\n".join("\n".join(paper(job)) for job in (TINY, RESNET50)))
    elif options.here:
        distributed.start()
        kernels.set_num_threads(1)
        with distributed.all_or_none():
            print(json.dumps(measure_here(options.batch, options.steps)))
    else:
        counts = [int(word) for word in options.ranks.split(",")]
        print("\n".join(table(options.launcher, counts, options.batch, options.steps,
                              options.turns)))


if __name__ == "__main__":
    main()
