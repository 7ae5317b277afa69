"""What the gate says: to the worker in plain words, to IT in the words of policy and reports."""

from collections.abc import Mapping
from datetime import datetime

from passmuster_collectors.contract.verdict import Outcome
from passmuster_server.gate.decision import Cause, Decision, DeviceFinding
from passmuster_server.gate.languages.english import ENGLISH
from passmuster_server.gate.languages.language import CauseWords, Language
from passmuster_server.policy.standing import Reason

MAX_REASONS = 6
"""How many reasons one text spells out. The blocked page has room for all of them."""

CAUSES: Mapping[Cause, CauseWords] = ENGLISH.causes
"""In English. Other languages: `languages`."""

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
    return f"{text} {_until(decision.grace_until, ENGLISH)}"


def in_language(decision: Decision, language: Language) -> str | None:
    """Return the sentences for the worker in another language, or None where a word of it lacks.

    The signals' own reasons were written down in English when they were judged.
    """
    if decision.cause is not None:
        return _translated(decision.cause, language)
    told = [item for item in decision.findings if item.cause is not Cause.COMPLIANT]
    texts = [None if reasons_of(item) else _translated(item.cause, language) for item in told]
    sentences = [text for text in texts if text is not None]
    if not sentences or len(sentences) < len(texts):
        return None
    if len(told) > 1:
        sentences = [
            text if item.standing is None else f"{item.standing.computer_name}: {text}"
            for item, text in zip(told, sentences, strict=True)
        ]
    if decision.grace_until is not None:
        sentences.append(_until(decision.grace_until, language))
    return " ".join(sentences)


def for_admin(decision: Decision) -> str:
    """Return the sentence for IT: device by device, with the report and policy it rests on."""
    if decision.cause is not None:
        return CAUSES[decision.cause].admin
    return " | ".join(_admin_text(item) for item in decision.findings)


def moment(value: datetime) -> str:
    """Return a time as people read it, in UTC."""
    return ENGLISH.moment(value)


def _translated(cause: Cause, language: Language) -> str | None:
    words = language.causes.get(cause)
    return None if words is None else words.worker


def _until(end: datetime, language: Language) -> str:
    return language.until.format(moment=language.moment(end))


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
