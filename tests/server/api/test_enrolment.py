"""Codes, deployment secrets and approvals over HTTP: who may, for whom, and what goes on record."""

from typing import Any

import httpx
import pytest

from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.example_readings import healthy
from tests.support.signing_device import SigningDevice

CODES = "/api/v1/enrolment-codes"
SECRETS = "/api/v1/deployment-secrets"
DEVICES = "/api/v1/devices"
Fleet = dict[str, SigningDevice]


@pytest.fixture(scope="module")
def doorkeeper(caller: Caller, fleet: Fleet) -> httpx.Client:
    assert fleet
    return caller("--scope", "enrolment.manage")


@pytest.fixture(scope="module")
def of_manila(caller: Caller, fleet: Fleet) -> httpx.Client:
    assert fleet
    return caller("--scope", "enrolment.manage", "--scope", "fleet.read", "--group", "Manila")


@pytest.fixture(scope="module")
def groups(server: ClockedServer) -> dict[str, str]:
    return dict(server.rows("SELECT name, group_id FROM groups"))


def made(client: httpx.Client, address: str, **body: Any) -> Any:
    response = client.post(address, json=body)
    assert response.status_code == 201, response.text
    return response.json()


def refused(response: httpx.Response) -> tuple[int, str, str]:
    problem = response.json()
    return response.status_code, problem["code"], problem["field"]


def enrolled(server: ClockedServer, code: str, owner: str | None = None) -> SigningDevice:
    laptop = SigningDevice(server.url, computer_name="new-laptop")
    with server.client() as client:
        laptop.enroll(client, code, owner)
    return laptop


def pending(server: ClockedServer, owner: str, group: str) -> SigningDevice:
    printed = server.command(
        *("deployment-secret", "add", f"for {owner}", "--uses", "1", "--days", "1"),
        *("--group", group),
    ).stdout
    code = next(line for line in printed.splitlines() if line.count("-") == 5)
    return enrolled(server, code, owner)


def on_record(server: ClockedServer, action: str) -> list[tuple[str, str, str]]:
    return [
        (actor, subject, person)
        for actor, subject, person in server.rows(
            "SELECT actor, subject, person FROM audit_entries WHERE action = ? ORDER BY number",
            action,
        )
        if actor.endswith("(API)")
    ]


def placed(server: ClockedServer, laptop: SigningDevice) -> tuple[str, str, str]:
    ((owner, group, status),) = server.rows(
        "SELECT owner, group_id, status FROM devices WHERE device_id = ?", laptop.device
    )
    return owner, group, status


def test_a_code_enrols_a_laptop_into_the_group_that_it_is_for(
    server: ClockedServer, doorkeeper: httpx.Client, groups: dict[str, str]
) -> None:
    found = made(doorkeeper, CODES, owner="nina@example.com", group=groups["Cebu"])
    laptop = enrolled(server, found["code"])
    assert placed(server, laptop) == ("nina@example.com", groups["Cebu"], "active")
    assert on_record(server, "enrolment_code.created")[-1][2] == "nina@example.com"
    assert found["code"].encode() not in server.stored()


def test_a_code_can_stand_for_the_successor_of_a_laptop(
    server: ClockedServer, doorkeeper: httpx.Client, groups: dict[str, str]
) -> None:
    first = enrolled(server, made(doorkeeper, CODES, owner="otto@example.com")["code"])
    code = made(doorkeeper, CODES, owner="otto@example.com", replaces=first.device)["code"]
    second = enrolled(server, code)
    assert placed(server, first)[2] == "retired"
    assert placed(server, second) == ("otto@example.com", groups["Default"], "active")


def test_a_secret_is_shown_once_listed_without_it_and_revoked(
    server: ClockedServer, doorkeeper: httpx.Client, groups: dict[str, str]
) -> None:
    made_of = {"name": "intune", "uses": 2, "days": 30, "at_once": True}
    shown = made(doorkeeper, SECRETS, **made_of, group=groups["Cebu"], owner_domain="example.com")
    laptop = enrolled(server, shown["secret"], "paula@example.com")
    assert placed(server, laptop) == ("paula@example.com", groups["Cebu"], "active")
    listed = {each["name"]: each for each in doorkeeper.get(SECRETS).json()["secrets"]}["intune"]
    assert (listed["used"], listed["uses"], listed["revoked_at"]) == (1, 2, None)
    assert listed["group"] == groups["Cebu"]
    assert "secret" not in listed
    assert shown["secret"].encode() not in server.stored()
    ended = doorkeeper.post(f"{SECRETS}/revocations", json={"name": "intune"})
    assert (ended.status_code, ended.content) == (204, b"")
    again = doorkeeper.post(f"{SECRETS}/revocations", json={"name": "intune"})
    assert refused(again)[:2] == (409, "revoked")
    with pytest.raises(httpx.HTTPStatusError, match="403"):
        enrolled(server, shown["secret"], "paul@example.com")
    assert [subject for _, subject, _ in on_record(server, "deployment_secret.created")] == [
        "intune"
    ]
    assert len(on_record(server, "deployment_secret.revoked")) == 1


def test_the_next_links_lead_through_the_secrets(doorkeeper: httpx.Client) -> None:
    for name in ("a one", "b two", "c three"):
        made(doorkeeper, SECRETS, name=name, uses=1, days=1)
    names, address = [], f"{SECRETS}?limit=1"
    while address:
        page = doorkeeper.get(address).json()
        names += [each["name"] for each in page["secrets"]]
        address = page["next"]
    assert names == sorted(names)
    assert {"a one", "b two", "c three"} <= set(names)


@pytest.mark.parametrize(
    ("address", "body", "told"),
    [
        (CODES, {"owner": "nobody"}, (400, "malformed", "owner")),
        (CODES, {"owner": "a@example.com", "group": "0" * 12}, (400, "malformed", "group")),
        (CODES, {"owner": "a@example.com", "replaces": "0" * 32}, (400, "malformed", "replaces")),
        (CODES, {"owner": "a@example.com", "ownership": "no"}, (400, "malformed", "ownership")),
        (CODES, {}, (400, "malformed", "owner")),
        (SECRETS, {"name": "x", "uses": 0, "days": 1}, (400, "malformed", "uses")),
        (SECRETS, {"name": " ", "uses": 1, "days": 1}, (400, "malformed", "name")),
        (
            SECRETS,
            {"name": "x", "uses": 1, "days": 1, "owner_domain": "no domain"},
            (400, "malformed", "owner_domain"),
        ),
        (f"{SECRETS}/revocations", {"name": "none"}, (404, "not_found", "")),
        (f"{SECRETS}/revocations", {"name": "a\0b"}, (404, "not_found", "")),
    ],
)
def test_what_is_wrong_is_told_by_its_field(
    doorkeeper: httpx.Client, address: str, body: dict[str, Any], told: tuple[int, str, str]
) -> None:
    assert refused(doorkeeper.post(address, json=body)) == told


def test_a_name_is_given_once(doorkeeper: httpx.Client) -> None:
    made(doorkeeper, SECRETS, name="twice", uses=1, days=1)
    again = doorkeeper.post(SECRETS, json={"name": "twice", "uses": 1, "days": 1})
    assert refused(again) == (409, "exists", "name")


def test_a_laptop_that_waits_is_approved_once(
    server: ClockedServer, doorkeeper: httpx.Client
) -> None:
    laptop = pending(server, "rosa@example.com", "Cebu")
    done = doorkeeper.post(f"{DEVICES}/{laptop.device}/approval")
    assert (done.status_code, done.content) == (204, b"")
    assert placed(server, laptop)[2] == "active"
    again = doorkeeper.post(f"{DEVICES}/{laptop.device}/approval")
    assert refused(again)[:2] == (409, "not_pending")
    assert [each[1:] for each in on_record(server, "device.approved")] == [
        (laptop.device, "rosa@example.com")
    ]


def test_other_scopes_open_no_door(caller: Caller) -> None:
    other = caller("--scope", "fleet.read", "--scope", "policy.manage", "--scope", "groups.manage")
    tried = (
        other.post(CODES, json={"owner": "a@example.com"}),
        other.get(SECRETS),
        other.post(SECRETS, json={"name": "x", "uses": 1, "days": 1}),
        other.post(f"{SECRETS}/revocations", json={"name": "x"}),
        other.post(f"{DEVICES}/{'0' * 32}/approval"),
    )
    assert [each.json()["code"] for each in tried] == ["insufficient_scope"] * 5


class TestACallerConfinedToAGroup:
    def test_lets_laptops_into_its_own_group_and_need_not_name_it(
        self, server: ClockedServer, of_manila: httpx.Client, groups: dict[str, str]
    ) -> None:
        laptop = enrolled(server, made(of_manila, CODES, owner="mona@example.com")["code"])
        assert placed(server, laptop) == ("mona@example.com", groups["Manila"], "active")

    def test_lets_none_into_another_group(
        self, of_manila: httpx.Client, groups: dict[str, str]
    ) -> None:
        code = {"owner": "mona@example.com", "group": groups["Cebu"]}
        secret = {"name": "ours", "uses": 1, "days": 1, "group": groups["Default"]}
        assert refused(of_manila.post(CODES, json=code)) == (400, "malformed", "group")
        assert refused(of_manila.post(SECRETS, json=secret)) == (400, "malformed", "group")

    def test_gives_nobody_a_laptop_who_has_one_elsewhere(self, of_manila: httpx.Client) -> None:
        tried = of_manila.post(CODES, json={"owner": " OLGA1@example.com"})
        assert refused(tried) == (403, "not_yours", "owner")

    def test_replaces_no_laptop_of_another_group(
        self, of_manila: httpx.Client, fleet: Fleet
    ) -> None:
        body = {"owner": "mona@example.com", "replaces": fleet["olga1"].device}
        assert refused(of_manila.post(CODES, json=body)) == (400, "malformed", "replaces")

    def test_has_secrets_of_its_own_whose_laptops_wait(
        self, server: ClockedServer, doorkeeper: httpx.Client, of_manila: httpx.Client
    ) -> None:
        made(doorkeeper, SECRETS, name="everybody's", uses=1, days=1)
        at_once = {"name": "manila's", "uses": 1, "days": 1, "at_once": True}
        assert refused(of_manila.post(SECRETS, json=at_once)) == (403, "confined", "at_once")
        waits = at_once | {"at_once": False, "owner_domain": "example.com"}
        shown = made(of_manila, SECRETS, **waits)
        assert [each["name"] for each in of_manila.get(SECRETS).json()["secrets"]] == ["manila's"]
        other = of_manila.post(f"{SECRETS}/revocations", json={"name": "everybody's"})
        assert refused(other)[:2] == (404, "not_found")
        laptop = enrolled(server, shown["secret"], "mara@example.com")
        assert placed(server, laptop)[2] == "pending"

    def test_approves_its_own_laptops_alone(
        self, server: ClockedServer, of_manila: httpx.Client
    ) -> None:
        own = pending(server, "mario@example.com", "Manila")
        other = pending(server, "otis@example.com", "Cebu")
        assert of_manila.post(f"{DEVICES}/{own.device}/approval").status_code == 204
        nobody = of_manila.post(f"{DEVICES}/{'0' * 32}/approval")
        tried = of_manila.post(f"{DEVICES}/{other.device}/approval")
        assert (tried.status_code, tried.content) == (404, nobody.content)
        assert placed(server, other)[2] == "pending"

    def test_approves_no_laptop_of_a_person_who_has_one_elsewhere(
        self, server: ClockedServer, of_manila: httpx.Client
    ) -> None:
        laptop = pending(server, "olga2@example.com", "Manila")
        tried = of_manila.post(f"{DEVICES}/{laptop.device}/approval")
        assert refused(tried) == (403, "not_yours", "owner")
        assert placed(server, laptop)[2] == "pending"


def test_a_laptop_that_was_let_in_reports(server: ClockedServer, doorkeeper: httpx.Client) -> None:
    laptop = enrolled(server, made(doorkeeper, CODES, owner="sam@example.com")["code"])
    with server.client() as client:
        assert laptop.report(client, healthy()).verdict.value == "compliant"


def test_a_confined_caller_lets_in_people_of_its_groups_domains_alone(
    server: ClockedServer, of_manila: httpx.Client
) -> None:
    code = of_manila.post(CODES, json={"owner": "chief@headquarters.example"})
    assert refused(code) == (403, "not_yours", "owner")
    for given in ({}, {"owner_domain": "headquarters.example"}):
        secret = of_manila.post(SECRETS, json={"name": "wide", "uses": 1, "days": 1, **given})
        assert refused(secret) == (403, "not_yours", "owner_domain")
    waiting = pending(server, "chief2@headquarters.example", "Manila")
    tried = of_manila.post(f"/api/v1/devices/{waiting.device}/approval")
    assert refused(tried) == (403, "not_yours", "owner")
    server.command("group", "domains", "Cebu")
    listed = server.command("group", "list").stdout
    assert "Manila  supplier" in listed
    assert "enrols people of example.com" in listed
