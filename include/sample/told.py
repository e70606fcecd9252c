"""Hear SIGTERM and SIGINT between two pieces of work, so that neither is cut off half-way."""

import select
import signal
import socket
from collections.abc import Callable


def stop_signals() -> Callable[[float | None], bool]:
    """From here on the two signals only leave a note; what is returned waits for one.

    It takes the seconds to wait (None: for ever) and says whether a signal came, now or before.
    """
    # The note is written by the interpreter's own signal handler, at once. What Python code in a handler does
    # may come late (between the last look and a wait that nothing ends) or meet a lock that it interrupted.
    heard, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def came(seconds: float | None, _kept: socket.socket = told) -> bool:
        return bool(select.select([heard], [], [], seconds)[0])

    return came
