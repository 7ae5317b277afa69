"""What a laptop is told: its verdict, what is wrong, how to put it right, and the next nonce."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from passmuster_collectors.contract import codec
from passmuster_server.policy.standing import SignalStanding, Standing
from passmuster_server.policy.store import read_signals
from passmuster_server.reports.upload import canonical

VERSION = 1
WITHIN = "within_s"
WITHIN_KEY = b'"within_s":'
Limits = tuple[tuple[str, int], ...]
"""Seconds that policy allows, by signal."""


def answer_bytes(
    standing: Standing,
    signals: bytes,
    nonce: str,
    now: datetime,
    report_within_s: int,
    limits: Limits,
) -> bytes:
    """Return the canonical bytes of an `Answer`; `signals` are the standing's as stored.

    `limits` are told as `within_s`; there are none for an agent that would not understand them.
    """
    grace_until = standing.grace_until
    answer = {
        "version": VERSION,
        "verdict": standing.verdict.value,
        "judged_at": codec.format_time(now),
        "policy_version": standing.policy_version,
        "signals": _told(signals, limits),
        "grace_until": None if grace_until is None else codec.format_time(grace_until),
        "nonce": nonce,
        "report_within_s": report_within_s,
    }
    return canonical(answer)


# As in the store: what healthy laptops are told of their signals is the same for all of them.
@lru_cache(maxsize=4096)
def _told(signals: bytes, limits: Limits) -> msgspec.Raw:
    within = dict(limits)
    return msgspec.Raw(canonical([_signal_verdict(each, within) for each in read_signals(signals)]))


def without_limits(answer: bytes) -> bytes:
    """Return an answer as an agent understands it that knows no limits."""
    if WITHIN_KEY not in answer:
        return answer
    value = msgspec.json.decode(answer)
    for each in value.get("signals", ()):
        each.pop(WITHIN, None)
    return canonical(value)


def _signal_verdict(standing: SignalStanding, within: Mapping[str, int]) -> dict[str, Any]:
    """Return the plain value of a `SignalVerdict`, without a limit where none is told."""
    remedies = [reason.remedy for reason in standing.reasons if reason.remedy is not None]
    verdict: dict[str, Any] = {
        "signal": standing.signal,
        "title": standing.title,
        "outcome": standing.outcome.value,
        "reasons": [reason.worker for reason in standing.reasons],
        "remedies": [codec.encode(remedy) for remedy in remedies],
    }
    if standing.signal in within:
        verdict[WITHIN] = within[standing.signal]
    return verdict
