"""One notification on Windows, with as many of the words as it has room for."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from passmuster_agent.companion.messages import Notice, Silenced
from passmuster_agent.companion.wording import NAME, body_lines, title_of
from passmuster_agent.windows.balloon import INFO_LETTERS, Balloon, Look
from passmuster_collectors.contract.verdict import Verdict

log = logging.getLogger(__name__)


class WindowsNotification:
    """The one notification that there is: a new one takes the place of the one before."""

    def __init__(self, balloon: Balloon) -> None:
        self._balloon = balloon

    def show(self, notice: Notice | Silenced | None) -> None:
        """Show a notice, or take away what is shown. A desktop that shows none is left alone."""
        if notice is None:
            self._balloon.take_away()
            return
        grace = isinstance(notice, Notice) and notice.verdict is Verdict.GRACE
        look = Look.WARNING if grace else Look.ERROR
        text = fitting(list(body_lines(notice, datetime.now(UTC))), INFO_LETTERS - 1)
        try:
            self._balloon.show(NAME, title_of(notice), text, look)
        except OSError as error:
            log.info("Windows shows no notification (%s).", error.strerror)


def fitting(lines: Sequence[str], room: int) -> str:
    """Return the first lines that fit and the last one, which says where to find the others.

    `room` counts in UTF-16, as Windows does.
    """
    *others, last = lines
    for count in range(len(others), 0, -1):
        text = "\n".join((*others[:count], last))
        if _size(text) <= room:
            return text
    first = others[0] if others else ""
    while first and _size(f"{first}…\n{last}") > room:
        first = first[:-1]
    return f"{first}…\n{last}" if first else last


def _size(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
