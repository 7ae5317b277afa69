"""`show` leaves nothing out: every field on the wire has its reason."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from passmuster_agent import disclosure
from passmuster_agent.config import Device, State
from passmuster_agent.disclosure import Disclosure
from passmuster_agent.outbox import Outbox
from passmuster_agent.records import new_record
from passmuster_agent.transport import request_headers
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import declared_fields
from passmuster_collectors.contract.enrolment import EnrolmentFinish, EnrolmentStart
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Status
from passmuster_collectors.contract.report import Record, Upload
from passmuster_collectors.signals import CATALOG
from tests.support.agent_records import a_record


@pytest.fixture(scope="module")
def disclosed(tmp_path_factory: pytest.TempPathFactory) -> Disclosure:
    return disclosure.disclose(State(tmp_path_factory.mktemp("show") / "none"))


@pytest.mark.parametrize(
    ("struct", "reasons"),
    [
        (EnrolmentStart, disclosure.ENROLMENT),
        (EnrolmentFinish, disclosure.ENROLMENT_PROOF),
        (Upload, disclosure.UPLOAD),
        (Record, disclosure.RECORD),
        (Reading, disclosure.READING),
    ],
)
def test_every_field_around_the_facts_has_a_reason(struct: type, reasons: dict[str, str]) -> None:
    assert [field.name for field in dataclasses.fields(struct)] == list(reasons)


def test_every_fact_is_shown_with_its_reason(disclosed: Disclosure) -> None:
    text = disclosure.render(disclosed, colour=False)
    for signal in CATALOG:
        for each in declared_fields(signal.facts):
            assert f"  {each.path} = " in text
            assert each.why in text


def test_every_header_of_a_request_has_a_reason(disclosed: Disclosure) -> None:
    assert list(request_headers("application/jose")) == [
        "Content-Type",
        "Accept",
        "Accept-Encoding",
        "User-Agent",
    ]
    assert set(disclosure.HEADERS) == set(request_headers("application/jose"))
    assert "User-Agent = " in disclosure.render(disclosed, colour=False)


def test_records_that_wait_for_the_server_are_told(state: State, enrolled: Device) -> None:
    with Outbox(state.outbox(enrolled)) as outbox:
        kept = [outbox.append(a_record(), changed=True) for _ in range(3)]
    found = disclosure.disclose(state)
    assert list(found.waiting) == kept
    assert found.upload.records[0].sequence == 4, "what is read now comes after them"
    assert "go first: 3, read between" in disclosure.render(found, colour=False)
    waiting = json.loads(disclosure.to_json(found))["waiting"]
    assert [record["sequence"] for record in waiting] == [1, 2, 3]


def test_what_is_shown_is_what_the_contract_takes(disclosed: Disclosure) -> None:
    upload = codec.decode(Upload, codec.encode(disclosed.upload))
    assert [each.signal for each in upload.records[0].readings] == [each.id for each in CATALOG]


def test_the_values_of_nested_facts_are_shown_once_each() -> None:
    facts = {
        "devices": [
            {"vendor_id": "1d6b", "product_id": "0002"},
            {"vendor_id": "1d6b", "product_id": "0003"},
        ]
    }
    text = disclosure.render(a_disclosure("usb_devices", facts), colour=False)
    assert '  devices[].vendor_id = "1d6b"\n' in text
    assert '  devices[].product_id = "0002", "0003"\n' in text


def test_a_name_chosen_by_a_device_cannot_steer_the_terminal() -> None:
    facts = {"devices": [{"name": "\x1b]0;owned\x07\x9b2J"}]}
    text = disclosure.render(a_disclosure("usb_devices", facts), colour=False)
    assert not {"\x1b", "\x07", "\x9b"} & set(text)


def test_nothing_is_written(tmp_path: Path) -> None:
    disclosure.disclose(State(tmp_path / "none"))
    assert list(tmp_path.iterdir()) == []


def a_disclosure(signal: str, facts: dict[str, Any]) -> Disclosure:
    now = datetime.now(UTC)
    readings = [
        Reading(each.id, Status.OK, "", facts if each.id == signal else None, (), now)
        for each in CATALOG
    ]
    record = new_record("device-1", Platform.LINUX, now, readings)
    return Disclosure(None, Upload(1, "server", "POST", "http://x", 1, "nonce", now, (record,)))
