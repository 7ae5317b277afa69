"""One device in full, in the words of its page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading, Status
from passmuster_collectors.contract.verdict import Outcome, Remedy, Verdict
from passmuster_collectors.signals import CATALOG, readable
from passmuster_collectors.signals.signal import Signal
from passmuster_server import __version__
from passmuster_server.fleet import facts
from passmuster_server.fleet.view import OUTCOMES, VERDICTS, Badge
from passmuster_server.policy.explanation import Rule
from passmuster_server.policy.key_tier import KEY_TIER
from passmuster_server.policy.standing import SignalStanding, Standing
from passmuster_server.versions import is_behind
from passmuster_server.web import formats

SKEW_WORTH_A_WORD_S = 5
MAX_STORED = 4 * 1024 * 1024

_SIGNALS: Mapping[str, Signal[Any, Any]] = {signal.id: signal for signal in CATALOG}
_WORTH_A_LOOK = frozenset({Outcome.FAIL, Outcome.UNKNOWN, Outcome.TRANSITIONING})
_ONLY_SHOWN = "only shown: policy does not shut the gate for it"

_STATUSES: Mapping[Status, str] = {
    Status.OK: "could be read",
    Status.UNAVAILABLE: "could not be read in full",
    Status.NOT_APPLICABLE: "not on this laptop",
}


@dataclass(frozen=True)
class ReasonView:
    """One finding, to IT and as the worker reads it."""

    tone: str
    admin: str
    worker: str
    remedy: Remedy | None


@dataclass(frozen=True)
class SignalView:
    """One signal of the device: judged, read, or both."""

    id: str
    title: str
    badge: Badge
    summary: str
    open: bool
    reasons: tuple[ReasonView, ...]
    reading: Reading | None
    facts: readable.ReadableFacts
    collected_at: datetime | None
    changed_at: datetime | None
    waiver: Row[Any] | None
    rule: Rule | None
    failing_since: datetime | None


@dataclass(frozen=True)
class TransitionView:
    """What a report changed; `note` stands where no single fact tells it."""

    at: datetime
    title: str
    changes: tuple[facts.Change, ...]
    note: str


@dataclass(frozen=True)
class HistoryView:
    """One entry of the verdict's history."""

    since: datetime
    badge: Badge
    reasons: tuple[str, ...]
    policy_version: int


def signals_of(
    standing: Standing | None,
    rows: Sequence[Row[Any]],
    waivers: Sequence[Row[Any]],
    now: datetime,
    rules: Mapping[str, Rule],
    words: readable.Words = readable.ENGLISH,
) -> tuple[SignalView, ...]:
    """Return every signal of the catalog, and those that only the store knows after them.

    `rules` are what the standing's policy demands of each; facts are told in `words`.
    """
    waived = {row.signal: row for row in waivers if row.ended_at is None and row.expires_at > now}
    judged = {item.signal: item for item in (standing.signals if standing is not None else ())}
    read = {row.signal: row for row in rows}
    names = dict.fromkeys((*_SIGNALS, *judged, *read))
    return tuple(
        _signal(name, judged.get(name), read.get(name), waived.get(name), rules.get(name), words)
        for name in names
    )


def transitions_of(rows: Sequence[Row[Any]]) -> tuple[TransitionView, ...]:
    """Return the changes, newest first as the rows are; each against the one before it."""
    found = []
    for index, row in enumerate(rows):
        earlier = next((other for other in rows[index + 1 :] if other.signal == row.signal), None)
        before = reading_of(earlier.reading) if earlier is not None else None
        found.append(_transition(row, before))
    return tuple(found)


def history_of(rows: Sequence[Row[Any]]) -> tuple[HistoryView, ...]:
    """Return the verdicts, newest first as the rows are."""
    return tuple(
        HistoryView(
            row.since, VERDICTS[Verdict(row.verdict)], _texts(row.reasons), row.policy_version
        )
        for row in rows
    )


def clock_of(skew_s: int | None) -> str:
    """Return what to say of the laptop's clock; `skew_s` is how far it is ahead of ours."""
    if skew_s is None:
        return "not known yet"
    if abs(skew_s) < SKEW_WORTH_A_WORD_S:
        return "right"
    return f"{formats.duration(abs(skew_s))} {'ahead' if skew_s > 0 else 'behind'}"


def behind_of(agent: str, oldest: str) -> str:
    """Return what to say of an agent that is older than this server, or nothing."""
    if is_behind(agent, oldest):
        return f"refused: {oldest} is the oldest that this server accepts"
    return f"behind this server, which is {__version__}" if is_behind(agent) else ""


def title_of(name: str) -> str:
    """Return a signal's title, also of one that this version doesn't have."""
    if name == KEY_TIER.id:
        return KEY_TIER.title
    return _SIGNALS[name].title if name in _SIGNALS else formats.titled(name)


def _signal(
    name: str,
    judged: SignalStanding | None,
    row: Row[Any] | None,
    waiver: Row[Any] | None,
    rule: Rule | None,
    words: readable.Words,
) -> SignalView:
    reading = reading_of(row.reading) if row is not None else None
    outcome = judged.outcome if judged is not None else Outcome.UNKNOWN
    reasons = tuple(
        ReasonView(OUTCOMES[item.outcome].tone, item.admin, item.worker, item.remedy)
        for item in (judged.reasons if judged is not None else ())
    )
    told = readable.ReadableFacts((), ())
    if reading is not None and name in _SIGNALS:
        told = readable.readable(_SIGNALS[name].facts, reading.facts, words)
    return SignalView(
        name,
        title_of(name),
        OUTCOMES[outcome],
        _summary(outcome, judged, reading),
        outcome in _WORTH_A_LOOK,
        reasons,
        reading,
        told,
        row.collected_at if row is not None else None,
        row.changed_at if row is not None else None,
        waiver,
        rule if judged is not None else None,
        judged.failing_since if judged is not None else None,
    )


def _summary(outcome: Outcome, judged: SignalStanding | None, reading: Reading | None) -> str:
    if outcome is Outcome.NOT_APPLICABLE:
        return reading.reason if reading is not None else ""
    if outcome in _WORTH_A_LOOK and judged is not None and not judged.blocking:
        return _ONLY_SHOWN
    return ""


def _transition(row: Row[Any], before: Reading | None) -> TransitionView:
    after = reading_of(row.reading)
    title = title_of(row.signal)
    if after is None:
        return TransitionView(row.received_at, title, (), "Not readable by this version")
    if before is None:
        return TransitionView(
            row.received_at, title, (), f"First report: {_STATUSES[after.status]}"
        )
    found: list[facts.Change] = []
    if before.status is not after.status:
        found.append(facts.Change("Reading", _STATUSES[before.status], _STATUSES[after.status]))
    if row.signal in _SIGNALS:
        found.extend(facts.changes(_SIGNALS[row.signal].facts, before.facts, after.facts))
    return TransitionView(row.received_at, title, tuple(found), "Only how it was read")


def reading_of(stored: bytes) -> Reading | None:
    """Return a reading as a row keeps it, or None for one that this version can't read."""
    try:
        return codec.decode(Reading, strict_json.parse(stored))
    except ContractError:
        return None


def _texts(stored: bytes) -> tuple[str, ...]:
    """Return IT's sentences of a verdict as they were stored."""
    return tuple(str(text) for text in strict_json.parse(stored, max_bytes=MAX_STORED))
