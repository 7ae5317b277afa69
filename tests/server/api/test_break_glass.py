"""Codes that let one person in without a laptop, made and revoked over HTTP."""

from typing import Any

import httpx
import pytest

from passmuster_server.gate.break_glass import use
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.signing_device import SigningDevice

CODES = "/api/v1/break-glass-codes"
REVOCATIONS = f"{CODES}/revocations"
ANA = {"person": "ana@example.com", "application": "helpdesk", "reason": "Her laptop is broken"}


@pytest.fixture(scope="module")
def rescuer(caller: Caller) -> httpx.Client:
    return caller("--scope", "break-glass.manage")


def made(client: httpx.Client, **changed: Any) -> Any:
    response = client.post(CODES, json=ANA | changed)
    assert response.status_code == 201, response.text
    return response.json()


def lets_in(server: ClockedServer, code: str, application: str) -> bool:
    """Use a code as the gate's page does."""
    found = server.services.database.write_now(
        lambda transaction: use(
            transaction,
            DEFAULT_ORGANISATION,
            code,
            application,
            None,
            server.now(),
            lambda _: True,
        )
    )
    return found is not None


def test_a_code_is_told_once_and_lets_in_once(server: ClockedServer, rescuer: httpx.Client) -> None:
    shown = made(rescuer, application="wiki", minutes=30)
    listed = rescuer.get(CODES)
    assert shown["code"] not in listed.text
    assert shown["code"].encode() not in server.stored()
    (told,) = (each for each in listed.json()["codes"] if each["application"] == "wiki")
    assert (told["minutes"], told["reason"], told["used_at"]) == (30, ANA["reason"], None)
    assert lets_in(server, shown["code"], "wiki")
    assert not lets_in(server, shown["code"], "wiki")
    (told,) = (each for each in rescuer.get(CODES).json()["codes"] if each["application"] == "wiki")
    assert told["used_at"] is not None
    actions = {action for (action,) in server.rows("SELECT action FROM audit_entries")}
    assert {"break_glass.created", "break_glass.used"} <= actions


def test_a_revoked_code_lets_nobody_in(server: ClockedServer, rescuer: httpx.Client) -> None:
    codes = [made(rescuer, application="mail")["code"] for _ in range(2)]
    other = made(rescuer, application="mail", person="bo@example.com")["code"]
    revoked = rescuer.post(REVOCATIONS, json={"person": "ANA@example.com", "application": "mail"})
    assert revoked.json() == {"codes": 2}
    assert not any(lets_in(server, code, "mail") for code in codes)
    assert lets_in(server, other, "mail")
    again = rescuer.post(REVOCATIONS, json={"person": "ana@example.com", "application": "mail"})
    assert again.status_code == 404
    assert server.rows("SELECT person FROM audit_entries WHERE action = 'break_glass.revoked'") == [
        ("ana@example.com",)
    ]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"minutes": 241}, "minutes"),
        ({"valid_hours": 0}, "valid_hours"),
        ({"reason": " "}, "reason"),
        ({"person": "a\nb"}, "person"),
    ],
)
def test_what_is_wrong_is_named(rescuer: httpx.Client, changed: dict[str, Any], field: str) -> None:
    refused = rescuer.post(CODES, json=ANA | changed)
    assert (refused.status_code, refused.json()["field"]) == (400, field)


def test_other_scopes_and_confined_callers_make_none(
    caller: Caller, fleet: dict[str, SigningDevice]
) -> None:
    assert fleet
    other = caller("--scope", "fleet.manage")
    assert other.post(CODES, json=ANA).json()["code"] == "insufficient_scope"
    confined = caller("--scope", "break-glass.manage", "--group", "Manila")
    assert confined.post(CODES, json=ANA).json()["code"] == "confined"
