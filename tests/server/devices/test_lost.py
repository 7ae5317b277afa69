"""A laptop that is missing: the gate is shut at once, and what it reports goes on record."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import ECKey

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import healthy
from tests.support.signing_device import SigningDevice, post

SOON_S = 20.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture
def lost(server: ClockedServer, client: httpx.Client) -> SigningDevice:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    assert device.report(client, healthy()).verdict is Verdict.COMPLIANT
    assert server.command("lost", device.device).stdout == "The device is lost.\n"
    wait_for(server, device, DeviceStatus.LOST)
    return device


def wait_for(server: ClockedServer, device: SigningDevice, status: DeviceStatus) -> None:
    deadline = time.monotonic() + SOON_S
    while True:
        found = server.services.standings.of_device(DEFAULT_ORGANISATION, device.device)
        if found is not None and found.status is status:
            return
        assert time.monotonic() < deadline, f"expected {status}, still {found}"
        time.sleep(0.02)


def heard(server: ClockedServer) -> int:
    ((number,),) = server.rows(
        "SELECT count(*) FROM audit_entries WHERE action = 'lost_device.heard'"
    )
    return int(number)


def test_its_reports_are_taken_in_open_nothing_and_go_on_record(
    server: ClockedServer, client: httpx.Client, lost: SigningDevice
) -> None:
    seen = "SELECT last_seen FROM contacts"
    before = server.rows(seen)
    assert heard(server) == 0
    assert lost.report(client, healthy()).verdict is Verdict.UNKNOWN
    assert server.rows(seen) > before
    assert lost.report(client, healthy()).verdict is Verdict.UNKNOWN
    assert heard(server) == 1, "and not with every report"
    standing = server.services.standings.of_device(DEFAULT_ORGANISATION, lost.device)
    assert standing is not None
    assert standing.verdict_at(server.now()) is Verdict.UNKNOWN


def test_a_copied_key_leaves_it_lost(
    server: ClockedServer, client: httpx.Client, lost: SigningDevice
) -> None:
    record = lost.record(healthy())
    stale = lost.signed_upload(lost.upload(record, nonce="another"))
    assert lost.send(client, stale).status_code == 409
    assert server.rows("SELECT status FROM devices") == [("lost",)]
    assert heard(server) == 1


def test_its_key_can_neither_be_rotated_nor_enrolled_again(
    server: ClockedServer, client: httpx.Client, lost: SigningDevice
) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        lost.rotate(client, ECKey.generate_key("P-256"))
    code = server.enroll_code()
    begun = post(client, "/api/v1/enrolment", lost.start_message())
    assert begun.status_code == 200
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        lost.enroll(client, code)


def test_one_that_is_found_is_let_in_by_what_it_reports(
    server: ClockedServer, client: httpx.Client, lost: SigningDevice
) -> None:
    server.command("found", lost.device)
    wait_for(server, lost, DeviceStatus.ACTIVE)
    assert lost.report(client, healthy()).verdict is Verdict.COMPLIANT
    again = server.command("found", lost.device, check=False)
    assert (again.returncode, "is active, not lost" in again.stderr) == (1, True)


@pytest.mark.parametrize("command", ["revoke", "retire"])
def test_what_is_out_of_service_already_stays_so(
    server: ClockedServer, client: httpx.Client, command: str
) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    server.command(command, device.device)
    refused = server.command("lost", device.device, check=False)
    assert (refused.returncode, "stays so" in refused.stderr) == (1, True)


@pytest.mark.parametrize("command", ["lost", "found"])
def test_a_device_that_is_not_there_is_told(server: ClockedServer, command: str) -> None:
    refused = server.command(command, "nobody", check=False)
    assert (refused.returncode, "no such device" in refused.stderr) == (1, True)
