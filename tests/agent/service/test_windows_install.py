"""Installing the service, with a simulated service manager."""

import sys
from pathlib import Path
from typing import Any

import pytest

from passmuster_agent.errors import AgentError
from passmuster_agent.service import windows_api as api
from passmuster_agent.service import windows_install
from passmuster_agent.service.commands import as_windows_text, command
from passmuster_agent.service.windows_install import Installer
from tests.support.windows_services import SimulatedServices

STATE = Path("/ProgramData/passmuster-agent")
NAME = "passmuster-agent"


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> SimulatedServices:
    found = SimulatedServices()
    monkeypatch.setattr(windows_install, "last_error", found.last_error)
    monkeypatch.setattr("passmuster_collectors.host.dll.last_error", found.last_error)
    return found


@pytest.fixture
def installer(services: SimulatedServices) -> Installer:
    return Installer(services.functions(), lambda _: None)


def test_it_runs_as_the_system_from_every_start_on(
    services: SimulatedServices, installer: Installer
) -> None:
    installer.install(STATE)
    title, rights, kind, start, errors, line, *rest = services.created[NAME]
    assert title == "Passmuster agent"
    assert (rights, kind, start, errors) == (0xF01FF, 0x10, 0x2, 0x1)
    assert line == as_windows_text(command(STATE, "service", "run"))
    assert rest == [None] * 5, "no group, no dependencies, the system's account, no password"
    assert services.started == [NAME]
    assert services.open == 0


def test_it_is_started_again_after_every_failure(
    services: SimulatedServices, installer: Installer
) -> None:
    installer.install(STATE)
    period, actions = services.settings[api.CONFIG_FAILURE_ACTIONS]
    assert period == 86_400
    assert actions == [(1, 5_000), (1, 30_000), (1, 60_000)]
    assert services.settings[api.CONFIG_FAILURE_FLAG] == 1, "after errors, not crashes alone"


def test_it_has_a_sid_of_its_own_and_says_what_it_is_for(
    services: SimulatedServices, installer: Installer
) -> None:
    installer.install(STATE)
    assert services.settings[api.CONFIG_SID] == 1
    assert "passmuster-agent show" in services.settings[api.CONFIG_DESCRIPTION]


def test_a_service_that_is_there_is_not_installed_twice(
    services: SimulatedServices, installer: Installer
) -> None:
    installer.install(STATE)
    with pytest.raises(AgentError, match="installed already"):
        installer.install(STATE)
    assert services.open == 0


def test_it_is_stopped_before_it_is_removed(
    services: SimulatedServices, installer: Installer
) -> None:
    installer.install(STATE)
    installer.uninstall()
    assert services.created == {}
    assert services.looks_until_stopped < 0, "its end was waited for"
    assert services.open == 0


def test_removing_what_is_not_there_is_fine(installer: Installer) -> None:
    installer.uninstall()


def test_one_that_does_not_stop_is_left_there(
    services: SimulatedServices, installer: Installer
) -> None:
    installer.install(STATE)
    services.looks_until_stopped = 10_000
    with pytest.raises(AgentError, match="did not stop within 30 seconds"):
        installer.uninstall()
    assert NAME in services.created


def test_one_that_does_not_run_is_removed_at_once(
    services: SimulatedServices, installer: Installer
) -> None:
    installer.install(STATE)
    services.errors["ControlService"] = api.NOT_ACTIVE
    installer.uninstall()
    assert services.created == {}


@pytest.mark.parametrize(
    "function", ["OpenSCManagerW", "CreateServiceW", "ChangeServiceConfig2W", "StartServiceW"]
)
def test_what_windows_refuses_is_told_with_its_number(
    services: SimulatedServices, installer: Installer, function: str
) -> None:
    services.errors[function] = 5
    with pytest.raises(AgentError, match=rf"{function}.*0x5.*as an administrator"):
        installer.install(STATE)
    assert services.open == 0


def test_nothing_is_left_of_a_service_that_could_not_be_set_up(
    services: SimulatedServices, installer: Installer
) -> None:
    services.errors["ChangeServiceConfig2W"] = 124
    with pytest.raises(AgentError, match="could not be installed"):
        installer.install(STATE)
    assert services.created == {}
    del services.errors["ChangeServiceConfig2W"]
    installer.install(STATE)
    assert services.started == [NAME]


def test_the_command_line_is_this_very_agents() -> None:
    words = command(STATE, "service", "run")
    assert words[:4] == [sys.executable, "-P", "-m", "passmuster_agent.cli"]
    assert words[4:] == ["service", "run", "--state", str(STATE)]


def test_a_frozen_agent_is_its_own_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: Any = True
    monkeypatch.setattr(sys, "frozen", frozen, raising=False)
    assert command(STATE, "run") == [sys.executable, "run", "--state", str(STATE)]


def test_a_path_with_blanks_is_never_cut_at_one() -> None:
    line = as_windows_text(["C:\\Program Files\\a.exe", "run", "--state", "C:\\Program Data\\p"])
    assert line == '"C:\\Program Files\\a.exe" run --state "C:\\Program Data\\p"'
    assert as_windows_text(["C:\\a.exe"]) == '"C:\\a.exe"', "quoted though it has none"


class TestTheCompanion:
    def test_starts_with_every_sign_in_and_without_a_window(
        self, services: SimulatedServices, installer: Installer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "executable", r"C:\Program Files\Python\python.exe")
        installer.install(STATE)
        assert services.run == {
            "passmuster-companion": r'"C:\Program Files\Python\pythonw.exe" '
            "-P -m passmuster_agent.cli companion"
        }
        assert services.open == 0

    def test_of_a_frozen_agent_is_its_windowless_program(
        self, services: SimulatedServices, installer: Installer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "executable", r"C:\Program Files\Passmuster\passmuster-agent.exe")
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        installer.install(STATE)
        assert services.run == {
            "passmuster-companion": r'"C:\Program Files\Passmuster\passmuster-agentw.exe" companion'
        }

    def test_goes_with_the_agent_and_is_not_missed(
        self, services: SimulatedServices, installer: Installer
    ) -> None:
        installer.install(STATE)
        installer.uninstall()
        assert services.run == {}
        installer.uninstall()
        assert services.open == 0

    def test_that_may_not_be_entered_is_told(
        self, services: SimulatedServices, installer: Installer
    ) -> None:
        services.run_key = 5
        with pytest.raises(AgentError, match=r"RegOpenKeyExW.*administrator"):
            installer.install(STATE)

    def test_whose_line_windows_would_cut_is_not_entered(
        self, services: SimulatedServices, installer: Installer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "executable", "C:\\" + "x" * 300 + "\\python.exe")
        with pytest.raises(AgentError, match="260 letters"):
            installer.install(STATE)
        assert services.run == {}
