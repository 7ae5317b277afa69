"""Every test runs under this: nothing here may talk to another machine."""

import socket
import sys
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing about the product.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# Event of the interpreter → where its arguments hold the address or the name asked for. Hooks see
# every socket of this process, whichever library made it; processes that a test starts are theirs.
WATCHED: Mapping[str, int] = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
}


def stays_here(target: Any) -> bool:
    """Whether an address or a host name is this machine's; None is where a socket connected to."""
    host = target[0] if isinstance(target, tuple) else target
    if host is None or host == "":
        return True
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    try:
        address = ip_address(host)
    except ValueError:
        return bool(host == "localhost")
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def refuse_other_machines(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in WATCHED:
        return
    if isinstance(arguments[0], socket.socket) and arguments[0].family not in (
        socket.AF_INET,
        socket.AF_INET6,
    ):
        return  # Unix and netlink sockets end on this machine
    target = arguments[WATCHED[event]]
    if not stays_here(target):
        # Not an Exception, so that no error handling under test can hide it.
        pytest.fail(f"{event} to {target!r}: tests talk to loopback only", pytrace=True)


sys.addaudithook(refuse_other_machines)
