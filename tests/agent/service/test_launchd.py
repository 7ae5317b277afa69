"""The property lists that launchd gets, and what it is told."""

import os
import plistlib
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from passmuster_agent.errors import AgentError
from passmuster_agent.service import launchd
from passmuster_agent.service.commands import command, program
from passmuster_agent.service.launchd import Launchd

STATE = Path("/Library/Application Support/passmuster-agent")
DAEMON = Path("Library/LaunchDaemons/org.passmuster.agent.plist")
COMPANION = Path("Library/LaunchAgents/org.passmuster.companion.plist")

# launchd.plist(5): the keys that it knows, of those that are used here, and their types.
KEYS = {
    "Label": str,
    "ProgramArguments": list,
    "RunAtLoad": bool,
    "KeepAlive": dict,
    "ThrottleInterval": int,
    "ExitTimeOut": int,
    "ProcessType": str,
    "Umask": int,
    "WorkingDirectory": str,
    "StandardErrorPath": str,
    "LimitLoadToSessionType": str,
}
LISTS = {
    "daemon": launchd.daemon(["/opt/passmuster/passmuster-agent", "run"]),
    "companion": launchd.companion(["/opt/passmuster/passmuster-agent", "companion"]),
}


class Launchctl:
    """launchctl, which remembers what it was told; `statuses` are how words of it end."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.statuses: dict[str, int] = {}

    def __call__(self, line: Sequence[str]) -> int:
        assert line[0] == "/bin/launchctl"
        self.told.append(list(line[1:]))
        return self.statuses.get(line[1], 0)


@pytest.fixture
def launchctl() -> Launchctl:
    return Launchctl()


@pytest.fixture
def mac(tmp_path: Path) -> Path:
    for folder in ("Library/LaunchDaemons", "Library/LaunchAgents"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def installed(mac: Path, launchctl: Launchctl) -> Launchd:
    return Launchd(launchctl, 501, mac)


@pytest.mark.parametrize("content", LISTS.values(), ids=LISTS)
def test_it_is_a_property_list_of_keys_that_launchd_knows(content: dict[str, object]) -> None:
    assert plistlib.loads(plistlib.dumps(dict(content))) == content
    assert {key: type(value) for key, value in content.items()} == {
        key: KEYS[key] for key in content
    }


@pytest.mark.parametrize("content", LISTS.values(), ids=LISTS)
def test_it_is_started_at_once_and_again_after_a_failure_only(content: dict[str, object]) -> None:
    assert content["RunAtLoad"] is True
    assert content["KeepAlive"] == {"SuccessfulExit": False}
    assert content["ThrottleInterval"] == 30


def test_the_daemon_belongs_to_the_computer_and_the_companion_to_a_desktop() -> None:
    assert "LimitLoadToSessionType" not in LISTS["daemon"]
    assert LISTS["companion"]["LimitLoadToSessionType"] == "Aqua"
    assert LISTS["daemon"]["Label"] != LISTS["companion"]["Label"]


def test_what_it_writes_is_for_nobody_else() -> None:
    assert LISTS["daemon"]["Umask"] == 0o077


def test_it_is_installed_and_started(installed: Launchd, mac: Path, launchctl: Launchctl) -> None:
    before = os.umask(0)
    try:
        installed.install(STATE)
    finally:
        os.umask(before)
    daemon, companion = mac / DAEMON, mac / COMPANION
    for path, line in (
        (daemon, command(STATE, "run")),
        (companion, [*program(), "companion"]),
    ):
        assert plistlib.loads(path.read_bytes())["ProgramArguments"] == line
        assert stat.S_IMODE(path.stat().st_mode) == 0o644, "launchd refuses what others may write"
        assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert launchctl.told == [
        ["bootout", "system/org.passmuster.agent"],
        ["bootstrap", "system", str(daemon)],
        ["bootout", "gui/501/org.passmuster.companion"],
        ["bootstrap", "gui/501", str(companion)],
    ]


def test_installing_again_replaces_it(installed: Launchd, mac: Path) -> None:
    installed.install(Path("/elsewhere"))
    installed.install(STATE)
    assert plistlib.loads((mac / DAEMON).read_bytes())["ProgramArguments"][-1] == str(STATE)


@pytest.mark.parametrize("status", [3, 113])
def test_one_that_was_not_loaded_is_no_error(
    installed: Launchd, launchctl: Launchctl, status: int
) -> None:
    launchctl.statuses["bootout"] = status
    installed.install(STATE)
    installed.uninstall()
    installed.uninstall()


def test_it_is_stopped_and_removed(installed: Launchd, mac: Path, launchctl: Launchctl) -> None:
    installed.install(STATE)
    installed.uninstall()
    assert not (mac / DAEMON).exists()
    assert not (mac / COMPANION).exists()
    assert launchctl.told[-2:] == [
        ["bootout", "gui/501/org.passmuster.companion"],
        ["bootout", "system/org.passmuster.agent"],
    ]


def test_what_launchd_refuses_is_told(installed: Launchd, launchctl: Launchctl) -> None:
    launchctl.statuses["bootstrap"] = 5
    with pytest.raises(AgentError, match=r"launchctl bootstrap ended with status 5.*sudo"):
        installed.install(STATE)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, launchctl: Launchctl) -> None:
    with pytest.raises(AgentError, match=r"cannot be written.*sudo"):
        Launchd(launchctl, None, tmp_path).install(STATE)


def test_at_the_login_window_the_companion_waits_for_the_next_login(
    mac: Path, launchctl: Launchctl
) -> None:
    nobody = Launchd(launchctl, None, mac)
    nobody.install(STATE)
    assert (mac / COMPANION).exists()
    nobody.uninstall()
    assert not (mac / COMPANION).exists()
    assert not [line for line in launchctl.told if line[1].startswith("gui/")]
