"""Netlink: devices that come and go (uevents) and networks that change (rtnetlink).

Both work without privileges and with the standard library alone. Shapes: `lib/kobject_uevent.c`
and `include/uapi/linux/rtnetlink.h` of the kernel, `src/libsystemd/sd-device/device-monitor.c` of
systemd for what udev sends on after its rules have run.
"""

import errno
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass

from passmuster_collectors.host.answers import UsbSighting
from passmuster_collectors.host.events import (
    MOUNT,
    NEVER,
    PACKAGES,
    PROCESS,
    RESUME,
    ROUTE,
    SETTINGS,
    Events,
)
from passmuster_collectors.host.uevents import MessageFormatError, parse_uevent

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

# include/uapi/linux/netlink.h, include/uapi/linux/rtnetlink.h
NETLINK_ROUTE = 0
NETLINK_KOBJECT_UEVENT = 15
KERNEL_GROUP = 1
UDEV_GROUP = 2
LINK_GROUP = 0x1
IPV4_ADDRESS_GROUP = 0x10
IPV4_ROUTE_GROUP = 0x40
IPV6_ADDRESS_GROUP = 0x100
IPV6_ROUTE_GROUP = 0x400
ROUTE_GROUPS = (
    LINK_GROUP | IPV4_ADDRESS_GROUP | IPV4_ROUTE_GROUP | IPV6_ADDRESS_GROUP | IPV6_ROUTE_GROUP
)
ROUTE_TYPES = frozenset({16, 17, 20, 21, 24, 25})
"""RTM_NEWLINK, DELLINK, NEWADDR, DELADDR, NEWROUTE, DELROUTE."""

CREDENTIALS = struct.Struct("iII")
"""`struct ucred`: process, user, group (unix(7))."""

NETLINK_HEADER = struct.Struct("=IHHII")
"""`struct nlmsghdr`: length, type, flags, sequence, port."""

NO_SUBSYSTEMS = frozenset({MOUNT, SETTINGS, PACKAGES, PROCESS, RESUME})
"""Triggers whose names look like a kernel subsystem's."""

MAX_MESSAGE = 32_768
RECEIVE_BUFFER = 1_048_576
MAX_MESSAGES_A_LOOK = 4_096
MAX_SIGHTINGS = 512


def parse_route_types(data: bytes) -> frozenset[int]:
    """Return the types of the rtnetlink messages in one datagram.

    Raises `MessageFormatError` for a length that does not fit.
    """
    found: set[int] = set()
    position = 0
    while position < len(data):
        if len(data) - position < NETLINK_HEADER.size:
            raise MessageFormatError("a netlink header is cut off")
        length, kind, _, _, _ = NETLINK_HEADER.unpack_from(data, position)
        if length < NETLINK_HEADER.size or position + length > len(data):
            raise MessageFormatError("a netlink message has an impossible length")
        found.add(kind)
        position += (length + 3) & ~3
    return frozenset(found)


class NetlinkWatch:
    """Uevents and network changes of this machine.

    Only the kernel and processes of root are believed. A socket that the system refuses is left
    out: what it would have told is then polled.
    """

    def __init__(self) -> None:
        self._uevents = _open(NETLINK_KOBJECT_UEVENT, KERNEL_GROUP | UDEV_GROUP)
        self._routes = _open(NETLINK_ROUTE, ROUTE_GROUPS)

    def descriptors(self) -> tuple[int, ...]:
        """Return the sockets that could be opened."""
        return tuple(each.fileno() for each in (self._uevents, self._routes) if each is not None)

    def delivers(self, trigger: str) -> bool:
        """Whether the name is a kernel subsystem or `route`, and its socket is open.

        Bus names have dots; kernel subsystems never do.
        """
        if trigger == ROUTE:
            return self._routes is not None
        return self._uevents is not None and trigger not in NO_SUBSYSTEMS and "." not in trigger

    def next_at(self) -> float:
        """Return that there is nothing to do without an event."""
        return NEVER

    def read(self) -> Events:
        """Return the names of all that has arrived."""
        triggers: set[str] = set()
        sightings: list[UsbSighting] = []
        lost = False
        for each, events_of in ((self._uevents, _uevents), (self._routes, _routes)):
            if each is None:
                continue
            for _ in range(MAX_MESSAGES_A_LOOK):
                try:
                    message = _receive(each)
                    if message is None:
                        break
                    found = events_of(message)
                    triggers |= found.triggers
                    sightings += found.sightings
                except (MessageFormatError, _OverrunError):
                    lost = True
        # Of a flood the beginning says as much as the rest.
        return Events(frozenset(triggers), lost, tuple(sightings[:MAX_SIGHTINGS]))

    def close(self) -> None:
        """Close the sockets."""
        for each in (self._uevents, self._routes):
            if each is not None:
                each.close()


@dataclass(frozen=True)
class _Message:
    """One datagram and who sent it."""

    data: bytes
    port: int
    groups: int
    uid: int | None


class _OverrunError(Exception):
    """Messages came faster than they were read, or one was too long."""


def _open(protocol: int, groups: int) -> socket.socket | None:
    try:
        opened = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
            protocol,
        )
    except OSError:
        return None
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        opened.bind((0, groups))
    except OSError:
        opened.close()
        return None
    return opened


def _receive(listening: socket.socket) -> _Message | None:
    try:
        data, ancillary, flags, address = listening.recvmsg(
            MAX_MESSAGE, socket.CMSG_SPACE(CREDENTIALS.size)
        )
    except (BlockingIOError, InterruptedError):
        return None
    except OSError as error:
        if error.errno == errno.ENOBUFS:
            raise _OverrunError from None
        raise
    if flags & socket.MSG_TRUNC:
        raise _OverrunError
    uid: int | None = None
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            uid = CREDENTIALS.unpack(content[: CREDENTIALS.size])[1]
    port, groups = address
    return _Message(data, port, groups, uid)


def _uevents(message: _Message) -> Events:
    """Return what a believed event means; nothing for one that anybody could have sent.

    The same checks as in systemd's device monitor: sent to a group, by a process of root, and to
    the kernel's own group by the kernel alone.
    """
    from_kernel = message.port == 0
    if message.uid != 0 or message.groups not in (KERNEL_GROUP, UDEV_GROUP):
        return Events()
    if message.groups == KERNEL_GROUP and not from_kernel:
        return Events()
    event = parse_uevent(message.data)
    sighting = event.sighting() if event.subsystem == "usb" else None
    return Events(frozenset({event.subsystem}), sightings=() if sighting is None else (sighting,))


def _routes(message: _Message) -> Events:
    if message.port != 0 or not parse_route_types(message.data) & ROUTE_TYPES:
        return Events()
    return Events(frozenset({ROUTE}))
