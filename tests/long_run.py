"""A long training of a tiny network, watched from within: memory, speed, open files, threads.

    python tests/long_run.py STEPS      prints a line of JSON: a list of what was seen, ten times
    after the warm-up
"""
import gc
import json
import os
import sys
import threading
import time
from pathlib import Path

from small import random_data, small_config

from tinynnclr.train import run_dir
from tinynnclr.train.run import Run

PER_EPOCH = 50


def resident():
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf(
            "SC_PAGE_SIZE")


def main(steps):
    """Train into the current folder, saving as the command does, and look after every tenth of the
    run.
    """
    data = random_data(16 * PER_EPOCH)
    run = Run(small_config(epochs=steps // PER_EPOCH), data)
    seen, every, started = [], max(1, steps // PER_EPOCH // 12), [time.process_time()]
    real = Run.save

    def save(self, path):
        real(self, path)
        if self.epoch and self.epoch % every == 0:
            gc.collect()
            now = time.process_time()  # of the processor: others on the machine do not count
            seen.append({"step": self.step, "bytes": resident(),
                         "ms a step": 1e3 * (now - started[0]) / (every * PER_EPOCH),
                         "files": len(os.listdir("/proc/self/fd")),
                         "threads": threading.active_count()})
            started[0] = now

    Run.save = save
    run_dir.train_into(Path(), run, data, progress=False)
    print(json.dumps(seen[2:]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
