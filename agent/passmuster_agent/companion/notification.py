"""One notification on the worker's desktop.

Desktop Notifications Specification: https://specifications.freedesktop.org/notification/latest/
"""

import html
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from passmuster_agent.companion.messages import Notice, Silenced
from passmuster_agent.companion.wording import NAME, body_lines, title_of
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.host.base import Bus, Host, SourceError

log = logging.getLogger(__name__)

SERVICE = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"


class Urgency(IntEnum):
    """How hard a notification is to overlook; one that is critical stays until it is dismissed."""

    NORMAL = 1
    CRITICAL = 2


ICONS: Mapping[Verdict, str] = {
    Verdict.GRACE: "security-medium",
    Verdict.UNKNOWN: "security-low",
    Verdict.NON_COMPLIANT: "security-low",
}
"""Names of the Icon Naming Specification."""


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
            icon, grace = "security-low", False
        else:
            icon, grace = ICONS[notice.verdict], notice.verdict is Verdict.GRACE
        body = "\n".join(body_lines(notice, datetime.now(UTC)))
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
                *(NAME, self._id, icon, title_of(notice), text),
                *([], hints, -1 if grace else 0),
            ),
        )
        return int(shown[0])

    def _call(self, member: str, signature: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        return self._host.bus_call(
            Bus.SESSION, SERVICE, PATH, SERVICE, member, signature, arguments
        )
