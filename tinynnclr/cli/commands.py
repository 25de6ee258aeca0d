"""The commands compare, reproduce, evaluate, plot, export, download and bench."""
import argparse
import contextlib
import json
import sys
from pathlib import Path

from .. import kernels
from ..datasets.download import download
from ..evaluate import evaluate_into
from ..lab.export import export_run
from ..lab.paper_tables import parse_tables, reproduce
from ..lab.protocols.context import EvalContext, table
from ..lab.protocols.transfer_sets import parse_transfer_sets
from ..lab.registry import parse_protocols, run_protocol
from ..lab.sweep.arms import parse_seeds
from ..lab.sweep.comparison import OUTPUTS, Comparison
from ..storage.atomic import expect_ours, rows_with, write_text
from ..storage.folder_lock import lock_folder
from ..train.restore import restore
from .config_flags import given_options


def run_compare(options: argparse.Namespace) -> None:
    """Train and evaluate arms x seeds. Exit status 1 if a run failed."""
    comparison = Comparison(options.methods, options.seeds, given_options(options), options.out)
    failed = comparison.run()
    if comparison.done:
        print(f"in {comparison.out}: {', '.join(OUTPUTS)}")
    if failed:
        print(f"tinynnclr compare: {len(failed)} of {len(comparison.jobs)} runs failed, as "
              f"reported above: {'; '.join(failed)}", file=sys.stderr)
        raise SystemExit(1)


def run_reproduce(options: argparse.Namespace) -> None:
    """Reproduce tables, one after the other."""
    chosen = parse_tables(options.table, options.budget, options.arms)
    seeds = parse_seeds(options.seeds)
    given = {name: value for name in ("data_dir", "threads", "epochs")
             if (value := getattr(options, name)) is not None}
    for name in chosen:
        for path in reproduce(name, options.budget, seeds, given, options.out):
            print(path, flush=True)


def run_evaluate(options: argparse.Namespace) -> None:
    """Evaluate the last checkpoint: write result.json, or the files of the given protocols."""
    names = parse_protocols(options.protocol) if options.protocol is not None else []
    to = parse_transfer_sets(options.to) if options.to is not None else None
    if to and not {"transfer", "fewshot"} & set(names):
        raise ValueError(f"--to {options.to}: only --protocol transfer and fewshot use it; add one "
                         "of them")
    with locked(options.dir):
        run, data = restore(options.dir, options.threads, options.data_dir, options.dataset)
        if not names:
            print(evaluate_into(options.dir, run, data))
        for name in names:
            context = EvalContext(run.config, run.encoder, data, to)
            result = run_protocol(options.dir, name, context)
            print(f"{table(result.rows)}\n{result.description}\n"
                  f"in {options.dir}: {name}.json, {name}.md, {name}.png", flush=True)


def run_plot(options: argparse.Namespace) -> None:
    """Draw the figures of the last checkpoint."""
    from ..lab.plots import run_folder  # matplotlib takes a second to import

    with locked(options.dir):
        run, data = restore(options.dir, options.threads, options.data_dir, options.dataset)
        for path in run_folder.draw_into(options.dir, run, data):
            print(path)


def locked(folder: Path) -> contextlib.AbstractContextManager:
    """The folder's lock; nothing if there is no such folder, which reading it then reports."""
    return lock_folder(folder) if folder.is_dir() else contextlib.nullcontext()


def run_export(options: argparse.Namespace) -> None:
    """Write the encoder of the last checkpoint with torch's names and layout."""
    print(export_run(options.dir, options.format, options.out))


def run_download(options: argparse.Namespace) -> None:
    """Download, verify and unpack a data set."""
    download(options.name, options.data_dir, url=options.url, archive=options.archive,
             checksum=not options.no_checksum, allow_http=options.allow_http)


def run_bench(options: argparse.Namespace) -> None:
    """Measure, print the numbers, and write the files that were asked for."""
    from ..lab import bench

    if options.threads is not None:
        kernels.set_num_threads(options.threads)
    bench.expect_measure(options.only)
    for flag, path, ours in (("--json", options.json, rows_with("measure")),
                             ("--roofline", options.roofline, bench.drawn)):
        if path:
            expect_ours([path], ours, f"{flag} ")
    against = bench.installed(options.against)
    with bench.blas_threads(kernels.get_num_threads()):
        rows, peak, bandwidth = bench.bench(against, options.only, options.quick)
    if options.json:
        write_text(options.json, json.dumps(rows, indent=1) + "\n")
    if options.roofline:
        bench.draw_roofline(rows, peak, bandwidth, options.roofline)
