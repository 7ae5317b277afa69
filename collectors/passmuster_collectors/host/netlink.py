"""Questions to the kernel over netlink: one request, its answers, under a deadline.

Shapes: `include/uapi/linux/netlink.h` and `genetlink.h` of the kernel
(https://docs.kernel.org/userspace-api/netlink/intro.html).
"""

import errno
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.system_errors import from_os_error

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

HEADER = struct.Struct("=IHHII")
"""`struct nlmsghdr`: length, type, flags, sequence, port."""

ATTRIBUTE = struct.Struct("=HH")
"""`struct nlattr`: length with this head, type with two flags at its top."""

GENERIC_HEADER = struct.Struct("=BBH")
"""`struct genlmsghdr`: command, version, reserved."""

REQUEST, ACKNOWLEDGE, DUMP = 0x1, 0x4, 0x300
INTERRUPTED = 0x10
NO_OPERATION, ERROR, DONE = 1, 2, 3
TYPE_MASK = 0x3FFF

GENERIC = 16
CONTROLLER = 0x10
GET_FAMILY, FAMILY_ID, FAMILY_NAME = 3, 1, 2

DEADLINE_S = 2.0
MAX_DATAGRAM = 65_536
MAX_ANSWERS = 4_194_304
ATTEMPTS = 3
ABSENT = frozenset({errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENOENT, errno.EOPNOTSUPP})


class NetlinkFormatError(ValueError):
    """A message or an attribute has a length that does not fit."""


@dataclass(frozen=True)
class Message:
    """One netlink message without its header."""

    kind: int
    flags: int
    sequence: int
    body: bytes


class _InterruptedError(Exception):
    """What was being listed changed meanwhile."""


def messages(datagram: bytes) -> Iterator[Message]:
    """Yield the messages in one datagram. Raises `NetlinkFormatError`."""
    position = 0
    while position < len(datagram):
        if len(datagram) - position < HEADER.size:
            raise NetlinkFormatError("a header is cut off")
        length, kind, flags, sequence, _ = HEADER.unpack_from(datagram, position)
        if length < HEADER.size or position + length > len(datagram):
            raise NetlinkFormatError("a message has an impossible length")
        body = datagram[position + HEADER.size : position + length]
        yield Message(kind, flags, sequence, body)
        position += (length + 3) & ~3


def attributes(data: bytes) -> dict[int, bytes]:
    """Return the attributes in a message by their type, the last of each. Raises the same."""
    found: dict[int, bytes] = {}
    position = 0
    while position < len(data):
        if len(data) - position < ATTRIBUTE.size:
            raise NetlinkFormatError("an attribute's head is cut off")
        length, kind = ATTRIBUTE.unpack_from(data, position)
        if length < ATTRIBUTE.size or position + length > len(data):
            raise NetlinkFormatError("an attribute has an impossible length")
        found[kind & TYPE_MASK] = data[position + ATTRIBUTE.size : position + length]
        position += (length + 3) & ~3
    return found


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute, padded."""
    head = ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind)
    return head + value + b"\0" * (-len(value) % 4)


class Netlink:
    """An open netlink socket. `source` names it in refusals; every method raises `SourceError`."""

    def __init__(self, protocol: int, source: str) -> None:
        self._source = source
        self._sequence = 0
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol
            )
        except OSError as error:
            raise self._refusal(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, kind: int, body: bytes, *, dump: bool = False) -> list[bytes]:
        """Return the bodies of the answers: one, or with `dump` all there are.

        A list that changed while it was told is asked for again.
        """
        deadline = time.monotonic() + DEADLINE_S
        for _ in range(ATTEMPTS):
            try:
                return self._exchange(kind, body, dump, deadline)
            except _InterruptedError:
                continue
            except NetlinkFormatError as error:
                raise SourceConflictError(self._source, str(error)) from None
            except TimeoutError:
                raise SourceTimeoutError(self._source, f"no answer in {DEADLINE_S:g} s") from None
            except OSError as error:
                raise self._refusal(error) from None
        raise SourceConflictError(self._source, "changed each time it was asked")

    def family(self, name: str) -> int:
        """Return the number of a generic netlink family; `missing` where there is no such one."""
        head = GENERIC_HEADER.pack(GET_FAMILY, 1, 0)
        answers = self.ask(CONTROLLER, head + attribute(FAMILY_NAME, name.encode("ascii") + b"\0"))
        numbers = [self.generic(answer).get(FAMILY_ID, b"") for answer in answers]
        if len(numbers) != 1 or len(numbers[0]) != 2:
            raise SourceConflictError(self._source, "a family without a number")
        return int.from_bytes(numbers[0], sys.byteorder)

    def generic(self, body: bytes) -> dict[int, bytes]:
        """Return the attributes of a generic netlink message."""
        if len(body) < GENERIC_HEADER.size:
            raise SourceConflictError(self._source, "a generic header is cut off")
        return self.nested(body[GENERIC_HEADER.size :])

    def nested(self, data: bytes) -> dict[int, bytes]:
        """Return the attributes inside of an attribute."""
        try:
            return attributes(data)
        except NetlinkFormatError as error:
            raise SourceConflictError(self._source, str(error)) from None

    def _exchange(self, kind: int, body: bytes, dump: bool, deadline: float) -> list[bytes]:
        self._sequence += 1
        flags = REQUEST | (DUMP if dump else ACKNOWLEDGE)
        length = HEADER.size + len(body)
        request = HEADER.pack(length, kind, flags, self._sequence, 0) + body
        self._socket.settimeout(DEADLINE_S)
        self._socket.sendto(request, (0, 0))
        answers: list[bytes] = []
        size = 0
        interrupted = False
        while True:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            datagram, _, received, sender = self._socket.recvmsg(MAX_DATAGRAM)
            size += len(datagram)
            if received & socket.MSG_TRUNC or size > MAX_ANSWERS:
                raise NetlinkFormatError("an answer that is too long")
            if sender[0] != 0:
                continue  # not the kernel
            for each in messages(datagram):
                if each.sequence != self._sequence:
                    continue
                interrupted |= bool(each.flags & INTERRUPTED)
                if each.kind in (ERROR, DONE):
                    _check(each.body)
                    if interrupted:
                        raise _InterruptedError
                    return answers
                if each.kind != NO_OPERATION:
                    answers.append(each.body)

    def _refusal(self, error: OSError) -> Exception:
        if error.errno in ABSENT:
            return SourceMissingError(self._source, errno.errorcode[error.errno])
        return from_os_error(self._source, error)


def _check(body: bytes) -> None:
    """Raise `OSError` for a refusal; zero is an acknowledgement or the end of a list."""
    if len(body) < 4:
        raise NetlinkFormatError("an end without a number")
    number = int.from_bytes(body[:4], sys.byteorder, signed=True)
    if number < 0:
        raise OSError(-number, os.strerror(-number))
