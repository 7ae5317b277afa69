"""`show` leaves nothing out: every field on the wire has its reason."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from passmuster_agent import disclosure
from passmuster_agent.config import State
from passmuster_agent.disclosure import Disclosure
from passmuster_agent.records import new_record
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import declared_fields
from passmuster_collectors.contract.enrolment import EnrolmentStart
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Status
from passmuster_collectors.contract.report import Record, Upload
from passmuster_collectors.signals import CATALOG


@pytest.fixture(scope="module")
def disclosed(tmp_path_factory: pytest.TempPathFactory) -> Disclosure:
    return disclosure.disclose(State(tmp_path_factory.mktemp("show") / "none"))


@pytest.mark.parametrize(
    ("struct", "reasons"),
    [
        (EnrolmentStart, disclosure.ENROLMENT),
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
