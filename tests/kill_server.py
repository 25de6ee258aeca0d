"""Kill a training many times, each time at another moment, and see that it goes on as if nothing
had been.

    python tests/kill_server.py COUNT SEED

It prints a line of JSON; run it in an empty folder, with one thread.

The processes are forks of this one, which has the package loaded: a kill and a continuation take a
second, not ten.
"""
import functools
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

from command_line import TRAIN, write_pictures
from tqdm import tqdm

from tinynnclr.cli import commands as cli
from tinynnclr.nn import SGD
from tinynnclr.storage import atomic as disk
from tinynnclr.storage import checkpoint
from tinynnclr.train import loop as train
from tinynnclr.train import run_dir

ARGUMENTS = [*TRAIN, "--no-plots", "--threads", "1"]
MADE = {"checkpoint.npz", "metrics.csv", "result.json"}
moments, fatal = [], -1


def tick(kind):
    """A moment passes; at the fatal one the process is killed, with no chance to tidy up."""
    moments.append(kind)
    if len(moments) == fatal:
        os.kill(os.getpid(), signal.SIGKILL)


def ticking(function):
    """The function with a moment before and one after it."""
    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        tick(f"before {function.__name__}")
        result = function(*args, **kwargs)
        tick(f"after {function.__name__}")
        return result

    return wrapped


class TickingFile:
    """A file whose every write reaches the disk in two halves, with a moment between them."""

    def __init__(self, file):
        self.file = file

    def write(self, data):
        view, half = memoryview(data).cast("B"), len(data) // 2
        self.file.write(view[:half])
        self.file.flush()
        tick("inside a write")
        self.file.write(view[half:])
        return len(view)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


def instrument():
    """Moments: around every step's parts, every half of a write, and all that puts a file in its
    place.
    """
    train.two_views = ticking(train.two_views)
    SGD.step = ticking(SGD.step)
    disk.os = SimpleNamespace(**{**vars(os), "fsync": ticking(os.fsync),
                                 "replace": ticking(os.replace)})
    disk.open = lambda path, mode="r": TickingFile(open(path, mode)) if "w" in mode else open(path,
                                                                                              mode)
    run_dir.write_metrics = ticking(run_dir.write_metrics)


def child(arguments, moment=-1, delay=None):
    """(exit status, the moments that passed) of a command in a fork, killed at a moment or after
    `delay` seconds.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        global fatal
        fatal, status = moment, 0
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")
        try:
            cli.main(arguments)
        except SystemExit as end:
            status = int(end.code or 0)
        except BaseException:
            status = 70
        with os.fdopen(write, "w", encoding="utf-8") as pipe:
            pipe.write(json.dumps(moments))
        os._exit(status)
    os.close(write)
    if delay is not None:
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(read, encoding="utf-8") as pipe:
        passed = json.loads(pipe.read() or "[]")
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), passed


def state(folder):
    """All that a finished run left, without the times that it took."""
    groups, info = checkpoint.load(folder / "checkpoint.npz")
    timeless = {"seconds", "epoch_seconds", "views_per_second", "evaluation_seconds"}
    result = json.loads((folder / "result.json").read_bytes())
    rows = [{k: repr(v) for k, v in row.items() if k not in timeless} for row
            in info.pop("metrics")]
    return ({group: {k: v.tobytes() for k, v in members.items()} for group,
             members in groups.items()}, rows, [{k: v for k, v in part.items() if k not in timeless}
                                                for part in (info, result)])


def main(count, seed):
    """Kill `count` runs, half of them from outside by the clock; raises AssertionError, or says it
    all.
    """
    # its thread may hold tqdm's lock at the moment of a fork, and the child waits for ever
    tqdm.monitor_interval = 0
    # its own is shared between forks: one that is killed with it would never let go
    tqdm.set_lock(threading.RLock())
    write_pictures(Path("pictures"))
    cli.main([*ARGUMENTS, "--out", "whole"])  # which also compiles, and so before the first fork
    instrument()
    started = time.perf_counter()
    status, passed = child([*ARGUMENTS, "--out", "counted"])
    lasts = time.perf_counter() - started
    assert status == 0
    expected = state(Path("whole"))
    assert state(Path("counted")) == expected
    places = {kind: [i for i, k in enumerate(passed, 1) if k == kind] for kind
              in dict.fromkeys(passed)}
    dice, killed, without, inside = random.Random(seed), 0, 0, set()
    steps_per_epoch = checkpoint.load("whole/checkpoint.npz")[1]["step"] // 2
    tries = 0
    while killed < count:  # one that comes by the clock may come when all is done
        i, tries = tries, tries + 1
        folder, by_clock = Path(f"run{i}"), i % 2 == 1
        moment = -1 if by_clock else dice.choice(dice.choice(list(places.values())))
        delay = dice.uniform(0, lasts) if by_clock else None
        status, _ = child([*ARGUMENTS, "--out", str(folder)], moment, delay)
        killed += status == -9
        there = (folder / "checkpoint.npz").exists()
        step = checkpoint.load(folder / "checkpoint.npz")[1]["step"] if there else None
        assert step is None or step % steps_per_epoch == 0, f"kill {i}: a checkpoint in mid-epoch, of step {step}"
        inside.update(path.name.split(".")[1] for path in folder.glob(".*")
                      if path.name.startswith("."))
        without += not there
        status, _ = child([*ARGUMENTS[:1], "--resume", "--no-plots", "--out", str(folder)] if there
                          else [*ARGUMENTS, "--out", str(folder)])
        assert status == 0, f"kill {i} at moment {moment} or after {delay} s: going on ended with status {status}"
        assert {path.name for path
                in folder.iterdir()} == MADE, f"kill {i}: left {os.listdir(folder)}"
        assert state(folder) == expected, f"kill {i} at moment {moment} or after {delay} s: another end"
    print(json.dumps({"kills": killed, "tries": tries, "kinds of moment": len(places),
                      "before the first checkpoint": without,
                      "half-written files seen": sorted(inside)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
