"""What threads have to hand over, as something to wait for together with sockets."""

import collections
import socket
import threading


class Mailbox:
    """What threads put in, taken out by whoever waits for its descriptor."""

    def __init__(self) -> None:
        self._things: collections.deque[object] = collections.deque()
        self._lock = threading.Lock()
        self._is_open = True
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor that is readable while there is something to take."""
        return self._reading.fileno()

    def put(self, thing: object) -> bool:
        """Put something in; return whether it was still open."""
        with self._lock:
            if self._is_open:
                self._things.append(thing)
                self._writing.send(b"\0")
            return self._is_open

    def take(self) -> object | None:
        """Return the oldest thing, None where there is none."""
        try:
            self._reading.recv(1)
        except BlockingIOError:
            return None
        return self._things.popleft()

    def close(self) -> None:
        """Take nothing more."""
        with self._lock:
            self._is_open = False
            self._reading.close()
            self._writing.close()
