"""apt's own words, real and written, and what a system says it is."""

import json
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from passmuster_collectors.host.answers import Completed
from passmuster_collectors.host.base import SourceConflictError, SourceTimeoutError
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.signals.system_updates.linux import apt, parse_release
from tests.support.recorded_host import RecordedHost
from tests.support.tools import REPOSITORY, missing

WAITING = REPOSITORY / "tests/recordings/linux/updates_debian_security_updates_wait/machine.json"
SUM = "1 upgraded, 0 newly installed, 0 to remove and 3 not upgraded.\n"


def counted(line: str) -> int:
    return apt.parse_simulation(f"Calculating upgrade...\n{SUM}{line}\n".encode())


@pytest.mark.parametrize(
    "line",
    [
        "Inst a [1] (2 Debian-Security:12/stable-security [amd64])",
        "Inst a [1] (2 Debian:12.5/stable, Debian-Security:12/stable-security [amd64]) []",
        "Inst a [1] (2 Ubuntu:24.04/noble-updates, Ubuntu:24.04/noble-security [all])",
        "Inst a (2 Debian-Security:12/stable-security [amd64]) [b:amd64 ]",
        "Inst a:i386 [1] (2 UbuntuESM:20.04/focal-infra-security [i386])",
    ],
)
def test_an_update_that_a_security_archive_offers_is_counted(line: str) -> None:
    assert counted(line) == 1


@pytest.mark.parametrize(
    "line",
    [
        "Inst a [1] (2 Debian:12.5/stable [amd64])",
        "Inst security-tools [1] (2 Debian:12.5/stable [amd64])",
        "Inst a [1] (2 Ubuntu:24.04/noble-updates [amd64])",
        "Inst a [1-security] (2-security Vendor:1/main [amd64])",
    ],
)
def test_any_other_update_is_not(line: str) -> None:
    assert counted(line) == 0


@pytest.mark.parametrize(
    "output",
    [
        "",
        "garbage",
        "Inst a [1] (2 Debian:12.5/stable [amd64])\n",
        SUM,
        SUM + "Inst something else\n",
        SUM + SUM + "Inst a [1] (2 Debian:12.5/stable [amd64])\n",
        "1 aktualisiert, 0 neu installiert, 0 zu entfernen und 0 nicht aktualisiert.\n",
    ],
)
def test_output_that_does_not_add_up_is_a_conflict(output: str) -> None:
    with pytest.raises(SourceConflictError):
        apt.parse_simulation(output.encode())


def test_this_machines_own_apt_adds_up() -> None:
    if not Path(apt.APT.paths[0]).exists():
        missing("apt-get")
    # Past the reader's own time-out: building a list on a busy machine may take longer.
    command = [apt.APT.paths[0], *apt.ARGUMENTS]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=110, check=True)
    assert apt.parse_simulation(done.stdout) >= 0
    assert apt.checked_at(LinuxHost(b"a key for this test")) <= datetime.now(UTC)


class CountingHost(RecordedHost):
    """Counts how often a program is run; `notes` outlive it, as the agent's files do."""

    runs = 0

    def __init__(self, machine: dict[str, Any], notes: dict[str, Any] | None = None) -> None:
        super().__init__(machine)
        self.notes = {} if notes is None else notes

    def run(self, *arguments: Any, **options: Any) -> Completed:
        self.runs += 1
        return super().run(*arguments, **options)

    def recall(self, name: str) -> Any:
        return self.notes.get(name)

    def keep(self, name: str, value: Any) -> None:
        self.notes[name] = json.loads(json.dumps(value))


def test_apt_is_asked_again_only_after_something_changed() -> None:
    machine: dict[str, Any] = json.loads(WAITING.read_text(encoding="utf-8"))
    host = CountingHost(machine)
    assert [apt.security_updates(host) for _ in range(3)] == [3, 3, 3]
    assert host.runs == 1, "nothing has changed"
    status = machine["status"]["/var/lib/dpkg/status"]
    changed = {**status, "modified": "2026-03-02T08:00:00Z"}
    machine["status"] = {**machine["status"], "/var/lib/dpkg/status": changed}
    assert apt.security_updates(host) == 3
    assert host.runs == 2, "a package was installed in between"
    del machine["status"]
    assert [apt.security_updates(host) for _ in range(2)] == [3, 3]
    assert host.runs == 4, "nobody can tell whether something changed"


def test_the_next_process_asks_apt_only_after_something_changed() -> None:
    notes: dict[str, Any] = {}
    machine: dict[str, Any] = json.loads(WAITING.read_text(encoding="utf-8"))
    for runs in (1, 0, 0):
        host = CountingHost(machine, notes)
        assert apt.security_updates(host) == 3
        assert host.runs == runs


FILES: dict[str, Any] = {
    "/var/lib/dpkg/status": {"device": [8, 1], "modified": "2026-03-01T08:00:00Z", "size": 5},
    "/etc/apt/sources.list.d/a.sources": {"device": [8, 1], "modified": "2026-03-01T08:00:00Z"},
    "/etc/apt/preferences.d": {"device": [8, 1], "modified": "2026-03-01T08:00:00Z"},
}
FOLDERS = {"/etc/apt/sources.list.d": ["a.sources"]}


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/var/lib/dpkg/status", {"modified": "2026-03-02T08:00:00Z"}),
        ("/var/lib/dpkg/status", {"size": 6}),
        ("/var/lib/dpkg/status", {"number": 7}),
        ("/etc/apt/sources.list.d/a.sources", {"modified": "2026-02-28T08:00:00Z"}),
        ("/etc/apt/preferences.d", {"modified": "2026-03-02T08:00:00Z"}),
        ("/var/lib/apt/lists", {"device": [8, 1], "modified": "2026-03-02T08:00:00Z"}),
        ("/etc/apt/apt.conf.d/99local", {"device": [8, 1], "modified": "2026-03-02T08:00:00Z"}),
    ],
)
def test_whatever_apt_reads_counts_as_a_change(path: str, change: dict[str, Any]) -> None:
    before = {"status": FILES, "directories": FOLDERS}
    changed = {**FILES, path: FILES.get(path, {}) | change}
    folders = {**FOLDERS, "/etc/apt/apt.conf.d": ["99local"]}
    after = {"status": changed, "directories": folders}
    same = apt._as_it_stands(RecordedHost(before))
    assert same == apt._as_it_stands(RecordedHost(before)) is not None
    assert apt._as_it_stands(RecordedHost(after)) != same


@pytest.mark.parametrize(
    "note",
    [
        *(None, [], {}, "3", {"count": 3}),
        *({"as_it_stood": "x", "count": each} for each in (0, -1, True, "3", 10**9)),
    ],
)
def test_a_note_that_is_about_something_else_or_is_none_is_no_count(note: Any) -> None:
    machine: dict[str, Any] = json.loads(WAITING.read_text(encoding="utf-8"))
    host = CountingHost(machine, {apt.NOTE: note})
    assert apt.security_updates(host) == 3
    assert host.runs == 1


@pytest.mark.parametrize("count", [-1, True, "3", 10**9, None])
def test_a_note_with_an_impossible_count_is_none(count: Any) -> None:
    machine: dict[str, Any] = json.loads(WAITING.read_text(encoding="utf-8"))
    stands = apt._as_it_stands(RecordedHost(machine))
    assert stands is not None
    host = CountingHost(machine, {apt.NOTE: {"as_it_stood": stands, "count": count}})
    assert apt.security_updates(host) == 3
    assert host.runs == 1


def test_where_nobody_can_tell_whether_something_changed_nothing_is_noted() -> None:
    machine: dict[str, Any] = json.loads(WAITING.read_text(encoding="utf-8"))
    machine["directories"] = {"/etc/apt/sources.list.d": {"error": "denied"}}
    notes: dict[str, Any] = {}
    assert apt.security_updates(CountingHost(machine, notes)) == 3
    assert notes == {}


def test_an_apt_that_takes_its_time_goes_on_and_is_asked_for_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goes_on = threading.Event()

    class SlowHost(CountingHost):
        def run(self, *arguments: Any, **options: Any) -> Completed:
            assert goes_on.wait(60)
            return super().run(*arguments, **options)

    host = SlowHost(json.loads(WAITING.read_text(encoding="utf-8")))
    monkeypatch.setattr(apt, "WAIT_S", 0.01)
    for _ in range(2):
        with pytest.raises(SourceTimeoutError):
            apt.security_updates(host)
    goes_on.set()
    monkeypatch.setattr(apt, "WAIT_S", 60.0)
    assert apt.security_updates(host) == 3
    assert host.runs == 1, "no second apt beside the first"


def test_an_apt_that_failed_is_left_alone_for_a_while() -> None:
    machine: dict[str, Any] = json.loads(WAITING.read_text(encoding="utf-8"))
    (line,) = machine["programs"]
    works, machine["programs"] = machine["programs"], {line: {"error": "timeout"}}
    host = CountingHost(machine)
    for _ in range(3):
        with pytest.raises(SourceTimeoutError):
            apt.security_updates(host)
    assert host.runs == 1
    machine |= {"now": "2026-03-02T09:16:00Z", "programs": works}
    assert apt.security_updates(host) == 3
    assert host.runs == 2


def test_the_newest_of_apts_stamps_counts() -> None:
    folder = {"device": [8, 1], "modified": "2026-01-01T00:00:00Z"}
    stamp = {"device": [8, 1], "modified": "2026-02-01T00:00:00Z"}
    status = {apt.LISTS: folder, "/var/lib/apt/periodic/update-success-stamp": stamp}
    assert apt.checked_at(RecordedHost({"status": status})) == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("content", [b"", b"NAME=x\n", b"ID=\n", b"ID='a b'\n", b"\xff\xfe", b"ID"])
def test_a_release_that_names_no_system_is_a_conflict(content: bytes) -> None:
    with pytest.raises(SourceConflictError):
        parse_release(content)


def test_a_release_names_its_system_version_and_end_of_support() -> None:
    content = b'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=41\nSUPPORT_END=2025-12-15\n'
    found = parse_release(content)
    assert (found["ID"], found["VERSION_ID"], found["SUPPORT_END"]) == (
        "fedora",
        "41",
        "2025-12-15",
    )
