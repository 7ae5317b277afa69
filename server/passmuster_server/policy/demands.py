"""What a policy demands of one signal: its table in the document, and as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import Whole
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.signals import CATALOG
from passmuster_collectors.signals.signal import Signal
from passmuster_server.policy.key_tier import ANY_TIER, KEY_TIER

DAY_S = 86_400
MAX_GRACE_S = 30 * DAY_S

JUDGED: tuple[Signal[Any, Any], ...] = (*CATALOG, KEY_TIER)
"""Everything that has a rule: what laptops report, and what the server knows of them."""


class Severity(StrEnum):
    """What a signal's failure does: shut the gate, be shown, or not be looked at.

    `warn` is the shadow mode: judged and on record as if it counted, and it shuts nobody out.
    """

    BLOCK = "block"
    WARN = "warn"
    OFF = "off"


@dataclass(frozen=True)
class SignalPolicy:
    """What is demanded of one signal. `limits` is the room's own struct."""

    severity: Severity
    grace_s: int
    limits: Any

    def __hash__(self) -> int:
        """Return the hash of the short part: the limits may hold long lists."""
        return hash(self.grace_s)

    @cached_property
    def is_judged(self) -> bool:
        """Whether it demands anything: it is not switched off, nor content with every tier."""
        return self.severity is not Severity.OFF and self.limits != ANY_TIER


@dataclass(frozen=True)
class SignalTable:
    """A signal's table as it is written."""

    severity: Severity | None = None
    grace_s: Annotated[int, Whole(0, MAX_GRACE_S)] = 0
    limits: Mapping[str, Any] = field(default_factory=dict)


def demand_of(signal: Signal[Any, Any], table: Any, key: str) -> SignalPolicy:
    """Return what the table below `key` demands. Without one the signal is shown and blocks nobody.

    Raises `ContractError` naming the key that is wrong.
    """
    if table is None:
        return SignalPolicy(Severity.WARN, 0, signal.limits())
    key = f"{key}.{signal.id}"
    read = codec.decode(SignalTable, table, key)
    limits = codec.decode(signal.limits, dict(read.limits), f"{key}.limits")
    return SignalPolicy(read.severity or default_severity(signal), read.grace_s, limits)


def default_severity(signal: Signal[Any, Any]) -> Severity:
    """Return what a signal does that the document names without saying it."""
    return Severity.BLOCK if signal.blocks else Severity.WARN


def check_tables(tables: Mapping[str, Any], key: str) -> None:
    """Raise `ContractError` unless the tables below `key` are of signals, each right by itself."""
    known = {signal.id: signal for signal in JUDGED}
    for name, table in tables.items():
        if name not in known:
            raise ContractError(f"{key}.{name[:64]}", "there is no such signal")
        demand_of(known[name], table, key)


def over(below: Any, above: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the table `above` where it says something, and the one `below` for the rest."""
    if below is None:
        return above
    limits = {**below.get("limits", {}), **above.get("limits", {})}
    return {**below, **above, "limits": limits}
