"""What programs change about a laptop, who may, and what goes on record."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.signing_device import SigningDevice

DEVICES = "/api/v1/devices"
WAIVER = {"signal": USB, "reason": "A camera for Friday", "days": 7}


@pytest.fixture(scope="module")
def manager(caller: Caller) -> httpx.Client:
    return caller("--scope", "fleet.manage")


@pytest.fixture
def laptop(server: ClockedServer) -> SigningDevice:
    """A laptop of the group Manila with a stick in it, which shuts it out."""
    device = SigningDevice(server.url, computer_name="ana-laptop")
    with server.client() as client:
        device.enroll(client, server.enroll_code("ana@example.com", "--group", "Manila"))
        device.report(client, healthy())
        device.report(client, with_stick())
    return device


@pytest.fixture
def another(server: ClockedServer) -> SigningDevice:
    """A laptop of the group Cebu."""
    device = SigningDevice(server.url, computer_name="bo-laptop")
    with server.client() as client:
        device.enroll(client, server.enroll_code("bo@example.com", "--group", "Cebu"))
        device.report(client, healthy())
    return device


def address(laptop: SigningDevice, what: str = "") -> str:
    return f"{DEVICES}/{laptop.device}{what}"


def granted(client: httpx.Client, laptop: SigningDevice) -> Any:
    response = client.post(address(laptop, "/waivers"), json=WAIVER)
    assert response.status_code == 201, response.text
    return response.json()


def verdict(client: httpx.Client, laptop: SigningDevice) -> str:
    return str(client.get(address(laptop)).json()["verdict"])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def on_record(server: ClockedServer, laptop: SigningDevice) -> list[tuple[str, str]]:
    """Return what programs changed about a laptop, and whose it is said to be."""
    return [
        (action, person)
        for action, actor, person in server.rows(
            "SELECT action, actor, person FROM audit_entries WHERE subject = ? ORDER BY number",
            laptop.device,
        )
        if actor.endswith(" (API)") and action != "device.viewed"
    ]


def test_a_waiver_lets_the_laptop_in_again_and_its_end_shuts_it_out(
    server: ClockedServer, manager: httpx.Client, laptop: SigningDevice
) -> None:
    assert verdict(manager, laptop) == "non_compliant"
    waiver = granted(manager, laptop)
    until(lambda: verdict(manager, laptop) == "compliant")
    assert manager.get(address(laptop)).json()["waivers"] == [waiver]
    assert manager.delete(address(laptop, f"/waivers/{waiver['id']}")).status_code == 204
    until(lambda: verdict(manager, laptop) == "non_compliant")
    assert on_record(server, laptop) == [
        ("waiver.granted", "ana@example.com"),
        ("waiver.ended", "ana@example.com"),
    ]


@pytest.mark.parametrize("status", ["lost", "retired", "revoked"])
def test_a_laptop_is_taken_out_of_service(
    server: ClockedServer, manager: httpx.Client, laptop: SigningDevice, status: str
) -> None:
    done = manager.post(address(laptop, "/status"), json={"status": status})
    assert (done.status_code, done.content) == (204, b"")
    until(lambda: bool(manager.get(address(laptop)).json()["status"] == status))
    assert on_record(server, laptop) == [(f"device.{status}", "ana@example.com")]


def test_a_revoked_laptop_stays_revoked(
    server: ClockedServer, manager: httpx.Client, laptop: SigningDevice
) -> None:
    manager.post(address(laptop, "/status"), json={"status": "revoked"})
    refused = manager.post(address(laptop, "/status"), json={"status": "lost"})
    assert (refused.status_code, refused.json()["code"]) == (409, "out_of_service")
    assert on_record(server, laptop) == [("device.revoked", "ana@example.com")]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"days": 0}, "days"),
        ({"days": 367}, "days"),
        ({"days": "7"}, "days"),
        ({"signal": "none"}, "signal"),
        ({"reason": " "}, "reason"),
        ({"reason": "two\nlines"}, "reason"),
        ({"reason": "a" * 513}, "reason"),
        ({"until": "Friday"}, ""),
    ],
)
def test_what_can_not_be_granted_is_told_by_its_field(
    server: ClockedServer,
    manager: httpx.Client,
    laptop: SigningDevice,
    changed: dict[str, Any],
    field: str,
) -> None:
    refused = manager.post(address(laptop, "/waivers"), json=WAIVER | changed)
    assert (refused.status_code, refused.json()["field"]) == (400, field)
    assert on_record(server, laptop) == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 5_000, "application/json", 400),
        (b"{}", "application/json", 400),
        (b"status=lost", "application/x-www-form-urlencoded", 415),
        (b" " * 9_000, "application/json", 413),
    ],
)
def test_a_body_that_is_none_is_refused(
    manager: httpx.Client, laptop: SigningDevice, body: bytes, content_type: str, status: int
) -> None:
    refused = manager.post(
        address(laptop, "/status"), content=body, headers={"Content-Type": content_type}
    )
    assert refused.status_code == status, refused.text
    assert manager.get(address(laptop)).json()["status"] == "active"


def test_the_scope_to_read_changes_nothing(
    server: ClockedServer, caller: Caller, manager: httpx.Client, laptop: SigningDevice
) -> None:
    waiver = granted(manager, laptop)
    reader = caller("--scope", "fleet.read", "--scope", "audit.read")
    tried = (
        reader.post(address(laptop, "/waivers"), json=WAIVER),
        reader.delete(address(laptop, f"/waivers/{waiver['id']}")),
        reader.post(address(laptop, "/status"), json={"status": "lost"}),
    )
    assert [each.json()["code"] for each in tried] == ["insufficient_scope"] * 3
    assert len(on_record(server, laptop)) == 1


def test_a_waiver_is_ended_by_the_address_of_its_own_laptop_and_once(
    server: ClockedServer, manager: httpx.Client, laptop: SigningDevice, another: SigningDevice
) -> None:
    path = f"/waivers/{granted(manager, laptop)['id']}"
    assert manager.delete(address(another, path)).status_code == 404
    assert manager.delete(address(laptop, path)).status_code == 204
    assert manager.delete(address(laptop, path)).status_code == 404
    assert on_record(server, another) == []


def test_a_caller_of_one_group_changes_its_laptops_and_no_other(
    server: ClockedServer,
    supplier: httpx.Client,
    manager: httpx.Client,
    laptop: SigningDevice,
    another: SigningDevice,
) -> None:
    waiver = granted(manager, another)
    assert granted(supplier, laptop)
    nobody = supplier.post(f"{DEVICES}/{'0' * 32}/status", json={"status": "lost"})
    tried = (
        supplier.post(address(another, "/status"), json={"status": "lost"}),
        supplier.post(address(another, "/waivers"), json=WAIVER),
        supplier.delete(address(another, f"/waivers/{waiver['id']}")),
    )
    assert [(each.status_code, each.content) for each in tried] == [(404, nobody.content)] * 3
    assert len(on_record(server, another)) == 1


def test_who_did_it_stands_on_record_by_the_callers_name(
    server: ClockedServer, laptop: SigningDevice
) -> None:
    printed = server.command("gate-client", "soar", "--scope", "fleet.manage").stdout
    with server.client() as client:
        client.headers["Authorization"] = f"Bearer {printed.split()[-1]}"
        waiver = granted(client, laptop)
    assert waiver["granted_by"] == "soar (API)"
    assert server.rows(
        "SELECT actor FROM audit_entries WHERE action = 'waiver.granted' AND subject = ?",
        laptop.device,
    ) == [("soar (API)",)]


def test_a_fresh_report_is_asked_for_and_told_when_it_came(
    server: ClockedServer, manager: httpx.Client, laptop: SigningDevice
) -> None:
    assert manager.get(address(laptop)).json()["fresh_report"] is None
    assert manager.post(address(laptop, "/report-request")).status_code == 204
    asked = manager.get(address(laptop)).json()["fresh_report"]
    assert (asked["told_at"], asked["came_at"]) == (None, None)
    with server.client() as client:
        laptop.report(client, healthy())
    came = manager.get(address(laptop)).json()["fresh_report"]
    assert came["asked_at"] == asked["asked_at"] < came["came_at"]
    assert on_record(server, laptop) == [("report.requested", "ana@example.com")]
    manager.post(address(laptop, "/status"), json={"status": "revoked"})
    refused = manager.post(address(laptop, "/report-request"))
    assert (refused.status_code, refused.json()["code"]) == (409, "not_heard")
