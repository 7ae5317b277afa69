"""The fleet and its devices over HTTP: lists, pages, what is told of one, and entity tags."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from passmuster_server.fleet.index import Group
from tests.support.clocked_server import ClockedServer
from tests.support.example_readings import USB
from tests.support.signing_device import SigningDevice

DEVICES = "/api/v1/devices"
Fleet = dict[str, SigningDevice]


def answer(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()


def owners(page: Any) -> list[str]:
    return [each["owner"].partition("@")[0] for each in page["devices"]]


def problem(response: httpx.Response, status: int) -> Any:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.json()


def test_the_fleet_is_listed_worst_first_with_its_counts(reader: httpx.Client) -> None:
    page = answer(reader.get(DEVICES))
    assert owners(page) == ["olga1", "mia", "olga2"]
    expected = dict.fromkeys(Group, 0) | {Group.NON_COMPLIANT: 1, Group.COMPLIANT: 2}
    assert page["counts"] == expected
    assert page["next"] is None


def test_a_line_tells_whose_laptop_it_is_and_how_it_stands(reader: httpx.Client) -> None:
    line = answer(reader.get(DEVICES, params={"search": "olga1"}))["devices"][0]
    assert (line["owner"], line["computer_name"]) == ("olga1@example.com", "olga1-laptop")
    assert (line["group_name"], line["status"]) == ("Cebu", "active")
    assert line["verdict"] == "non_compliant"
    assert line["finding"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"verdict": "compliant"}, ["mia", "olga2"]),
        ({"verdict": "unknown"}, []),
        ({"search": "OLGA"}, ["olga1", "olga2"]),
        ({"group": "default"}, ["olga2"]),
        ({"group": "nowhere"}, []),
        ({"search": "olga", "verdict": "non_compliant"}, ["olga1"]),
    ],
)
def test_the_list_is_narrowed(
    reader: httpx.Client, asked: dict[str, str], expected: list[str]
) -> None:
    assert owners(answer(reader.get(DEVICES, params=asked))) == expected


def test_a_device_is_found_by_the_fingerprint_of_its_key(
    reader: httpx.Client, fleet: Fleet
) -> None:
    fingerprint = fleet["mia"].public_key.fingerprint()
    assert owners(answer(reader.get(DEVICES, params={"search": fingerprint}))) == ["mia"]


def test_the_next_links_lead_through_the_whole_list_once(reader: httpx.Client) -> None:
    found, address = [], f"{DEVICES}?limit=1&search=example.com"
    while address:
        page = answer(reader.get(address))
        assert len(page["devices"]) == 1
        assert page["counts"]["compliant"] == 2
        found += owners(page)
        address = page["next"]
    assert found == ["olga1", "mia", "olga2"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("limit=201", "limit"),
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("verdict=good", "verdict"),
        ("after=never-given", "after"),
        ("search=" + "a" * 129, "search"),
        ("search=%00", "search"),
        ("group=" + "a" * 33, "group"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(
    reader: httpx.Client, asked: str, field: str
) -> None:
    assert problem(reader.get(f"{DEVICES}?{asked}"), 400)["field"] == field


@pytest.mark.parametrize("asked", ["limit=1&limit=2", "colour=red"])
def test_a_parameter_twice_or_unknown_is_refused(reader: httpx.Client, asked: str) -> None:
    assert problem(reader.get(f"{DEVICES}?{asked}"), 400)["code"] == "malformed"


def test_one_device_is_told_with_its_reasons_remedies_and_readings(
    reader: httpx.Client, fleet: Fleet
) -> None:
    device = answer(reader.get(f"{DEVICES}/{fleet['olga1'].device}"))
    assert device["verdict"] == "non_compliant"
    assert device["fingerprint"] == fleet["olga1"].public_key.fingerprint()
    signal = next(each for each in device["signals"] if each["id"] == USB)
    assert (signal["outcome"], signal["blocking"]) == ("fail", True)
    assert signal["reasons"][0]["admin"]
    assert signal["reasons"][0]["remedy"]["steps"]
    assert signal["reading"]["facts"]
    assert device["waivers"] == []


def test_a_device_in_the_list_and_alone_is_told_alike(reader: httpx.Client, fleet: Fleet) -> None:
    line = answer(reader.get(DEVICES, params={"search": "mia"}))["devices"][0]
    device = answer(reader.get(f"{DEVICES}/{fleet['mia'].device}"))
    assert {name: device[name] for name in line} == line


def test_a_device_that_fell_silent_is_unknown(
    server: ClockedServer, reader: httpx.Client, fleet: Fleet
) -> None:
    with server.later(timedelta(days=30)):
        assert answer(reader.get(f"{DEVICES}/{fleet['mia'].device}"))["verdict"] == "unknown"
        assert answer(reader.get(DEVICES))["counts"]["unknown"] == 3


@pytest.mark.parametrize("name", ["0" * 32, "nobody", "%00", "a" * 500])
def test_a_device_that_is_not_there_is_a_problem(reader: httpx.Client, name: str) -> None:
    assert problem(reader.get(f"{DEVICES}/{name}"), 404)["code"] == "not_found"


def test_whoever_has_the_answer_is_told_that_it_holds(reader: httpx.Client, fleet: Fleet) -> None:
    address = f"{DEVICES}/{fleet['mia'].device}"
    tag = reader.get(address).headers["ETag"]
    for given in (tag, f'"other", W/{tag}', "*"):
        same = reader.get(address, headers={"If-None-Match": given})
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["ETag"] == tag


def test_an_answer_that_changed_has_another_tag(reader: httpx.Client, fleet: Fleet) -> None:
    mia, olga = (reader.get(f"{DEVICES}/{fleet[name].device}") for name in ("mia", "olga2"))
    assert mia.headers["ETag"] != olga.headers["ETag"]
    given = {"If-None-Match": olga.headers["ETag"]}
    assert reader.get(f"{DEVICES}/{fleet['mia'].device}", headers=given).status_code == 200


def test_who_looked_at_a_laptop_goes_on_record_once(
    server: ClockedServer, reader: httpx.Client, fleet: Fleet
) -> None:
    for _ in range(2):
        reader.get(f"{DEVICES}/{fleet['olga2'].device}")
    rows = server.rows(
        "SELECT actor, person FROM audit_entries WHERE action = 'device.viewed' AND subject = ?",
        fleet["olga2"].device,
    )
    assert len(rows) == 1
    assert rows[0][0].endswith(" (API)")
    assert rows[0][1] == "olga2@example.com"
