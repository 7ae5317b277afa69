"""From where a request came, and whether that is known: two of them may be compared."""

import hmac
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.requests import Request

from passmuster_collectors.contract.canonical import base64url
from passmuster_server.config import Config
from passmuster_server.devices.limits import network_of, requester

MAX_ADDRESS = 64


def address_of(request: Request) -> str:
    """Return what counts as the sender's address: of IPv6 its network."""
    return _kept(requester(request))


class Addresses:
    """Which addresses are the senders' own, and not those of something between them and us."""

    def __init__(self, config: Config) -> None:
        self.behind_proxy = config.behind_proxy
        self._proxies = tuple(ip_network(each) for each in config.trusted_proxies)

    def known(self, request: Request) -> str | None:
        """Return the sender's address where it is known, as `address_of` does; None elsewhere.

        Behind a proxy that is what a trusted one has told: an address that is still the proxy's own
        would make everybody's the same.
        """
        return self.known_of(request.client)

    def known_of(self, client: tuple[str, int] | None) -> str | None:
        """Return the same of an address and a port, after uvicorn has looked for X-Forwarded-For.

        uvicorn puts port 0 beside an address that it took from there.
        """
        if client is None:
            return None
        host, port = client
        try:
            address = ip_address(host)
        except ValueError:
            return None
        if self.behind_proxy and (port != 0 or self._is_proxy(address)):
            return None
        return _kept(host)

    def _is_proxy(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._proxies)


def _kept(host: str) -> str:
    return network_of(host)[:MAX_ADDRESS]


def address_code(organisation_key: bytes, address: str) -> str:
    """Return what is kept of an address: enough to tell it from another one."""
    message = b"passmuster address\0" + address.encode("utf-8")
    return base64url(hmac.digest(organisation_key, message, "sha256"))


def are_same(first: str | None, second: str | None) -> bool | None:
    """Return whether two addresses are one; None where one of them is not known."""
    return None if first is None or second is None else first == second
