"""A reading: what one signal found on one laptop, from which sources, and how each one answered."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import Items, Text


class Status(StrEnum):
    """How far a signal could be read.

    `unavailable` may still carry facts: those that were read, with the rest as `"unknown"`. A rule
    may fail on them but can't pass.
    """

    OK = "ok"
    UNAVAILABLE = "unavailable"
    NOT_APPLICABLE = "not_applicable"


class SourceOutcome(StrEnum):
    """How one source answered.

    `conflict` covers two sources that disagree as well as one that contradicts its own format.
    """

    READ = "read"
    DENIED = "denied"
    MISSING = "missing"
    TIMEOUT = "timeout"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Source:
    """One place that was asked: `name` is a path, a bus name or a program, never its content."""

    name: Annotated[str, Text(longest=256)]
    outcome: SourceOutcome
    detail: Annotated[str, Text(longest=256)] = ""


@dataclass(frozen=True)
class Reading:
    """What one signal found. `facts` is the JSON of the signal's own struct, or None."""

    signal: Annotated[str, Text(longest=64)]
    status: Status
    reason: Annotated[str, Text(longest=512)]
    facts: Mapping[str, Any] | None
    sources: Annotated[tuple[Source, ...], Items(most=64)]
    collected_at: datetime


def ok(signal: str, at: datetime, facts: Any, sources: Iterable[Source]) -> Reading:
    """Return a reading of which every fact was read; `facts` is the signal's struct."""
    return Reading(signal, Status.OK, "", codec.encode(facts), distinct(sources), at)


def unavailable(
    signal: str, at: datetime, reason: str, sources: Iterable[Source], facts: Any = None
) -> Reading:
    """Return a reading that is incomplete; `reason` is one sentence that a worker understands."""
    found = None if facts is None else codec.encode(facts)
    return Reading(signal, Status.UNAVAILABLE, reason, found, distinct(sources), at)


def not_applicable(signal: str, at: datetime, reason: str, sources: Iterable[Source]) -> Reading:
    """Return a reading of a machine that has no such thing; `reason` says what it has not."""
    return Reading(signal, Status.NOT_APPLICABLE, reason, None, distinct(sources), at)


def distinct(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Return the sources once each, in order, texts cut to their bound; at most 64.

    Where there are more than 64, those that were not read are kept first.
    """
    cut = dict.fromkeys(
        dataclasses.replace(source, name=_sendable(source.name), detail=_sendable(source.detail))
        for source in sources
    )
    if len(cut) <= 64:
        return tuple(cut)
    return tuple(sorted(cut, key=lambda source: source.outcome is SourceOutcome.READ)[:64])


def _sendable(text: str) -> str:
    # A path may hold any bytes, which Python keeps as lone surrogates; a message may not.
    return text.replace("\0", "?").encode("utf-8", "replace").decode("utf-8")[:256]
