"""The audit record over HTTP."""

import httpx
import pytest

from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.console import wait_until as until
from tests.support.signing_device import SigningDevice

AUDIT = "/api/v1/audit"


@pytest.fixture
def auditor(caller: Caller, fleet: dict[str, SigningDevice]) -> httpx.Client:
    assert fleet
    return caller("--scope", "audit.read")


def test_the_next_links_lead_through_the_record_backwards(auditor: httpx.Client) -> None:
    numbers, address = [], f"{AUDIT}?limit=2"
    while address:
        page = auditor.get(address).json()
        numbers += [each["number"] for each in page["entries"]]
        address = page["next"]
    assert len(numbers) > 4
    assert numbers == list(range(len(numbers), 0, -1))


def test_an_entry_tells_who_did_what(auditor: httpx.Client) -> None:
    entries = auditor.get(AUDIT, params={"search": "device.enrolled", "limit": 200}).json()
    found = {each["person"]: each for each in entries["entries"]}
    assert found["mia@example.com"]["action"] == "device.enrolled"
    assert found["mia@example.com"]["details"]["tier"]


@pytest.mark.parametrize("asked", ["before=0", "limit=201", f"before={2**53}", "search=%00"])
def test_a_wrong_parameter_is_refused_by_its_name(auditor: httpx.Client, asked: str) -> None:
    refused = auditor.get(f"{AUDIT}?{asked}")
    assert refused.status_code == 400
    assert refused.json()["field"] == asked.partition("=")[0]


def test_a_decision_is_followed_back_to_what_the_laptop_signed(
    server: ClockedServer, auditor: httpx.Client, fleet: dict[str, SigningDevice]
) -> None:
    asked = {
        "subject": {"type": "user", "id": "olga1@example.com"},
        "action": {"name": "login"},
        "resource": {"type": "application", "id": "helpdesk"},
    }
    with server.client() as client:
        token = server.gate_token("the helpdesk")
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.post("/access/v1/evaluation", json=asked, headers=headers).json()
    decision = answer["context"]["id"]
    address = f"{AUDIT}/decisions/{decision}"
    until(lambda: auditor.get(address).status_code == 200)
    found = auditor.get(address).json()
    assert (found["id"], found["allowed"], found["asked_by"]) == (decision, False, "the helpdesk")
    (device,) = found["devices"]
    assert device["device"] == fleet["olga1"].device
    assert device["reports"]
    assert all(each["authentic"] for each in device["reports"])
    viewed = auditor.get(AUDIT, params={"search": "decision.viewed"}).json()["entries"]
    assert [(each["subject"], each["person"]) for each in viewed] == [
        (decision, "olga1@example.com")
    ]


def test_a_decision_that_nobody_made_is_not_there(auditor: httpx.Client) -> None:
    assert auditor.get(f"{AUDIT}/decisions/none").status_code == 404
    assert auditor.get(f"{AUDIT}/decisions/{'x' * 99}").status_code == 404
