"""The words of a notification, on whatever desktop it is shown."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from passmuster_agent.companion.messages import Notice, Silenced
from passmuster_agent.session_language import session_language
from passmuster_agent.terminal_text import printable
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.languages import Language

NAME = "Passmuster"
MOST_SHOWN = 3
LONGEST_LINE = 300
TITLES: Mapping[Verdict, str] = {
    Verdict.GRACE: "Something on this laptop has to be fixed",
    Verdict.UNKNOWN: "This laptop could not be checked: the helpdesk stays closed",
    Verdict.NON_COMPLIANT: "The helpdesk is closed for this laptop",
}
SILENCED = "This laptop can't report any more: the helpdesk will close"
MORE = "… and {count} more."


def title_of(notice: Notice | Silenced, language: Language | None = None) -> str:
    """Return the one line that everybody reads, in the session's language."""
    language = language or session_language()
    return language.template(SILENCED if isinstance(notice, Silenced) else TITLES[notice.verdict])


def body_lines(
    notice: Notice | Silenced, now: datetime, language: Language | None = None
) -> Iterator[str]:
    """Yield what is wrong, how to fix the first of it, and the time left."""
    language = language or session_language()
    last = language.say("All of it: {command}", command="passmuster-agent status")
    if isinstance(notice, Silenced):
        problem, remedy = language.rendered(notice.problem), language.rendered(notice.remedy)
        yield from (_cut(problem), _cut(remedy), last)
        return
    for each in notice.wrong[:MOST_SHOWN]:
        if each.reasons:
            yield _cut(language.rendered(each.reasons[0]))
        else:
            outcome = language.template(each.outcome.value.replace("_", " "))
            yield _cut(f"{language.template(each.title)}: {outcome}")
    if len(notice.wrong) > MOST_SHOWN:
        yield language.count(MORE, len(notice.wrong) - MOST_SHOWN)
    if notice.wrong and notice.wrong[0].remedies:
        for number, step in enumerate(notice.wrong[0].remedies[0].steps, start=1):
            yield _cut(f"{number}. {language.rendered(step)}")
    if notice.grace_until is not None:
        left = int((notice.grace_until - now).total_seconds())
        if left > 0:
            until = notice.grace_until.astimezone()
            yield language.say(
                "Time left: {time}, until {day} {clock}.",
                time=language.roughly(left),
                day=language.weekday(until),
                clock=f"{until:%H:%M}",
            )
    yield last


def _cut(line: str) -> str:
    plain = printable(line)
    return plain if len(plain) <= LONGEST_LINE else plain[: LONGEST_LINE - 1] + "…"
