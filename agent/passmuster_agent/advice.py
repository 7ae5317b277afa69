"""Each signal as a worker wants to see it: what was found, how it was judged, how to fix it.

The judgement is the server's where it has judged these very findings. Otherwise this laptop applies
the default rule by itself, as advice that opens no gate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from passmuster_agent.collection import AnySignal
from passmuster_agent.records import same_findings
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Source, Status
from passmuster_collectors.contract.verdict import Outcome, Remedy, SignalVerdict


class JudgedBy(StrEnum):
    """Whose judgement is shown."""

    SERVER = "server"
    ADVICE = "advice"


@dataclass(frozen=True)
class SignalStatus:
    """One signal. `found` has one line for each thing that was found."""

    signal: str
    title: str
    status: Status
    found: tuple[str, ...]
    sources: tuple[Source, ...]
    outcome: Outcome
    judged_by: JudgedBy
    reasons: tuple[str, ...]
    remedies: tuple[Remedy, ...]


def signal_status(
    signal: AnySignal,
    reading: Reading,
    platform: Platform,
    judged: SignalVerdict | None,
) -> SignalStatus:
    """Return what to show of a reading; `judged` is the server's word on it, if it has one."""
    if judged is not None:
        outcome, reasons, remedies = judged.outcome, judged.reasons, judged.remedies
        by = JudgedBy.SERVER
    else:
        outcome, reasons, remedies = advise(signal, reading, platform)
        by = JudgedBy.ADVICE
    return SignalStatus(
        signal=signal.id,
        title=signal.title,
        status=reading.status,
        found=found(reading),
        sources=reading.sources,
        outcome=outcome,
        judged_by=by,
        reasons=reasons,
        remedies=remedies,
    )


def advise(
    signal: AnySignal, reading: Reading, platform: Platform
) -> tuple[Outcome, tuple[str, ...], tuple[Remedy, ...]]:
    """Return what the default rule makes of a reading."""
    try:
        judgement = signal.judge(reading, signal.limits())
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


def found(reading: Reading) -> tuple[str, ...]:
    """Return the facts in lines, one for each thing found; the field names are the contract's."""
    if reading.facts is None:
        return (reading.reason,) if reading.reason else ()
    lines: list[str] = []
    single: dict[str, Any] = {}
    for name, value in reading.facts.items():
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            lines.extend(_line(item) for item in value)
            if not value:
                lines.append(f"{name.replace('_', ' ')}: none")
        else:
            single[name] = value
    if single:
        lines.append(_line(single))
    return (*lines, reading.reason) if reading.reason else tuple(lines)


def _line(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_word(value)}" for name, value in facts.items())


def _word(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(_word(item) for item in value) or "none"
    return str(value)
