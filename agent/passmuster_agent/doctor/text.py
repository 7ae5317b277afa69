"""The diagnosis for a terminal."""

from collections.abc import Iterator

from passmuster_agent.doctor.findings import Check, Condition, Diagnosis, SignalFinding
from passmuster_agent.status_text import BOLD, DIM, paint
from passmuster_agent.terminal_text import printable
from passmuster_collectors.contract.reading import SourceOutcome, Status

MARKS = {
    Condition.OK: ("✓", "32"),
    Condition.NOTE: ("·", "33"),
    Condition.WRONG: ("✗", "31"),
}
OF_STATUS = {
    Status.OK: Condition.OK,
    Status.NOT_APPLICABLE: Condition.OK,
    Status.UNAVAILABLE: Condition.WRONG,
}
WORDS = {
    Status.OK: "read",
    Status.NOT_APPLICABLE: "not applicable",
    Status.UNAVAILABLE: "could not be read",
}


def render(diagnosis: Diagnosis, *, colour: bool) -> str:
    """Return the text: the agent first, then each signal with its sources."""
    return "\n".join([*_lines(diagnosis, colour), ""])


def _lines(diagnosis: Diagnosis, colour: bool) -> Iterator[str]:
    yield paint("The agent", BOLD, colour)
    for check in diagnosis.checks:
        yield from _check(check, colour)
    for signal in diagnosis.signals:
        yield ""
        yield from _signal(signal, colour)
    yield ""
    yield "Something is wrong: see ✗ above." if diagnosis.wrong else "Nothing is wrong."


def _check(check: Check, colour: bool) -> Iterator[str]:
    mark, shade = MARKS[check.condition]
    yield f"{paint(mark, shade, colour)} {check.name}: {printable(check.found)}"
    if check.step:
        yield f"    → {printable(check.step)}"


def _signal(signal: SignalFinding, colour: bool) -> Iterator[str]:
    mark, shade = MARKS[OF_STATUS[signal.status]]
    title = paint(printable(signal.title), BOLD, colour)
    yield f"{paint(mark, shade, colour)} {title} ({signal.id}): {WORDS[signal.status]}"
    if signal.reason:
        yield f"    {printable(signal.reason)}"
    steps = dict.fromkeys(source.step for source in signal.sources if source.step)
    for source in signal.sources:
        detail = f" ({printable(source.detail)})" if source.detail else ""
        yield f"    {source.outcome.value:<9}{printable(source.name)}{detail}"
        if source.outcome is not SourceOutcome.READ and source.why:
            yield paint(f"             {printable(source.why)}", DIM, colour)
    for step in steps:
        yield f"    → {printable(step)}"
