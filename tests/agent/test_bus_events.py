"""What services announce on the system bus reaches the server: the real daemon, a real bus."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_agent.config import State
from tests.support.desktop_session import LOGIN, log_in
from tests.support.message_bus import MessageBus, running_bus
from tests.support.report_server import ReportServer
from tests.support.running_agent import running_agent

SOON_S = 30.0
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


@pytest.mark.usefixtures("enrolled")
def test_who_logs_in_and_locks_is_reported_at_once(
    server: ReportServer, state: State, bus: MessageBus
) -> None:
    logind = bus.logind()
    with running_agent(state.path):
        assert server.wait_for(lambda: len(server.records) >= 1), "no first report"
        assert sessions(server) == []
        session = log_in(logind)
        assert server.wait_for(lambda: len(sessions(server)) == 1, SOON_S), "nobody is logged in"
        session.lock(locked=True)
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
