"""USB devices and networks over HTTP: what is unknown, allowed and forbidden, and for whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.console import wait_until as until
from tests.support.example_readings import STICK, healthy, with_stick
from tests.support.signing_device import SigningDevice

ALLOWANCES = "/api/v1/allowances"
UNKNOWN = "/api/v1/usb-devices/unknown"
NETWORKS = "/api/v1/networks"
ID = f"{STICK.vendor_id}:{STICK.product_id}:{STICK.serial}"
STICK_ALLOWED = {"kind": "usb_device", "value": ID, "reason": "Ticket 4711"}
Fleet = dict[str, SigningDevice]


@pytest.fixture(scope="module")
def manager(caller: Caller, fleet: Fleet) -> httpx.Client:
    assert fleet
    return caller("--scope", "fleet.manage")


@pytest.fixture(scope="module")
def groups(server: ClockedServer) -> dict[str, str]:
    return dict(server.rows("SELECT name, group_id FROM groups"))


@pytest.fixture
def laptop(server: ClockedServer) -> SigningDevice:
    """A laptop of the group Manila with a stick in it."""
    device = SigningDevice(server.url, computer_name="usb-laptop")
    with server.client() as client:
        device.enroll(client, server.enroll_code("una@example.com", "--group", "Manila"))
        device.report(client, healthy())
        device.report(client, with_stick())
    return device


def granted(client: httpx.Client, **body: Any) -> Any:
    response = client.post(ALLOWANCES, json=STICK_ALLOWED | body)
    assert response.status_code == 201, response.text
    return response.json()


def refused(response: httpx.Response) -> tuple[int, str, str]:
    problem = response.json()
    return response.status_code, problem["code"], problem["field"]


def verdict(client: httpx.Client, laptop: SigningDevice) -> str:
    return str(client.get(f"/api/v1/devices/{laptop.device}").json()["verdict"])


def unknown(client: httpx.Client) -> dict[str, Any]:
    return {each["value"]: each for each in client.get(UNKNOWN).json()["devices"]}


def test_a_stick_is_unknown_until_it_is_allowed_and_again_after_that(
    server: ClockedServer, manager: httpx.Client, laptop: SigningDevice
) -> None:
    assert laptop.device in unknown(manager)[ID]["laptops"]
    allowance = granted(manager, device=laptop.device, name="The camera")
    until(lambda: verdict(manager, laptop) == "compliant")
    assert laptop.device not in unknown(manager)[ID]["laptops"]
    assert allowance in manager.get(ALLOWANCES).json()["allowances"]
    assert allowance["granted_by"].endswith("(API)")
    ended = manager.delete(f"{ALLOWANCES}/{allowance['id']}")
    assert (ended.status_code, ended.content) == (204, b"")
    until(lambda: verdict(manager, laptop) == "non_compliant")
    assert manager.delete(f"{ALLOWANCES}/{allowance['id']}").status_code == 404
    assert server.rows(
        "SELECT action, person FROM audit_entries WHERE subject = ? "
        "AND action LIKE ? ORDER BY number",
        laptop.device,
        "allowance.%",
    ) == [("allowance.granted", "una@example.com"), ("allowance.ended", "una@example.com")]


def test_what_is_for_a_group_counts_for_its_laptops(
    manager: httpx.Client, groups: dict[str, str], laptop: SigningDevice, fleet: Fleet
) -> None:
    end = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    allowance = granted(manager, group=groups["Manila"], until=end)
    until(lambda: verdict(manager, laptop) == "compliant")
    assert verdict(manager, fleet["olga1"]) == "non_compliant"
    assert manager.delete(f"{ALLOWANCES}/{allowance['id']}").status_code == 204


def test_the_next_links_lead_through_what_is_in_force(manager: httpx.Client) -> None:
    made = [granted(manager, value=f"1d6b:000{number}")["id"] for number in range(3)]
    listed, address = [], f"{ALLOWANCES}?limit=1"
    while address:
        page = manager.get(address).json()
        listed += [each["id"] for each in page["allowances"]]
        address = page["next"]
    assert listed[:3] == made[::-1]
    assert len(set(listed)) == len(listed)


def test_a_network_is_trusted_by_its_name_or_its_hash(
    manager: httpx.Client, server: ClockedServer
) -> None:
    network = {"kind": "network", "reason": "The office"}
    named = manager.post(ALLOWANCES, json=network | {"ssid": "Office 7"}).json()
    printed = server.command(
        *("network", "trust", "Office 7", "--organisation", "--reason", "The office")
    ).stdout
    assert named["value"] in printed
    again = manager.post(ALLOWANCES, json=network | {"value": named["value"]})
    assert again.json()["value"] == named["value"]
    assert "Office 7" not in str(named)


def test_the_networks_that_laptops_are_on_are_listed_as_hashes(manager: httpx.Client) -> None:
    listed = manager.get(NETWORKS).json()["networks"]
    assert listed
    assert all(each["laptops"] >= 1 for each in listed)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"value": "none"}, "value"),
        ({"value": None}, "value"),
        ({"kind": "usb_class", "value": "3"}, "value"),
        ({"kind": "everything"}, "kind"),
        ({"reason": " "}, "reason"),
        ({"name": "two\nlines"}, "name"),
        ({"device": "0" * 32}, "device"),
        ({"group": "0" * 12}, "group"),
        ({"group": "default", "device": "0" * 32}, "group"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"until": "2120-01-01T00:00:00"}, "until"),
        ({"until": "9999-12-31T23:00:00-14:00"}, "until"),
        ({"ssid": "Office"}, "ssid"),
    ],
)
def test_what_can_not_be_granted_is_told_by_its_field(
    manager: httpx.Client, changed: dict[str, Any], field: str
) -> None:
    tried = manager.post(ALLOWANCES, json=STICK_ALLOWED | changed)
    assert refused(tried) == (400, "malformed", field)


def test_a_name_longer_than_a_networks_may_be_is_refused(manager: httpx.Client) -> None:
    body = {"kind": "network", "reason": "The office", "ssid": "ü" * 20}
    assert refused(manager.post(ALLOWANCES, json=body)) == (400, "malformed", "ssid")


def test_the_scope_to_read_allows_nothing(caller: Caller, manager: httpx.Client) -> None:
    reader = caller("--scope", "fleet.read", "--scope", "policy.manage")
    allowance = granted(manager, value="1d6b:0009")
    tried = (
        reader.post(ALLOWANCES, json=STICK_ALLOWED),
        reader.delete(f"{ALLOWANCES}/{allowance['id']}"),
    )
    assert [each.json()["code"] for each in tried] == ["insufficient_scope"] * 2
    assert [reader.get(each).status_code for each in (ALLOWANCES, UNKNOWN, NETWORKS)] == [200] * 3


def test_a_caller_of_one_group_decides_for_its_own_laptops_alone(
    supplier: httpx.Client,
    manager: httpx.Client,
    groups: dict[str, str],
    fleet: Fleet,
    laptop: SigningDevice,
) -> None:
    everybodys = granted(manager, value="1d6b:0008")
    cebus = granted(manager, value="1d6b:0008", group=groups["Cebu"])
    olgas = granted(manager, value="1d6b:0008", device=fleet["olga1"].device)
    own = granted(supplier, value="1d6b:0007")
    of_one = granted(supplier, value="1d6b:0007", device=laptop.device)
    assert (own["group"], own["device"]) == (groups["Manila"], None)
    listed = {each["id"] for each in supplier.get(ALLOWANCES).json()["allowances"]}
    assert {own["id"], of_one["id"]} <= listed
    assert not listed & {everybodys["id"], cebus["id"], olgas["id"]}
    for other in (everybodys, cebus, olgas):
        assert supplier.delete(f"{ALLOWANCES}/{other['id']}").status_code == 404
    for scope, field in (
        ({"group": groups["Cebu"]}, "group"),
        ({"device": fleet["olga1"].device}, "device"),
    ):
        tried = supplier.post(ALLOWANCES, json=STICK_ALLOWED | scope)
        assert refused(tried) == (400, "malformed", field)
    seen = unknown(supplier)
    assert fleet["olga1"].device not in str(seen)
    assert laptop.device in seen[ID]["laptops"]
    assert refused(supplier.get(NETWORKS))[:2] == (403, "confined")
    assert supplier.delete(f"{ALLOWANCES}/{own['id']}").status_code == 204
