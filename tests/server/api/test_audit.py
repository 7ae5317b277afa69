"""The audit record over HTTP."""

import httpx
import pytest

from tests.server.api.conftest import Caller
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
