"""Run the benchmark's cases, print a table as it grows, and summarise it."""
import contextlib
import fnmatch
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from tqdm import tqdm

from ... import kernels
from ...kernels.engine.malloc import keep_freed_memory
from ...storage.messages import nearest
from ...storage.text_tables import markdown_table
from . import machine, process
from .cases import KERNELS, Case
from .timing import LONG_PAUSE, PAUSE, compare, spread

# {name: module}
PEERS = {"numpy": "numpy", "torch": "torch", "torch.compile": "torch", "faiss": "faiss",
         "kornia": "kornia", "albumentations": "albumentations"}
PACKAGES = {"faiss": "faiss-cpu", "torch.compile": "torch"}
WIDTHS = (16, 32)
HEAD = ("measure", "case", "ours", "peer", "its time", "ratio", "spread", "GFLOP/s", "GB/s",
        "of peak")
LINE = "{:<17} {:<27} {:>10} {:<14} {:>10} {:>6} {:>6} {:>8} {:>6} {:>7}"


def installed(wanted: Sequence[str] | None = None) -> set[str]:
    """Those of the wanted libraries (by default all) that are installed; prints the missing ones.

    Raises ValueError for an unknown name.
    """
    for name in wanted or ():
        if name not in PEERS:
            raise ValueError(f"--against {name}: expected some of "
                             f"{', '.join(PEERS)}{nearest(name, PEERS)}")
    names = set()
    for name in wanted or PEERS:
        if importlib.util.find_spec(PEERS[name]):
            names.add(name)
        else:
            print(f"{name}: not installed, skipped (pip install {PACKAGES.get(name, name)})",
                  file=sys.stderr)
    return names


def blas_threads(count: int) -> contextlib.AbstractContextManager:
    """A context in which NumPy's BLAS uses `count` threads; needs threadpoolctl, else prints so."""
    if importlib.util.find_spec("threadpoolctl"):
        from threadpoolctl import threadpool_limits

        return threadpool_limits(count, "blas")
    print("threadpoolctl: not installed, so NumPy's BLAS keeps the number of threads that "
          "OPENBLAS_NUM_THREADS set", file=sys.stderr)
    return contextlib.nullcontext()


# {function below or in cases.py: the measures that it yields}
MEASURES = {"matmul": ("matmul",),
            "convolution": ("conv forward", "conv grad_input", "conv grad_weight"),
            "search": ("search",), "views": ("views",), "norm": ("batch norm + ReLU",),
            "steps": ("step",), "threads": ("threads",)}
NAMES = [*(name for names in MEASURES.values() for name in names), "memory", "start warm",
         "start cold"]


def steps(against: set[str], quick: bool) -> Iterator[Case]:
    """The whole training step, beside PyTorch's."""
    from .step import flops, make_step

    batch = 16 if quick else 256
    for width in WIDTHS[:1] if quick else WIDTHS:
        yield Case("step", f"width {width}, 2 x {batch} views", make_step(width, batch),
                   _torch_steps(against, width, batch), flops(width, batch))


def _torch_steps(against, width, batch) -> dict[str, Callable[[], object]]:
    """PyTorch's steps, after a first call; those that fail are skipped and printed."""
    calls: dict[str, Callable[[], object]] = {}
    for name in ("torch", "torch.compile"):
        if name not in against:
            continue
        from .torch_step import make_step

        step = make_step(width, batch, compiled=name == "torch.compile")
        try:
            step()
        except Exception as error:  # torch.compile needs a C++ compiler
            print(f"{name}: skipped ({str(error).strip().splitlines()[0]})", file=sys.stderr)
        else:
            calls[name] = step
    return calls


def threads(_against: set[str], quick: bool) -> Iterator[Case]:
    """Our step on all threads, compared with the same step on one."""
    from .step import flops, make_step

    count = kernels.get_num_threads()
    for width in () if quick or count == 1 else WIDTHS:
        step = make_step(width)

        def alone(step=step):
            kernels.set_num_threads(1)
            try:
                step()
            finally:
                kernels.set_num_threads(count)

        yield Case("threads", f"{count} against 1, width {width}", step, {"1 thread": alone},
                   flops(width))


def _rows(case: Case, repetitions: int, peak: float) -> list[dict]:
    """A row for each peer of a case, or one without a peer."""
    seconds = compare({"": case.ours, **case.peers}, repetitions,
                      pause=LONG_PAUSE if "numpy" in case.peers else PAUSE)
    ours = float(np.median(seconds[""]))
    gflops = case.flops / ours / 1e9 if case.flops else None
    shared = {"gflops": gflops,
              "peak_share": gflops / peak if gflops and not case.memory_bound else None,
              "gbytes_per_s": case.bytes / ours / 1e9 if case.bytes and case.memory_bound else None,
              "intensity": case.flops / case.bytes if case.flops and case.bytes else None,
              "spread": spread(seconds[""]), "threads": kernels.get_num_threads()}
    rows = []
    for peer in case.peers or [None]:
        theirs = None if peer is None else float(np.median(seconds[peer]))
        rows.append({"measure": case.measure, "case": case.name, "ours_s": ours, "peer": peer,
                     "peer_s": theirs, "ratio": None if theirs is None else theirs / ours,
                     **shared})
    return rows


def _process_rows(against: set[str], wanted) -> Iterator[dict]:
    """Rows that are measured in new processes."""
    base = {"ours_s": None, "peer": None, "peer_s": None, "ratio": None, "gflops": None,
            "peak_share": None}
    for width in WIDTHS[1:] if wanted("memory") and sys.platform != "win32" else ():
        ours = process.peak_memory("ours", width)
        row = {**base, "measure": "memory", "case": f"peak of the step, width {width}",
               "ours_mb": ours}
        if "torch" in against:
            peer = process.peak_memory("torch", width)
            row |= {"peer": "torch", "peer_mb": peer, "ratio": peer / ours}
        yield row
    for name, cold in (("start warm", False), ("start cold", True)):
        if wanted(name):
            yield {**base, "measure": name, "case": "to the end of the first step",
                   "ours_s": process.start(cold)}


def _print(row: dict) -> None:
    def time_of(side):
        megabytes, seconds = row.get(f"{side}_mb"), row[f"{side}_s"]
        if megabytes is not None:
            return f"{megabytes:.0f} MB"
        if seconds is None:
            return ""
        return f"{seconds:.2f} s" if seconds > 1 else f"{1e3 * seconds:.3f} ms"

    def number(key, form):
        return "" if row.get(key) is None else form.format(row[key])

    tqdm.write(LINE.format(row["measure"], row["case"], time_of("ours"), row["peer"] or "",
                           time_of("peer"), number("ratio", "{:.2f}"), number("spread", "{:.0%}"),
                           number("gflops", "{:.1f}"), number("gbytes_per_s", "{:.1f}"),
                           number("peak_share", "{:.0%}")))
    sys.stdout.flush()


def _matches(measure, only):
    return fnmatch.fnmatch(measure, only) or only in measure


def expect_measure(only: str) -> None:
    """Raises ValueError where no measure's name matches."""
    if not any(_matches(name, only) for name in NAMES):
        raise ValueError(f"--only {only}: expected part of {', '.join(NAMES)}")


def _measured(against: set[str], wanted, quick: bool, peak: float) -> Iterator[dict]:
    """The rows of all wanted measures."""
    for cases in (*KERNELS, steps, threads):
        if not any(map(wanted, MEASURES[cases.__name__])):
            continue
        for case in cases(against, quick):
            if wanted(case.measure):
                yield from _rows(case, 3 if quick else 15, peak)
    if not quick:
        yield from _process_rows(against, wanted)


def bench(against: set[str], only: str = "*",
          quick: bool = False) -> tuple[list[dict], float, float]:
    """Measure all whose name matches `only`: (rows, peak in GFLOP/s, memory in GB/s)."""
    expect_measure(only)
    keep_freed_memory()  # as in training; it helps the peers as well
    if "torch" in against or "torch.compile" in against:
        import torch

        torch.set_num_threads(kernels.get_num_threads())
    peak, bandwidth = machine.peak(), machine.bandwidth()
    print(f"{machine.describe()}\npeak {peak:.0f} GFLOP/s float32, memory {bandwidth:.1f} GB/s; "
          "medians of alternating turns; ratio = peer / ours: above 1, ours is faster")
    print(LINE.format(*HEAD))
    rows = []
    for row in _measured(against, lambda name: _matches(name, only), quick, peak):
        rows.append(row)
        _print(row)
    print("\n" + "\n".join(summary(rows)))
    return rows, peak, bandwidth


def summary(rows: list[dict]) -> list[str]:
    """Markdown lines: per measure and peer the cases, geometric mean and smallest of the ratios."""
    groups: dict[tuple, list[float]] = {}
    for row in rows:
        if row["ratio"] is not None:
            groups.setdefault((row["measure"], row["peer"]), []).append(row["ratio"])
    lines = [[measure, peer, len(ratios), f"{np.exp(np.mean(np.log(ratios))):.2f}",
              f"{min(ratios):.2f}"] for (measure, peer), ratios in groups.items()]
    return markdown_table(["measure", "peer", "cases", "geometric mean of the ratios", "smallest"],
                          lines).splitlines()
