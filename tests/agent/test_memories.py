"""What signals remember: kept in the outbox across restarts, and brought into records."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from passmuster_agent.collection import Collection, recalling
from passmuster_agent.config import Device, State
from passmuster_agent.database import OutboxError
from passmuster_agent.outbox import Outbox
from passmuster_collectors.host.answers import UsbSighting
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import signal_by_id
from tests.support.recorded_host import RecordedHost
from tests.support.usb_tree import KEYBOARD_REPORT, Interface, machine
from tests.support.usb_tree import Device as UsbThing

USB = [signal_by_id("usb_devices")]
STICK = UsbThing("1-2", 0x0781, 0x5581, "Ultra", [Interface((8, 6, 80))], serial="4C53")
BUILT_IN = UsbThing("1-7", 0x04F2, 0xB6D9, "Camera", [Interface((14, 1, 0))], socket="unknown")
KEYBOARD = UsbThing("1-4", 0x05AC, 0x021E, "Keyboard", [Interface((3, 1, 1), KEYBOARD_REPORT)])


@pytest.fixture
def outbox(state: State, enrolled: Device) -> Iterator[Outbox]:
    with Outbox(state.outbox(enrolled)) as opened:
        yield opened


class Laptop:
    """A laptop whose agent is started anew with every `start`."""

    def __init__(self, enrolled: Device, outbox: Outbox) -> None:
        self._enrolled = enrolled
        self._outbox = outbox
        self._recorded: dict[str, Any] = machine(now="2026-03-02T09:00:00Z")
        self.start()

    def start(self) -> None:
        host = RecordedHost(self._recorded)
        self.collection = Collection(self._enrolled, self._outbox, host, USB)

    def has(self, at: str, *devices: UsbThing) -> None:
        self._recorded.clear()
        self._recorded.update(machine(*devices, now=f"2026-03-02T{at}Z"))

    def devices(self) -> dict[str, Any]:
        latest = self._outbox.latest()
        assert latest is not None
        (reading,) = latest.readings
        assert reading.facts is not None
        return {each["name"] or each["product_id"]: each for each in reading.facts["devices"]}


@pytest.fixture
def laptop(enrolled: Device, outbox: Outbox) -> Laptop:
    return Laptop(enrolled, outbox)


def test_a_memory_is_there_after_the_file_was_opened_again(state: State, enrolled: Device) -> None:
    with Outbox(state.outbox(enrolled)) as first:
        assert first.memories.of("usb_devices") is None
        first.memories.keep("usb_devices", {"a": [1, None, "x"]})
        first.memories.keep("other", {"b": True})
        first.memories.keep("usb_devices", {"a": 2})
    with Outbox(state.outbox(enrolled)) as second:
        assert second.memories.of("usb_devices") == {"a": 2}
        assert second.memories.of("other") == {"b": True}


def test_one_that_can_not_be_understood_is_none(outbox: Outbox) -> None:
    outbox.memories.keep("usb_devices", {"a": 1})
    with outbox._database.transaction() as run:
        run("UPDATE memories SET body = ?", (b"\xff\x00 garbage",))
    assert outbox.memories.of("usb_devices") is None


def test_what_was_there_at_enrolment_is_told_from_what_came_later(laptop: Laptop) -> None:
    laptop.has("09:00:00", BUILT_IN)
    laptop.collection.read_all()
    laptop.start()
    laptop.has("10:00:00", BUILT_IN, STICK)
    laptop.collection.read_all()
    found = laptop.devices()
    assert (found["Camera"]["baseline"], found["Ultra"]["baseline"]) == (True, False)
    assert found["Ultra"]["first_seen_at"].startswith("2026-03-02T09:59:")


def test_a_restart_keeps_since_when_a_device_is_known(laptop: Laptop) -> None:
    laptop.collection.read_all()
    laptop.has("10:00:00", STICK)
    laptop.collection.read_all()
    known_since = laptop.devices()["Ultra"]["first_seen_at"]
    laptop.start()
    laptop.has("11:00:00")
    laptop.collection.read_all()
    laptop.start()
    laptop.has("12:00:00", STICK)
    laptop.collection.read_all()
    found = laptop.devices()["Ultra"]
    assert found["first_seen_at"] == known_since
    assert found["attached_at"].startswith("2026-03-02T11:59:")


def test_a_device_that_nothing_changed_about_is_no_new_record(laptop: Laptop) -> None:
    laptop.has("10:00:00", STICK)
    laptop.collection.read_all()
    laptop.has("10:10:00.25", STICK)
    assert laptop.collection.read(USB) is False


def test_a_keyboard_that_no_reading_ever_had_is_in_the_next_record(laptop: Laptop) -> None:
    laptop.collection.read_all()
    about = ("1-4", "05ac", "021e")
    laptop.collection.hear([UsbSighting(True, *about), UsbSighting(True, *about, (3, 1, 1))])
    laptop.collection.hear([UsbSighting(False, *about)])
    assert laptop.collection.read(USB) is True
    assert laptop.devices()["021e"]["indicators"] == ["vanished_keyboard"]


def test_one_that_is_read_in_the_middle_of_its_announcement_is_in_the_next_record(
    laptop: Laptop,
) -> None:
    laptop.collection.read_all()
    about = ("1-4", "05ac", "021e")
    laptop.collection.hear([UsbSighting(True, *about)])
    assert laptop.collection.read(USB) is False
    laptop.collection.hear([UsbSighting(True, *about, (3, 1, 1)), UsbSighting(False, *about)])
    assert laptop.collection.read(USB) is True
    assert laptop.devices()["021e"]["indicators"] == ["vanished_keyboard"]


def test_what_was_heard_waits_for_a_reading_that_can_tell_it(laptop: Laptop) -> None:
    laptop.collection.read_all()
    about = ("1-4", "05ac", "021e")
    laptop.collection.hear([UsbSighting(True, *about, (3, 1, 1)), UsbSighting(False, *about)])
    laptop._recorded["directories"] = {"/sys/bus/usb/devices": {"error": "timeout"}}
    laptop.collection.read(USB)
    del laptop._recorded["directories"]
    laptop.collection.read(USB)
    assert laptop.devices()["021e"]["indicators"] == ["vanished_keyboard"]


def test_a_flood_of_events_stays_within_bounds(laptop: Laptop) -> None:
    for number in range(50):
        laptop.collection.hear([UsbSighting(True, f"1-{number}", "05ac", "021e")] * 100)
    assert len(laptop.collection._sightings) == 512


def test_a_memory_that_can_not_be_kept_is_kept_later(
    laptop: Laptop, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OutboxError("The disk is full.", "Free some space.")

    with monkeypatch.context() as broken:
        broken.setattr(outbox.memories, "keep", full)
        laptop.has("10:00:00", STICK)
        laptop.collection.read_all()
        assert outbox.memories.of("usb_devices") is None
    laptop.collection.read_all()
    assert "5581" in json.dumps(outbox.memories.of("usb_devices"))


def test_what_is_shown_before_it_is_sent_has_the_memory_and_leaves_it_alone(
    laptop: Laptop, outbox: Outbox
) -> None:
    laptop.has("10:00:00", KEYBOARD)
    laptop.collection.read_all()
    before = outbox.memories.of("usb_devices")
    readings = collect(RecordedHost(machine(KEYBOARD, STICK, now="2026-03-02T11:00:00Z")), USB)
    (shown,) = recalling(USB, readings, outbox)
    assert shown.facts is not None
    by_name = {each["name"]: each for each in shown.facts["devices"]}
    assert by_name["Keyboard"]["first_seen_at"].startswith("2026-03-02T09:59:")
    assert by_name["Ultra"]["first_seen_at"].startswith("2026-03-02T10:59:")
    assert outbox.memories.of("usb_devices") == before


def test_nothing_of_a_memory_is_open_to_others(state: State, enrolled: Device) -> None:
    path: Path = state.outbox(enrolled)
    assert path.stat().st_mode & 0o077 == 0
