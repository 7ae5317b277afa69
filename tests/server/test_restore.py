"""A backup made under load, and restored: all that was acknowledged is there, laptops go on."""

import dataclasses
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.server.conftest import quick_code
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import healthy, with_stick
from tests.support.reporting_fleet import ReportingFleet
from tests.support.running_server import RunningServer, free_port, running_server
from tests.support.signing_device import SigningDevice
from tests.support.store import ON_POSTGRESQL, sqlite_only
from tests.support.tools import require_tool

LAPTOPS = 2
REPORTS = 20

postgresql_only = pytest.mark.skipif(not ON_POSTGRESQL, reason="about PostgreSQL")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path / "data") as running:
        yield running


@pytest.fixture
def successor(server: ClockedServer, tmp_path: Path) -> Iterator[ClockedServer]:
    """Another machine that takes the server's place: same address, nothing of its data."""
    other = ClockedServer(tmp_path / "other", free_port(), settings={"public_url": server.url})
    other.directory.mkdir()
    yield other
    other.stop()


def back_up(server: RunningServer, copy: Path) -> None:
    """Make a backup as an administrator does, beside the running server."""
    if ON_POSTGRESQL:
        run_tool("pg_dump", "--format=custom", f"--file={copy}", libpq(server.database))
    else:
        server.command("backup", str(copy))


def restore(server: RunningServer, copy: Path) -> None:
    """Restore it for a server that does not run."""
    if ON_POSTGRESQL:
        run_tool("pg_restore", "--no-owner", f"--dbname={libpq(server.database)}", str(copy))
    else:
        server.command("restore", str(copy))
    server.command("migrate")


def run_tool(name: str, *arguments: str) -> None:
    program = require_tool(name)
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def libpq(url: str) -> str:
    return url.replace("postgresql+psycopg:", "postgresql:")


def moved_to(fleet: ReportingFleet, server: RunningServer) -> ReportingFleet:
    """Let the laptops' address lead to another machine; they themselves know of nothing."""
    return dataclasses.replace(fleet, server=server)


def statuses(server: RunningServer) -> set[str]:
    return {status for (status,) in server.rows("SELECT status FROM devices")}


def sequences(server: RunningServer) -> dict[str, int]:
    return dict(server.rows("SELECT device_id, sequence FROM ratchets"))


@pytest.mark.timeout(300)
def test_what_was_acknowledged_before_a_backup_under_load_is_there_and_the_fleet_goes_on(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path / "data") as server:
        successor = RunningServer(tmp_path / "other", free_port(), public_url=server.url)
        try:
            check_under_load(server, successor, tmp_path)
        finally:
            successor.stop()


def check_under_load(server: RunningServer, successor: RunningServer, tmp_path: Path) -> None:
    fleet = ReportingFleet.enrolled(server, LAPTOPS)
    reporting = threading.Thread(target=fleet.report_until_killed, args=(4 * REPORTS,))
    reporting.start()
    deadline = time.monotonic() + 60
    while fleet.total() < REPORTS:
        assert time.monotonic() < deadline, "expected: reports before the backup"
        time.sleep(0.01)
    acknowledged = dict(fleet.answered)
    back_up(server, tmp_path / "copy")
    reporting.join()
    restore(successor, tmp_path / "copy")
    restored = sequences(successor)
    for device, sequence in acknowledged.items():
        assert restored[device] >= sequence, "an acknowledged report is not in the backup"
    successor.start()
    fleet = moved_to(fleet, successor)
    assert fleet.go_on() == [200] * LAPTOPS, "a laptop that was ahead can't go on"
    for laptop in fleet.laptops:
        laptop.accept(fleet.latest[laptop.device])
        del fleet.waiting[laptop.device]
    assert fleet.go_on() == [200] * LAPTOPS, "and then by the ordinary chain"
    assert statuses(successor) == {"active"}


class TestAhead:
    """One laptop that reported after the backup was made."""

    @pytest.fixture
    def laptop(
        self, server: RunningServer, successor: RunningServer, tmp_path: Path
    ) -> SigningDevice:
        device = SigningDevice(server.url)
        with server.client() as client:
            device.enroll(client, quick_code(server))
            device.report(client, healthy())
            back_up(server, tmp_path / "copy")
            for _ in range(3):
                device.report(client, with_stick())
        server.stop()
        restore(successor, tmp_path / "copy")
        successor.start()
        return device

    @pytest.fixture
    def client(self, successor: RunningServer, laptop: SigningDevice) -> Iterator[httpx.Client]:
        with successor.client() as opened:
            yield opened

    def test_it_goes_on_and_what_went_down_is_not_held_against_it(
        self, successor: RunningServer, client: httpx.Client, laptop: SigningDevice
    ) -> None:
        body = laptop.signed_upload(laptop.upload(laptop.record(with_stick())))
        first, again = laptop.send(client, body), laptop.send(client, body)
        assert first.status_code == again.status_code == 200
        assert first.content == again.content, "its answer may get lost as any other"
        laptop.accept(again)
        laptop.report(client, with_stick())
        assert sequences(successor) == {laptop.device: laptop.sequence}
        assert successor.rows("SELECT missing_records FROM contacts") == [(0,)]

    def test_a_copy_of_its_key_is_still_found_out(
        self, successor: RunningServer, client: httpx.Client, laptop: SigningDevice
    ) -> None:
        copy = dataclasses.replace(laptop)
        laptop.report(client, healthy())
        response = copy.send(client, copy.signed_upload(copy.upload(copy.record(with_stick()))))
        assert (response.status_code, response.json()["code"]) == (409, "identity_conflict")
        assert statuses(successor) == {"conflict"}

    def test_an_old_report_that_somebody_kept_proves_no_more_than_its_own_time(
        self, successor: RunningServer, client: httpx.Client, laptop: SigningDevice
    ) -> None:
        long_ago = datetime.now(UTC) - timedelta(days=2)
        kept = laptop.upload(laptop.record(healthy()), sent_at=long_ago)
        response = laptop.send(client, laptop.signed_upload(kept))
        assert response.status_code == 200
        assert response.json()["verdict"] == "unknown", "an old report counts as fresh"
        laptop.accept(response)
        assert laptop.report(client, healthy()).verdict.value == "compliant"

    def test_a_key_that_was_about_to_be_rotated_is(
        self, successor: RunningServer, client: httpx.Client, laptop: SigningDevice
    ) -> None:
        laptop.rotate(client, SigningDevice("").key)
        laptop.report(client, healthy())
        assert statuses(successor) == {"active"}


def test_without_a_restore_a_laptop_that_leaps_ahead_is_in_conflict(
    server: RunningServer,
) -> None:
    device = SigningDevice(server.url)
    with server.client() as client:
        device.enroll(client, quick_code(server))
        device.report(client, healthy())
        body = device.signed_upload(
            device.upload(device.record(healthy()), sequence=7, nonce="another")
        )
        assert device.send(client, body).status_code == 409
    assert statuses(server) == {"conflict"}


def test_one_that_was_heard_since_the_restore_is_too(
    server: RunningServer,
) -> None:
    server.command("restored")
    device = SigningDevice(server.url)
    with server.client() as client:
        device.enroll(client, quick_code(server))
        device.report(client, healthy())
        body = device.signed_upload(
            device.upload(device.record(healthy()), sequence=7, nonce="another")
        )
        assert device.send(client, body).status_code == 409


@sqlite_only
class TestFile:
    """SQLite's own: what `backup` and `restore` refuse, and leave as it is."""

    def test_a_backup_is_one_file_for_its_own_user_and_takes_nobodys_place(
        self, server: RunningServer, tmp_path: Path
    ) -> None:
        copy = tmp_path / "copies" / "copy.db"
        copy.parent.mkdir()
        server.command("backup", str(copy))
        assert [path.name for path in copy.parent.iterdir()] == ["copy.db"]
        assert copy.stat().st_mode & 0o077 == 0
        again = server.command("backup", str(copy), check=False)
        assert again.returncode == 1
        assert "is there already" in again.stderr

    def test_nothing_is_put_in_the_place_of_a_running_servers_database(
        self, tmp_path: Path
    ) -> None:
        with running_server(tmp_path / "data") as server:
            server.command("backup", str(tmp_path / "copy.db"))
            refused = server.command("restore", str(tmp_path / "copy.db"), check=False)
        assert refused.returncode == 1
        assert "another server runs on" in refused.stderr

    @pytest.mark.parametrize("broken", ["missing", "text", "another", "damaged"])
    def test_what_is_no_sound_copy_is_refused_and_changes_nothing(
        self, server: RunningServer, tmp_path: Path, broken: str
    ) -> None:
        server.stop()
        copy = tmp_path / "copy.db"
        if broken == "text":
            copy.write_text("not a database", encoding="ascii")
        elif broken == "another":
            sqlite3.connect(copy).execute("CREATE TABLE other (x)").connection.close()
        elif broken == "damaged":
            server.command("backup", str(copy))
            data = bytearray(copy.read_bytes())
            data[8192:16384] = bytes(8192)
            copy.write_bytes(data)
        before = server.stored()
        refused = server.command("restore", str(copy), check=False)
        assert refused.returncode == 1, refused.stdout
        assert str(copy) in refused.stderr
        assert server.stored() == before

    def test_what_was_there_before_is_kept(self, server: RunningServer, tmp_path: Path) -> None:
        server.command("backup", str(tmp_path / "copy.db"))
        server.command("create-admin", "--email", "later@example.com")
        server.stop()
        told = server.command("restore", str(tmp_path / "copy.db")).stdout
        assert server.rows("SELECT email FROM administrators") == []
        kept = server.directory / "passmuster.db.before-restore-1"
        assert str(kept) in told
        with sqlite3.connect(kept) as connection:
            assert connection.execute("SELECT email FROM administrators").fetchall() == [
                ("later@example.com",)
            ]


@postgresql_only
def test_postgresql_is_left_to_its_own_tools(server: RunningServer, tmp_path: Path) -> None:
    for command, tool in (("backup", "pg_dump"), ("restore", "pg_restore")):
        refused = server.command(command, str(tmp_path / "copy"), check=False)
        assert refused.returncode == 1
        assert tool in refused.stderr


@postgresql_only
def test_a_restored_postgresql_is_known_without_anybody_saying_so(
    server: RunningServer,
) -> None:
    """Another cluster, another database, or another timeline: a standby that took over."""
    with psycopg.connect(libpq(server.database)) as connection:
        connection.execute("UPDATE organisations SET place = '1/2/00000001'")
    device = SigningDevice(server.url)
    with server.client() as client:
        device.enroll(client, quick_code(server))
        device.report(client, healthy())
        body = device.signed_upload(
            device.upload(device.record(healthy()), sequence=7, nonce="another")
        )
        assert device.send(client, body).status_code == 200
        assert device.send(client, body).status_code == 200, "the same one again"
    assert statuses(server) == {"active"}
