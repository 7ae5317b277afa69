"""Real programs: what they print, and what becomes of those that hang, flood or may not start."""

import os
import sys
import time
from enum import Enum
from pathlib import Path
from typing import cast

import pytest

from passmuster_collectors.host import this_host
from passmuster_collectors.host.base import (
    Host,
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.commands import Program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs POSIX programs")

NOBODY = 65534


@pytest.fixture
def host() -> Host:
    return this_host(bytes(32))


def program(*paths: str) -> Program:
    """A program that the product does not list, so that a test can have one that misbehaves."""
    listed = Enum("listed", {"PROGRAM": paths})
    listed.paths = property(lambda member: member.value)  # type: ignore[attr-defined]
    return cast("Program", listed.PROGRAM)


def script(folder: Path, text: str) -> Program:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return program(str(path))


def test_a_program_that_ends_gives_both_outputs_and_its_status(host: Host, tmp_path: Path) -> None:
    done = host.run(script(tmp_path, 'echo "out $1"; echo err >&2; exit 3'), "a b")
    assert (done.status, done.stdout, done.stderr) == (3, b"out a b\n", b"err\n")


def test_the_environment_is_fixed_and_a_secret_of_ours_is_not_in_it(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSMUSTER_SECRET", "hidden")
    printed = host.run(
        script(tmp_path, "env"), environment={"XDG_CURRENT_DESKTOP": "GNOME", "LC_ALL": "de_DE"}
    ).stdout.decode()
    variables = dict(line.split("=", 1) for line in printed.splitlines())
    assert variables["LC_ALL"] == "C"
    assert variables["PATH"] == "/usr/sbin:/usr/bin:/sbin:/bin"
    assert variables["XDG_CURRENT_DESKTOP"] == "GNOME"
    assert "hidden" not in printed


def test_a_program_that_asks_gets_the_end_of_input(host: Host, tmp_path: Path) -> None:
    assert host.run(script(tmp_path, "cat; echo done"), timeout_s=5).stdout == b"done\n"


def test_the_first_place_that_has_the_program_is_used(host: Host) -> None:
    assert host.run(program("/nonexistent/echo", "/bin/echo"), "here").stdout == b"here\n"


def test_a_program_that_is_nowhere_is_missing(host: Host) -> None:
    with pytest.raises(SourceMissingError, match="/nonexistent/echo"):
        host.run(program("/nonexistent/echo"))


def test_a_program_that_may_not_be_started_is_denied(host: Host, tmp_path: Path) -> None:
    (tmp_path / "program").write_text("#!/bin/sh\n")
    with pytest.raises(SourceDeniedError):
        host.run(program(str(tmp_path / "program")))


def test_a_program_that_hangs_is_killed_with_all_it_started(host: Host, tmp_path: Path) -> None:
    hanging = script(tmp_path, f"sleep 600 & echo $! > {tmp_path}/child; sleep 600")
    started = time.monotonic()
    with pytest.raises(SourceTimeoutError, match=r"no answer in 0\.5 s"):
        host.run(hanging, timeout_s=0.5)
    assert time.monotonic() - started < 3
    child = int((tmp_path / "child").read_text())
    assert _ends(child), "the hanging program's own child was left behind"


def test_a_program_that_closed_its_output_and_goes_on_is_killed_too(
    host: Host, tmp_path: Path
) -> None:
    with pytest.raises(SourceTimeoutError):
        host.run(script(tmp_path, "exec >&- 2>&-; sleep 600"), timeout_s=0.5)


def test_a_program_that_never_stops_printing_is_stopped(host: Host) -> None:
    with pytest.raises(SourceConflictError, match="printed more than"):
        host.run(program("/usr/bin/yes"), timeout_s=30)


def test_an_argument_that_no_program_can_get_is_a_conflict(host: Host) -> None:
    with pytest.raises(SourceConflictError):
        host.run(program("/bin/echo"), "a\0b")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run a program as someone else")
def test_root_runs_a_program_as_the_user_with_that_users_session(host: Host) -> None:
    # Not from the test's folder, which is root's alone.
    printed = host.run(program("/usr/bin/env"), user=NOBODY).stdout.decode()
    ids = host.run(program("/usr/bin/id"), user=NOBODY).stdout.decode()
    variables = dict(line.split("=", 1) for line in printed.splitlines())
    assert "uid=65534(nobody) gid=65534(nogroup)" in ids
    assert "root" not in ids, "root's own groups must be dropped"
    assert variables["HOME"] == host.account(NOBODY).home
    assert variables["XDG_RUNTIME_DIR"] == "/run/user/65534"
    assert variables["DBUS_SESSION_BUS_ADDRESS"] == "unix:path=/run/user/65534/bus"


def test_an_account_that_does_not_exist_is_missing(host: Host) -> None:
    with pytest.raises(SourceMissingError, match="account 4000000000"):
        host.run(program("/bin/echo"), user=4_000_000_000)


def _ends(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True  # dead; whoever inherited it has not looked yet
        time.sleep(0.02)
    return False
