"""Each system has its own way for daemon and companion to meet."""

import sys
from pathlib import Path

import pytest

from passmuster_agent.companion import meeting, pipes, start
from passmuster_agent.companion.notification import DesktopNotification
from passmuster_agent.companion.notification_macos import MacNotification
from passmuster_agent.windows import account
from tests.support.recorded_host import RecordedHost

ANA = "S-1-5-21-1004336348-1177238915-682003330-1001"


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(account, "own_sid", lambda: ANA)


@pytest.mark.parametrize(("system", "count"), [("linux", 1), ("darwin", 2)])
def test_a_companion_tries_the_computers_daemon_first(
    monkeypatch: pytest.MonkeyPatch, system: str, count: int
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert len(meeting.daemons(None)) == count


@pytest.mark.usefixtures("windows")
def test_and_on_windows_by_the_names_of_pipes() -> None:
    found = [each.args for each in meeting.daemons(None)]  # type: ignore[attr-defined] # partial
    assert [name for name, _ in found] == [pipes.NAME, f"{pipes.NAME}-{ANA}"]
    (look,) = meeting.windows()
    assert look.args == (f"{pipes.NAME}-status", pipes.COMPUTERS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_a_daemon_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, system: str, folder: Path
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    (reach,) = meeting.daemons(folder / "nobody.sock")
    with pytest.raises(OSError, match="No such file"):
        reach()


def test_a_mac_hears_companions_where_only_its_owner_can_listen(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(
        "passmuster_agent.companion.streams.SYSTEM_SOCKET", folder / "run" / "companion.sock"
    )
    monkeypatch.setattr("os.geteuid", lambda: 0)
    door, window = meeting.open_door(), meeting.open_window_door()
    assert door is not None
    assert window is not None
    assert (folder / "run" / "companion.sock").is_socket()
    assert (folder / "run" / "status.sock").is_socket()
    (look,) = meeting.windows()
    look().close()
    door.close()
    window.close()


@pytest.mark.parametrize(
    ("system", "kind"), [("linux", DesktopNotification), ("darwin", MacNotification)]
)
def test_a_notification_is_shown_as_the_system_shows_them(
    monkeypatch: pytest.MonkeyPatch, system: str, kind: type
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert type(start._notification(RecordedHost({"platform": "linux"}))) is kind
