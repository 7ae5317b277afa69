"""What `/proc` says of processes, held against the library that other systems are read with."""

import os
import subprocess
import sys

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.host import this_host
from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
)
from passmuster_collectors.host.linux_processes import parse_arguments, parse_real_user, running

STATUS = b"Name:\tinit\nUmask:\t0022\nUid:\t1000\t0\t0\t0\nGid:\t5\t5\t5\t5\n"


def test_real_processes_are_what_the_library_says_of_them() -> None:
    told = {each.pid: each for each in this_host(bytes(32)).processes()}
    wanted = {
        each.pid: (each.info["uids"].real, each.info["name"], tuple(each.info["cmdline"]))
        for each in psutil.process_iter(["uids", "name", "cmdline"])
        if each.info["cmdline"] is not None
    }
    both = told.keys() & wanted.keys()
    assert {1, os.getpid()} <= both
    # Those that did not change their title between the two looks; others of the machine may.
    same = [
        pid for pid in both if (told[pid].uid, told[pid].name, told[pid].arguments) == wanted[pid]
    ]
    assert {1, os.getpid()} <= set(same)
    assert len(same) >= 0.8 * len(both), [(told[pid], wanted[pid]) for pid in both - set(same)]


def test_a_long_name_is_told_whole() -> None:
    name = "a-program-with-a-rather-long-name"
    program = "import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        ["bash", "-c", f"exec -a /opt/{name} {sys.executable} -c '{program}'"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = next(each for each in this_host(bytes(32)).processes() if each.pid == child.pid)
        child.communicate(b"")
    assert found.arguments == (f"/opt/{name}", "-c", program)


@pytest.mark.parametrize(
    ("command_line", "expected"),
    [
        (b"", ()),
        (b"swayidle\0-w\0timeout\x00300\0", ("swayidle", "-w", "timeout", "300")),
        (b"sh\0-c\0\0", ("sh", "-c", "")),
        (b"nginx: master process", ("nginx:", "master", "process")),
        (b"/opt/app --type=renderer\0", ("/opt/app", "--type=renderer")),
        (b"\xff\0-x\0", ("\udcff", "-x")),
    ],
)
def test_arguments(command_line: bytes, expected: tuple[str, ...]) -> None:
    assert parse_arguments(command_line) == expected


def test_the_user_is_the_real_one() -> None:
    assert parse_real_user(STATUS) == 1000


@given(st.binary(max_size=200))
def test_any_other_status_is_a_conflict(status: bytes) -> None:
    if b"Uid:" not in status:
        with pytest.raises(SourceConflictError):
            parse_real_user(status)


@given(st.binary(max_size=200))
def test_any_command_line_is_some_arguments(command_line: bytes) -> None:
    assert all(isinstance(each, str) for each in parse_arguments(command_line))


def files(path: str) -> bytes:
    """A `/proc` in which process 2 has ended, 3 is hidden and 4 has far too many arguments."""
    _, _, pid, name = path.split("/")
    if pid == "2":
        raise SourceMissingError(path)
    if pid == "3":
        raise SourceDeniedError(path)
    if pid == "4" and name == "cmdline":
        raise SourceConflictError(path, "too large")
    long = b"a-program-with-a"[:15]
    return {"status": STATUS, "comm": long + b"\n", "cmdline": b"/bin/a-program-with-arms\0-x\0"}[
        name
    ]


def test_what_has_ended_or_is_hidden_is_left_out() -> None:
    found = running(("1", "2", "3", "4", "self", "\u0661"), files)
    assert [(each.pid, each.name, len(each.arguments)) for each in found] == [
        (1, "a-program-with-arms", 2),
        (4, "a-program-with-", 0),
    ]


def test_without_the_first_process_the_others_are_hidden_too() -> None:
    with pytest.raises(SourceDeniedError):
        running(("4",), files)
