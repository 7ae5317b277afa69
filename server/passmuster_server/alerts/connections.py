"""Connections to receivers: one deadline for all that is said on them."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

TRY_S = 60.0
"""Seconds that a whole try has, from the first address on, however slowly a receiver answers."""
TIMEOUT_S = 20.0
"""Seconds that a receiver has for each single thing: to let us in, or to say something."""


@contextlib.contextmanager
def connected(host: str, port: int) -> Iterator[socket.socket]:
    """Yield a connection by TCP, which is shut `TRY_S` after the try began, whoever waits on it.

    Raises `OSError`; a `TimeoutError` where it was the deadline that ended what was under way.
    """
    ends = time.monotonic() + TRY_S
    over = threading.Event()
    # A socket of its own for the same connection: what is made of the other one, as by TLS, ends.
    with _connection(host, port, ends) as connection, connection.dup() as watched:

        def shut() -> None:
            over.set()
            with contextlib.suppress(OSError):
                watched.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(max(0.0, ends - time.monotonic()), shut)
        timer.daemon = True
        timer.start()
        try:
            yield connection
        except Exception as error:
            if over.is_set():
                raise TimeoutError from error
            raise
        finally:
            timer.cancel()
            timer.join()


def _connection(host: str, port: int, ends: float) -> socket.socket:
    """Return a connection to the first of the host's addresses that lets us in."""
    problem: OSError = TimeoutError()
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        left = ends - time.monotonic()
        if left <= 0:
            break
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(min(left, TIMEOUT_S))
            connection.connect(address)
        except OSError as error:
            connection.close()
            problem = error
        else:
            connection.settimeout(TIMEOUT_S)
            return connection
    raise problem
