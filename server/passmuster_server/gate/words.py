"""What the gate says: to the worker in plain words, to IT in the words of policy and reports."""

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.languages import Language, language_of
from passmuster_server.gate.causes import CAUSES
from passmuster_server.gate.decision import Cause, Decision, DeviceFinding
from passmuster_server.policy.standing import Reason

MAX_REASONS = 6
"""How many reasons one text spells out. The blocked page has room for all of them."""

UNTIL = "Please put this right by {moment}."
MORE = "(and {count} more)"

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


def for_worker(decision: Decision, language: Language | None = None) -> str:
    """Return the sentences for the worker, in English unless a language is named.

    Empty for an allow that needs no word.
    """
    language = language or language_of("en")
    if decision.cause is not None:
        return language.template(CAUSES[decision.cause].worker)
    if decision.allowed and decision.grace_until is None:
        return ""
    told = [item for item in decision.findings if item.cause is not Cause.COMPLIANT]
    text = " ".join(_worker_text(item, language, named=len(told) > 1) for item in told)
    if decision.grace_until is None:
        return text
    return f"{text} {language.say(UNTIL, moment=language.moment(decision.grace_until))}"


def for_admin(decision: Decision) -> str:
    """Return the sentence for IT: device by device, with the report and policy it rests on."""
    if decision.cause is not None:
        return CAUSES[decision.cause].admin
    return " | ".join(_admin_text(item) for item in decision.findings)


def _worker_text(finding: DeviceFinding, language: Language, *, named: bool) -> str:
    sentences = [reason.worker for reason in reasons_of(finding)] or [CAUSES[finding.cause].worker]
    translated = [language.rendered(sentence) for sentence in dict.fromkeys(sentences)]
    text = _shortened(translated, " ", language)
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
    text = _shortened(details, "; ", language_of("en"))
    return f"{standing.computer_name} ({standing.device}): {text} ({basis})"


def _shortened(sentences: list[str], separator: str, language: Language) -> str:
    more = len(sentences) - MAX_REASONS
    if more <= 0:
        return separator.join(sentences)
    return separator.join((*sentences[:MAX_REASONS], language.count(MORE, more)))
