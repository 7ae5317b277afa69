"""The words of a notification, on whatever desktop it is shown."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from passmuster_agent.companion.messages import Notice, Silenced
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.text import durations

NAME = "Passmuster"
MOST_SHOWN = 3
LONGEST_LINE = 300
TITLES: Mapping[Verdict, str] = {
    Verdict.GRACE: "Something on this laptop has to be fixed",
    Verdict.UNKNOWN: "This laptop could not be checked: the helpdesk stays closed",
    Verdict.NON_COMPLIANT: "The helpdesk is closed for this laptop",
}
SILENCED = "This laptop can't report any more: the helpdesk will close"
MORE = "All of it: passmuster-agent status"


def title_of(notice: Notice | Silenced) -> str:
    """Return the one line that everybody reads."""
    return SILENCED if isinstance(notice, Silenced) else TITLES[notice.verdict]


def body_lines(notice: Notice | Silenced, now: datetime) -> Iterator[str]:
    """Yield what is wrong, how to fix the first of it, and the time left."""
    if isinstance(notice, Silenced):
        yield from (_cut(notice.problem), _cut(notice.remedy), MORE)
        return
    for each in notice.wrong[:MOST_SHOWN]:
        yield _cut(each.reasons[0] if each.reasons else f"{each.title}: {each.outcome}")
    if len(notice.wrong) > MOST_SHOWN:
        yield f"… and {len(notice.wrong) - MOST_SHOWN} more."
    if notice.wrong and notice.wrong[0].remedies:
        for number, step in enumerate(notice.wrong[0].remedies[0].steps, start=1):
            yield _cut(f"{number}. {step}")
    if notice.grace_until is not None:
        left = int((notice.grace_until - now).total_seconds())
        if left > 0:
            until = f"{notice.grace_until.astimezone():%A %H:%M}"
            yield f"Time left: {durations.roughly(left)}, until {until}."
    yield MORE


def _cut(line: str) -> str:
    plain = "".join(letter if letter.isprintable() else "·" for letter in line)
    return plain if len(plain) <= LONGEST_LINE else plain[: LONGEST_LINE - 1] + "…"
