"""The diagnosis for a terminal."""

from collections.abc import Iterator

from passmuster_agent.doctor.findings import Check, Condition, Diagnosis, SignalFinding
from passmuster_agent.session_language import session_language
from passmuster_agent.status_text import BOLD, DIM, paint
from passmuster_agent.terminal_text import printable
from passmuster_collectors.contract.reading import SourceOutcome, Status
from passmuster_collectors.languages import Language

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
THE_AGENT = "The agent"
WRONG = "Something is wrong: see ✗ above."
WELL = "Nothing is wrong."


def render(diagnosis: Diagnosis, *, colour: bool, language: Language | None = None) -> str:
    """Return the text: the agent first, then each signal with its sources.

    It is in the session's language, unless one is named. Sources, what came of them, and whatever
    has no translation are told in English.
    """
    return "\n".join([*_lines(diagnosis, colour, language or session_language()), ""])


def _lines(diagnosis: Diagnosis, colour: bool, language: Language) -> Iterator[str]:
    yield paint(language.template(THE_AGENT), BOLD, colour)
    for check in diagnosis.checks:
        yield from _check(check, colour, language)
    for signal in diagnosis.signals:
        yield ""
        yield from _signal(signal, colour, language)
    yield ""
    yield language.template(WRONG if diagnosis.wrong else WELL)


def _check(check: Check, colour: bool, language: Language) -> Iterator[str]:
    mark, shade = MARKS[check.condition]
    found = printable(language.rendered_each(check.found))
    yield f"{paint(mark, shade, colour)} {language.template(check.name)}: {found}"
    if check.step:
        yield f"    → {printable(language.rendered_each(check.step))}"


def _signal(signal: SignalFinding, colour: bool, language: Language) -> Iterator[str]:
    mark, shade = MARKS[OF_STATUS[signal.status]]
    title = paint(printable(language.rendered(signal.title)), BOLD, colour)
    words = language.template(WORDS[signal.status])
    yield f"{paint(mark, shade, colour)} {title} ({signal.id}): {words}"
    if signal.reason:
        yield f"    {printable(language.rendered_each(signal.reason))}"
    steps = dict.fromkeys(source.step for source in signal.sources if source.step)
    for source in signal.sources:
        detail = f" ({printable(source.detail)})" if source.detail else ""
        yield f"    {source.outcome.value:<9}{printable(source.name)}{detail}"
        if source.outcome is not SourceOutcome.READ and source.why:
            why = printable(language.rendered_each(source.why))
            yield paint(f"             {why}", DIM, colour)
    for step in steps:
        yield f"    → {printable(language.rendered_each(step))}"
