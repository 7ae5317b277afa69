"""What a record says is checked each time it is new, and told apart from what it said before."""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.report import Record, Upload
from passmuster_collectors.signals.usb_devices.facts import UsbDevicesFacts
from passmuster_server.reports.checked import MAX_KNOWN_BYTES, Told, checked_records, says
from passmuster_server.reports.upload import Received, read_upload
from tests.support.example_readings import MOUSE, STICK, USB, healthy, reading

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=20)
MANY = UsbDevicesFacts(tuple(dataclasses.replace(STICK, name="x" * 100) for _ in range(20)))


def received(readings: Iterable[Any]) -> Received:
    record = Record(1, "d" * 32, "1", 1, "", NOW, "boot", 60, Platform.LINUX, "0.1.0", ())
    upload = codec.encode(Upload(1, "a", "POST", "http://x", 1, "n", NOW, (record,)))
    upload["records"][0]["readings"] = list(readings)
    return read_upload(canonical_bytes(upload), "d" * 32)


def told_in(received: Received) -> Told:
    """Return what its one record tells."""
    (told,) = checked_records(received)
    return told


def plain(readings: Iterable[Reading]) -> list[Any]:
    plain: list[Any] = codec.encode(list(readings))
    return plain


def test_readings_are_what_was_sent_each_with_its_own_time() -> None:
    for at in (NOW, LATER):
        sent = (*healthy(at)[1:], dataclasses.replace(healthy(at)[0], collected_at=LATER))
        got = [each for _, each in told_in(received(plain(sent)))]
        assert tuple(got) == sent


def test_a_long_reading_is_read_as_any_other() -> None:
    long = reading(USB, MANY, NOW)
    ((said, got),) = told_in(received(plain([long])))
    assert len(said) > MAX_KNOWN_BYTES
    assert got == long


def test_what_is_wrong_is_refused_by_field_however_often_it_is_sent() -> None:
    sent = plain(healthy(NOW))
    sent[3]["facts"] = {"nonsense": 1}
    for _ in range(2):
        with pytest.raises(ContractError) as refused:
            told_in(received(sent))
        assert refused.value.field == "records[0].readings[3].facts.nonsense"


def test_a_signal_that_is_told_twice_is_refused_by_field() -> None:
    sent = plain((*healthy(NOW), healthy(NOW)[0]))
    with pytest.raises(ContractError) as refused:
        told_in(received(sent))
    assert refused.value.field == f"records[0].readings[{len(sent) - 1}].signal"


def test_a_time_that_no_agent_writes_so_is_read_all_the_same() -> None:
    sent = plain(healthy(NOW))
    for each in sent:
        each["collected_at"] = "2026-03-04T09:30:00Z"
    assert [each for _, each in told_in(received(sent))] == list(healthy(NOW))
    assert [said for said, _ in told_in(received(sent))] == [
        said for said, _ in told_in(received(plain(healthy(LATER))))
    ]


@pytest.mark.parametrize("facts", [b'{"ipv4":"open", "ipv6":"open"}', b'{"ipv4":1,"ipv4":2}'])
def test_a_reading_that_is_not_in_the_canonical_form_is_refused(facts: bytes) -> None:
    sent = plain([reading("firewall", "FACTS", NOW)])
    body = received(sent).payload.replace(b'"FACTS"', facts)
    for _ in range(2):
        with pytest.raises(ContractError):
            list(checked_records(read_upload(body, "d" * 32)))


def test_each_record_tells_its_own_readings() -> None:
    value = strict_json.parse(received(plain(healthy(NOW))).payload)
    first = value["records"][0]
    second = {
        **first,
        "sequence": 2,
        "previous": digest(canonical_bytes(first)),
        "readings": plain(healthy(LATER)[1:]),
    }
    value["records"].append(second)
    told = checked_records(read_upload(canonical_bytes(value), "d" * 32))
    assert [tuple(each for _, each in record) for record in told] == [
        healthy(NOW),
        healthy(LATER)[1:],
    ]


def test_a_record_without_readings_says_nothing() -> None:
    assert told_in(received([])) == []


def test_a_stored_reading_says_the_same_whenever_it_was_taken() -> None:
    ((said, _),) = told_in(received(plain([reading(USB, MANY, NOW)])))
    assert says(canonical_bytes(codec.encode(reading(USB, MANY, LATER))), said)


@pytest.mark.parametrize("facts", [UsbDevicesFacts((MOUSE,)), UsbDevicesFacts(())])
def test_a_stored_reading_of_other_facts_says_something_else(facts: UsbDevicesFacts) -> None:
    ((said, _),) = told_in(received(plain([reading(USB, MANY, NOW)])))
    assert not says(canonical_bytes(codec.encode(reading(USB, facts, NOW))), said)


def test_a_stored_reading_in_another_order_says_the_same() -> None:
    value = codec.encode(reading(USB, MANY, NOW))
    ((said, _),) = told_in(received([value]))
    moved = dict(reversed(canonical_pairs(value)))
    assert says(b"{" + b",".join(moved.values()) + b"}", said)


def canonical_pairs(value: dict[str, Any]) -> list[tuple[str, bytes]]:
    return [(name, canonical_bytes({name: value[name]})[1:-1]) for name in sorted(value)]


def test_what_is_not_stored_or_not_sent_says_nothing() -> None:
    stored = canonical_bytes(codec.encode(reading(USB, MANY, NOW)))
    assert not says(None, stored)
    assert not says(stored, None)
    assert not says(None, None)
