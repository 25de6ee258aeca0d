"""Kill a training many times at different moments, and check that each resumes to the same bytes.

    python tests/kill_server.py COUNT SEED

It prints a line of JSON; run it in an empty folder, with one thread. The processes are forks of
this one, which has imported the package, so that a kill and a resumption take a second, not ten.
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

from tinynnclr.cli.main import main as run_command
from tinynnclr.nn import SGD
from tinynnclr.storage import atomic, checkpoint
from tinynnclr.train import run as run_module
from tinynnclr.train import run_dir

ARGUMENTS = [*TRAIN, "--no-plots", "--threads", "1"]
MADE = {"checkpoint.npz", "metrics.csv", "result.json"}
moments, fatal = [], -1


def tick(kind):
    """Record a moment; kill the process at the fatal one."""
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
    """A file that writes in two halves, with a moment between them."""

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
    """Add moments around the parts of a step, inside writes, and around flushing and renaming."""
    run_module.make_views = ticking(run_module.make_views)
    SGD.step = ticking(SGD.step)
    atomic.os = SimpleNamespace(**{**vars(os), "fsync": ticking(os.fsync),
                                 "replace": ticking(os.replace)})
    atomic.open = lambda path, mode="r": (TickingFile(open(path, mode)) if "w" in mode
                                          else open(path, mode))
    run_dir.write_metrics = ticking(run_dir.write_metrics)


def child(arguments, moment=-1, delay=None):
    """Exit status and moments of a command in a fork, killed at a moment or after a delay."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        global fatal
        fatal, status = moment, 0
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")
        try:
            run_command(arguments)
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
    """All that a finished run stored, without times."""
    groups, info = checkpoint.load(folder / "checkpoint.npz")
    timeless = {"seconds", "epoch_seconds", "views_per_second", "evaluation_seconds"}
    result = json.loads((folder / "result.json").read_bytes())
    rows = [{k: repr(v) for k, v in row.items() if k not in timeless}
            for row in info.pop("metrics")]
    arrays = {group: {k: v.tobytes() for k, v in members.items()}
              for group, members in groups.items()}
    return arrays, rows, [{k: v for k, v in part.items() if k not in timeless}
                          for part in (info, result)]


def main(count, seed):
    """Kill `count` runs, half of them by the clock; print counts or raise AssertionError."""
    # tqdm's monitor may hold its lock during a fork, and its default lock is shared between forks
    tqdm.monitor_interval = 0
    tqdm.set_lock(threading.RLock())
    write_pictures(Path("pictures"))
    run_command([*ARGUMENTS, "--out", "whole"])  # it also compiles, before the first fork
    instrument()
    started = time.perf_counter()
    status, passed = child([*ARGUMENTS, "--out", "counted"])
    lasts = time.perf_counter() - started
    assert status == 0
    expected = state(Path("whole"))
    assert state(Path("counted")) == expected
    places = {kind: [i for i, k in enumerate(passed, 1) if k == kind]
              for kind in dict.fromkeys(passed)}
    dice = random.Random(seed)
    killed = unsaved = tries = 0
    half_written = set()
    steps_per_epoch = checkpoint.load("whole/checkpoint.npz")[1]["step"] // 2
    while killed < count:  # a kill by the clock may come after the end
        folder, by_clock = Path(f"run{tries}"), tries % 2 == 1
        moment = -1 if by_clock else dice.choice(dice.choice(list(places.values())))
        delay = dice.uniform(0, lasts) if by_clock else None
        kill = f"kill {tries} at moment {moment} or after {delay} s"
        tries += 1
        status, _ = child([*ARGUMENTS, "--out", str(folder)], moment, delay)
        killed += status == -9
        saved = (folder / "checkpoint.npz").exists()
        step = checkpoint.load(folder / "checkpoint.npz")[1]["step"] if saved else 0
        assert step % steps_per_epoch == 0, f"{kill}: a checkpoint of step {step}, in mid-epoch"
        half_written.update(path.name.split(".")[1] for path in folder.glob(".*"))
        unsaved += not saved
        again = [*ARGUMENTS[:1], "--resume", "--no-plots"] if saved else ARGUMENTS
        status, _ = child([*again, "--out", str(folder)])
        assert status == 0, f"{kill}: resuming ended with status {status}"
        left = {path.name for path in folder.iterdir()}
        assert left == MADE, f"{kill}: left {left}"
        assert state(folder) == expected, f"{kill}: another end"
    print(json.dumps({"kills": killed, "tries": tries, "kinds of moment": len(places),
                      "before the first checkpoint": unsaved,
                      "half-written files seen": sorted(half_written)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
