"""Which names and addresses lead to this machine itself."""

import socket
from ipaddress import IPv4Address, ip_address


def is_loopback(host: str) -> bool:
    """Whether a host name or an address leads to this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def may_be_loopback(host: str) -> bool:
    """Whether it leads to this machine itself in any way that the system reads it.

    So `127.1`, `0.0.0.0` and each name below `localhost` (RFC 6761, section 6.3) do. A name that
    somebody's name server gives such an address is not seen through.
    """
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        try:
            address = IPv4Address(socket.inet_aton(name))
        except OSError:
            return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
