"""What osascript is told, and that nothing of a notice is ever read as a script."""

import pytest

from passmuster_agent.companion.messages import Notice, Wrong
from passmuster_agent.companion.notification_macos import SCRIPT, MacNotification
from passmuster_collectors.contract.verdict import Outcome, Verdict
from passmuster_collectors.host.base import Completed, SourceMissingError
from passmuster_collectors.host.commands import Program
from tests.support.recorded_host import RecordedHost

HOSTILE = 'A stick "" & (do shell script "id")\n-e beep" is new.'
BLOCKED = Notice(
    Verdict.NON_COMPLIANT,
    None,
    (Wrong("usb_devices", "USB devices", Outcome.FAIL, (HOSTILE,), ()),),
)


class Mac(RecordedHost):
    """Keeps what it was told to run."""

    def __init__(self, status: int | None) -> None:
        super().__init__({"platform": "macos"})
        self.status = status
        self.lines: list[tuple[str, ...]] = []

    def run(self, program: Program, *arguments: str, **_: object) -> Completed:
        assert program is Program.OSASCRIPT
        self.lines.append(arguments)
        if self.status is None:
            raise SourceMissingError("osascript")
        return Completed(self.status, b"", b"")


def test_the_words_are_arguments_and_the_script_is_always_the_same() -> None:
    mac = Mac(0)
    MacNotification(mac).show(BLOCKED)
    (line,) = mac.lines
    assert line[: 2 * len(SCRIPT)] == tuple(word for each in SCRIPT for word in ("-e", each))
    name, title, body = line[2 * len(SCRIPT) :]
    assert name == "Passmuster", "osascript takes what begins with a letter for no option"
    assert title == "The helpdesk is closed for this laptop"
    first, last = body.split("\n")
    assert first.startswith('A stick "')
    assert last == "All of it: passmuster-agent status"


def test_what_is_shown_is_not_taken_back() -> None:
    mac = Mac(0)
    MacNotification(mac).show(None)
    assert mac.lines == []


@pytest.mark.parametrize("status", [1, None])
def test_a_mac_that_shows_none_is_left_alone(status: int | None) -> None:
    MacNotification(Mac(status)).show(BLOCKED)
