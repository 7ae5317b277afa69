"""What a laptop is told: its verdict, what is wrong, how to put it right, and the next nonce."""

from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.verdict import SignalVerdict
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
def _told(signals: bytes, limits: Limits) -> list[Any]:
    told: list[Any] = codec.encode([_signal_verdict(each) for each in read_signals(signals)])
    within = dict(limits)
    for each in told:
        del each[WITHIN]
        if each["signal"] in within:
            each[WITHIN] = within[each["signal"]]
    return told


def without_limits(answer: bytes) -> bytes:
    """Return an answer as an agent understands it that knows no limits."""
    if WITHIN_KEY not in answer:
        return answer
    value = msgspec.json.decode(answer)
    for each in value.get("signals", ()):
        each.pop(WITHIN, None)
    return canonical(value)


def _signal_verdict(standing: SignalStanding) -> SignalVerdict:
    return SignalVerdict(
        standing.signal,
        standing.title,
        standing.outcome,
        tuple(reason.worker for reason in standing.reasons),
        tuple(reason.remedy for reason in standing.reasons if reason.remedy is not None),
    )
