"""The agent as a service of Windows: a simulated manager, the real daemon."""

import socket
import threading

import pytest

from passmuster_agent import daemon
from passmuster_agent.config import Device, State
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.outbox import Outbox
from passmuster_agent.service import windows_api as api
from passmuster_agent.service.windows import Service, Work, serve
from passmuster_agent.supervisor import Supervisor
from passmuster_collectors.host.events import Events, Watch
from tests.support.windows_services import LONG_S, SimulatedManager

FEEDS = {
    "locked": (api.CONTROL_SESSION, 0x7, {"org.freedesktop.login1"}),
    "unlocked": (api.CONTROL_SESSION, 0x8, {"org.freedesktop.login1"}),
    "logged on": (api.CONTROL_SESSION, 0x5, {"org.freedesktop.login1"}),
    "awake again": (api.CONTROL_POWER, api.RESUME_AUTOMATIC, {"resume"}),
    "going to sleep": (api.CONTROL_POWER, 0x4, set[str]()),
}


class Running:
    """A service on a thread, with its manager."""

    def __init__(self, work: Work) -> None:
        self.manager = SimulatedManager()
        self.service = Service(self.manager.functions(), work)
        self.exit_code: ExitCode | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        self.exit_code = self.service.serve()

    def end(self) -> ExitCode | None:
        self._thread.join(LONG_S)
        assert not self._thread.is_alive(), "the service must end"
        return self.exit_code


def waiting(interrupted: socket.socket, _told: Watch, supervisor: Supervisor) -> ExitCode:
    supervisor.ready()
    interrupted.setblocking(True)
    interrupted.recv(1)
    supervisor.stopping()
    return ExitCode.DONE


def states(manager: SimulatedManager) -> list[int]:
    found = [each.dwCurrentState for each in manager.reports]
    return [each for number, each in enumerate(found) if found[:number][-1:] != [each]]


def test_it_starts_runs_and_stops_in_order() -> None:
    running = Running(waiting)
    status = running.manager.wait_for(api.RUNNING)
    assert running.manager.name == "passmuster-agent"
    assert status.dwServiceType == 0x10
    assert status.dwControlsAccepted == 0x1 | 0x4 | 0x40 | 0x80, "stop, shutdown, power, session"
    assert running.manager.tell(api.CONTROL_STOP) == 0
    assert running.end() is ExitCode.DONE
    assert states(running.manager) == [
        api.START_PENDING,
        api.RUNNING,
        api.STOP_PENDING,
        api.STOPPED,
    ]
    assert running.manager.reports[-1].dwWin32ExitCode == 0


def test_it_stops_when_the_computer_shuts_down() -> None:
    running = Running(waiting)
    running.manager.wait_for(api.RUNNING)
    running.manager.tell(api.CONTROL_SHUTDOWN)
    assert running.end() is ExitCode.DONE


@pytest.mark.parametrize(("control", "kind", "triggers"), FEEDS.values(), ids=FEEDS)
def test_what_the_manager_tells_is_heard_by_the_daemons_watch(
    control: int, kind: int, triggers: set[str]
) -> None:
    heard: list[Events] = []

    def work(interrupted: socket.socket, told: Watch, supervisor: Supervisor) -> ExitCode:
        code = waiting(interrupted, told, supervisor)
        heard.append(told.read())
        return code

    running = Running(work)
    running.manager.wait_for(api.RUNNING)
    assert running.manager.tell(control, kind) == 0
    running.manager.tell(api.CONTROL_STOP)
    running.end()
    assert heard == [Events(frozenset(triggers))]


def test_it_says_what_it_does_when_it_is_asked_and_refuses_what_it_does_not_know() -> None:
    running = Running(waiting)
    running.manager.wait_for(api.RUNNING)
    before = len(running.manager.reports)
    assert running.manager.tell(api.CONTROL_INTERROGATE) == 0
    assert running.manager.reports[before].dwCurrentState == api.RUNNING
    assert running.manager.tell(0x2) == 120, "it does not pause"
    running.manager.tell(api.CONTROL_STOP)
    running.end()


def failing(error: Exception) -> Work:
    def work(*_: object) -> ExitCode:
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (failing(AgentError("The disk is full.", "Free some space.")), ExitCode.FAILED),
        (failing(AgentError("Another one runs.", "", ExitCode.ALREADY_RUNNING)), 8),
        (failing(RuntimeError("a mistake of ours")), ExitCode.FAILED),
    ],
)
def test_after_a_failure_the_manager_is_told_so_that_it_starts_it_again(
    work: Work, code: ExitCode
) -> None:
    running = Running(work)
    assert running.end() == code
    status = running.manager.wait_for(api.STOPPED)
    assert (status.dwWin32ExitCode, status.dwServiceSpecificExitCode) == (1066, code)


@pytest.mark.parametrize("code", [ExitCode.NOT_ENROLLED, ExitCode.REFUSED])
def test_what_no_restart_mends_ends_in_order(code: ExitCode) -> None:
    running = Running(failing(AgentError("No.", "Ask IT.", code)))
    assert running.end() is code
    assert running.manager.wait_for(api.STOPPED).dwWin32ExitCode == 0


def test_started_by_a_person_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passmuster_agent.service.windows.last_error", lambda: 1063)
    functions = {**SimulatedManager().functions(), "StartServiceCtrlDispatcherW": lambda _: 0}
    with pytest.raises(AgentError, match="passmuster-agent service install"):
        Service(functions, waiting).serve()


def test_elsewhere_it_is_no_service() -> None:
    with pytest.raises(AgentError, match="no service of Windows"):
        serve(waiting)


def test_the_real_daemon_works_in_it_until_it_is_stopped(state: State, enrolled: Device) -> None:
    def work(interrupted: socket.socket, told: Watch, supervisor: Supervisor) -> ExitCode:
        return daemon.run(state, supervisor, interrupted, told)

    running = Running(work)
    running.manager.wait_for(api.RUNNING)
    running.manager.tell(api.CONTROL_SESSION, 0x7)
    running.manager.tell(api.CONTROL_STOP)
    assert running.end() is ExitCode.DONE
    with Outbox(state.outbox(enrolled)) as outbox:
        assert outbox.overview() is not None
    assert not state.is_locked(), "the lock is let go of"
