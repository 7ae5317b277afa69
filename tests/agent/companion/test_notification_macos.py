"""What osascript is told, by whom it can be read, and that no notice is ever read as a script."""

import re
import subprocess
from pathlib import Path

import pytest

from passmuster_agent.companion import notification_macos
from passmuster_agent.companion.messages import Notice, Wrong
from passmuster_agent.companion.notification_macos import MacNotification, literal, osascript
from passmuster_collectors.contract.verdict import Outcome, Verdict

HOSTILE = 'A stick "" & (do shell script "id")\n-e beep" ✓ is new.'
BLOCKED = Notice(
    Verdict.NON_COMPLIANT,
    None,
    (Wrong("usb_devices", "USB devices", Outcome.FAIL, (HOSTILE,), ()),),
)
TEXT = r"\(string id \{((?:\d+, )*\d+)\}\)"
SCRIPT = re.compile(
    rb"display notification %(text)s with title %(text)s subtitle %(text)s\n"
    % {b"text": TEXT.encode()}
)


def shown(notice: Notice | None) -> list[bytes]:
    """Return the scripts that a notice is shown by."""
    scripts: list[bytes] = []

    def run(script: bytes) -> int:
        scripts.append(script)
        return 0

    MacNotification(run).show(notice)
    return scripts


def spelled(numbers: bytes) -> str:
    return "".join(chr(int(each)) for each in numbers.split(b", "))


def test_the_script_holds_the_words_as_numbers_alone() -> None:
    (script,) = shown(BLOCKED)
    found = SCRIPT.fullmatch(script)
    assert found, script
    body, name, title = (spelled(each) for each in found.groups())
    assert name == "Passmuster"
    assert title == "The helpdesk is closed for this laptop"
    first, last = body.split("\n")
    assert first.startswith('A stick "')
    assert last == "All of it: passmuster-agent status"


def test_a_text_without_letters_is_one_too() -> None:
    assert literal("") == '""'


def test_no_word_of_a_notice_is_on_a_command_line_or_in_the_environment(tmp_path: Path) -> None:
    program = tmp_path / "osascript"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/line\nenv > {tmp_path}/env\n'
        f"cat > {tmp_path}/said\nexit 3\n"
    )
    program.chmod(0o700)
    (script,) = shown(BLOCKED)
    assert osascript(script, str(program)) == 3
    assert (tmp_path / "line").read_text() == "-\n"
    assert (tmp_path / "said").read_bytes() == script
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names <= {"LC_ALL", "PATH", "PWD", "SHLVL", "_", "OLDPWD"}


def test_one_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "osascript"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o700)
    monkeypatch.setattr(notification_macos, "WITHIN_S", 0.2)
    with pytest.raises(subprocess.TimeoutExpired):
        osascript(b"", str(program))


def test_what_is_shown_is_not_taken_back() -> None:
    assert shown(None) == []


@pytest.mark.parametrize(
    "trouble", [FileNotFoundError(), subprocess.TimeoutExpired("osascript", 10.0), None]
)
def test_a_mac_that_shows_none_is_left_alone(trouble: Exception | None) -> None:
    def run(_: bytes) -> int:
        if trouble is not None:
            raise trouble
        return 1

    MacNotification(run).show(BLOCKED)
