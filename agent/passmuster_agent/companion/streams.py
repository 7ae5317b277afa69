"""Daemon and companion on macOS, whose Unix sockets know no packets: a stream with lengths.

Each message follows its length as four bytes, the highest first.
"""

import os
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path

from passmuster_agent.companion import unix_door
from passmuster_agent.companion.channel import Channel, ChannelClosedError, TooLongError
from passmuster_agent.companion.messages import MAX_BYTES
from passmuster_collectors.host import macos_people

assert sys.platform != "win32"  # noqa: S101 - the type checker reads it too

LENGTH = struct.Struct(">I")
BUFFER_BYTES = 4 * MAX_BYTES
"""macOS gives one 8 KiB, less than a message may have (`net.local.stream.sendspace`)."""

SOL_LOCAL, LOCAL_PEERCRED = 0, 1
"""sys/un.h: the options of a Unix socket, and the one that tells who connected."""

CREDENTIALS = struct.Struct("@IIh2x16I")
"""`struct xucred` of sys/ucred.h: version, user, number of groups, groups."""

CREDENTIALS_VERSION = 0  # XUCRED_VERSION

NAME = "passmuster-agent"
SYSTEM_SOCKET = Path("/var/run") / NAME / "companion.sock"
"""Only root may make something in /var/run, and macOS empties it when it starts."""

OWN_SOCKET = Path("Library/Caches") / NAME / "companion.sock"


class StreamChannel:
    """A connected socket.

    No more is taken from it than belongs to one message, so that it stays readable while there are
    others.
    """

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            connected.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        self._socket = connected
        self._begun = bytearray()

    @classmethod
    def connect(cls, path: Path) -> "StreamChannel":
        """Return a channel to the daemon that listens at `path`. Raises `OSError`."""
        return cls(unix_door.connected_to(path, socket.SOCK_STREAM))

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        """Send one message. Raises `ChannelClosedError`, also where the other end reads nothing."""
        message = LENGTH.pack(len(data)) + data
        try:
            sent = self._socket.send(message)
        except OSError:
            raise ChannelClosedError from None
        if sent != len(message):
            raise ChannelClosedError

    def receive(self) -> bytes | None:
        """Return the next message, None if it is not there as a whole yet.

        Raises `ChannelClosedError` at the end and `TooLongError` for more than `MAX_BYTES`.
        """
        if not self._has(LENGTH.size):
            return None
        (length,) = LENGTH.unpack_from(self._begun)
        if length > MAX_BYTES:
            raise TooLongError
        if not self._has(LENGTH.size + length):
            return None
        data = bytes(self._begun[LENGTH.size :])
        self._begun.clear()
        return data

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _has(self, size: int) -> bool:
        """Whether the begun message has `size` bytes by now."""
        while len(self._begun) < size:
            try:
                found = self._socket.recv(size - len(self._begun))
            except (BlockingIOError, InterruptedError):
                return False
            except OSError:
                raise ChannelClosedError from None
            if not found:
                raise ChannelClosedError
            self._begun += found
        return True


class StreamDoor(unix_door.UnixDoor):
    """The socket of a Mac's daemon. `peer` tells the user at the other end of a socket."""

    def __init__(
        self,
        path: Path,
        peer: Callable[[socket.socket], int] | None = None,
        is_logged_in: Callable[[int], bool] | None = None,
    ) -> None:
        def admit(connected: socket.socket) -> tuple[Channel, int]:
            return StreamChannel(connected), (peer or peer_of)(connected)

        super().__init__(
            path,
            socket.SOCK_STREAM,
            admit,
            is_logged_in or macos_people.is_logged_in,
            in_session=True,
        )


def peer_of(connected: socket.socket) -> int:
    """Return the user whose process connected, by the kernel's word. Raises `OSError`."""
    said = connected.getsockopt(SOL_LOCAL, LOCAL_PEERCRED, CREDENTIALS.size)
    if len(said) != CREDENTIALS.size:
        raise OSError(0, "not the credentials of a peer")
    version, user, *_ = CREDENTIALS.unpack(said)
    if version != CREDENTIALS_VERSION:
        raise OSError(0, "the credentials of a peer in an unknown form")
    return int(user)


def daemon_socket() -> Path:
    """Return where the daemon of this process listens."""
    return SYSTEM_SOCKET if os.geteuid() == 0 else Path.home() / OWN_SOCKET


def companion_sockets() -> tuple[Path, ...]:
    """Return where a companion looks for its daemon: the Mac's, then its own user's."""
    return (SYSTEM_SOCKET, Path.home() / OWN_SOCKET)
