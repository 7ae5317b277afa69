"""One notification on a Mac, shown by `display notification` of AppleScript (osascript(1)).

The words are handed over as arguments, which the script never reads as a script. AppleScript can't
take a notification back: it lies in Notification Center until somebody clears it.
"""

import logging
from datetime import UTC, datetime

from passmuster_agent.companion.messages import Notice, Silenced
from passmuster_agent.companion.wording import NAME, body_lines, title_of
from passmuster_collectors.host.base import Host, SourceError
from passmuster_collectors.host.commands import Program

log = logging.getLogger(__name__)

SCRIPT = (
    "on run argv",
    "set {called, heading, told} to argv",
    "display notification told with title called subtitle heading",
    "end run",
)
WITHIN_S = 10.0


class MacNotification:
    """The notifications of this companion."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def show(self, notice: Notice | Silenced | None) -> None:
        """Show a notice; one that is shown stays. A Mac that shows none is left alone."""
        if notice is None:
            return
        body = "\n".join(body_lines(notice, datetime.now(UTC)))
        script = [word for line in SCRIPT for word in ("-e", line)]
        # The first of the words begins with a letter, so none is taken for an option.
        words = (NAME, title_of(notice), body)
        try:
            done = self._host.run(Program.OSASCRIPT, *script, *words, timeout_s=WITHIN_S)
        except SourceError as error:
            log.info("macOS shows no notification (%s).", error.outcome)
            return
        if done.status != 0:
            log.info("macOS shows no notification (status %d).", done.status)
