"""One notification on a Mac, shown by `display notification` of AppleScript (osascript(1)).

The script comes on standard input: what is on a command line every user of the Mac can read, and a
notice says what is wrong with this laptop. Its words are lists of numbers, so that none of them is
ever read as a script, whatever a USB stick calls itself (`string id`, AppleScript Language Guide).
AppleScript can't take a notification back: it lies in Notification Center until somebody clears it.
"""

import logging
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime

from passmuster_agent.companion.messages import Notice, Silenced
from passmuster_agent.companion.wording import NAME, body_lines, title_of

log = logging.getLogger(__name__)

OSASCRIPT = "/usr/bin/osascript"
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
WITHIN_S = 10.0


def osascript(script: bytes, program: str = OSASCRIPT) -> int:
    """Run a script and return how it ended. Raises `OSError` and `TimeoutExpired`."""
    return subprocess.run(
        [program, "-"],
        input=script,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=ENVIRONMENT,
        timeout=WITHIN_S,
        check=False,
    ).returncode


class MacNotification:
    """The notifications of this companion, each shown by a script that `run` runs."""

    def __init__(self, run: Callable[[bytes], int] = osascript) -> None:
        self._run = run

    def show(self, notice: Notice | Silenced | None) -> None:
        """Show a notice; one that is shown stays. A Mac that shows none is left alone."""
        if notice is None:
            return
        body = "\n".join(body_lines(notice, datetime.now(UTC)))
        script = (
            f"display notification {literal(body)} with title {literal(NAME)} "
            f"subtitle {literal(title_of(notice))}\n"
        )
        try:
            status = self._run(script.encode("ascii"))
        except (OSError, subprocess.TimeoutExpired) as error:
            log.info("macOS shows no notification (%s).", type(error).__name__)
            return
        if status != 0:
            log.info("macOS shows no notification (status %d).", status)


def literal(text: str) -> str:
    """Return the text as AppleScript writes one, in ASCII."""
    return f"(string id {{{', '.join(str(ord(letter)) for letter in text)}}})" if text else '""'
