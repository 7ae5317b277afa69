"""How often one address may guess."""

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_ADDRESSES = 10_000


class AddressLimit:
    """At most `most` wrong guesses in `within_s` seconds from one address.

    What succeeds does not count: an office full of new laptops has one address.
    """

    def __init__(
        self, most: int, within_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._within_s = within_s
        self._monotonic = monotonic
        self._guesses: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return the seconds until the address may guess again; 0: now."""
        guesses = self._recent(address)
        if len(guesses) < self._most:
            return 0.0
        return guesses[0] + self._within_s - self._monotonic()

    def count(self, address: str) -> None:
        """Count a wrong guess; beyond 10,000 addresses the oldest is forgotten."""
        self._guesses[address] = [*self._recent(address), self._monotonic()]
        self._guesses.move_to_end(address)
        if len(self._guesses) > MAX_ADDRESSES:
            self._guesses.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        since = self._monotonic() - self._within_s
        return [at for at in self._guesses.get(address, ()) if at > since]
