"""Everybody who may sign in to the console, over HTTP: shut out, never let in."""

import httpx
import pytest

from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.console import signed_in
from tests.support.signing_device import SigningDevice

ADMINISTRATORS = "/api/v1/administrators"
DISABLED = f"{ADMINISTRATORS}/disabled"
SIGN_OUTS = f"{ADMINISTRATORS}/sign-outs"


@pytest.fixture(scope="module")
def guard(caller: Caller) -> httpx.Client:
    return caller("--scope", "administrators.limit")


@pytest.fixture(scope="module", autouse=True)
def everybody(server: ClockedServer) -> None:
    for name, role in (("root", "administrator"), ("boss", "administrator"), ("eve", "viewer")):
        server.command("create-admin", "--email", f"{name}@example.com", "--role", role)


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def told(guard: httpx.Client) -> dict[str, tuple[str, bool]]:
    found = guard.get(ADMINISTRATORS).json()["accounts"]
    return {each["email"]: (each["role"], each["disabled_at"] is None) for each in found}


def test_everybody_is_listed_page_by_page(guard: httpx.Client) -> None:
    seen: list[str] = []
    address = f"{ADMINISTRATORS}?limit=1"
    while address:
        page = guard.get(address).json()
        seen += [each["email"] for each in page["accounts"]]
        address = page["next"]
    assert seen == sorted(told(guard))
    assert told(guard)["eve@example.com"] == ("viewer", True)


def test_sessions_end_at_once_and_are_counted(server: ClockedServer, guard: httpx.Client) -> None:
    with signed_in(server, "--role", "auditor") as visitor:
        assert visitor.get("/fleet").status_code == 200
        found = guard.get(ADMINISTRATORS).json()["accounts"]
        (open_,) = (each for each in found if each["sessions"])
        ended = guard.post(SIGN_OUTS, json={"email": open_["email"].upper()})
        assert ended.json() == {"sessions": 1}
        assert visitor.get("/fleet").status_code != 200
    assert (
        b"signed out"
        in server.rows(
            "SELECT details FROM audit_entries WHERE action = 'administrator.changed' "
            "ORDER BY number DESC LIMIT 1"
        )[0][0]
    )


def test_who_is_shut_out_stays_so_and_the_last_one_is_kept(
    server: ClockedServer, guard: httpx.Client
) -> None:
    assert guard.post(DISABLED, json={"email": "boss@example.com"}).status_code == 204
    assert told(guard)["boss@example.com"] == ("administrator", False)
    refused = guard.post(DISABLED, json={"email": "root@example.com"})
    assert problem(refused) == (409, "last_administrator")
    assert told(guard)["root@example.com"] == ("administrator", True)
    ((actor,),) = server.rows(
        "SELECT actor FROM audit_entries WHERE action = 'administrator.changed' "
        "AND subject = 'boss@example.com'"
    )
    assert actor.endswith("(API)")


def test_nobody_else_is_there(guard: httpx.Client) -> None:
    for address in (DISABLED, SIGN_OUTS):
        assert problem(guard.post(address, json={"email": "no@example.com"}))[0] == 404
        assert problem(guard.post(address, json={"email": "nobody"})) == (400, "malformed")


def test_other_scopes_and_confined_callers_reach_nobody(
    caller: Caller, fleet: dict[str, SigningDevice]
) -> None:
    assert fleet
    other = caller("--scope", "groups.manage")
    confined = caller("--scope", "administrators.limit", "--group", "Manila")
    assert problem(other.get(ADMINISTRATORS)) == (403, "insufficient_scope")
    assert problem(confined.get(ADMINISTRATORS)) == (403, "confined")
