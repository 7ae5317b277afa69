"""D-Bus on Linux: one question at a time, each under a deadline, answers as plain Python.

Specification: https://dbus.freedesktop.org/doc/dbus-specification.html
"""

import contextlib
import struct
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from jeepney import (
    DBusAddress,
    HeaderFields,
    MessageFlag,
    MessageType,
    Parser,
    new_method_call,
)
from jeepney.auth import AuthenticationError
from jeepney.bus import get_connectable_addresses
from jeepney.io.blocking import DBusConnection, prep_socket
from jeepney.low_level import Array, DictEntry, Struct, Variant, parse_signature

from passmuster_collectors.host.base import (
    Bus,
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.linux_bus_address import (
    session_bus_address,
    system_bus_address,
)
from passmuster_collectors.host.system_errors import from_os_error

PROPERTIES = "org.freedesktop.DBus.Properties"

CALL_TIMEOUT_S = 2.0
MAX_MESSAGE = 4 * 1024 * 1024
MAX_IDLE_CONNECTIONS = 4

# The last part of an error's name, whichever service made it: org.freedesktop.DBus.Error.*,
# org.freedesktop.login1.NoSuchSession, org.freedesktop.NetworkManager.PermissionDenied, …
DENIED = frozenset(
    {
        "AccessDenied",
        "AuthFailed",
        "InteractiveAuthorizationRequired",
        "NotAuthorized",
        "PermissionDenied",
    }
)
TIMEOUT = frozenset({"NoReply", "TimedOut", "Timeout"})
MISSING = frozenset({"NameHasNoOwner", "NotFound", "NotSupported", "Disconnected"})
MISSING_BEGINS = ("Unknown", "NoSuch")
MISSING_ENDS = "Unknown"
"""ServiceUnknown, and wpa_supplicant's InterfaceUnknown and NetworkUnknown."""
SPAWN = "org.freedesktop.DBus.Error.Spawn."


class _MessageTooLargeError(Exception):
    """A peer announced or sent more than `MAX_MESSAGE` bytes for one message."""


class _BoundedParser(Parser):  # type: ignore[misc] # jeepney ships no types
    def add_data(self, data: bytes, fds: Sequence[Any] = ()) -> None:
        super().add_data(data, fds)
        if self.buf.bytes_buffered > MAX_MESSAGE:
            raise _MessageTooLargeError


class _Connection(DBusConnection):  # type: ignore[misc] # jeepney ships no types
    """A connection on which no question waits without end, its own greeting included."""

    def __init__(self, address: str) -> None:
        sock = prep_socket(address, timeout=CALL_TIMEOUT_S)
        sock.settimeout(CALL_TIMEOUT_S)
        try:
            super().__init__(sock)
        except BaseException:
            sock.close()
            raise
        self.parser = _BoundedParser()

    def send_and_get_reply(self, message: Any, *, timeout: float | None = None) -> Any:
        limit = CALL_TIMEOUT_S if timeout is None else timeout
        return super().send_and_get_reply(message, timeout=limit)


class MessageBuses:
    """The system bus and the session bus of this process's user. Safe to use from threads.

    Connections are kept for the next question; one that failed is never used again.
    """

    def __init__(self) -> None:
        self._idle: dict[Bus, list[_Connection]] = {bus: [] for bus in Bus}
        weakref.finalize(self, _close, self._idle)

    def get(self, bus: Bus, name: str, path: str, interface: str, member: str) -> Any:
        """Return one property, variants unwrapped. Raises `SourceError`."""
        source = f"{name} {interface}.{member}"
        arguments = (interface, member)
        (value,) = self._ask(bus, source, name, path, PROPERTIES, "Get", "ss", arguments)
        return value

    def get_all(self, bus: Bus, name: str, path: str, interface: str) -> Mapping[str, Any]:
        """Return every property of an interface, variants unwrapped. Raises `SourceError`."""
        source = f"{name} {interface}"
        (found,) = self._ask(bus, source, name, path, PROPERTIES, "GetAll", "s", (interface,))
        if not isinstance(found, dict):
            raise SourceConflictError(source, "properties are not a dictionary")
        return found

    def call(
        self,
        bus: Bus,
        name: str,
        path: str,
        interface: str,
        member: str,
        signature: str,
        arguments: Sequence[Any],
    ) -> tuple[Any, ...]:
        """Return a method's results, variants unwrapped. Raises `SourceError`."""
        source = f"{name} {interface}.{member}"
        return self._ask(bus, source, name, path, interface, member, signature, arguments)

    def _ask(
        self,
        bus: Bus,
        source: str,
        name: str,
        path: str,
        interface: str,
        member: str,
        signature: str,
        arguments: Sequence[Any],
    ) -> tuple[Any, ...]:
        address = DBusAddress(path, bus_name=name, interface=interface)
        message = new_method_call(address, member, signature, tuple(arguments))
        # Looking must not change what is looked at: a daemon that does not run is not started.
        message.header.flags = MessageFlag.no_auto_start
        try:
            reply = self._exchange(bus, message)
        except SourceError as error:
            raise type(error)(source, error.detail) from None
        except OSError as error:
            raise from_os_error(source, error) from None
        except _MessageTooLargeError:
            raise SourceConflictError(source, f"more than {MAX_MESSAGE} bytes") from None
        except (KeyError, ValueError, struct.error):
            raise SourceConflictError(source, "not a D-Bus message") from None
        fields = reply.header.fields
        if reply.header.message_type is MessageType.error:
            raise _refusal(source, str(fields.get(HeaderFields.error_name, "")), interface)
        kinds = list(_split(fields.get(HeaderFields.signature, "")))
        results = tuple(_plain(kind, v) for kind, v in zip(kinds, reply.body, strict=True))
        if interface == PROPERTIES and len(results) != 1:
            raise SourceConflictError(source, f"{len(results)} results instead of one")
        return results

    def _exchange(self, bus: Bus, message: Any) -> Any:
        idle = self._idle[bus]
        while True:
            try:
                connection = idle.pop()
            except IndexError:
                return self._keep(bus, _connect(bus), message)
            # The bus may have been restarted since: what is gone is taken out of the pool.
            with contextlib.suppress(ConnectionError):
                return self._keep(bus, connection, message)

    def _keep(self, bus: Bus, connection: _Connection, message: Any) -> Any:
        try:
            reply = connection.send_and_get_reply(message)
        except BaseException:
            connection.close()
            raise
        if len(self._idle[bus]) < MAX_IDLE_CONNECTIONS:
            self._idle[bus].append(connection)
        else:
            connection.close()
        return reply


def _close(idle: Mapping[Bus, list[_Connection]]) -> None:
    for connections in idle.values():
        while connections:
            connections.pop().close()


def _connect(bus: Bus) -> _Connection:
    refusal: SourceError = SourceMissingError(bus, "no such bus")
    try:
        addresses = list(get_connectable_addresses(_address(bus)))
    except (RuntimeError, ValueError):
        raise SourceMissingError(bus, "its address is not a local socket") from None
    for address in addresses:
        try:
            return _Connection(address)
        except AuthenticationError:
            raise SourceDeniedError(bus, "the bus refused this user") from None
        except (FileNotFoundError, ConnectionError):
            refusal = SourceMissingError(bus, "nobody listens on its socket")
        except OSError as error:
            raise from_os_error(bus, error) from None
    raise refusal


def _address(bus: Bus) -> str:
    address = system_bus_address() if bus is Bus.SYSTEM else session_bus_address()
    if not address:
        raise SourceMissingError(bus, "this process has no session")
    return address


def _refusal(source: str, error: str, interface: str) -> SourceError:
    last = error.rpartition(".")[2]
    if last in DENIED:
        return SourceDeniedError(source, last)
    if last in TIMEOUT:
        return SourceTimeoutError(source, last)
    if _is_missing(last) or error.startswith(SPAWN):
        return SourceMissingError(source, last)
    if interface == PROPERTIES and last == "InvalidArgs":
        # What GDBus says of a property or an interface that it does not know.
        return SourceMissingError(source, last)
    return SourceConflictError(source, last)


def _is_missing(name: str) -> bool:
    return name in MISSING or name.startswith(MISSING_BEGINS) or name.endswith(MISSING_ENDS)


def _split(signature: str) -> list[Any]:
    rest = list(signature)
    kinds = []
    while rest:
        kinds.append(parse_signature(rest))
    return kinds


def _plain(kind: Any, value: Any) -> Any:
    # A variant is parsed to (signature, value), which only its type tells from a structure.
    if isinstance(kind, Variant):
        signature, inner = value
        return _plain(parse_signature(list(signature)), inner)
    if isinstance(kind, Array):
        if isinstance(kind.elt_type, DictEntry):
            key_kind, value_kind = kind.elt_type.fields
            return {_plain(key_kind, k): _plain(value_kind, v) for k, v in value.items()}
        if isinstance(value, bytes):
            return value
        return [_plain(kind.elt_type, item) for item in value]
    if isinstance(kind, Struct):
        return tuple(_plain(k, v) for k, v in zip(kind.fields, value, strict=True))
    return value
