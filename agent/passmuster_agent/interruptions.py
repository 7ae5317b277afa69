"""Being told to end, as something to wait on."""

import contextlib
import signal
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def interruptions(given: socket.socket | None = None) -> Iterator[socket.socket]:
    """Give a socket that becomes readable at SIGTERM and SIGINT, so that waiting ends.

    One that was given is all there is: signals reach the main thread alone.
    """
    if given is not None:
        yield given
        return
    reading, writing = socket.socketpair()
    with reading, writing:
        reading.setblocking(False)
        writing.setblocking(False)
        before = {
            number: signal.signal(number, lambda *_: None)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        woken = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        try:
            yield reading
        finally:
            signal.set_wakeup_fd(woken)
            for number, handler in before.items():
                signal.signal(number, handler)
