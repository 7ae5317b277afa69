"""The parts of a Windows PC that run anywhere, run for real on the machine that runs the tests."""

import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host import windows
from passmuster_collectors.host.answers import Completed
from passmuster_collectors.host.base import (
    Bus,
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.windows import WindowsHost
from passmuster_collectors.host.windows_answers import Hive
from passmuster_collectors.host.windows_errors import check, from_code
from passmuster_collectors.host.windows_memory import text, texts
from passmuster_collectors.host.windows_programs import MAX_OUTPUT, environment_for, run

KEY = b"sixteen bytes or more"


class Probe:
    """Stands in for a listed program: only `paths` is read."""

    def __init__(self, *paths: str) -> None:
        self.paths = paths


def shell(script: str, timeout_s: float = 30.0, *paths: str) -> Completed:
    program: Program = Probe(*(paths or ("/sh",)))  # type: ignore[assignment] # only `paths`
    return run(program, "/bin", ("-c", script), {"PATH": "/bin:/usr/bin"}, timeout_s)


@pytest.fixture
def host() -> WindowsHost:
    return WindowsHost(KEY)


def test_it_says_that_it_is_windows(host: WindowsHost) -> None:
    assert host.platform is Platform.WINDOWS


def test_a_program_is_read_to_its_end() -> None:
    done = shell("cat; echo out; echo err >&2; exit 3")
    assert (done.status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_the_first_path_that_exists_is_run() -> None:
    assert shell("echo here", 30.0, "/no-such-program", "/sh").stdout == b"here\n"


def test_a_program_that_is_nowhere_is_missing() -> None:
    with pytest.raises(SourceMissingError):
        shell("true", 30.0, "/no-such-program")


def test_a_program_that_takes_too_long_is_ended() -> None:
    started = time.monotonic()
    with pytest.raises(SourceTimeoutError, match=r"no answer in 0\.3 s"):
        shell("exec sleep 60", 0.3)
    assert time.monotonic() - started < 30


def test_a_program_that_prints_without_end_is_ended() -> None:
    with pytest.raises(SourceConflictError, match=f"more than {MAX_OUTPUT} bytes"):
        shell("exec cat /dev/zero")


def test_a_program_gets_nothing_that_could_lead_it_astray() -> None:
    given = environment_for("C:\\Windows\\System32", {"PATH": "C:\\Temp", "windir": "D:\\"})
    assert given["PATH"] == "C:\\Windows\\System32;C:\\Windows"
    assert given["windir"] == given["SystemRoot"] == "C:\\Windows"
    assert given["SystemDrive"] == "C:"
    assert set(given) == {"SystemRoot", "windir", "SystemDrive", "PATH", "PATHEXT", "TEMP", "TMP"}


def test_nothing_is_run_as_somebody_else(host: WindowsHost) -> None:
    with pytest.raises(SourceDeniedError):
        host.run(Program.POWERSHELL, user=1)


def test_a_process_is_told_with_its_session(
    host: WindowsHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell(pid: int, number: Any) -> int:
        number._obj.value = 3
        return int(pid == os.getpid())

    monkeypatch.setattr(windows, "functions", lambda *_: {"ProcessIdToSessionId": tell})
    found = {each.pid: each for each in host.processes()}
    assert found[os.getpid()].uid == 3
    assert found[os.getpid()].arguments
    assert found[1].uid == 0, "what has ended since counts as nobody's"


@pytest.mark.parametrize("error", [OSError(22, "Invalid parameter"), psutil.Error()])
def test_processes_that_are_not_told_are_a_conflict(
    host: WindowsHost, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(windows, "functions", lambda *_: {"ProcessIdToSessionId": refuse})
    monkeypatch.setattr(psutil, "process_iter", refuse)
    with pytest.raises(SourceConflictError):
        host.processes()


def test_files_are_read_as_on_every_system(host: WindowsHost, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert host.read_file(str(tmp_path / "file")) == b"12345"
    assert host.file_status(str(tmp_path / "file")).size == 5
    assert host.list_directory(str(tmp_path)) == ("file",)
    with pytest.raises(SourceConflictError, match="larger than 4 bytes"):
        host.read_file(str(tmp_path / "file"), limit=4)
    with pytest.raises(SourceConflictError, match="not a regular file"):
        host.read_file(str(tmp_path))
    with pytest.raises(SourceMissingError):
        host.read_file(str(tmp_path / "none"))
    with pytest.raises(SourceConflictError):
        host.file_status("a\0b")


def test_what_windows_has_not_is_refused(host: WindowsHost) -> None:
    with pytest.raises(SourceMissingError):
        host.account(0)
    with pytest.raises(SourceMissingError):
        host.bus_get(Bus.SYSTEM, "a", "/", "a", "b")
    with pytest.raises(SourceDeniedError):
        host.process_environment(1)


def test_away_from_windows_every_question_is_refused_and_none_crashes(host: WindowsHost) -> None:
    questions = (
        lambda: host.uid,
        lambda: host.run(Program.POWERSHELL),
        host.processes,
        host.network_interfaces,
        lambda: host.registry_value(Hive.LOCAL_MACHINE, "a", "b"),
        lambda: host.registry_keys(Hive.USERS, "a"),
        host.storage_volumes,
        lambda: host.shell_number("C:\\", "a"),
        host.wireless_connections,
        host.network_adapters,
        host.network_routes,
        host.present_devices,
        host.user_sessions,
        lambda: host.power_setting("a", "b"),
    )
    for ask in questions:
        with pytest.raises(SourceMissingError):
            ask()


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(5, "denied"), (1314, "denied"), (2, "missing"), (1062, "missing"), (1460, "timeout")],
)
def test_error_numbers_are_told_apart(code: int, outcome: str) -> None:
    found = from_code("x", code)
    assert (found.outcome, found.detail) == (outcome, f"error {code}")


def test_an_error_that_nobody_knows_is_a_conflict() -> None:
    assert from_code("x", -2147418113).detail == "error 0x8000ffff"
    with pytest.raises(SourceError):
        check("x", 4711)
    check("x", 0)


def test_texts_end_where_they_say() -> None:
    assert text("Wi-Fi\0rest".encode("utf-16-le")) == "Wi-Fi"
    assert texts("a\0b\0\0".encode("utf-16-le")) == ("a", "b")
    assert texts(b"") == ()
