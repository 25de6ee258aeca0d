"""Ctrl-C between two steps instead of in the middle of one."""
import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """In this context the first Ctrl-C only sets the event, which the loop checks; a second raises.

    Python handles signals in the main thread only; in other threads the event is never set.
    """
    interrupted = threading.Event()

    def handle(_signal, _frame):
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)
