"""Daemon and companion on Linux: a whole message or none (`SOCK_SEQPACKET`, unix(7))."""

import os
import socket
import struct
import sys
from pathlib import Path

from passmuster_agent.companion import unix_door
from passmuster_agent.companion.channel import Channel, ChannelClosedError, TooLongError
from passmuster_agent.companion.messages import MAX_BYTES

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

CREDENTIALS = struct.Struct("iII")
"""`struct ucred`: process, user, group."""

NAME = "passmuster-agent"
SYSTEM_SOCKET = Path("/run") / NAME / "companion.sock"
LOGGED_IN = Path("/run/systemd/users")
"""logind's state files, one for each user."""


class PacketChannel:
    """A connected socket."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self._socket = connected

    @classmethod
    def connect(cls, path: Path) -> "PacketChannel":
        """Return a channel to the daemon that listens at `path`. Raises `OSError`."""
        return cls(unix_door.connected_to(path, socket.SOCK_SEQPACKET))

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

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


class PacketDoor(unix_door.UnixDoor):
    """The socket of a Linux laptop's daemon. `logged_in` is a folder like logind's."""

    def __init__(self, path: Path, logged_in: Path = LOGGED_IN) -> None:
        super().__init__(
            path, socket.SOCK_SEQPACKET, _admitted, lambda user: (logged_in / str(user)).exists()
        )


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


def _admitted(connected: socket.socket) -> tuple[Channel, int]:
    """Return the channel and its user, by the kernel's word (`SO_PEERCRED`)."""
    said = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return PacketChannel(connected), int(CREDENTIALS.unpack(said)[1])


def _own_socket() -> Path | None:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(runtime) / NAME / SYSTEM_SOCKET.name if runtime.startswith("/") else None
