"""What services announce on the system bus reaches the server: the real daemon, a real bus."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_agent.config import State
from tests.support.message_bus import MessageBus, Mocked, Variant, running_bus
from tests.support.report_server import ReportServer
from tests.support.running_agent import running_agent

LOGIN = "org.freedesktop.login1"
SOON_S = 10.0
"""Far below the minute after which it would be read without an event."""


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MessageBus]:
    folder = tmp_path / "bus"
    folder.mkdir()
    with running_bus(folder) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


def sessions(server: ReportServer) -> list[tuple[str, object]]:
    """Return the desktop and the lock of each session that the newest report tells of."""
    if not server.records:
        return []
    lock = next(each for each in server.records[-1].readings if each.signal == "screen_lock")
    return [(each["desktop"], each["locked"]) for each in (lock.facts or {}).get("sessions", [])]


def log_in(logind: Mocked) -> str:
    """Open a graphical session of this user, as logind tells it."""
    path = str(logind.mock("AddSession", "ssusb", "c1", "seat0", 0, "root", True))
    session = f"{LOGIN}.Session"
    for name, value in (
        ("Type", Variant("s", "wayland")),
        ("Class", Variant("s", "user")),
        ("State", Variant("s", "active")),
        ("Desktop", Variant("s", "sway")),
        ("LockedHint", Variant("b", False)),
    ):
        known = logind.call("org.freedesktop.DBus.Properties", "GetAll", "s", session, path=path)
        if name in known:
            logind.set(session, name, value, path=path)
        else:
            logind.mock("AddProperty", "ssv", session, name, tuple(value), path=path)
    arguments = [("s", "c1"), ("o", path)]
    logind.mock("EmitSignal", "sssav", f"{LOGIN}.Manager", "SessionNew", "so", arguments)
    return path


@pytest.mark.usefixtures("enrolled")
def test_who_logs_in_and_locks_is_reported_at_once(
    server: ReportServer, state: State, bus: MessageBus
) -> None:
    logind = bus.logind()
    with running_agent(state.path):
        assert server.wait_for(lambda: len(server.records) >= 1), "no first report"
        assert sessions(server) == []
        path = log_in(logind)
        assert server.wait_for(lambda: len(sessions(server)) == 1, SOON_S), "nobody is logged in"
        logind.set(f"{LOGIN}.Session", "LockedHint", Variant("b", True), path=path)
        locked = server.wait_for(lambda: [lock for _, lock in sessions(server)] == [True], SOON_S)
        assert locked, f"expected a locked session, got {sessions(server)}"


@pytest.mark.usefixtures("enrolled")
def test_a_laptop_that_wakes_up_reports_everything(
    server: ReportServer, state: State, bus: MessageBus
) -> None:
    logind = bus.logind()
    with running_agent(state.path):
        assert server.wait_for(lambda: len(server.uploads) >= 1), "no first report"
        arguments = [("b", False)]
        logind.mock("EmitSignal", "sssav", f"{LOGIN}.Manager", "PrepareForSleep", "b", arguments)
        assert server.wait_for(lambda: len(server.uploads) >= 2, SOON_S), "no report after sleep"
