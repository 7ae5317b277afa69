"""Signals on a message bus: sessions, locks, sleep, Wi-Fi.

A listener and no more, on one socket that never blocks. Only the services' own signals are
believed: the bus itself stamps every message with its sender and tells who owns a name; without
that anybody on the laptop could send signals to this socket.
"""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

from passmuster_collectors.host import clocks
from passmuster_collectors.host.events import NEVER, RESUME, Events
from passmuster_collectors.host.linux_announcements import (
    LOGIND,
    PROPERTIES,
    SERVICES,
    Announcement,
    Changed,
)
from passmuster_collectors.host.linux_bus_address import system_bus_address, unix_sockets
from passmuster_collectors.host.linux_bus_messages import (
    ERROR,
    METHOD_RETURN,
    SIGNAL,
    BusFormatError,
    Message,
    MessageReader,
    method_call,
)

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

THE_BUS = "org.freedesktop.DBus"
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
RECEIVE = 65_536
MAX_RECEIVES_A_LOOK = 64
LONGEST_GREETING = 4_096


class BusWatch:
    """What `services` announce on the bus that listens at `address`.

    A bus that is not there, refuses or goes away is tried again after a pause that doubles from 1 s
    to a minute; until it answers, nothing is delivered and all has to be polled.
    """

    def __init__(
        self,
        services: Mapping[str, tuple[Announcement | Changed, ...]] = SERVICES,
        address: Callable[[], str] = system_bus_address,
    ) -> None:
        self._services = services
        self._address = address
        self._pause_s = FIRST_PAUSE_S
        self._next_try = 0.0
        self._connection: _Connection | None = None
        self._connect()

    def descriptors(self) -> tuple[int, ...]:
        """Return the socket, if there is one."""
        return () if self._connection is None else (self._connection.fileno(),)

    def delivers(self, trigger: str) -> bool:
        """Whether the bus has agreed to tell of that name's signals."""
        if trigger == RESUME:
            trigger = LOGIND
        return self._connection is not None and trigger in self._connection.agreed

    def next_at(self) -> float:
        """Return when the bus is tried again."""
        return NEVER if self._connection is not None else self._next_try

    def read(self) -> Events:
        """Return the names whose services have announced something."""
        if self._connection is None:
            if clocks.since_boot_s() >= self._next_try:
                self._connect()
            return Events()
        try:
            events = self._connection.read()
        except (BusFormatError, OSError):
            self._connection.close()
            self._connection = None
            self._try_later()
            return Events(lost=True)
        if self._connection.agreed:
            self._pause_s = FIRST_PAUSE_S
        return events

    def close(self) -> None:
        """Leave the bus."""
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> None:
        for name in unix_sockets(self._address()):
            with suppress(OSError):
                self._connection = _Connection(name, self._services)
                return
        self._try_later()

    def _try_later(self) -> None:
        """Plan the next try; pauses get longer until a bus has agreed to something."""
        self._next_try = clocks.since_boot_s() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


class _Connection:
    """One connection. `agreed` are the names whose rules the bus has taken, every one of them."""

    def __init__(
        self, name: str, services: Mapping[str, tuple[Announcement | Changed, ...]]
    ) -> None:
        self.agreed: set[str] = set()
        self._services = services
        self._owners: dict[str, str] = {}
        self._greeting: bytearray | None = bytearray()
        self._reader = MessageReader()
        self._open_rules = dict.fromkeys(services, 0)
        self._rules: dict[int, str] = {}
        self._questions: dict[int, str] = {}
        # All at once, as the specification of EXTERNAL permits: the bus reads on after BEGIN.
        user = str(os.getuid()).encode().hex()
        greeting = f"\0AUTH EXTERNAL {user}\r\nBEGIN\r\n".encode() + self._requests()
        self._socket = socket.socket(
            socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        try:
            self._socket.connect(name)
            sent = self._socket.send(greeting)
        except OSError:
            self._socket.close()
            raise
        if sent != len(greeting):
            self._socket.close()
            raise BlockingIOError

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def read(self) -> Events:
        """Return what has arrived. Raises `OSError` or `BusFormatError` at the connection's end."""
        triggers: set[str] = set()
        lost = False
        for _ in range(MAX_RECEIVES_A_LOOK):
            try:
                data = self._socket.recv(RECEIVE)
            except (BlockingIOError, InterruptedError):
                break
            if not data:
                raise ConnectionResetError
            for message in self._reader.feed(self._past_greeting(data)):
                if message is None:
                    lost = True
                    continue
                try:
                    triggers |= self._heard(message)
                except BusFormatError:
                    lost = True
        return Events(frozenset(triggers), lost)

    def _requests(self) -> bytes:
        """Return the calls that ask for everything; note which answer will be about what."""
        serial = 1
        calls = [method_call(serial, "Hello")]
        for name, announcements in self._services.items():
            rules = [f"sender='{THE_BUS}',member='NameOwnerChanged',arg0='{name}'"]
            rules += [f"sender='{name}',{each.rule()}" for each in announcements]
            for rule in rules:
                serial += 1
                calls.append(method_call(serial, "AddMatch", f"type='signal',{rule}"))
                self._rules[serial] = name
            self._open_rules[name] = len(rules)
            # Asked after the rule on its changes, so that none is missed in between.
            serial += 1
            calls.append(method_call(serial, "GetNameOwner", name))
            self._questions[serial] = name
        return b"".join(calls)

    def _past_greeting(self, data: bytes) -> bytes:
        """Return what of `data` are messages: before them comes one line, `OK` and a number."""
        if self._greeting is None:
            return data
        self._greeting += data
        line, separator, rest = self._greeting.partition(b"\r\n")
        if not separator and len(line) < LONGEST_GREETING:
            return b""
        if not separator or not line.startswith(b"OK "):
            raise BusFormatError("the bus refused this user")
        self._greeting = None
        return bytes(rest)

    def _heard(self, message: Message) -> frozenset[str]:
        if message.sender == THE_BUS:
            return self._answered(message)
        if message.kind != SIGNAL:
            return frozenset()
        for name, owner in self._owners.items():
            if owner == message.sender:
                found = [_matches(each, message) for each in self._services[name]]
                if any(found):
                    return frozenset({name, *_resumes(name, message)})
        return frozenset()

    def _answered(self, message: Message) -> frozenset[str]:
        """Take what the bus itself says; return the names that may have changed by it."""
        if message.kind == SIGNAL:
            return self._owner_changed(message)
        if message.kind not in (METHOD_RETURN, ERROR):
            return frozenset()
        name = self._questions.pop(message.reply_serial, None)
        if name is not None and message.kind == METHOD_RETURN:
            self._owners[name] = _texts(message, 1)[0]
        name = self._rules.pop(message.reply_serial, None)
        if name is None or message.kind == ERROR:
            return frozenset()
        self._open_rules[name] -= 1
        if self._open_rules[name]:
            return frozenset()
        self.agreed.add(name)
        # What happened before the bus began to tell of it is found by looking once more.
        return frozenset({name})

    def _owner_changed(self, message: Message) -> frozenset[str]:
        if message.member != "NameOwnerChanged":
            return frozenset()
        name, _, owner = _texts(message, 3)
        if name not in self._services:
            return frozenset()
        self._owners[name] = owner
        return frozenset({name})


def _matches(announced: Announcement | Changed, message: Message) -> bool:
    if isinstance(announced, Announcement):
        named = not announced.members or message.member in announced.members
        return named and message.interface == announced.interface
    if (message.interface, message.member) != (PROPERTIES, "PropertiesChanged"):
        return False
    if message.signature != "sa{sv}as":
        raise BusFormatError("PropertiesChanged has other arguments")
    interface, values, without_value = message.arguments()
    names = {name for name, _ in values} | set(without_value)
    return interface == announced.interface and not names.isdisjoint(announced.properties)


def _resumes(name: str, message: Message) -> frozenset[str]:
    """Return `RESUME` where logind tells that this laptop is awake again."""
    if name != LOGIND or message.member != "PrepareForSleep" or message.signature != "b":
        return frozenset()
    return frozenset() if message.arguments()[0] else frozenset({RESUME})


def _texts(message: Message, count: int) -> tuple[str, ...]:
    if message.signature != "s" * count:
        raise BusFormatError(f"{message.member} has other arguments")
    return message.arguments()
