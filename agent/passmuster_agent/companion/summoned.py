"""What browsers of people on this laptop ask, from the question to the signed answer.

The daemon's part: it alone knows the organisation's key, which tells a real question, and it alone
has the laptop's key signed with.
"""

import logging
from dataclasses import dataclass
from typing import Protocol

from passmuster_agent.companion.allowance import Allowance
from passmuster_agent.companion.messages import Attest
from passmuster_agent.config import Device
from passmuster_agent.delivery import Delivery, DeliveryKind
from passmuster_collectors.contract.attestation import RETURN_PATH, Summons, read_summons
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.host.events import NEVER

log = logging.getLogger(__name__)

NOW = float("-inf")
MOST, PER_S = 10, 60.0
"""Each makes the laptop read everything anew and report."""


class Askers(Protocol):
    """The companions through which browsers ask."""

    def has_asked(self) -> bool:
        """Whether `asked` would return something."""

    def asked(self) -> tuple[tuple[int, Attest], ...]:
        """Return what was asked since the last call, and of which person."""

    def attested(self, person: int, number: int, url: str | None) -> None:
        """Tell that person's companion where to send the browser of that number; None: refuse."""


@dataclass(frozen=True)
class _Asker:
    """The companion that waits for the answer."""

    person: int
    number: int
    summons: Summons


class Summoned:
    """The questions of this laptop: one at a time is answered, the others wait their turn."""

    def __init__(self, device: Device, askers: Askers) -> None:
        self._key = device.hash_key_bytes()
        self._return_url = device.server_url + RETURN_PATH
        self._askers = askers
        self._allowance = Allowance(MOST, PER_S)
        self._waiting: list[_Asker] = []
        self._current: _Asker | None = None

    def next(self, at: float) -> Summons | None:
        """Take what was asked; return the question to report and sign for now, if one is new."""
        for person, attest in self._askers.asked():
            try:
                summons = read_summons(attest.summons, self._key)
            except ContractError:
                self._askers.attested(person, attest.number, None)
                continue
            if self._allowance.spend(at):
                self._waiting.append(_Asker(person, attest.number, summons))
            else:
                log.warning("Browsers ask too often where they are.")
                self._askers.attested(person, attest.number, None)
        if self._current is not None or not self._waiting:
            return None
        self._current = self._waiting.pop(0)
        return self._current.summons

    def next_at(self) -> float:
        """Return when there is a question to take: now, or not before somebody asks."""
        waits = self._askers.has_asked() or (self._current is None and bool(self._waiting))
        return NOW if waits else NEVER

    def done(self, delivered: Delivery) -> None:
        """Send the browser back with what was signed, or refuse it where nothing was."""
        if self._current is None:
            return
        asker, self._current = self._current, None
        signed = delivered.attestation
        if delivered.kind is not DeliveryKind.ACCEPTED or not signed:
            log.warning("A browser's question could not be answered: %s", delivered.problem)
            self._askers.attested(asker.person, asker.number, None)
            return
        log.info("A browser on this laptop has proven where it is.")
        # A compact JWS has no character that a query would have to escape.
        self._askers.attested(asker.person, asker.number, f"{self._return_url}?a={signed}")
