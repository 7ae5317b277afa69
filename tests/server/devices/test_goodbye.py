"""A laptop that says goodbye: it is retired, and only by the word of its key."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.goodbye import GOODBYE_TYPE, Goodbye
from passmuster_server.gate.decision import Cause, cause_of
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import healthy
from tests.support.signing_device import JOSE, SigningDevice

PATH = "/api/v1/goodbye"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture
def device(server: ClockedServer, client: httpx.Client) -> SigningDevice:
    laptop = SigningDevice(server.url)
    laptop.enroll(client, server.enroll_code())
    laptop.report(client, healthy())
    return laptop


def goodbye(
    client: httpx.Client, device: SigningDevice, kind: str = GOODBYE_TYPE, **changes: Any
) -> httpx.Response:
    assert device.enrolled is not None
    said = {
        "version": 1,
        "audience": device.enrolled.server,
        "method": "POST",
        "url": device.server + PATH,
        "sent_at": datetime.now(UTC),
    }
    payload = canonical_bytes(codec.encode(Goodbye(**{**said, **changes})))
    return client.post(PATH, content=device.signed(payload, kind=kind).encode(), headers=JOSE)


def test_it_is_retired_for_good_and_on_record(
    server: ClockedServer, client: httpx.Client, device: SigningDevice
) -> None:
    response = goodbye(client, device)
    assert (response.status_code, response.json()["device"]) == (200, device.device)
    standing = server.services.standings.of_device(DEFAULT_ORGANISATION, device.device)
    assert standing is not None
    assert cause_of(standing, server.now()) is Cause.RETIRED
    assert goodbye(client, device).status_code == 200, "the answer may have been lost"
    assert server.rows(
        "SELECT actor, subject FROM audit_entries WHERE action='device.retired'"
    ) == [("the laptop's agent", device.device)]


def test_a_missing_laptop_can_not_say_that_it_was_given_back(
    server: ClockedServer, client: httpx.Client, device: SigningDevice
) -> None:
    server.command("lost", device.device)
    assert goodbye(client, device).json()["code"] == "revoked"
    assert server.rows("SELECT status FROM devices") == [("lost",)]


def test_only_its_own_key_says_it(
    server: ClockedServer, client: httpx.Client, device: SigningDevice
) -> None:
    other = SigningDevice(server.url, enrolled=device.enrolled)
    assert goodbye(client, other).json()["code"] == "bad_signature"
    assert server.rows("SELECT status FROM devices") == [("active",)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"audience": "another"}, "audience"),
        ({"method": "GET"}, "method"),
        ({"url": "https://elsewhere.example/api/v1/goodbye"}, "url"),
    ],
)
def test_one_for_another_server_is_refused_by_field(
    client: httpx.Client, device: SigningDevice, changes: dict[str, str], field: str
) -> None:
    assert goodbye(client, device, **changes).json()["field"] == field


def test_another_signed_message_is_no_goodbye(client: httpx.Client, device: SigningDevice) -> None:
    assert goodbye(client, device, kind="passmuster-report+jws").status_code == 400
