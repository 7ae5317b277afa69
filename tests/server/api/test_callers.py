"""Who may call the API, and what a caller that is confined to one group gets to see."""

from typing import Any

import httpx
import pytest

from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.signing_device import SigningDevice

DEVICES = "/api/v1/devices"
POLICY = "/api/v1/policy"
AUDIT = "/api/v1/audit"
OTHERS = ("olga", "Cebu", "Default")
Fleet = dict[str, SigningDevice]


def refused(response: httpx.Response, status: int) -> Any:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.json()["code"]


@pytest.mark.parametrize("address", [DEVICES, f"{DEVICES}/{'0' * 32}", POLICY, AUDIT])
def test_nobody_gets_in_without_a_token(server: ClockedServer, address: str) -> None:
    with server.client() as stranger:
        response = stranger.get(address)
    assert refused(response, 401) == "unknown_caller"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("address", [DEVICES, f"{DEVICES}/{'0' * 32}", POLICY, AUDIT])
def test_a_caller_of_the_gate_needs_the_scope(caller: Caller, address: str) -> None:
    assert refused(caller("--scope", "gate").get(address), 403) == "insufficient_scope"


def test_each_scope_opens_its_own_doors(caller: Caller) -> None:
    opened = {
        scope: [caller("--scope", scope).get(each).status_code for each in (DEVICES, POLICY, AUDIT)]
        for scope in ("fleet.read", "fleet.manage", "audit.read")
    }
    assert opened == {
        "fleet.read": [200, 200, 403],
        "fleet.manage": [200, 200, 403],
        "audit.read": [403, 403, 200],
    }


def test_a_short_lived_token_is_good_for_the_scope_that_it_was_fetched_for(
    server: ClockedServer,
) -> None:
    printed = server.command(
        "gate-client", "report", "--oauth", "--scope", "fleet.read", "--scope", "audit.read"
    )
    client_id, secret = printed.stdout.split()[-2:]
    with server.client() as client:
        given = client.post(
            "/oauth2/token",
            auth=(client_id, secret),
            data={"grant_type": "client_credentials", "scope": "fleet.read"},
        ).json()
        client.headers["Authorization"] = f"Bearer {given['access_token']}"
        assert client.get(DEVICES).status_code == 200
        assert client.get(AUDIT).status_code == 403


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "?search=olga",
        "?group=default",
        "?group={cebu}",
        "?search={fingerprint}",
        "?verdict=non_compliant",
        "?limit=1",
    ],
)
def test_no_list_shows_or_counts_the_laptops_of_another_group(
    server: ClockedServer, supplier: httpx.Client, fleet: Fleet, asked: str
) -> None:
    ((cebu,),) = server.rows("SELECT group_id FROM groups WHERE name = 'Cebu'")
    fingerprint = fleet["olga1"].public_key.fingerprint()
    response = supplier.get(DEVICES + asked.format(cebu=cebu, fingerprint=fingerprint))
    assert response.status_code == 200, response.text
    assert [other for other in OTHERS if other in response.text] == []
    page = response.json()
    assert {each["owner"] for each in page["devices"]} <= {"mia@example.com"}
    assert sum(page["counts"].values()) <= 1
    assert page["counts"]["non_compliant"] == 0
    assert page["next"] is None


def test_the_groups_own_laptops_are_listed_and_counted(
    supplier: httpx.Client, fleet: Fleet
) -> None:
    page = supplier.get(DEVICES).json()
    assert [each["id"] for each in page["devices"]] == [fleet["mia"].device]
    assert page["counts"]["compliant"] == 1
    assert supplier.get(f"{DEVICES}/{fleet['mia'].device}").status_code == 200


def test_another_groups_laptop_is_as_if_it_were_not_there(
    supplier: httpx.Client, fleet: Fleet
) -> None:
    other = supplier.get(f"{DEVICES}/{fleet['olga1'].device}")
    nobody = supplier.get(f"{DEVICES}/{'0' * 32}")
    assert (other.status_code, other.content) == (404, nobody.content)


def test_a_caller_of_two_groups_sees_both(caller: Caller, fleet: Fleet) -> None:
    both = caller("--scope", "fleet.read", "--group", "Manila", "--group", "Cebu")
    listed = {each["id"] for each in both.get(DEVICES).json()["devices"]}
    assert listed == {fleet["mia"].device, fleet["olga1"].device}


@pytest.mark.parametrize("address", [POLICY, AUDIT])
def test_what_is_about_every_group_is_not_for_one(supplier: httpx.Client, address: str) -> None:
    assert refused(supplier.get(address), 403) == "confined"


@pytest.mark.parametrize("bound", [("--person", "mia@example.com"), ("--application", "helpdesk")])
def test_bounds_that_the_api_does_not_know_shut_it(caller: Caller, bound: tuple[str, str]) -> None:
    confined = caller("--scope", "fleet.read", *bound)
    assert refused(confined.get(DEVICES), 403) == "confined"
