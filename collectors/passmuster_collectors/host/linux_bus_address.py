"""Where the message buses listen.

Specification: https://dbus.freedesktop.org/doc/dbus-specification.html#addresses
"""

import os
from urllib.parse import unquote

SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket;unix:path=/var/run/dbus/system_bus_socket"


def system_bus_address() -> str:
    """Return the address in force, as a D-Bus address list."""
    return os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or SYSTEM_BUS


def session_bus_address() -> str:
    """Return the address of this user's own bus; empty where this process has no session."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    otherwise = f"unix:path={runtime}/bus" if runtime else ""
    return os.environ.get("DBUS_SESSION_BUS_ADDRESS") or otherwise


def unix_sockets(address: str) -> tuple[str, ...]:
    """Return the socket names of the local addresses in a list, as `connect` takes them.

    An abstract name begins with a NUL; other kinds of address are left out.
    """
    found = []
    for each in address.split(";"):
        transport, _, keys = each.partition(":")
        values = dict(key.partition("=")[::2] for key in keys.split(","))
        if transport != "unix":
            continue
        if values.get("path"):
            found.append(unquote(values["path"]))
        elif values.get("abstract"):
            found.append("\0" + unquote(values["abstract"]))
    return tuple(found)
