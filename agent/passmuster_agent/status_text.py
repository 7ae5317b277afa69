"""`status` as text for a terminal, in colour where the terminal has it."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TextIO

from passmuster_agent.advice import JudgedBy, SignalStatus
from passmuster_agent.delivery import DeliveryKind
from passmuster_agent.session_language import session_language
from passmuster_agent.status import AgentStatus, DeviceStatus, Service
from passmuster_agent.terminal_text import printable
from passmuster_collectors.contract.reading import SourceOutcome
from passmuster_collectors.contract.verdict import Outcome, Verdict
from passmuster_collectors.languages import Language

MARKS = {
    Outcome.PASS: ("✓", "32"),
    Outcome.FAIL: ("✗", "31"),
    Outcome.TRANSITIONING: ("…", "33"),
    Outcome.UNKNOWN: ("?", "33"),
    Outcome.NOT_APPLICABLE: ("-", "2"),
}
VERDICT_COLOURS = {
    Verdict.COMPLIANT: "32",
    Verdict.GRACE: "33",
    Verdict.NON_COMPLIANT: "31",
    Verdict.UNKNOWN: "33",
}
SILENT = (
    "This laptop's agent is a service that does not run now, or is not enrolled yet. Below is what "
    "the default rules make of what you may read."
)
TOLD = (
    "So this laptop's agent told, which runs as a service: the server's word, and whether reports "
    "get through."
)
BOLD = "1"
DIM = "2"


def wants_colour(stream: TextIO) -> bool:
    """Whether a person looks at it on a terminal and has not said no (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def render(status: AgentStatus, *, colour: bool, language: Language | None = None) -> str:
    """Return the text, one paragraph a signal, below who this is and what the server says.

    It is in the session's language, unless one is named. What was found and by which source is
    said as in a report, in English.
    """
    language = language or session_language()
    return "\n".join(
        [
            *_head(status, colour, language),
            *_signals(status, colour, language),
            *_tail(status, colour, language),
            "",
        ]
    )


def _head(status: AgentStatus, colour: bool, language: Language) -> Iterator[str]:
    device = status.device
    if not status.enrolled:
        yield language.template(
            SILENT
            if status.service is Service.SILENT
            else "This laptop is not enrolled. Below is what the default rules make of it."
        )
        return
    if device is not None:
        yield from _identity(device, colour, language)
    if status.verdict is None:
        yield language.template("The server has not judged this laptop yet.")
        return
    words = language.template(status.verdict.value.replace("_", " "))
    line = language.say(
        "Verdict: {verdict}", verdict=paint(words, VERDICT_COLOURS[status.verdict], colour)
    )
    if status.grace_until is not None:
        line += f", {_until(status.grace_until, language)}"
    if not status.current:
        said = language.template("the server's last word; it may not be about what is found now")
        line += f" ({said})"
    yield line


def _identity(device: DeviceStatus, colour: bool, language: Language) -> Iterator[str]:
    yield language.say(
        "{owner} · {server} · key {key} in tier {tier}",
        owner=printable(device.owner),
        server=device.server_url,
        key=device.fingerprint,
        tier=device.tier,
    )
    if not device.key_usable:
        lost = language.say(
            "The key in tier {tier} can't sign: nothing is reported any more.", tier=device.tier
        )
        yield paint(lost, VERDICT_COLOURS[Verdict.NON_COMPLIANT], colour)
        yield language.say(
            "It is not kept in a weaker place instead. This laptop is device {device}.",
            device=device.device,
        )


def _until(end: datetime, language: Language) -> str:
    left_s = int((end - datetime.now(UTC)).total_seconds())
    until = language.say("to be fixed by {moment}", moment=language.moment(end))
    if left_s <= 0:
        return f"{until} ({language.template('that is over')})"
    return f"{until} ({language.say('{time} left', time=language.roughly(left_s))})"


def _signals(status: AgentStatus, colour: bool, language: Language) -> Iterator[str]:
    for each in status.signals:
        yield ""
        yield from _signal(each, colour, language)


def _signal(status: SignalStatus, colour: bool, language: Language) -> Iterator[str]:
    mark, shade = MARKS[status.outcome]
    title = printable(language.template(status.title))
    words = language.template(status.outcome.value.replace("_", " "))
    advice = language.template("advice of this laptop, not the server's word")
    yield (
        f"{paint(mark, shade, colour)} {paint(title, BOLD, colour)}: {paint(words, shade, colour)}"
        + (f"  {paint(advice, DIM, colour)}" if status.judged_by is JudgedBy.ADVICE else "")
    )
    names = [language.template(name) for name in ("found", "source", "why", "fix")]
    reasons = tuple(language.rendered(reason) for reason in status.reasons)
    width = max(8, *(len(name) + 2 for name in names))
    for name, lines in zip(
        names,
        (status.found, _sources(status), reasons, tuple(_steps(status, language))),
        strict=True,
    ):
        for position, line in enumerate(lines):
            yield f"    {name if position == 0 else '':<{width}}{printable(line)}"


def _sources(status: SignalStatus) -> tuple[str, ...]:
    """Return the sources that answered on one line, each of the others on its own."""
    read = [each.name for each in status.sources if each.outcome is SourceOutcome.READ]
    others = [
        f"{each.name}: {each.outcome.value}{f' ({each.detail})' if each.detail else ''}"
        for each in status.sources
        if each.outcome is not SourceOutcome.READ
    ]
    shown = ", ".join(read[:4]) + (f" and {len(read) - 4} more" if len(read) > 4 else "")
    return (*([f"{shown}: read"] if read else []), *others)


def _steps(status: SignalStatus, language: Language) -> Iterator[str]:
    for remedy in status.remedies:
        for number, step in enumerate(remedy.steps, start=1):
            yield f"{number}. {language.rendered(step)}"
        if remedy.link:
            yield f"   {remedy.link}"


def _tail(status: AgentStatus, colour: bool, language: Language) -> Iterator[str]:
    yield ""
    if status.service is Service.TELLS:
        yield paint(language.template(TOLD), DIM, colour)
    elif status.device is None:
        if status.service is Service.NONE:
            yield language.template("Enrol it with: passmuster-agent enroll --server URL")
        else:
            yield language.template("Why: passmuster-agent doctor")
        return
    last = status.last_try
    if last is not None and last.kind is not DeliveryKind.ACCEPTED:
        yield language.say(
            "Last try to report, {moment}: {problem}",
            moment=language.moment(last.at),
            problem=printable(language.rendered_each(last.problem)),
        )
        yield f"    {printable(language.rendered_each(last.remedy))}"
    if status.waiting:
        yield language.say("{count} record(s) wait to be sent.", count=status.waiting)
    for problem in status.set_aside:
        yield language.say(
            "A record was refused and put aside: {problem}", problem=printable(problem)
        )
    if status.dropped:
        yield language.say(
            "{count} record(s) did not fit into the outbox and were dropped.", count=status.dropped
        )
    if not status.running:
        yield language.template(
            "No agent is running: changes are not reported. Start it with: passmuster-agent run"
        )


def paint(text: str, shade: str, colour: bool) -> str:
    """Return the text in a colour (ECMA-48, section 8.3.117), or as it is."""
    return f"\x1b[{shade}m{text}\x1b[0m" if colour else text
