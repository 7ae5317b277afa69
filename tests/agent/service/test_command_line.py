"""`passmuster-agent service`, as a person types it on a system that is not here."""

import sys
from pathlib import Path

import pytest

from passmuster_agent import cli
from passmuster_agent.config import State
from passmuster_agent.service import launchd, windows_install


class Installing:
    """Keeps what it was asked to do."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def install(self, state: Path) -> None:
        self.done.append(f"install {state}")

    def uninstall(self) -> None:
        self.done.append("uninstall")


@pytest.fixture(params=["win32", "darwin"])
def installing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Installing:
    found = Installing()
    monkeypatch.setattr(sys, "platform", request.param)
    monkeypatch.setattr("passmuster_agent.commands.parser.default_state", lambda: Path("/nowhere"))
    monkeypatch.setattr(windows_install, "installer", lambda: found)
    monkeypatch.setattr(launchd, "launchd", lambda: found)
    return found


@pytest.mark.usefixtures("enrolled")
def test_it_is_installed_for_the_laptop_that_is_enrolled(
    installing: Installing, state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["service", "install", "--state", str(state.path)]) == 0
    assert installing.done == [f"install {state.path}"]
    assert "runs for ana@example.com" in capsys.readouterr().out


def test_a_laptop_that_is_not_enrolled_is_told_so_first(
    installing: Installing, state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["service", "install", "--state", str(state.path)]) == 6
    assert installing.done == []
    assert "not enrolled" in capsys.readouterr().err


def test_it_is_removed(installing: Installing, state: State) -> None:
    assert cli.main(["service", "uninstall", "--state", str(state.path)]) == 0
    assert installing.done == ["uninstall"]


def test_linux_has_packages_for_that(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["service", "install", "--state", str(state.path)])
    assert "invalid choice" in capsys.readouterr().err
