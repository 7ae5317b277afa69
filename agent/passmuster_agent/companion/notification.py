"""One notification on the worker's desktop.

Desktop Notifications Specification: https://specifications.freedesktop.org/notification/latest/
"""

import html
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from passmuster_agent.companion.messages import Notice, Silenced
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.host.base import Bus, Host, SourceError
from passmuster_collectors.text import durations

log = logging.getLogger(__name__)

SERVICE = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
NAME = "Passmuster"
MOST_SHOWN = 3
LONGEST_LINE = 300


class Urgency(IntEnum):
    """How hard a notification is to overlook; one that is critical stays until it is dismissed."""

    NORMAL = 1
    CRITICAL = 2


TITLES: Mapping[Verdict, str] = {
    Verdict.GRACE: "Something on this laptop has to be fixed",
    Verdict.UNKNOWN: "This laptop could not be checked: the helpdesk stays closed",
    Verdict.NON_COMPLIANT: "The helpdesk is closed for this laptop",
}
SILENCED = "This laptop can't report any more: the helpdesk will close"
ICONS: Mapping[Verdict, str] = {
    Verdict.GRACE: "security-medium",
    Verdict.UNKNOWN: "security-low",
    Verdict.NON_COMPLIANT: "security-low",
}
"""Names of the Icon Naming Specification."""

MORE = "All of it: passmuster-agent status"


class DesktopNotification:
    """The one notification that there is: a new one takes the place of the one before."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._id = 0

    def show(self, notice: Notice | Silenced | None) -> None:
        """Show a notice, or take away what is shown. A desktop that shows none is left alone."""
        try:
            if notice is not None:
                self._id = self._notify(notice)
            elif self._id:
                self._call("CloseNotification", "u", (self._id,))
                self._id = 0
        except SourceError as error:
            log.info("The desktop shows no notification (%s).", error.outcome)

    def _notify(self, notice: Notice | Silenced) -> int:
        (capabilities,) = self._call("GetCapabilities", "", ())
        if isinstance(notice, Silenced):
            title, icon, grace = SILENCED, "security-low", False
            lines = [_cut(notice.problem), _cut(notice.remedy), MORE]
        else:
            title, icon = TITLES[notice.verdict], ICONS[notice.verdict]
            grace = notice.verdict is Verdict.GRACE
            lines = list(body_lines(notice, datetime.now(UTC)))
        body = "\n".join(lines)
        # What is wrong may quote a name that a USB stick chose.
        text = html.escape(body, quote=False) if "body-markup" in capabilities else body
        urgency = Urgency.NORMAL if grace else Urgency.CRITICAL
        hints = {
            "urgency": ("y", int(urgency)),
            "desktop-entry": ("s", "passmuster-companion"),
            "category": ("s", "device.error"),
        }
        shown = self._call(
            "Notify",
            "susssasa{sv}i",
            (
                *(NAME, self._id, icon, title, text),
                *([], hints, -1 if grace else 0),
            ),
        )
        return int(shown[0])

    def _call(self, member: str, signature: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        return self._host.bus_call(
            Bus.SESSION, SERVICE, PATH, SERVICE, member, signature, arguments
        )


def body_lines(notice: Notice, now: datetime) -> Iterator[str]:
    """Yield what is wrong, how to fix the first of it, and the time left."""
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
