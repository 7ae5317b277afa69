"""How a reading is put together from facts and the sources that gave them."""

from datetime import UTC, datetime

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.reading import (
    Reading,
    Source,
    SourceOutcome,
    Status,
    distinct,
    not_applicable,
    ok,
    unavailable,
)
from passmuster_collectors.signals.usb_devices.facts import UsbDevicesFacts

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
READ = Source("/proc/swaps", SourceOutcome.READ)
DENIED = Source("/etc/crypttab", SourceOutcome.DENIED, "EACCES")


def test_a_complete_reading_carries_its_facts_as_plain_json() -> None:
    reading = ok("usb_devices", NOW, UsbDevicesFacts(()), [READ])
    assert (reading.status, reading.facts, reading.sources) == (
        Status.OK,
        {"devices": [], "new_devices_blocked": None},
        (READ,),
    )


def test_an_incomplete_reading_says_why_and_may_carry_what_was_read() -> None:
    reading = unavailable("usb_devices", NOW, "It was denied.", [DENIED], UsbDevicesFacts(()))
    assert (reading.status, reading.reason) == (Status.UNAVAILABLE, "It was denied.")
    assert reading.facts == {"devices": [], "new_devices_blocked": None}
    assert unavailable("usb_devices", NOW, "It was denied.", [DENIED]).facts is None


def test_a_machine_that_has_no_such_thing_has_no_facts() -> None:
    reading = not_applicable("usb_devices", NOW, "No USB.", [READ])
    assert (reading.status, reading.facts) == (Status.NOT_APPLICABLE, None)


def test_sources_are_listed_once_in_the_order_they_were_asked() -> None:
    assert distinct([READ, DENIED, READ]) == (READ, DENIED)


def test_of_too_many_sources_those_that_refused_are_kept() -> None:
    many = [Source(f"/sys/{number}", SourceOutcome.READ) for number in range(100)]
    kept = distinct([*many, DENIED])
    assert len(kept) == 64
    assert DENIED in kept


@pytest.mark.parametrize("name", ["/dev/" + "x" * 400, "/mnt/\udcff\udcfe", "/mnt/a\x00b"])
def test_a_source_of_any_name_leaves_a_reading_that_a_server_accepts(name: str) -> None:
    source = Source(name, SourceOutcome.DENIED, name)
    reading = unavailable("usb_devices", NOW, "It was denied.", [source])
    assert codec.decode(Reading, codec.encode(reading)) == reading
