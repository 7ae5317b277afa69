"""The evidence as headings, sentences and tables: the same on the page and on paper."""

from collections.abc import Mapping
from dataclasses import dataclass

from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.signals import CATALOG
from passmuster_server.evidence.gathering import Evidence, Outcomes
from passmuster_server.evidence.measures import measures
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.web.formats import timestamp


@dataclass(frozen=True)
class Grid:
    """A table; columns from `numbers_from` on hold numbers."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers_from: int = 1


@dataclass(frozen=True)
class Section:
    """A heading, what is to be known of the table below it, and the table."""

    heading: str
    sentences: tuple[str, ...]
    grid: Grid


_UNKNOWN = (
    "Unknown is never counted as compliant: a laptop that falls silent, or that could not read a "
    "signal, is unknown and kept out."
)
_VERDICTS = {
    Verdict.COMPLIANT: "compliant",
    Verdict.GRACE: "in grace",
    Verdict.NON_COMPLIANT: "not compliant",
    Verdict.UNKNOWN: "unknown",
}
_STATUSES = {
    DeviceStatus.ACTIVE: "in use",
    DeviceStatus.PENDING: "waiting for approval",
    DeviceStatus.CONFLICT: "in conflict: a key seen in two places",
    DeviceStatus.LOST: "lost",
    DeviceStatus.REVOKED: "revoked",
    DeviceStatus.RETIRED: "retired",
}


def title(evidence: Evidence) -> str:
    """Return what stands above all of it."""
    return f"Evidence: {evidence.organisation}"


def subtitle(evidence: Evidence) -> str:
    """Return the period and when it was made; times are UTC."""
    return (
        f"{timestamp(evidence.since)} to {timestamp(evidence.until)}, "
        f"as of {timestamp(evidence.made_at)}"
    )


def sections(evidence: Evidence) -> tuple[Section, ...]:
    """Return the sections in their order."""
    return (
        _laptops(evidence),
        _signals(evidence),
        _gate(evidence),
        _policies(evidence),
        _record(evidence),
        _controls(),
    )


def _laptops(evidence: Evidence) -> Section:
    total = sum(evidence.seconds.values())
    return Section(
        "Laptops",
        (
            _listed("Enrolled", evidence.by_status),
            _UNKNOWN,
        ),
        Grid(
            ("Verdict", "Laptops in use now", "Their hours in the period", "Share of the hours"),
            tuple(
                (
                    words,
                    _number(evidence.by_verdict.get(verdict.value, 0)),
                    f"{evidence.seconds[verdict.value] / 3600:,.1f}",
                    f"{evidence.seconds[verdict.value] / total:.1%}" if total else "-",
                )
                for verdict, words in _VERDICTS.items()
            ),
        ),
    )


def _signals(evidence: Evidence) -> Section:
    def row(title: str, found: Outcomes) -> tuple[str, ...]:
        counts = (
            *(found.passed, found.failed, found.unknown),
            *(found.excepted, found.not_applicable),
        )
        return (title, *map(_number, counts))

    return Section(
        "Signals",
        ("How the laptops in use stand now, signal by signal.",),
        Grid(
            ("Signal", "Passes", "Fails", "Unknown", "By a waiver", "Not asked for"),
            tuple(
                row(signal.title, evidence.signals.get(signal.id, Outcomes())) for signal in CATALOG
            ),
        ),
    )


def _gate(evidence: Evidence) -> Section:
    return Section(
        "The gate",
        ("Every answer is on record with the policy version and the signed reports it rests on.",),
        Grid(
            ("Answer", "In the period"),
            (("let in", _number(evidence.let_in)), ("refused", _number(evidence.refused))),
        ),
    )


def _policies(evidence: Evidence) -> Section:
    in_force = (
        f"in force now: {_number(evidence.waivers_in_force)}. Each has a person who granted it, "
        "a reason and an end."
    )
    return Section(
        "Policy",
        (
            f"Waivers granted in the period: {_number(evidence.waivers_granted)}; {in_force}",
            "The first version here was in force when the period began."
            if evidence.policies and evidence.policies[0].published_at < evidence.since
            else "Before the first version here, the policy that comes with the product applied.",
        ),
        Grid(
            ("Version", "Published", "By"),
            tuple(
                (str(each.version), timestamp(each.published_at), each.published_by)
                for each in evidence.policies
            ),
            numbers_from=3,
        ),
    )


def _record(evidence: Evidence) -> Section:
    chain = evidence.chain
    if chain.problem:
        held = f"THE AUDIT RECORD DOES NOT HOLD: {chain.problem}."
    else:
        held = (
            f"The audit record holds: {_number(chain.entries)} entries from the first to the last, "
            f"{_number(chain.erased)} of them emptied at a person's request. Its head is "
            f"{chain.head}."
        )
    return Section(
        "What administrators did",
        (held,),
        Grid(
            ("Action", "In the period"),
            tuple((action, _number(count)) for action, count in evidence.deeds.items()),
        ),
    )


def _controls() -> Section:
    return Section(
        "Controls",
        (
            "What is evidence of which control. No control is met by software alone.",
            "ISO 27001: ISO/IEC 27001:2022, Annex A. TSC: Trust Services Criteria (2017).",
        ),
        Grid(
            ("Measure", "Shown by", "ISO 27001", "TSC", "GDPR"),
            tuple(
                (
                    each.title,
                    each.shown_by,
                    ", ".join(each.controls.iso_27001),
                    ", ".join(each.controls.trust_services),
                    ", ".join(each.controls.gdpr),
                )
                for each in measures()
            ),
            numbers_from=5,
        ),
    )


def _listed(word: str, counts: Mapping[str, int]) -> str:
    told = [
        f"{_number(counts[status])} {words}"
        for status, words in _STATUSES.items()
        if counts.get(status)
    ]
    return f"{word}: {', '.join(told) or 'none'}."


def _number(value: int) -> str:
    return f"{value:,}"
