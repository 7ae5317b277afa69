"""Which interface the kernel would send a packet by: its own lookup, routing rules included.

`RTM_GETROUTE` for one address (rtnetlink(7)). Asking needs no privilege, and nothing is sent.
"""

import socket
import struct
import sys

from passmuster_collectors.host.base import SourceConflictError, SourceError, SourceMissingError

# Before what only Linux has, which the type checker does not look for elsewhere.
assert sys.platform == "linux"  # noqa: S101 - see above

from passmuster_collectors.host.netlink import Netlink, attribute  # noqa: E402 - see above

SOURCE = "route lookup"
ROUTE = 0
GET_ROUTE = 26
DESTINATION, OUTGOING = 1, 4
ORDINARY = 1
"""`RTN_UNICAST`; the others refuse, or stay on this machine."""

ROUTE_MESSAGE = struct.Struct("=BBBBBBBBI")
"""`struct rtmsg`: family, prefix lengths, …, type as the eighth field, flags."""

NO_ROUTE = frozenset({"ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL"})
"""No route at all, or one that refuses: `unreachable`, `prohibit`, `blackhole`."""


def outgoing_interface(address: str) -> str | None:
    """Return the interface that a packet to the address leaves by; None where none does.

    Raises `SourceError`; `missing` is a kernel without that protocol.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    head = ROUTE_MESSAGE.pack(family, len(packed) * 8, 0, 0, 0, 0, 0, 0, 0)
    with Netlink(ROUTE, SOURCE) as netlink:
        try:
            answers = netlink.ask(GET_ROUTE, head + attribute(DESTINATION, packed))
        except SourceError as error:
            if error.detail in NO_ROUTE:
                return None
            raise
        if len(answers) != 1 or len(answers[0]) < ROUTE_MESSAGE.size:
            raise SourceConflictError(SOURCE, "not one route")
        index = netlink.nested(answers[0][ROUTE_MESSAGE.size :]).get(OUTGOING, b"")
    if ROUTE_MESSAGE.unpack_from(answers[0])[7] != ORDINARY:
        return None
    try:
        return socket.if_indextoname(int.from_bytes(index, sys.byteorder))
    except OSError:
        raise SourceMissingError(SOURCE, "the interface is gone") from None
