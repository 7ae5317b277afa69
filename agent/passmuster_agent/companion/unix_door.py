"""A Unix socket that everybody on the laptop may connect to, as a daemon's door."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from passmuster_agent.companion.channel import Caller, Channel

assert sys.platform != "win32"  # noqa: S101 - the type checker reads it too

Admit = Callable[[socket.socket], tuple[Channel, int]]
"""Makes a channel of a socket that connected, and tells the user at its other end."""


class UnixDoor:
    """Listens at `path` with a socket of that `kind`. Raises `OSError`.

    `is_logged_in` is asked of a user's number; `in_session`: whether it speaks of people alone.
    """

    def __init__(
        self,
        path: Path,
        kind: int,
        admit: Admit,
        is_logged_in: Callable[[int], bool],
        *,
        in_session: bool = False,
    ) -> None:
        self._path = path
        self._admit = admit
        self._is_logged_in = is_logged_in
        self._in_session = in_session
        self._listening = _listen(path, kind)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._listening.fileno()

    def accept(self) -> tuple[Channel, Caller] | None:
        """Let the next one in; None where nobody is there any more."""
        try:
            connected, _ = self._listening.accept()
        except OSError:
            return None
        try:
            channel, user = self._admit(connected)
        except OSError:
            connected.close()
            return None
        is_there = self._is_logged_in(user)
        in_session = is_there and self._in_session
        return channel, Caller(user, is_there, user == os.geteuid(), in_session, is_root=user == 0)

    def close(self) -> None:
        """Listen no more."""
        self._listening.close()
        self._path.unlink(missing_ok=True)


def connected_to(path: Path, kind: int) -> socket.socket:
    """Return a socket that is connected to whoever listens at `path`. Raises `OSError`."""
    connecting = socket.socket(socket.AF_UNIX, kind)
    try:
        connecting.connect(str(path))
    except OSError:
        connecting.close()
        raise
    return connecting


def _listen(path: Path, kind: int) -> socket.socket:
    """Return a socket that listens at `path`.

    What a daemon that was killed left behind is taken away; one that still listens is not.
    """
    with contextlib.suppress(FileExistsError):
        path.parent.mkdir()
        # The umask of a service does not decide who may reach it.
        path.parent.chmod(0o755)
    listening = socket.socket(socket.AF_UNIX, kind)
    try:
        listening.setblocking(False)
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            connected_to(path, kind).close()
            raise FileExistsError(None, "another agent listens there")
        path.unlink(missing_ok=True)
        listening.bind(str(path))
        path.chmod(0o666)
        listening.listen(16)
    except OSError:
        listening.close()
        raise
    return listening
