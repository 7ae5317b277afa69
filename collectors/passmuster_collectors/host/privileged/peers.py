"""Who is at the other end of a local socket, as the kernel tells it."""

import socket
import struct
import sys

CREDENTIALS = struct.Struct("3i")
"""`struct ucred` of unix(7): process, user, group."""


def peer_user(connection: socket.socket) -> int:
    """Return the user who connected, or who listens (`SO_PEERCRED`).

    Raises `NotImplementedError` on other systems than Linux.
    """
    if sys.platform != "linux":
        raise NotImplementedError("peer credentials")
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(told)[1])
