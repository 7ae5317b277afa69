import os
import sys
from pathlib import Path

import pytest

from passmuster_agent.config import Device, State, default_state
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.lock import Lock, LockedError
from passmuster_agent.windows import account, folders
from passmuster_agent.windows.folders import LOCAL_APP_DATA, PROGRAM_DATA
from tests.support.tools import missing


def test_root_keeps_its_state_in_var_lib() -> None:
    if os.geteuid() != 0:
        missing("this is about root")
    assert default_state() == Path("/var/lib/passmuster-agent")


def test_a_user_keeps_it_where_xdg_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ana")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert default_state() == Path("/home/ana/.local/state/passmuster-agent")
    monkeypatch.setenv("XDG_STATE_HOME", "/data/ana")
    assert default_state() == Path("/data/ana/passmuster-agent")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert default_state() == Path("/home/ana/.local/state/passmuster-agent")


def test_a_mac_keeps_it_in_application_support(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("HOME", "/Users/ana")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_state() == Path("/Library/Application Support/passmuster-agent")
    monkeypatch.setattr(os, "geteuid", lambda: 501)
    assert default_state() == Path("/Users/ana/Library/Application Support/passmuster-agent")


@pytest.mark.parametrize(("elevated", "folder"), [(True, PROGRAM_DATA), (False, LOCAL_APP_DATA)])
def test_windows_names_the_folder_that_fits_the_rights(
    monkeypatch: pytest.MonkeyPatch, *, elevated: bool, folder: str
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(account, "is_elevated", lambda: elevated)
    monkeypatch.setattr(folders, "known_folder", {folder: Path("named")}.__getitem__)
    assert default_state() == Path("named/passmuster-agent")


def test_a_windows_that_names_no_folder_is_told_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> bool:
        raise OSError(0, "OpenProcessToken: error 0x5")

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(account, "is_elevated", refuse)
    with pytest.raises(AgentError, match="Name a folder with --state"):
        default_state()


def test_a_laptop_that_is_not_enrolled_is_told_how(state: State) -> None:
    with pytest.raises(AgentError, match=r"not enrolled. Ask IT for a code") as caught:
        state.device()
    assert caught.value.exit_code is ExitCode.NOT_ENROLLED


def test_the_device_is_read_back(state: State, enrolled: Device) -> None:
    assert State(state.path).device() == enrolled
    assert enrolled.owner == "ana@example.com"
    assert len(enrolled.hash_key_bytes()) == 32


def test_a_newer_agents_file_says_which_agent_to_install_and_is_left_alone(
    state: State, enrolled: Device
) -> None:
    assert state.device() == enrolled
    content = b'{"version": 2, "of_the_future": true}'
    (state.path / "device.json").write_bytes(content)
    with pytest.raises(AgentError) as raised:
        state.find_device()
    assert "was written by a newer agent than this one" in raised.value.problem
    assert "form 2, and this agent knows 1" in raised.value.problem
    assert raised.value.remedy == "Install that agent again. The enrolment is as it was."
    assert (state.path / "device.json").read_bytes() == content


@pytest.mark.usefixtures("enrolled")
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"version":1}', b"\xff", b'{"identity":"../../etc"}'],
)
def test_a_damaged_device_file_says_what_to_do(state: State, content: bytes) -> None:
    (state.path / "device.json").write_bytes(content)
    with pytest.raises(AgentError, match=r"damaged .*Enrol this laptop again"):
        state.device()


def test_an_identity_that_leads_elsewhere_is_refused(state: State, enrolled: Device) -> None:
    path = state.path / "device.json"
    path.write_text(path.read_text().replace(enrolled.identity, "../../../../etc/"))
    with pytest.raises(AgentError, match="identity: not sixteen hexadecimal digits"):
        state.device()


def test_a_second_agent_on_the_same_state_is_refused(state: State) -> None:
    with state.lock(), pytest.raises(AgentError, match="Another agent works on") as caught:
        State(state.path).lock()
    assert caught.value.exit_code is ExitCode.ALREADY_RUNNING


def test_the_lock_is_free_again_afterwards(state: State) -> None:
    with state.lock():
        assert state.is_locked()
    assert not state.is_locked()
    with state.lock():
        pass


def test_waiting_for_a_lock_ends(tmp_path: Path) -> None:
    with Lock(tmp_path / "lock").acquire(), pytest.raises(LockedError):
        Lock(tmp_path / "lock").acquire(wait_s=0.2)
