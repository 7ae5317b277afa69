"""A policy: what the organisation demands of its laptops, as a TOML document and as a value."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from passmuster_collectors import __version__
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import digest
from passmuster_collectors.contract.declaration import Whole
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.verdict import LEAST_RHYTHM_S
from passmuster_server.policy.demands import (
    DAY_S,
    JUDGED,
    SignalPolicy,
    check_tables,
    demand_of,
    over,
)
from passmuster_server.policy.lines import line_of
from passmuster_server.policy.overlays import MaxAge, Overlay, Subject, overlays_of

MAX_DOCUMENT = 64 * 1024


class Devices(StrEnum):
    """Which of a person's devices must pass when the question names none.

    `proven`: none will do, the question has to name the device that the person sits at.
    """

    ALL = "all"
    ANY = "any"
    PROVEN = "proven"


class BrowserAddress(StrEnum):
    """From where a browser may prove its device.

    `same`: from the address that the device itself reports from. Where one of the two is not known
    they are not the same.
    """

    ANY = "any"
    SAME = "same"


class DocumentError(ContractError):
    """A mistake in a document; `line` is where it stands, None where that is not known."""

    def __init__(self, field: str, problem: str, line: int | None) -> None:
        super().__init__(field, problem)
        self.line = line

    def __str__(self) -> str:
        """Return the sentence with its line and key."""
        return super().__str__() if self.line is None else f"line {self.line}: {super().__str__()}"


@dataclass(frozen=True)
class Policy:
    """One published version.

    A signal that the document does not name, such as one that came with an update of the server,
    is judged by its default limits and shown, but shuts nobody out. `signals` is what holds for
    every device, `tables` the same as it is written, `overlays` what differs for some, later ones
    over earlier ones. `basis` names this policy together with the rules that come with this version
    of the server.
    """

    version: int
    devices: Devices
    max_age_s: int
    report_within_s: int
    signals: Mapping[str, SignalPolicy]
    basis: str
    addresses: BrowserAddress = BrowserAddress.ANY
    tables: Mapping[str, Any] = field(default_factory=dict)
    overlays: tuple[Overlay, ...] = ()
    _merged: dict[tuple[Any, ...], SignalPolicy] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _judged: dict[tuple[Any, ...], frozenset[str]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def demanded(self, signal: str, subject: Subject) -> SignalPolicy:
        """Return what is demanded of a signal of one device."""
        if not self.overlays:
            return self.signals[signal]
        key = (signal, subject.platform, subject.ownership, subject.group)
        found = self._merged.get(key)
        if found is None:
            found = self._merged[key] = self._demanded(signal, subject)
        return found

    def _demanded(self, signal: str, subject: Subject) -> SignalPolicy:
        tables = [
            each.signals[signal]
            for each in self.overlays
            if signal in each.signals and each.covers(subject)
        ]
        if not tables:
            return self.signals[signal]
        merged = self.tables.get(signal)
        for table in tables:
            merged = over(merged, table)
        judged = next(each for each in JUDGED if each.id == signal)
        return demand_of(judged, merged, "signals")

    def judged_of(self, subject: Subject) -> frozenset[str]:
        """Return the signals of which anything is demanded of a device."""
        key = (subject.platform, subject.ownership, subject.group)
        found = self._judged.get(key)
        if found is None:
            found = self._judged[key] = frozenset(
                signal.id for signal in JUDGED if self.demanded(signal.id, subject).is_judged
            )
        return found

    def max_age_of(self, subject: Subject) -> int:
        """Return for how many seconds a device's report counts."""
        own = (
            each.max_age_s
            for each in reversed(self.overlays)
            if each.max_age_s is not None and each.covers(subject)
        )
        return next(own, self.max_age_s)

    def time_limits(self, subject: Subject) -> tuple[tuple[str, int], ...]:
        """Return how many seconds one device is allowed, for each signal with a limit on time."""
        limits = (
            (signal.id, signal.within_s(self.demanded(signal.id, subject).limits))
            for signal in JUDGED
            if signal.time_limit
        )
        return tuple((signal, seconds) for signal, seconds in limits if seconds is not None)


@dataclass(frozen=True)
class Document:
    """What the organisation demands of its laptops."""

    devices: Devices = Devices.ALL
    addresses: BrowserAddress = BrowserAddress.ANY
    max_age_s: MaxAge = 3600
    report_within_s: Annotated[int, Whole(LEAST_RHYTHM_S, DAY_S)] = 1200
    signals: Mapping[str, Any] = field(default_factory=dict)
    platforms: Mapping[str, Any] = field(default_factory=dict)
    ownership: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, Any] = field(default_factory=dict)


def parse(document: str, version: int) -> Policy:
    """Return the policy in a TOML document.

    Raises `DocumentError` naming the key that is wrong and its line, or the line that is not TOML.
    """
    if len(document.encode("utf-8")) > MAX_DOCUMENT:
        raise DocumentError("", f"larger than {MAX_DOCUMENT} bytes", None)
    try:
        value = tomllib.loads(document)
    except tomllib.TOMLDecodeError as error:
        raise DocumentError("", f"not TOML: {error}", None) from None
    try:
        return _policy(codec.decode(Document, value), document, version)
    except ContractError as error:
        raise located(error, document) from None


def located(error: ContractError, document: str) -> DocumentError:
    """Return the mistake together with the line of the document on which it stands."""
    return DocumentError(error.field, error.problem, line_of(document, error.field))


def resting_on(policy: Policy, beside: str) -> Policy:
    """Return the policy with another basis where something beside it counts for many devices."""
    if not beside:
        return policy
    return dataclasses.replace(policy, basis=digest(f"{policy.basis}\0{beside}".encode("ascii")))


def _policy(read: Document, document: str, version: int) -> Policy:
    check_tables(read.signals, "signals")
    overlays = overlays_of(read.platforms, read.ownership, read.groups)
    shortest = min(
        [("max_age_s", read.max_age_s)]
        + [(f"{each.key}.max_age_s", each.max_age_s) for each in overlays if each.max_age_s],
        key=lambda item: item[1],
    )
    if read.report_within_s > shortest[1]:
        key = "report_within_s" if shortest[0] == "max_age_s" else shortest[0]
        raise ContractError(
            key, "a report would count for less than report_within_s: laptops would go stale"
        )
    return Policy(
        version,
        read.devices,
        read.max_age_s,
        read.report_within_s,
        {signal.id: demand_of(signal, read.signals.get(signal.id), "signals") for signal in JUDGED},
        _basis(version, document),
        read.addresses,
        read.signals,
        overlays,
    )


def _basis(version: int, document: str) -> str:
    rules = (__version__, *(signal.id for signal in JUDGED))
    return digest("\0".join((str(version), document, *rules)).encode("utf-8"))
