"""A supplier's own tables of the policy over HTTP."""

from typing import Any

import httpx
import pytest

from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.console import wait_until
from tests.support.example_readings import USB, with_stick
from tests.support.signing_device import SigningDevice

WARNS = f'[signals.{USB}]\nseverity = "warn"\n'
BLOCKS = f'[signals.{USB}]\nseverity = "block"\n'
Fleet = dict[str, SigningDevice]


@pytest.fixture(scope="module")
def groups(server: ClockedServer) -> dict[str, str]:
    return dict(server.rows("SELECT name, group_id FROM groups"))


@pytest.fixture(scope="module")
def of_manila(caller: Caller, fleet: Fleet) -> httpx.Client:
    assert fleet
    return caller("--scope", "policy.tighten", "--group", "Manila")


@pytest.fixture(autouse=True)
def lenient(server: ClockedServer) -> None:
    """Let USB devices pass with a warning, where no group says otherwise."""
    server.publish_policy(WARNS)
    ((version,),) = server.rows("SELECT max(version) FROM policies")
    judging = server.services.policies
    wait_until(lambda: judging.current(DEFAULT_ORGANISATION).version == version)


def put(client: httpx.Client, address: str, tables: str, **headers: str) -> httpx.Response:
    tag = {"If-Match": client.get(address).headers["ETag"]}
    return client.put(address, json={"tables": tables}, headers=tag | headers)


def problem(response: httpx.Response) -> tuple[int, Any]:
    return response.status_code, response.json()["code"]


def test_a_supplier_demands_more_of_its_own_laptops(
    server: ClockedServer, of_manila: httpx.Client, fleet: Fleet, groups: dict[str, str]
) -> None:
    with server.client() as client:
        fleet["mia"].report(client, with_stick())
    address = f"/api/v1/groups/{groups['Manila']}/policy"
    assert of_manila.get(address).json()["tables"] == ""
    tried = of_manila.post(f"{address}/simulations", json={"tables": BLOCKS}).json()
    assert tried["devices"] == 1
    assert [each["device"] for each in tried["shut_out"]["devices"]] == [fleet["mia"].device]
    assert of_manila.get(address).json()["tables"] == "", "a simulation changes nothing"
    changed = put(of_manila, address, BLOCKS)
    assert changed.status_code == 200, changed.text
    assert changed.json()["tables"] == BLOCKS
    assert of_manila.get(address).headers["ETag"] == changed.headers["ETag"]
    ((action, details),) = server.rows(
        "SELECT action, details FROM audit_entries ORDER BY number DESC LIMIT 1"
    )
    assert action == "policy.published"
    assert b"for the group Manila" in details
    ((document,),) = server.rows("SELECT document FROM policies ORDER BY version DESC LIMIT 1")
    assert document.startswith(WARNS)


def test_less_than_before_is_refused_and_nothing_changes(
    of_manila: httpx.Client, groups: dict[str, str]
) -> None:
    address = f"/api/v1/groups/{groups['Manila']}/policy"
    assert put(of_manila, address, BLOCKS).status_code == 200
    for tables in ("", WARNS, "severity = "):
        refused = put(of_manila, address, tables)
        assert problem(refused) == (400, "malformed"), tables
    assert of_manila.get(address).json()["tables"] == BLOCKS


def test_it_says_what_it_changes(of_manila: httpx.Client, groups: dict[str, str]) -> None:
    address = f"/api/v1/groups/{groups['Manila']}/policy"
    assert problem(of_manila.put(address, json={"tables": BLOCKS})) == (428, "if_match_needed")
    assert problem(put(of_manila, address, BLOCKS, **{"If-Match": '"other"'})) == (412, "changed")


def test_another_group_is_not_there_and_one_of_the_own_company_has_none(
    caller: Caller, of_manila: httpx.Client, fleet: Fleet, groups: dict[str, str]
) -> None:
    assert problem(of_manila.get(f"/api/v1/groups/{groups['Cebu']}/policy"))[0] == 404
    assert fleet
    whole = caller("--scope", "policy.manage")
    assert whole.get(f"/api/v1/groups/{groups['Cebu']}/policy").status_code == 200
    assert problem(whole.get("/api/v1/groups/default/policy")) == (404, "not_found")


def test_the_scope_opens_nothing_else(of_manila: httpx.Client, caller: Caller) -> None:
    tightener = caller("--scope", "policy.tighten")
    for address in ("/api/v1/policy", "/api/v1/devices", "/api/v1/audit"):
        assert problem(tightener.get(address)) == (403, "insufficient_scope")
    assert of_manila.get("/api/v1/policy").status_code == 403
