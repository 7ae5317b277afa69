"""Whose process is at the other end of a connection over loopback."""

import contextlib
import os
import socket
import struct
import sys
from pathlib import Path

TABLE = Path("/proc/net/tcp")
"""proc_pid_net(5): local address, remote address and the owner's number, one connection a line."""


def is_own_connection(stream: socket.socket, table: Path = TABLE) -> bool:
    """Whether the other end is a program of this very user.

    Several people may be logged in; a browser of one must not ask the companion of another. Where
    the system does not tell (all but Linux), it is taken for the user's own.
    """
    if sys.platform != "linux":
        return True
    with contextlib.suppress(OSError, ValueError):
        there, here = _written(stream.getpeername()), _written(stream.getsockname())
        for line in table.read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[1] == there and fields[2] == here:
                return int(fields[7]) == os.getuid()
    return False


def _written(address: tuple[str, int]) -> str:
    """Return an address as the kernel writes it: its bytes as a number of this machine's order."""
    (number,) = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{number:08X}:{address[1]:04X}"
