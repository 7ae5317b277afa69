"""One person's data over HTTP: handed out, and deleted."""

import httpx
import pytest

from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.console import signed_in
from tests.support.signing_device import SigningDevice

EXPORTS = "/api/v1/people/exports"
ERASURES = "/api/v1/people/erasures"
Fleet = dict[str, SigningDevice]


@pytest.fixture(scope="module")
def officer(caller: Caller, fleet: Fleet) -> httpx.Client:
    assert fleet
    return caller("--scope", "privacy.manage")


def test_all_that_is_stored_of_a_person_is_handed_out_on_record(
    server: ClockedServer, officer: httpx.Client, fleet: Fleet
) -> None:
    found = officer.post(EXPORTS, json={"email": "MIA@example.com"})
    assert found.status_code == 200
    assert found.headers["Cache-Control"] == "no-store"
    (device,) = found.json()["data"]["devices"]
    assert device["device_id"] == fleet["mia"].device
    assert device["readings"]
    ((actor,),) = server.rows("SELECT actor FROM audit_entries WHERE action = 'person.exported'")
    assert actor.endswith("(API)")


def test_nothing_is_left_of_who_is_erased_and_all_of_the_others(
    server: ClockedServer, officer: httpx.Client, fleet: Fleet
) -> None:
    erased = officer.post(ERASURES, json={"email": "Olga2@example.com"}).json()
    assert (erased["devices"], erased["account"]) == (1, False)
    assert (
        officer.post(EXPORTS, json={"email": "olga2@example.com"}).json()["data"]["devices"] == []
    )
    left = {device for (device,) in server.rows("SELECT device_id FROM devices")}
    assert fleet["olga2"].device not in left
    assert fleet["mia"].device in left
    ((person,),) = server.rows(
        "SELECT person FROM audit_entries WHERE action = 'person.erased' "
        "ORDER BY number DESC LIMIT 1"
    )
    assert person == "", "the record of the erasure does not hold what was erased"


def test_the_last_administrator_is_not_erased(server: ClockedServer, officer: httpx.Client) -> None:
    with signed_in(server, "--role", "administrator"):
        ((email,),) = server.rows("SELECT email FROM administrators")
        refused = officer.post(ERASURES, json={"email": email})
    assert (refused.status_code, refused.json()["code"]) == (409, "last_administrator")


def test_one_laptop_is_erased_and_is_not_there_any_more(
    server: ClockedServer, officer: httpx.Client, fleet: Fleet
) -> None:
    address = f"/api/v1/devices/{fleet['olga1'].device}"
    assert officer.delete(address).status_code == 204
    assert officer.delete(address).status_code == 404
    ((subject,),) = server.rows("SELECT subject FROM audit_entries WHERE action = 'device.erased'")
    assert subject == fleet["olga1"].device


def test_a_confined_caller_and_other_scopes_erase_nobody(caller: Caller, fleet: Fleet) -> None:
    confined = caller("--scope", "privacy.manage", "--group", "Manila")
    other = caller("--scope", "fleet.manage")
    for address in (EXPORTS, ERASURES):
        body = {"email": "mia@example.com"}
        assert confined.post(address, json=body).json()["code"] == "confined"
        assert other.post(address, json=body).json()["code"] == "insufficient_scope"
    device = f"/api/v1/devices/{fleet['mia'].device}"
    assert confined.delete(device).json()["code"] == "confined"
    assert other.delete(device).json()["code"] == "insufficient_scope"


@pytest.mark.parametrize(
    "email", ["", "a", "   ", "a\nb", "a\0b", " mia@example.com", "a\0@example.com", "x" * 255]
)
@pytest.mark.parametrize("path", [EXPORTS, ERASURES])
def test_what_nobody_is_stored_by_is_refused(officer: httpx.Client, path: str, email: str) -> None:
    refused = officer.post(path, json={"email": email})
    assert (refused.status_code, refused.json()["field"]) == (400, "email")


def test_whom_the_gate_knows_by_another_name_than_an_address_is_found_too(
    officer: httpx.Client,
) -> None:
    found = officer.post(EXPORTS, json={"email": r"EXAMPLE\mia"})
    assert (found.status_code, found.json()["data"]["person"]) == (200, r"EXAMPLE\mia")
