"""Ctrl-C between two steps instead of in the middle of one."""
import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Inside this context a first Ctrl-C only sets the event, for the loop to look at; a second one
    interrupts.

    Elsewhere than in the main thread, where Python handles no signals, the event is never set.
    """
    asked = threading.Event()

    def note(_signal, _frame):
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
