"""The end of a child process as something that select(2) can wait for, on every system."""

import contextlib
import socket
import subprocess
import threading


class ProcessEnd:
    """A socket that becomes readable when the child has ended.

    Windows waits for sockets alone, so a thread waits for the process. It takes nothing of what the
    child prints, which has to fit into a pipe.
    """

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._reading, self._writing = socket.socketpair()
        self._thread = threading.Thread(
            target=self._wait, args=(child,), name="reporter", daemon=True
        )
        self._thread.start()

    def fileno(self) -> int:
        """Return the socket."""
        return self._reading.fileno()

    def close(self) -> None:
        """Close the socket; the child has ended, or nobody waits for it any more."""
        self._reading.close()

    def _wait(self, child: "subprocess.Popen[bytes]") -> None:
        child.wait()
        with contextlib.suppress(OSError):
            self._writing.close()
