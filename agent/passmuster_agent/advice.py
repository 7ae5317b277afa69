"""Each signal as a worker wants to see it: what was found, how it was judged, how to fix it.

The judgement is the server's where it has judged these very findings. Otherwise this laptop applies
the default rule by itself, as advice that opens no gate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from passmuster_agent.collection import AnySignal
from passmuster_agent.records import same_findings
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Source, Status
from passmuster_collectors.contract.verdict import Outcome, Remedy, SignalVerdict
from passmuster_collectors.signals.readable import readable


class JudgedBy(StrEnum):
    """Whose judgement is shown."""

    SERVER = "server"
    ADVICE = "advice"


@dataclass(frozen=True)
class SignalStatus:
    """One signal. `found` has one line for each thing that was found.

    `within_s` is how soon the organisation wants an unattended session closed, where it said so.
    """

    signal: str
    title: str
    status: Status
    found: tuple[str, ...]
    sources: tuple[Source, ...]
    outcome: Outcome
    judged_by: JudgedBy
    reasons: tuple[str, ...]
    remedies: tuple[Remedy, ...]
    within_s: int | None = None


def signal_status(
    signal: AnySignal,
    reading: Reading,
    platform: Platform,
    judged: SignalVerdict | None,
    within_s: int | None,
) -> SignalStatus:
    """Return what to show of a reading; `judged` is the server's word on it, if it has one.

    `within_s` is what the server last said that policy allows.
    """
    if judged is not None:
        outcome, reasons, remedies = judged.outcome, judged.reasons, judged.remedies
        by = JudgedBy.SERVER
    else:
        outcome, reasons, remedies = advise(signal, reading, platform, within_s)
        by = JudgedBy.ADVICE
    return SignalStatus(
        signal=signal.id,
        title=signal.title,
        status=reading.status,
        found=found(signal, reading),
        sources=reading.sources,
        outcome=outcome,
        judged_by=by,
        reasons=reasons,
        remedies=remedies,
        within_s=within_s,
    )


def advise(
    signal: AnySignal, reading: Reading, platform: Platform, within_s: int | None = None
) -> tuple[Outcome, tuple[str, ...], tuple[Remedy, ...]]:
    """Return what the default rule makes of a reading; `within_s` is what the organisation allows.

    Where that is not known, what the default rule allows.
    """
    try:
        judgement = signal.judge(reading, signal.limits_within(within_s))
    except ContractError as error:
        return Outcome.UNKNOWN, (f"This reading cannot be judged ({error}).",), ()
    reasons = dict.fromkeys(signal.worker_text(each) for each in judgement.findings)
    remedies = dict.fromkeys(signal.remedy(each, platform) for each in judgement.findings)
    return judgement.outcome, tuple(reasons), tuple(each for each in remedies if each is not None)


def server_words(
    signal: str,
    reading: Reading,
    reported: Mapping[str, Reading],
    verdicts: Mapping[str, SignalVerdict],
) -> SignalVerdict | None:
    """Return the server's judgement of a signal, if it is about what is found now."""
    earlier = reported.get(signal)
    if earlier is None or not same_findings([reading], [earlier]):
        return None
    return verdicts.get(signal)


def as_judged(judged: SignalVerdict, status: Status) -> SignalStatus:
    """Return what the server judged, without what was found."""
    return SignalStatus(
        signal=judged.signal,
        title=judged.title,
        status=status,
        found=(),
        sources=(),
        outcome=judged.outcome,
        judged_by=JudgedBy.SERVER,
        reasons=judged.reasons,
        remedies=judged.remedies,
        within_s=judged.within_s,
    )


def found(signal: AnySignal, reading: Reading) -> tuple[str, ...]:
    """Return the facts in words, a line for each thing found, as the console has them."""
    told = readable(signal.facts, reading.facts)
    lines: list[str] = []
    if told.values:
        lines.append(_line([(column.heading, value) for column, value in told.values]))
    for table in told.tables:
        headings = [column.heading for column in table.columns]
        # The first value is what the thing is called.
        lines.extend(
            ": ".join(part for part in (row[0], _line(pairs)) if part)
            for row in table.rows
            for pairs in [list(zip(headings[1:], row[1:], strict=True))]
        )
        if not table.rows:
            lines.append(f"{table.title}: none")
    return (*lines, reading.reason) if reading.reason else tuple(lines)


def _line(pairs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{heading.lower()} {value}" for heading, value in pairs)
