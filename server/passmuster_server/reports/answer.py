"""What a laptop is told: its verdict, what is wrong, how to put it right, and the next nonce."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from passmuster_collectors.contract import codec
from passmuster_server.policy.standing import SignalStanding, Standing
from passmuster_server.reports.upload import canonical

VERSION = 1
WITHIN = "within_s"
WITHIN_KEY = b'"within_s":'
Limits = tuple[tuple[str, int], ...]
"""Seconds that policy allows, by signal."""


def answer_bytes(
    standing: Standing,
    nonce: str,
    now: datetime,
    report_within_s: int,
    limits: Limits,
) -> bytes:
    """Return the canonical bytes of an `Answer`.

    `limits` are told as `within_s`; there are none for an agent that would not understand them.
    """
    grace_until, within = standing.grace_until, dict(limits)
    signals = [_told(each, within) for each in standing.signals]
    answer = {
        "version": VERSION,
        "verdict": standing.verdict.value,
        "judged_at": codec.format_time(now),
        "policy_version": standing.policy_version,
        "signals": msgspec.Raw(b"[%b]" % b",".join(signals)),
        "grace_until": None if grace_until is None else codec.format_time(grace_until),
        "nonce": nonce,
        "report_within_s": report_within_s,
    }
    return canonical(answer)


def _told(standing: SignalStanding, within: Mapping[str, int]) -> bytes:
    """Return the bytes of a `SignalVerdict`; in the canonical form its limit comes last."""
    seconds = within.get(standing.signal)
    told = standing.told
    return told if seconds is None else b"%b,%b%d}" % (told[:-1], WITHIN_KEY, seconds)


def without_limits(answer: bytes) -> bytes:
    """Return an answer as an agent understands it that knows no limits."""
    if WITHIN_KEY not in answer:
        return answer
    value = msgspec.json.decode(answer)
    for each in value.get("signals", ()):
        each.pop(WITHIN, None)
    return canonical(value)
