"""Hear SIGTERM and SIGINT between two pieces of work, so that neither is cut off half-way."""

import queue
import signal
from collections.abc import Callable


def stop_signals() -> Callable[[float | None], bool]:
    """From here on the two signals only leave a note; what is returned waits for one.

    It takes the seconds to wait (None: for ever) and says whether a signal came, now or before.
    """
    # Of all that threads wait for only this queue may be written by a signal handler (queue.SimpleQueue.put):
    # an Event's lock may be in the hands of the very thread that the handler interrupted.
    told: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _frame: told.put(caught))

    def came(seconds: float | None) -> bool:
        try:
            told.get(timeout=seconds)
        except queue.Empty:
            return False
        return True

    return came
