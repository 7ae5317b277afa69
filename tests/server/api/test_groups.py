"""Groups, their devices and their administrators over HTTP."""

from typing import Any

import httpx
import pytest

from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.console import send
from tests.support.example_readings import healthy
from tests.support.signing_device import SigningDevice

GROUPS = "/api/v1/groups"
DEVICES = "/api/v1/devices"
Fleet = dict[str, SigningDevice]


@pytest.fixture(scope="module")
def organiser(caller: Caller, fleet: Fleet) -> httpx.Client:
    assert fleet
    return caller("--scope", "groups.manage")


@pytest.fixture(scope="module")
def of_manila(caller: Caller, fleet: Fleet) -> httpx.Client:
    assert fleet
    return caller("--scope", "groups.manage", "--group", "Manila")


@pytest.fixture(scope="module")
def groups(server: ClockedServer) -> dict[str, str]:
    return dict(server.rows("SELECT name, group_id FROM groups"))


@pytest.fixture
def laptop(server: ClockedServer) -> SigningDevice:
    """A laptop of the group Manila."""
    device = SigningDevice(server.url, computer_name="placed-laptop")
    with server.client() as client:
        device.enroll(client, server.enroll_code("pia@example.com", "--group", "Manila"))
        device.report(client, healthy())
    return device


def made(client: httpx.Client, address: str, **body: Any) -> Any:
    response = client.post(address, json=body)
    assert response.status_code == 201, response.text
    return response.json()


def refused(response: httpx.Response) -> tuple[int, str, str]:
    problem = response.json()
    return response.status_code, problem["code"], problem["field"]


def administrators(group: str) -> str:
    return f"{GROUPS}/{group}/administrators"


def placed(server: ClockedServer, laptop: SigningDevice) -> tuple[str, str]:
    ((group, ownership),) = server.rows(
        "SELECT group_id, ownership FROM devices WHERE device_id = ?", laptop.device
    )
    return group, ownership


def on_record(server: ClockedServer, action: str, subject: str) -> int:
    ((number,),) = server.rows(
        "SELECT count(*) FROM audit_entries WHERE action = ? AND subject = ? AND actor LIKE ?",
        action,
        subject,
        "%(API)",
    )
    return int(number)


def signs_in(server: ClockedServer, link: str) -> httpx.Response:
    """Follow a sign-in link and return what the fleet's page answers then."""
    with server.client() as visitor:
        visitor.headers["Origin"] = server.url
        send(visitor, "/sign-in", "/sign-in", link=link.partition("#")[2])
        return visitor.get("/fleet")


def test_a_group_is_made_and_listed_with_its_devices(
    server: ClockedServer, organiser: httpx.Client, groups: dict[str, str]
) -> None:
    new = made(organiser, GROUPS, name=" Davao ", kind="supplier")
    assert (new["name"], new["kind"], new["devices"]) == ("Davao", "supplier", 0)
    found, address = [], f"{GROUPS}?limit=2"
    while address:
        page = organiser.get(address).json()
        found += page["groups"]
        address = page["next"]
    names = [each["name"] for each in found]
    assert names == sorted(names, key=str.casefold)
    assert {"Cebu", "Davao", "Default", "Manila"} <= set(names)
    cebu = next(each for each in found if each["name"] == "Cebu")
    assert (cebu["id"], cebu["devices"]) == (groups["Cebu"], 1)
    assert on_record(server, "group.created", "Davao") == 1
    again = organiser.post(GROUPS, json={"name": "DAVAO"})
    assert refused(again) == (409, "exists", "name")


def test_a_laptop_is_put_into_a_group_and_told_whose_it_is(
    server: ClockedServer, organiser: httpx.Client, groups: dict[str, str], laptop: SigningDevice
) -> None:
    address = f"{DEVICES}/{laptop.device}"
    moved = organiser.patch(address, json={"group": groups["Cebu"]})
    assert (moved.status_code, moved.content) == (204, b"")
    assert organiser.patch(address, json={"ownership": "personal"}).status_code == 204
    assert placed(server, laptop) == (groups["Cebu"], "personal")
    assert on_record(server, "device.moved", laptop.device) == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"group": "0" * 12}, "group"),
        ({"group": "Cebu"}, "group"),
        ({"ownership": "none"}, "ownership"),
    ],
)
def test_a_wrong_place_is_refused(
    organiser: httpx.Client, laptop: SigningDevice, body: dict[str, str], field: str
) -> None:
    tried = organiser.patch(f"{DEVICES}/{laptop.device}", json=body)
    assert refused(tried) == (400, "malformed", field)


def test_an_administrator_of_a_group_signs_in_and_sees_it_alone(
    server: ClockedServer, organiser: httpx.Client, groups: dict[str, str]
) -> None:
    new = made(organiser, administrators(groups["Manila"]), email="Boss@manila.example")
    assert new["email"] == "boss@manila.example"
    page = signs_in(server, new["link"])
    assert "mia-laptop" in page.text
    assert "olga1-laptop" not in page.text
    listed = organiser.get(administrators(groups["Manila"])).json()["administrators"]
    assert [(each["email"], each["role"]) for each in listed] == [("boss@manila.example", "viewer")]
    assert organiser.get(administrators(groups["Cebu"])).json()["administrators"] == []
    assert new["link"].partition("#")[2].encode() not in server.stored()


def test_nobody_is_made_who_may_do_more_than_the_caller(
    caller: Caller, organiser: httpx.Client, groups: dict[str, str]
) -> None:
    body = {"email": "strong@manila.example", "role": "administrator"}
    tried = organiser.post(administrators(groups["Manila"]), json=body)
    assert refused(tried) == (403, "role_refused", "role")
    scopes = ("groups.manage", "enrolment.manage", "fleet.manage")
    stronger = caller(*(word for scope in scopes for word in ("--scope", scope)))
    assert refused(stronger.post(administrators(groups["Default"]), json=body)) == (
        *(409, "role_refused"),
        "role",
    )
    assert made(stronger, administrators(groups["Manila"]), **body)["link"]
    promoted = organiser.patch(administrators(groups["Manila"]), json=body)
    assert refused(promoted) == (403, "role_refused", "role")


@pytest.mark.parametrize(("group", "refusal"), [("Manila", 403), ("Default", 409)])
def test_nobody_gets_into_the_account_of_who_may_do_more(
    server: ClockedServer,
    organiser: httpx.Client,
    groups: dict[str, str],
    group: str,
    refusal: int,
) -> None:
    email, address = f"head@{group.lower()}.example", administrators(groups[group])
    server.command("create-admin", "--email", email, "--group", group, "--role", "administrator")
    link = organiser.post(f"{address}/links", json={"email": email})
    assert refused(link) == (refusal, "role_refused", "email")
    shut_out = organiser.patch(address, json={"email": email, "disabled": True})
    assert shut_out.status_code == 204
    let_in = organiser.patch(address, json={"email": email, "disabled": False})
    assert refused(let_in) == (refusal, "role_refused", "disabled")
    as_viewer = {"email": email, "disabled": False, "role": "viewer"}
    assert organiser.patch(address, json=as_viewer).status_code == 204
    assert made(organiser, f"{address}/links", email=email)["link"]
    assert on_record(server, "sign_in_link.created", email) == 1


def test_an_administrator_is_shut_out_and_let_in_again(
    server: ClockedServer, organiser: httpx.Client, groups: dict[str, str]
) -> None:
    address, email = administrators(groups["Cebu"]), "carla@cebu.example"
    made(organiser, address, email=email, role="viewer")
    assert organiser.patch(address, json={"email": email, "disabled": True}).status_code == 204
    again = organiser.post(f"{address}/links", json={"email": email})
    assert refused(again)[:2] == (409, "disabled")
    change = {"email": email, "disabled": False, "role": "viewer"}
    assert organiser.patch(address, json=change).status_code == 204
    link = made(organiser, f"{address}/links", email=email)["link"]
    assert "olga1-laptop" in signs_in(server, link).text
    (listed,) = organiser.get(address).json()["administrators"]
    assert (listed["role"], listed["disabled_at"]) == ("viewer", None)
    assert on_record(server, "administrator.created", email) == 1
    assert on_record(server, "administrator.changed", email) == 3
    assert on_record(server, "sign_in_link.created", email) == 1


def test_nobody_becomes_an_administrator_twice_or_without_an_address(
    organiser: httpx.Client, groups: dict[str, str]
) -> None:
    address = administrators(groups["Cebu"])
    made(organiser, address, email="twice@cebu.example")
    assert refused(organiser.post(address, json={"email": "twice@cebu.example"})) == (
        409,
        "exists",
        "email",
    )
    tried = organiser.post(address, json={"email": "no address"})
    assert refused(tried) == (400, "malformed", "email")


def test_who_administers_more_than_the_group_is_out_of_reach(
    server: ClockedServer, organiser: httpx.Client, groups: dict[str, str]
) -> None:
    server.command("create-admin", "--email", "chief@example.com")
    for change in ({"disabled": True}, {"role": "viewer"}):
        body = {"email": "chief@example.com", **change}
        tried = organiser.patch(administrators(groups["Manila"]), json=body)
        assert refused(tried)[:2] == (404, "not_found")
    link = organiser.post(
        f"{administrators(groups['Manila'])}/links", json={"email": "chief@example.com"}
    )
    assert refused(link)[:2] == (404, "not_found")
    assert server.rows(
        "SELECT role, disabled_at FROM administrators WHERE email = 'chief@example.com'"
    ) == [("administrator", None)]


def test_other_scopes_change_no_group(caller: Caller, groups: dict[str, str]) -> None:
    other = caller("--scope", "fleet.manage", "--scope", "enrolment.manage")
    assert other.get(GROUPS).status_code == 200
    tried = (
        other.post(GROUPS, json={"name": "Iloilo"}),
        other.patch(f"{DEVICES}/{'0' * 32}", json={"ownership": "personal"}),
        other.get(administrators(groups["Cebu"])),
        other.post(administrators(groups["Cebu"]), json={"email": "a@example.com"}),
        other.post(f"{administrators(groups['Cebu'])}/links", json={"email": "a@example.com"}),
        other.patch(administrators(groups["Cebu"]), json={"email": "a@example.com"}),
    )
    assert [each.json()["code"] for each in tried] == ["insufficient_scope"] * 6


class TestACallerConfinedToAGroup:
    def test_sees_and_makes_no_other(self, of_manila: httpx.Client) -> None:
        assert [each["name"] for each in of_manila.get(GROUPS).json()["groups"]] == ["Manila"]
        assert refused(of_manila.post(GROUPS, json={"name": "Ours"}))[:2] == (403, "confined")

    def test_moves_no_laptop_in_or_out(
        self,
        server: ClockedServer,
        of_manila: httpx.Client,
        groups: dict[str, str],
        fleet: Fleet,
        laptop: SigningDevice,
    ) -> None:
        out = of_manila.patch(f"{DEVICES}/{laptop.device}", json={"group": groups["Cebu"]})
        assert refused(out) == (400, "malformed", "group")
        other = fleet["olga1"]
        into = of_manila.patch(f"{DEVICES}/{other.device}", json={"group": groups["Manila"]})
        assert refused(into)[:2] == (404, "not_found")
        assert placed(server, other)[0] == groups["Cebu"]
        assert placed(server, laptop)[0] == groups["Manila"]

    def test_gets_at_the_administrators_of_no_other(
        self, of_manila: httpx.Client, groups: dict[str, str]
    ) -> None:
        address, email = administrators(groups["Cebu"]), {"email": "mole@manila.example"}
        tried = (
            of_manila.get(address),
            of_manila.post(address, json=email),
            of_manila.post(f"{address}/links", json=email),
            of_manila.patch(address, json=email | {"disabled": True}),
        )
        assert [each.status_code for each in tried] == [404] * 4
        assert made(of_manila, administrators(groups["Manila"]), **email)["link"]
