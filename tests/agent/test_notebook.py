"""What readers keep between processes: found again, of no harm when it is lost or meddled with."""

import json
import os
import stat
from pathlib import Path

import pytest

from passmuster_agent.config import State
from passmuster_agent.disclosure import disclose
from passmuster_agent.notebook import StateNotebook
from passmuster_agent.once import once
from passmuster_agent.status import status
from passmuster_collectors.host import this_host
from passmuster_collectors.host.answers import Completed
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.signals.system_updates.linux import apt


@pytest.fixture
def notebook(tmp_path: Path) -> StateNotebook:
    return StateNotebook(tmp_path)


def test_what_was_kept_is_found_again_by_this_user_alone(
    notebook: StateNotebook, tmp_path: Path
) -> None:
    assert notebook.recall("a") is None
    notebook.keep("a", {"count": 3})
    notebook.keep("a", {"count": 4})
    assert StateNotebook(tmp_path).recall("a") == {"count": 4}
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 70_000])
def test_what_is_damaged_is_nothing(
    notebook: StateNotebook, tmp_path: Path, content: bytes
) -> None:
    notebook.keep("a", 1)
    (tmp_path / "noted-a.json").write_bytes(content)
    assert notebook.recall("a") is None


def test_what_others_may_write_is_nothing(notebook: StateNotebook, tmp_path: Path) -> None:
    notebook.keep("a", 1)
    (tmp_path / "noted-a.json").chmod(0o666)
    assert notebook.recall("a") is None


def test_a_look_at_a_laptop_that_is_not_enrolled_leaves_nothing_behind(tmp_path: Path) -> None:
    StateNotebook(tmp_path / "none").keep("a", 1)
    assert not (tmp_path / "none").exists()


def test_a_disk_that_takes_nothing_is_no_reason_to_fail(
    notebook: StateNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    notebook.keep("a", 1)
    monkeypatch.undo()
    assert notebook.recall("a") is None


def test_a_host_without_a_notebook_keeps_nothing() -> None:
    host = this_host(b"a key for this test")
    host.keep("a", 1)
    assert host.recall("a") is None


@pytest.mark.usefixtures("enrolled")
def test_once_show_and_status_run_apt_once_between_them(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []
    run = LinuxHost.run

    def counted(self: LinuxHost, program: object, *arguments: str, **options: object) -> Completed:
        if program is not apt.APT:
            return run(self, program, *arguments, **options)  # type: ignore[arg-type] # passed on
        runs.append(" ".join(arguments))
        return Completed(0, b"0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.", b"")

    monkeypatch.setattr(LinuxHost, "run", counted)
    monkeypatch.setattr(apt, "WAIT_S", 60.0)
    once(state)
    readings = disclose(state).upload.records[0].readings
    first = next(each for each in readings if each.signal == "system_updates")
    status(state, lambda: None)
    assert len(runs) == 1
    assert json.loads((state.path / "noted-security-updates.json").read_text())["count"] == 0
    assert first.facts is not None
    assert first.facts["security_updates"] == 0
