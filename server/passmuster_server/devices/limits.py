"""How often one address may try to enrol."""

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_ADDRESSES = 10_000


class AddressLimit:
    """At most `most` tries in `within_s` seconds from one address; forgets the oldest addresses."""

    def __init__(
        self, most: int, within_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._within_s = within_s
        self._monotonic = monotonic
        self._tries: OrderedDict[str, list[float]] = OrderedDict()

    def take(self, address: str) -> float:
        """Count a try and return 0, or return the seconds to wait for the next one."""
        now = self._monotonic()
        tries = [at for at in self._tries.pop(address, []) if at > now - self._within_s]
        self._tries[address] = tries
        if len(self._tries) > MAX_ADDRESSES:
            self._tries.popitem(last=False)
        if len(tries) >= self._most:
            return tries[0] + self._within_s - now
        tries.append(now)
        return 0.0
