"""The past over HTTP: who had which verdict, how one laptop changed, and why it stands so."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from passmuster_collectors.contract.canonical import base64url
from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.example_readings import USB
from tests.support.signing_device import SigningDevice

HISTORY = "/api/v1/history"
DEVICES = "/api/v1/devices"
Fleet = dict[str, SigningDevice]


def day(shift: int) -> str:
    return (datetime.now(UTC) + timedelta(days=shift)).isoformat()


def test_who_was_not_compliant_is_told_with_how_long(reader: httpx.Client, fleet: Fleet) -> None:
    found = reader.get(HISTORY).json()
    (olga,) = found["devices"]
    assert (olga["device"], olga["episodes"], olga["lasts"]) == (fleet["olga1"].device, 1, True)
    assert olga["seconds"] > 0
    assert found["verdict"] == "non_compliant"


def test_the_next_links_lead_through_one_and_the_same_period(
    reader: httpx.Client, fleet: Fleet
) -> None:
    seen, periods = [], set()
    address = str(httpx.URL(HISTORY, params={"verdict": "compliant", "limit": 1}))
    while address:
        page = reader.get(address).json()
        seen += [each["device"] for each in page["devices"]]
        periods.add((page["since"], page["until"]))
        address = page["next"]
    assert sorted(seen) == sorted(each.device for each in fleet.values())
    assert len(periods) == 1


def test_a_period_and_a_person_narrow_it(reader: httpx.Client) -> None:
    before = {"since": day(-9), "until": day(-2)}
    assert reader.get(HISTORY, params=before).json()["devices"] == []
    mias = {"verdict": "compliant", "owner": "MIA@example.com"}
    assert [each["owner"] for each in reader.get(HISTORY, params=mias).json()["devices"]] == [
        "mia@example.com"
    ]


def test_a_group_narrows_it(reader: httpx.Client, fleet: Fleet) -> None:
    groups = {each["name"]: each["id"] for each in reader.get("/api/v1/groups").json()["groups"]}
    for name, laptop in (("Manila", "mia"), ("Cebu", "olga1")):
        asked = {"verdict": "compliant", "group": groups[name]}
        (found,) = reader.get(HISTORY, params=asked).json()["devices"]
        assert found["device"] == fleet[laptop].device
    assert reader.get(HISTORY, params={"group": groups["Manila"]}).json()["devices"] == []


def test_groups_are_told_with_how_many_laptops_and_how_long(
    reader: httpx.Client, supplier: httpx.Client, fleet: Fleet
) -> None:
    (cebu,) = reader.get(f"{HISTORY}/groups").json()["groups"]
    assert (cebu["group_name"], cebu["devices"]) == ("Cebu", 1)
    assert cebu["seconds"] > 0
    assert fleet["olga1"].device
    compliant = {"verdict": "compliant"}
    every = reader.get(f"{HISTORY}/groups", params=compliant).json()["groups"]
    assert sorted(each["group_name"] for each in every) == ["Cebu", "Default", "Manila"]
    own = supplier.get(f"{HISTORY}/groups", params=compliant).json()["groups"]
    assert [each["group_name"] for each in own] == ["Manila"]
    named = {"verdict": "compliant", "group": cebu["group"]}
    assert supplier.get(f"{HISTORY}/groups", params=named).json()["groups"] == []
    assert supplier.get(HISTORY, params=named).json()["devices"] == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-02-01T09:30:00"}, "since"),
        ({"since": day(1)}, "since"),
        ({"until": "0001-01-01T00:00:00+14:00"}, "until"),
        ({"until": "0001-01-01T00:00:00Z"}, "until"),
        ({"verdict": "fine"}, "verdict"),
        ({"after": "nowhere!"}, "after"),
        ({"after": "bm93aGVyZQ"}, "after"),
        ({"after": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OSBh"}, "after"),
        ({"after": base64url(b"5 " + b"a" * 31 + b"\0")}, "after"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(
    reader: httpx.Client, asked: dict[str, str], field: str
) -> None:
    refused = reader.get(HISTORY, params=asked)
    assert (refused.status_code, refused.json()["field"]) == (400, field)


def test_how_a_laptop_changed_is_told_the_last_change_first(
    reader: httpx.Client, fleet: Fleet
) -> None:
    found = reader.get(f"{DEVICES}/{fleet['olga1'].device}/history").json()
    assert [each["verdict"] for each in found["verdicts"]][:2] == ["non_compliant", "compliant"]
    assert found["verdicts"][0]["reasons"]
    newest = found["signals"][0]
    assert newest["signal"] == USB
    assert len(newest["reading"]["facts"]["devices"]) == 2


def test_why_a_laptop_stands_so_is_told_with_the_rule_and_its_place(
    reader: httpx.Client, fleet: Fleet
) -> None:
    found = reader.get(f"{DEVICES}/{fleet['olga1'].device}/explanation").json()
    assert (found["verdict"], found["group"]) == ("non_compliant", "Cebu")
    usb = next(each for each in found["signals"] if each["signal"] == USB)
    severity = next(each for each in usb["rule"]["settings"] if each["name"] == "severity")
    assert (severity["value"], severity["table"]) == ("block", f"signals.{USB}")
    assert usb["reading"]["sources"] is not None


def test_whoever_looks_is_on_record(server: ClockedServer, fleet: Fleet) -> None:
    printed = server.command("gate-client", "curious", "--scope", "fleet.read").stdout
    with server.client() as client:
        client.headers["Authorization"] = f"Bearer {printed.split()[-1]}"
        client.get(f"{DEVICES}/{fleet['mia'].device}/history")
        client.get(f"{DEVICES}/{fleet['mia'].device}/explanation")
    assert server.rows(
        "SELECT subject, person FROM audit_entries WHERE actor = 'curious (API)'"
    ) == [(fleet["mia"].device, "mia@example.com")]


def test_of_another_group_there_is_no_past(supplier: httpx.Client, fleet: Fleet) -> None:
    assert supplier.get(HISTORY).json()["devices"] == []
    compliant = supplier.get(HISTORY, params={"verdict": "compliant"}).json()["devices"]
    assert [each["device"] for each in compliant] == [fleet["mia"].device]
    for what in ("history", "explanation"):
        other = supplier.get(f"{DEVICES}/{fleet['olga1'].device}/{what}")
        nobody = supplier.get(f"{DEVICES}/{'0' * 32}/{what}")
        assert (other.status_code, other.content) == (404, nobody.content)


def test_other_scopes_open_no_past(caller: Caller) -> None:
    other = caller("--scope", "audit.read", "--scope", "policy.manage")
    assert other.get(HISTORY).json()["code"] == "insufficient_scope"
