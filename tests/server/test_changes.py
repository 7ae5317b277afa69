"""What a command changes reaches the running server at once, and one change hides no other."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_server.changes import announce
from passmuster_server.database import Database
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import healthy
from tests.support.signing_device import SigningDevice

SOON_S = 30.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path) as running:
        yield running


@pytest.fixture
def laptop(server: ClockedServer) -> SigningDevice:
    device = SigningDevice(server.url)
    with server.client() as client:
        device.enroll(client, server.enroll_code())
        device.report(client, healthy())
    return device


def status_of(server: ClockedServer, device: SigningDevice) -> DeviceStatus:
    standing = server.services.standings.of_device(DEFAULT_ORGANISATION, device.device)
    assert standing is not None
    return standing.status


def wait_for(server: ClockedServer, device: SigningDevice, status: DeviceStatus) -> None:
    deadline = time.monotonic() + SOON_S
    while status_of(server, device) is not status and time.monotonic() < deadline:
        time.sleep(0.02)
    assert status_of(server, device) is status


@pytest.mark.parametrize(
    ("command", "status"), [("revoke", DeviceStatus.REVOKED), ("retire", DeviceStatus.RETIRED)]
)
def test_a_device_that_is_taken_out_of_service_is_so_for_the_gate_at_once(
    server: ClockedServer, laptop: SigningDevice, command: str, status: DeviceStatus
) -> None:
    assert status_of(server, laptop) is DeviceStatus.ACTIVE
    server.command(command, laptop.device)
    wait_for(server, laptop, status)


def test_a_device_that_does_not_exist_is_said(server: ClockedServer) -> None:
    ended = server.command("revoke", "no-such-device", check=False)
    assert (ended.returncode, "no such device" in ended.stderr) == (1, True)


def test_a_change_that_can_not_be_taken_in_hides_no_later_one(
    server: ClockedServer, laptop: SigningDevice
) -> None:
    database = Database(server.database)
    database.write_now(
        lambda transaction: announce(transaction.connection, DEFAULT_ORGANISATION, "never-enrolled")
    )
    database.dispose()
    server.command("revoke", laptop.device)
    wait_for(server, laptop, DeviceStatus.REVOKED)


def test_what_changed_while_the_server_was_down_is_known_at_its_start(
    server: ClockedServer, laptop: SigningDevice
) -> None:
    server.stop()
    server.command("revoke", laptop.device)
    server.start()
    assert status_of(server, laptop) is DeviceStatus.REVOKED
