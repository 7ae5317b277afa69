"""The words for what a rule and the server conclude, and the server's answer to a report."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import Items, Text, Whole

LIMITS_TYPE = "application/vnd.passmuster.answer-with-limits+json"
"""The media type of an answer whose signals carry `within_s`.

Agents that know the field name the type in `Accept` (RFC 9110, section 12.5.1); to all others the
field is not sent, as they refuse what they don't know.
"""

LEAST_RHYTHM_S = 30
"""The least that a policy may ask for. An answer that asks for less wants one report, once."""


class Outcome(StrEnum):
    """What a rule concludes from one reading."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    TRANSITIONING = "transitioning"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


SEVERITY = (
    Outcome.FAIL,
    Outcome.UNKNOWN,
    Outcome.TRANSITIONING,
    Outcome.PASS,
    Outcome.NOT_APPLICABLE,
)
"""Outcomes from worst to best: the worst one of several is the one that counts."""


class Verdict(StrEnum):
    """What the server concludes of a device. Only `compliant` and `grace` pass the gate."""

    COMPLIANT = "compliant"
    GRACE = "grace"
    NON_COMPLIANT = "non_compliant"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Remedy:
    """The shortest true steps for one system, and the settings page's deep link or None."""

    steps: Annotated[tuple[str, ...], Items(most=10)]
    link: Annotated[str, Text(longest=256)] | None = None


@dataclass(frozen=True)
class SignalVerdict:
    """How one signal was judged, in a worker's words.

    `within_s`: how soon policy wants an unattended session closed, where the signal has such a
    limit and the server tells it.
    """

    signal: Annotated[str, Text(longest=64)]
    title: str
    outcome: Outcome
    reasons: Annotated[tuple[str, ...], Items(most=64)]
    remedies: Annotated[tuple[Remedy, ...], Items(most=64)]
    within_s: Annotated[int, Whole(least=1, most=86_400)] | None = None


@dataclass(frozen=True)
class Answer:
    """What the server answers to a report: nothing that runs."""

    version: Annotated[int, Whole(least=1, most=1)]
    verdict: Verdict
    judged_at: datetime
    policy_version: int
    signals: Annotated[tuple[SignalVerdict, ...], Items(most=64)]
    grace_until: datetime | None
    nonce: Annotated[str, Text(longest=64)]
    report_within_s: Annotated[int, Whole(least=5, most=86_400)]
