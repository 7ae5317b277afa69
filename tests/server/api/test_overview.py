"""The fleet as a whole over HTTP: how it develops, and evidence of a period."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from passmuster_server.evidence import gathering
from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.console import signed_in
from tests.support.example_readings import USB
from tests.support.signing_device import SigningDevice

TRENDS = "/api/v1/trends"
EVIDENCE = "/api/v1/audit/evidence"
Fleet = dict[str, SigningDevice]
TOGETHER_S = 2.0


def day(shift: int) -> str:
    return (datetime.now(UTC) + timedelta(days=shift)).isoformat()


def test_trends_count_each_verdict_at_each_moment(reader: httpx.Client, fleet: Fleet) -> None:
    found = reader.get(TRENDS, params={"days": 7}).json()
    assert len(found["moments"]) == 29
    assert {len(numbers) for numbers in found["verdicts"].values()} == {29}
    assert sum(numbers[-1] for numbers in found["verdicts"].values()) == len(fleet)
    assert [each["device"] for each in found["worst"]] == [fleet["olga1"].device]
    usb = next(each for each in found["signals"] if each["signal"] == USB)
    assert (usb["passing"], usb["failing"], usb["blocking"]) == (2, 1, 1)
    assert found["silent"] == []


def test_a_confined_caller_gets_the_trends_of_its_group_alone(
    reader: httpx.Client, supplier: httpx.Client
) -> None:
    groups = {each["name"]: each["id"] for each in reader.get("/api/v1/groups").json()["groups"]}
    own = supplier.get(TRENDS).json()
    assert sum(numbers[-1] for numbers in own["verdicts"].values()) == 1
    assert own["worst"] == []
    named = reader.get(TRENDS, params={"group": groups["Manila"]}).json()
    assert named["verdicts"] == own["verdicts"]
    other = supplier.get(TRENDS, params={"group": groups["Cebu"]})
    assert (other.status_code, other.json()["field"]) == (400, "group")


@pytest.mark.parametrize("days", ["2", "", "a"])
def test_other_periods_are_refused(reader: httpx.Client, days: str) -> None:
    refused = reader.get(TRENDS, params={"days": days})
    assert (refused.status_code, refused.json()["field"]) == (400, "days")


def test_evidence_is_told_and_that_it_was_is_on_record(
    server: ClockedServer, caller: Caller, fleet: Fleet
) -> None:
    auditor = caller("--scope", "audit.read")
    found = auditor.get(EVIDENCE).json()
    assert found["by_status"] == {"active": len(fleet)}
    assert found["by_verdict"] == {"compliant": 2, "non_compliant": 1}
    assert found["signals"][USB]["failed"] == 1
    assert found["seconds"].keys() >= {"compliant", "non_compliant"}
    assert found["chain"]["problem"] == ""
    assert found["chain"]["entries"] > 0
    ((details,),) = server.rows("SELECT details FROM audit_entries WHERE action = 'audit.exported'")
    assert details == b'{"format":"evidence"}'


@pytest.mark.parametrize("asked", [{"since": day(1)}, {"since": day(-500)}])
def test_what_is_no_period_is_refused(caller: Caller, fleet: Fleet, asked: dict[str, str]) -> None:
    assert fleet
    refused = caller("--scope", "audit.read").get(EVIDENCE, params=asked)
    assert (refused.status_code, refused.json()["field"]) == (400, "since")


def test_evidence_is_about_everybody_and_takes_the_auditors_scope(
    reader: httpx.Client, supplier: httpx.Client
) -> None:
    assert reader.get(EVIDENCE).json()["code"] == "insufficient_scope"
    assert supplier.get(EVIDENCE).json()["code"] == "confined"


def test_evidence_is_gathered_for_one_at_a_time_whether_a_program_asks_or_a_person(
    server: ClockedServer, caller: Caller, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one waits for a second to come before it goes on."""
    assert fleet
    auditor = caller("--scope", "audit.read")
    both, entered, met = threading.Barrier(2), [], []
    gather = gathering.gather

    def waiting(*given: Any) -> gathering.Evidence:
        entered.append(given)
        with contextlib.suppress(threading.BrokenBarrierError):
            met.append(both.wait(TOGETHER_S))
        return gather(*given)

    monkeypatch.setattr(gathering, "gather", waiting)
    with signed_in(server, "--role", "auditor") as person, ThreadPoolExecutor() as pool:
        asked = [pool.submit(auditor.get, EVIDENCE), pool.submit(person.get, "/audit/evidence")]
        assert [each.result().status_code for each in asked] == [200, 200]
    assert len(entered) == 2
    assert met == [], "expected one to wait until the other is done"
