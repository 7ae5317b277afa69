"""How often one address may try: counted in memory, kept nowhere."""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from starlette.requests import Request

MAX_ADDRESSES = 10_000


def requester(request: Request) -> str:
    """Return the address that a request comes from, empty where there is none."""
    return request.client.host if request.client is not None else ""


class AddressLimit:
    """At most `most` things in `within_s` seconds from one address; the caller says which count."""

    def __init__(
        self, most: int, within_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._within_s = within_s
        self._monotonic = monotonic
        self._tries: OrderedDict[str, list[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tries)

    def wait_s(self, address: str) -> float:
        """Return the seconds until the address may try again; 0: now."""
        tries = self._recent(address)
        if len(tries) < self._most:
            return 0.0
        return tries[0] + self._within_s - self._monotonic()

    def count(self, address: str) -> None:
        """Count one; beyond 10,000 addresses the oldest is forgotten."""
        key = network_of(address)
        self._tries[key] = [*self._recent(address), self._monotonic()]
        self._tries.move_to_end(key)
        if len(self._tries) > MAX_ADDRESSES:
            self._tries.popitem(last=False)

    def take_back(self, address: str) -> None:
        """Count the last one no more: it was none of those that count."""
        if tries := self._tries.get(network_of(address)):
            tries.pop()

    def _recent(self, address: str) -> list[float]:
        since = self._monotonic() - self._within_s
        return [at for at in self._tries.get(network_of(address), ()) if at > since]


def network_of(address: str) -> str:
    """Return what counts as one address: of IPv6 a /64, all of which one machine may use."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
