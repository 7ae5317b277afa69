"""An unprivileged agent asks the root helper, and only where it was denied."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from passmuster_collectors.host.assisted import AssistedHost
from passmuster_collectors.host.base import (
    Bus,
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.privileged import crypttab
from passmuster_collectors.host.privileged.verbs import Answers, Verb
from tests.support.confined_host import ConfinedHost, RecordedHelper, SilentHelper
from tests.support.recorded_host import RecordedHost

TABLE = "DMSETUP table --manglename none"
MACHINE: dict[str, Any] = {
    "files": {"/etc/crypttab": "root UUID=1 /key luks\n", "/etc/hostname": "laptop\n"},
    "status": {f"{crypttab.KEYS}/root.key": {"device": [8, 2], "mode": "100600"}},
    "programs": {TABLE: {"stdout": "root: 0 9 crypt aes-xts-plain64 00 0 8:2 0\n"}},
    "processes": [{"pid": 1, "uid": 0, "name": "systemd"}],
}


def assisted(machine: dict[str, Any] = MACHINE) -> tuple[AssistedHost, RecordedHelper]:
    helper = RecordedHelper(machine)
    return AssistedHost(ConfinedHost(machine), helper), helper


def test_what_it_may_read_itself_is_not_asked_for() -> None:
    machine = RecordedHost(MACHINE)
    helper = RecordedHelper(MACHINE)
    host = AssistedHost(machine, helper)
    assert host.read_file("/etc/crypttab") == machine.read_file("/etc/crypttab")
    assert host.run(Program.DMSETUP, *TABLE.split()[1:]).stdout.endswith(b"8:2 0\n")
    assert host.processes() == machine.processes()
    assert helper.asked == []


def test_what_it_may_not_is() -> None:
    host, helper = assisted()
    assert host.read_file("/etc/crypttab") == b"root - /key luks\n"
    assert (
        host.run(Program.DMSETUP, *TABLE.split()[1:]).stdout == b"root: 0 9 crypt aes-xts-plain64\n"
    )
    assert [each.name for each in host.processes()] == ["systemd"]
    assert host.file_status(f"{crypttab.KEYS}/root.key").device == (8, 2)
    with pytest.raises(SourceMissingError):
        host.file_status(f"{crypttab.KEYS}/other.key")
    assert helper.asked == [Verb.CRYPTTAB, Verb.DEVICE_MAPPER, Verb.PROCESSES]


def test_what_root_is_not_needed_for_is_never_asked_for() -> None:
    class Closed(RecordedHost):
        def read_file(self, path: str, *, limit: int = 1_048_576) -> bytes:
            raise SourceDeniedError(path, "EACCES")

        def bus_get(self, bus: Bus, name: str, path: str, interface: str, member: str) -> Any:
            raise SourceDeniedError(name)

    helper = RecordedHelper(MACHINE)
    host = AssistedHost(Closed(MACHINE), helper)
    for path in ("/etc/shadow", "/home/ana/.config/dconf/user", "/etc/crypttab.bak"):
        with pytest.raises(SourceDeniedError):
            host.read_file(path)
    with pytest.raises(SourceDeniedError):
        host.bus_get(Bus.SESSION, "net.connman.iwd", "/", "a.b", "c")
    with pytest.raises(SourceDeniedError):
        host.bus_get(Bus.SYSTEM, "org.freedesktop.login1", "/", "a.b", "c")
    assert helper.asked == []


def test_a_program_that_failed_for_another_reason_stays_as_it_ended() -> None:
    class Failing(RecordedHelper):
        def answers(self, verb: Verb) -> Answers:
            super().answers(verb)
            return {}

    done = AssistedHost(ConfinedHost(MACHINE), Failing(MACHINE)).run(
        Program.DMSETUP, *TABLE.split()[1:]
    )
    assert done.status == 1


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (
            SourceMissingError("s", "the root helper is not installed"),
            SourceDeniedError,
            "EACCES; the",
        ),
        (
            SourceDeniedError("s", "the root helper is not for this user"),
            SourceDeniedError,
            "the root",
        ),
        (SourceTimeoutError("s", "no answer in 6 s"), SourceTimeoutError, "no answer"),
        (SourceConflictError("s", "no answer"), SourceConflictError, "no answer"),
    ],
)
def test_how_the_helper_fails_is_told_under_the_name_of_the_source(
    error: SourceError, expected: type[SourceError], words: str
) -> None:
    host = AssistedHost(ConfinedHost(MACHINE), SilentHelper(error))
    with pytest.raises(expected, match=words) as raised:
        host.read_file("/etc/crypttab")
    assert raised.value.name == "/etc/crypttab"


def test_what_root_may_not_read_either_is_told_as_root_was() -> None:
    host, _ = assisted({"files": {"/etc/crypttab": {"error": "timeout"}}})
    with pytest.raises(SourceTimeoutError):
        host.read_file("/etc/crypttab")


def test_an_answer_over_the_limit_is_a_conflict() -> None:
    host, _ = assisted()
    with pytest.raises(SourceConflictError):
        host.read_file("/etc/crypttab", limit=4)


def test_the_answers_of_one_reading_are_those_of_one_moment() -> None:
    host, helper = assisted()
    for _ in range(100):
        host.read_file("/etc/crypttab")
    assert helper.asked == [Verb.CRYPTTAB]


def test_the_next_reading_asks_anew() -> None:
    host, helper = assisted()
    for _ in range(3):
        with ThreadPoolExecutor(1) as reading:
            reading.submit(host.read_file, "/etc/crypttab").result(30)
    assert helper.asked == [Verb.CRYPTTAB] * 3
