"""What the gate says: to the worker in plain words, to IT in the words of policy and reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from passmuster_collectors.contract.verdict import Outcome
from passmuster_server.gate.decision import Cause, Decision, DeviceFinding
from passmuster_server.policy.standing import Reason

MAX_REASONS = 6
"""How many reasons one text spells out. The blocked page has room for all of them."""


@dataclass(frozen=True)
class CauseWords:
    """The words for a denial that no signal explains: `why` and `steps` are for the worker."""

    worker: str
    admin: str
    why: str
    steps: tuple[str, ...]


_REGISTERED = "Customers' data may only be opened on laptops that IT knows and that are safe."
_RECENT = "Only a laptop that was checked a short while ago is known to be safe now."

CAUSES: Mapping[Cause, CauseWords] = {
    Cause.NO_DEVICE: CauseWords(
        "No laptop is registered for you.",
        "no device is enrolled for this person",
        _REGISTERED,
        ("Ask IT to register the laptop you work with.",),
    ),
    Cause.NOT_PROVEN: CauseWords(
        "It is not clear which laptop you are at.",
        'no device was named, and policy demands a proven one (devices = "proven")',
        "What counts is the laptop in front of you, not another one that you have.",
        ("Sign in from the laptop that you were given for work.", "If you are there, tell IT."),
    ),
    Cause.UNKNOWN_DEVICE: CauseWords(
        "This laptop is not registered.",
        "the device is not enrolled",
        _REGISTERED,
        ("Use the laptop that you were given for work.", "Or ask IT to register this one."),
    ),
    Cause.OTHER_OWNER: CauseWords(
        "This laptop is registered for somebody else.",
        "the device is enrolled for another person",
        "Each laptop is registered for the one person who works with it.",
        ("Use your own work laptop.", "If this laptop is yours now, ask IT to register it again."),
    ),
    Cause.REVOKED: CauseWords(
        "IT has blocked this laptop.",
        "the device is revoked",
        "A laptop is blocked when it was lost, replaced or given back.",
        ("Ask IT which laptop you should use.",),
    ),
    Cause.RETIRED: CauseWords(
        "This laptop is no longer registered.",
        "the device is retired: its agent said goodbye",
        _REGISTERED,
        ("Ask IT to register it again.",),
    ),
    Cause.CONFLICT: CauseWords(
        "IT has to look at this laptop before you can sign in.",
        "identity conflict: its key was used out of order, possibly by a second machine",
        "This laptop's registration was used in a way that one laptop alone would not.",
        ("Ask IT to register this laptop again.",),
    ),
    Cause.NEVER_REPORTED: CauseWords(
        "This laptop has not been checked yet.",
        "the device is enrolled and has never reported",
        _RECENT,
        ("Connect to the internet.", "Wait a minute, then check again."),
    ),
    Cause.STALE: CauseWords(
        "This laptop has not been checked for a while.",
        "the last report is older than policy allows",
        _RECENT,
        ("Connect to the internet.", "Wait a minute, then check again.", "Or restart the laptop."),
    ),
    Cause.UNREADABLE: CauseWords(
        "This laptop could not be checked.",
        "a signal could not be read",
        _RECENT,
        ("Restart the laptop, then check again.",),
    ),
    Cause.GRACE: CauseWords(
        "Something on this laptop needs your attention soon.",
        "in grace",
        "You have been given time to put this right.",
        (),
    ),
    Cause.GRACE_OVER: CauseWords(
        "The time to put this right is over.",
        "the grace period is over",
        "You had been given time to put this right.",
        (),
    ),
    Cause.NON_COMPLIANT: CauseWords(
        "This laptop is not set up safely.",
        "the device is not compliant",
        _REGISTERED,
        ("Ask IT what to change.",),
    ),
    Cause.NOT_A_PERSON: CauseWords(
        "Only people can sign in here.",
        'subject.type: only "user" can be judged',
        _REGISTERED,
        (),
    ),
}

EXPLAINED_BY_REASONS = frozenset(
    {Cause.NON_COMPLIANT, Cause.UNREADABLE, Cause.GRACE_OVER, Cause.GRACE}
)
"""Causes for which the signals' own reasons say what is wrong."""

_IN_THE_WAY = frozenset({Outcome.FAIL, Outcome.UNKNOWN, Outcome.TRANSITIONING})


def reasons_of(finding: DeviceFinding) -> tuple[Reason, ...]:
    """Return the signals' reasons that explain the finding; none where its cause says it all."""
    if finding.standing is None or finding.cause not in EXPLAINED_BY_REASONS:
        return ()
    return tuple(item for item in finding.standing.blocking_reasons if item.outcome in _IN_THE_WAY)


def for_worker(decision: Decision) -> str:
    """Return the sentences for the worker; empty for an allow that needs no word."""
    if decision.cause is not None:
        return CAUSES[decision.cause].worker
    if decision.allowed and decision.grace_until is None:
        return ""
    told = [item for item in decision.findings if item.cause is not Cause.COMPLIANT]
    text = " ".join(_worker_text(item, named=len(told) > 1) for item in told)
    if decision.grace_until is None:
        return text
    return f"{text} Please put this right by {moment(decision.grace_until)}."


def for_admin(decision: Decision) -> str:
    """Return the sentence for IT: device by device, with the report and policy it rests on."""
    if decision.cause is not None:
        return CAUSES[decision.cause].admin
    return " | ".join(_admin_text(item) for item in decision.findings)


def moment(value: datetime) -> str:
    """Return a time as people read it, in UTC."""
    return f"{value.astimezone(UTC):%d %B %Y, %H:%M} UTC".lstrip("0")


def _worker_text(finding: DeviceFinding, *, named: bool) -> str:
    sentences = [reason.worker for reason in reasons_of(finding)] or [CAUSES[finding.cause].worker]
    text = _shortened(list(dict.fromkeys(sentences)), " ")
    if not named or finding.standing is None:
        return text
    return f"{finding.standing.computer_name}: {text}"


def _admin_text(finding: DeviceFinding) -> str:
    if finding.standing is None:
        return f"{finding.device}: {CAUSES[finding.cause].admin}"
    standing = finding.standing
    basis = f"policy v{standing.policy_version}, report {standing.report_sequence}"
    if finding.cause is Cause.COMPLIANT:
        return f"{standing.computer_name} ({standing.device}): compliant ({basis})"
    details = [f"{reason.signal}: {reason.admin}" for reason in reasons_of(finding)]
    if finding.cause in CAUSES and (not details or finding.cause is Cause.GRACE_OVER):
        details.append(CAUSES[finding.cause].admin)
    text = _shortened(details, "; ")
    return f"{standing.computer_name} ({standing.device}): {text} ({basis})"


def _shortened(sentences: list[str], separator: str) -> str:
    more = len(sentences) - MAX_REASONS
    if more <= 0:
        return separator.join(sentences)
    return separator.join((*sentences[:MAX_REASONS], f"(and {more} more)"))
