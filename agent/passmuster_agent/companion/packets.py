"""One end of the socket between daemon and companion: a whole message or none (`SOCK_SEQPACKET`).

No call waits. See unix(7).
"""

import contextlib
import os
import socket
import struct
import sys
from pathlib import Path

from passmuster_agent.companion.channel import Caller, ChannelClosedError, TooLongError
from passmuster_agent.companion.messages import MAX_BYTES

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

CREDENTIALS = struct.Struct("iII")
"""`struct ucred`: process, user, group."""

NAME = "passmuster-agent"
SYSTEM_SOCKET = Path("/run") / NAME / "companion.sock"


LOGGED_IN = Path("/run/systemd/users")


class PacketChannel:
    """A connected socket."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self._socket = connected

    @classmethod
    def connect(cls, path: Path) -> "PacketChannel":
        """Return a channel to the daemon that listens at `path`. Raises `OSError`."""
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            connecting.connect(str(path))
        except OSError:
            connecting.close()
            raise
        return cls(connecting)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def peer(self) -> int:
        """Return the user whose process connected, by the kernel's word (`SO_PEERCRED`)."""
        said = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        return int(CREDENTIALS.unpack(said)[1])

    def send(self, data: bytes) -> None:
        """Send one message. Raises `ChannelClosedError`, also where the other end reads nothing."""
        try:
            self._socket.send(data, socket.MSG_NOSIGNAL)
        except OSError:
            raise ChannelClosedError from None

    def receive(self) -> bytes | None:
        """Return the next message, None if there is none yet.

        Raises `ChannelClosedError` at the end and `TooLongError` for more than `MAX_BYTES`.
        """
        try:
            data, _, flags, _ = self._socket.recvmsg(MAX_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            raise ChannelClosedError from None
        if flags & socket.MSG_TRUNC:
            raise TooLongError
        if not data:
            raise ChannelClosedError
        return data

    def close(self) -> None:
        """Close it."""
        self._socket.close()


class PacketDoor:
    """A socket that everybody on this laptop may connect to. Raises `OSError`.

    `logged_in` is the folder of logind's state files, one for each user.
    """

    def __init__(self, path: Path, logged_in: Path = LOGGED_IN) -> None:
        self._path = path
        self._logged_in = logged_in
        self._listening = _listen(path)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._listening.fileno()

    def accept(self) -> tuple[PacketChannel, Caller] | None:
        """Let the next one in; None where nobody is there any more."""
        try:
            connected, _ = self._listening.accept()
        except OSError:
            return None
        channel = PacketChannel(connected)
        user = channel.peer()
        is_logged_in = (self._logged_in / str(user)).exists()
        return channel, Caller(user, is_logged_in, user == os.geteuid())

    def close(self) -> None:
        """Listen no more."""
        self._listening.close()
        self._path.unlink(missing_ok=True)


def daemon_socket() -> Path | None:
    """Return where the daemon of this process listens; None where there is no place for it.

    systemd names a service's own folder (`RuntimeDirectory=`, systemd.exec(5)).
    """
    named = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if named.startswith("/"):
        return Path(named) / SYSTEM_SOCKET.name
    return SYSTEM_SOCKET if os.geteuid() == 0 else _own_socket()


def companion_sockets() -> tuple[Path, ...]:
    """Return where a companion looks for its daemon: the laptop's, then its own user's."""
    own = _own_socket()
    return (SYSTEM_SOCKET,) if own is None else (SYSTEM_SOCKET, own)


def _listen(path: Path) -> socket.socket:
    """Return a socket that listens at `path`. Raises `OSError`.

    What a daemon that was killed left behind is taken away; one that still listens is not.
    """
    with contextlib.suppress(FileExistsError):
        path.parent.mkdir(mode=0o755)
    listening = socket.socket(
        socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    )
    try:
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            PacketChannel.connect(path).close()
            raise FileExistsError(None, "another agent listens there")
        path.unlink(missing_ok=True)
        listening.bind(str(path))
        path.chmod(0o666)
        listening.listen(16)
    except OSError:
        listening.close()
        raise
    return listening


def _own_socket() -> Path | None:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(runtime) / NAME / SYSTEM_SOCKET.name if runtime.startswith("/") else None
