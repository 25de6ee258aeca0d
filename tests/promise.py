"""What the command line promises for any input: exit status 0 or 2, one line for 2, soon, in little
memory.
"""
import contextlib
import signal
import sys
import traceback

from command_line import files, run

SECONDS, BYTES = 30, 3 << 30


class TookTooLong(BaseException):
    """No Exception, so that nobody takes it for a mistake of the user's."""


@contextlib.contextmanager
def watched():
    """Inside, TookTooLong after so many seconds, and no more than so many bytes beyond what is in
    use: MemoryError.
    """
    if sys.platform == "win32":
        yield
        return
    import resource

    def late(*_):
        raise TookTooLong(f"not done after {SECONDS} s")

    before, limits = signal.signal(signal.SIGALRM, late), resource.getrlimit(resource.RLIMIT_AS)
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="utf-8") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, limits[1]))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def broken(capsys, arguments, outside=None):
    """(exit status, how the promise was broken, "" where it was kept). Nothing changes in the
    folder `outside`.
    """
    before = files(outside) if outside else {}
    try:
        with watched():
            status, _, err = run(capsys, *arguments)
    except BaseException as error:
        where = [frame for frame in traceback.extract_tb(error.__traceback__) if "tinynnclr"
                 in frame.filename]
        place = "elsewhere"
        if where:
            place = f"{where[-1].filename.rpartition('/')[2]}:{where[-1].lineno}"
        return None, f"{type(error).__name__} at {place}: {' '.join(str(error).split())[:200]}"
    if status not in (0, 2):
        return status, f"exit status {status}: {err[-300:]}"
    if status == 2 and not (err.startswith("tinynnclr") and err.endswith("\n") and err.count("\n")
                            == 1):
        return status, f"not one line: {err[-300:]!r}"
    if outside and files(outside) != before:
        changed = sorted(set(files(outside).items()) ^ set(before.items()))
        return status, f"it changed {changed[0][0]}"
    return status, ""


class Faults:
    """Counts cases, and gathers those in which something was wrong; `check` at the end fails if any
    was.
    """

    def __init__(self):
        self.cases, self.found, self.fine = 0, [], 0

    def add(self, what, wrong, status=None):
        self.cases += 1
        self.fine += status == 0
        if wrong:
            self.found.append(f"{what}: {wrong}")

    def check(self, record_property):
        record_property("cases", self.cases)
        record_property("accepted", self.fine)
        assert not self.found, f"{len(self.found)} of {self.cases}\n" + "\n".join(self.found[:40])
