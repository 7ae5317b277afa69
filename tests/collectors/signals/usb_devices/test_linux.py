"""The reader on written machines: which evidence counts, and what if some of it is gone."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import Reading, SourceOutcome, Status
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.usb_devices import SIGNAL
from passmuster_collectors.signals.usb_devices.facts import Location, UsbDevice, UsbDevicesFacts
from passmuster_collectors.signals.usb_devices.linux.interface import parse_has_letters
from tests.support.recorded_host import RecordedHost
from tests.support.usb_tree import (
    ALL_KEYS,
    BUS,
    CONSUMER_REPORT,
    CONTROLLER,
    KEYBOARD_REPORT,
    MOUSE_BUTTONS,
    VOLUME_KEYS,
    Device,
    Interface,
    hub,
    machine,
)

HUMAN = (3, 0, 0)
STICK = Device("1-2", 0x0781, 0x5581, "Ultra", (Interface((8, 6, 0x50)),), serial="4C53")


def read(recorded: Mapping[str, Any]) -> Reading:
    (reading,) = collect(RecordedHost(recorded), [SIGNAL])
    return reading


def devices(reading: Reading) -> tuple[UsbDevice, ...]:
    return codec.decode(UsbDevicesFacts, reading.facts).devices


def only(recorded: Mapping[str, Any]) -> UsbDevice:
    (found,) = devices(read(recorded))
    return found


def device(*interfaces: Interface, **details: Any) -> Device:
    return Device("1-2", 0x1234, 0x5678, "Thing", interfaces, **details)


def without(recorded: dict[str, Any], ending: str, refusal: str = "missing") -> dict[str, Any]:
    paths = [path for path in recorded["files"] if path.endswith(ending)]
    assert paths, f"no file ends with {ending}"
    files = {**recorded["files"], **{path: {"error": refusal} for path in paths}}
    return {**recorded, "files": files}


class TestIdentity:
    def test_a_stick_is_told_by_its_ids_its_name_and_a_hash_of_its_serial(self) -> None:
        found = only(machine(STICK))
        assert (found.vendor_id, found.product_id, found.name) == ("0781", "5581", "Ultra")
        assert found.serial == RecordedHost({}).keyed_hash("usb_serial", b"4C53")
        assert "4C53" not in str(codec.encode(found))

    def test_a_device_without_a_serial_number_has_no_hash(self) -> None:
        assert only(machine(device(Interface((8, 6, 0x50))))).serial is None

    def test_the_maker_is_part_of_the_name_unless_the_name_begins_with_it(self) -> None:
        named = only(machine(device(Interface(HUMAN), manufacturer="Maker")))
        assert named.name == "Maker Thing"
        twice = only(machine(device(Interface(HUMAN), manufacturer="Thi")))
        assert twice.name == "Thing"

    def test_a_name_shows_no_control_characters_and_fits_its_field(self) -> None:
        tricky = Device("1-2", 1, 2, "a\x1b[31m\u202eb\n" + "x" * 300, (Interface(HUMAN),))
        name = only(machine(tricky)).name
        assert name.startswith("a [31m b xxx")
        assert len(name) == 128

    def test_an_unreadable_id_is_empty_and_the_reading_incomplete(self) -> None:
        reading = read(without(machine(STICK), "1-2/idVendor", "denied"))
        (found,) = devices(reading)
        assert (found.vendor_id, found.storage) == ("", True)
        assert reading.status is Status.UNAVAILABLE
        assert SourceOutcome.DENIED in {source.outcome for source in reading.sources}

    def test_root_hubs_and_hubs_are_not_reported(self) -> None:
        assert devices(read(machine(hub("1-3"), hub("1-3.1")))) == ()

    def test_the_order_of_the_ports_does_not_change_the_facts(self) -> None:
        other = Device("1-4", 0x1234, 0x5678, "Thing", (Interface((1, 1, 0)),))
        swapped = Device("1-2", 0x1234, 0x5678, "Thing", (Interface((1, 1, 0)),))
        moved = Device("1-4", 0x0781, 0x5581, "Ultra", STICK.interfaces, serial="4C53")
        before, after = (
            [dataclasses.replace(each, port="") for each in devices(read(found))]
            for found in (machine(STICK, other), machine(moved, swapped))
        )
        assert before == after


class TestKeyboard:
    def test_a_boot_keyboard_is_one_without_further_evidence(self) -> None:
        assert only(machine(device(Interface((3, 1, 1))))).keyboard is True

    @pytest.mark.parametrize(
        ("report", "expected"), [(KEYBOARD_REPORT, True), (CONSUMER_REPORT, False)]
    )
    def test_any_other_is_judged_by_its_reports(self, report: bytes, *, expected: bool) -> None:
        assert only(machine(device(Interface(HUMAN, report)))).keyboard is expected

    @pytest.mark.parametrize(
        ("keys", "expected"), [(ALL_KEYS, True), (VOLUME_KEYS, False), (MOUSE_BUTTONS, False)]
    )
    def test_without_them_the_keys_of_its_input_node_decide(
        self, keys: str, *, expected: bool
    ) -> None:
        recorded = machine(device(Interface(HUMAN, CONSUMER_REPORT, keys)))
        assert only(without(recorded, "report_descriptor")).keyboard is expected

    def test_with_neither_it_is_unknown(self) -> None:
        recorded = machine(device(Interface(HUMAN, CONSUMER_REPORT)))
        assert only(without(recorded, "report_descriptor", "denied")).keyboard == UNKNOWN

    def test_before_a_driver_has_asked_for_reports_it_is_unknown_and_no_pass(self) -> None:
        reading = read(machine(device(Interface(HUMAN))))
        assert devices(reading)[0].keyboard == UNKNOWN
        assert SIGNAL.judge(reading, SIGNAL.limits()).outcome is Outcome.UNKNOWN

    def test_keys_that_come_through_a_makers_own_driver_count(self) -> None:
        keys = {"input/input5/capabilities/key": ALL_KEYS}
        assert only(machine(device(Interface((0xFF, 0, 0), files=keys)))).keyboard is True

    def test_garbage_for_a_report_descriptor_is_a_conflict(self) -> None:
        recorded = machine(device(Interface(HUMAN, b"\x05")))
        reading = read(recorded)
        assert devices(reading)[0].keyboard == UNKNOWN
        assert reading.status is Status.UNAVAILABLE
        assert SourceOutcome.CONFLICT in {source.outcome for source in reading.sources}

    def test_a_keyboard_that_was_not_let_in_is_known_by_its_descriptors(self) -> None:
        assert only(machine(device(Interface((3, 1, 1)), authorized=False))).keyboard is True
        assert only(machine(device(Interface(HUMAN), authorized=False))).keyboard == UNKNOWN

    def test_a_device_that_says_it_is_a_hub_and_types_is_a_keyboard(self) -> None:
        interfaces = (Interface((9, 0, 0)), Interface(HUMAN, KEYBOARD_REPORT))
        assert only(machine(device(*interfaces))).keyboard is True

    @pytest.mark.parametrize(
        ("bitmap", "expected"),
        [
            ("fffffffffffffffe", True),  # 64 bits to the word
            ("3 0 0 ffffffff fffffffe", True),  # 32 bits to the word
            ("0", False),
            ("1f0000 0 0 0 0", False),  # mouse buttons
            ("10000", True),  # KEY_Q alone
            ("8", False),  # KEY_2
        ],
    )
    def test_letters_are_found_in_a_bitmap_of_keys(self, bitmap: str, *, expected: bool) -> None:
        assert parse_has_letters(bitmap) is expected


class TestStorageAndNetwork:
    @pytest.mark.parametrize(
        ("interface", "storage", "network"),
        [
            (Interface((8, 6, 0x50)), True, False),
            (Interface((8, 6, 0x62)), True, False),
            (Interface((6, 1, 1)), True, False),
            (Interface((0xFF, 0x42, 0x01)), True, False),
            (Interface((0xFF, 0xFF, 0)), False, False),
            (Interface((0xFF, 0xFF, 0), files={"interface": "MTP"}), True, False),
            (Interface((0xFF, 6, 0x50), files={"host3/uevent": ""}), True, False),
            (Interface((0xFF, 0xFF, 0), files={"net/eth1/mtu": "1500"}), False, True),
            (Interface((2, 6, 0)), False, True),
            (Interface((2, 0x0D, 0)), False, True),
            (Interface((0xE0, 1, 3)), False, True),
            (Interface((2, 2, 0xFF)), False, True),
            (Interface((2, 2, 1)), False, False),
            (Interface((0xE0, 1, 1)), False, False),
        ],
    )
    def test_the_class_or_the_driver_tells(
        self, interface: Interface, storage: bool | Unknown, network: bool | Unknown
    ) -> None:
        found = only(machine(device(interface)))
        assert (found.storage, found.network) == (storage, network)

    def test_a_phone_that_udev_asked_is_storage(self) -> None:
        phone = device(Interface((0xFF, 0xFF, 0)), files={"dev": "189:5"})
        known = {"/run/udev/data/c189:5": "E:ID_VENDOR=Sony\nE:ID_MTP_DEVICE=1\n"}
        assert only(machine(phone, files=known)).storage is True
        assert only(machine(phone)).storage is False

    def test_a_class_that_cannot_be_read_leaves_everything_unknown(self) -> None:
        recorded = machine(device(Interface((0xFF, 0, 0))))
        recorded = without(recorded, "bInterfaceClass", "denied")
        found = only(without(recorded, "descriptors"))
        assert {found.keyboard, found.storage, found.network} == {UNKNOWN}

    def test_descriptors_tell_what_the_tree_does_not(self) -> None:
        recorded = without(machine(STICK), "bInterfaceClass", "denied")
        assert only(recorded).storage is True


class TestLocation:
    @pytest.mark.parametrize(
        ("socket", "removable", "expected"),
        [
            ("hardwired", "removable", Location.INTERNAL),
            ("hotplug", "fixed", Location.EXTERNAL),
            ("unknown", "fixed", Location.INTERNAL),
            ("unknown", "removable", Location.EXTERNAL),
            ("unknown", "unknown", Location.UNKNOWN),
            ("not used", "unknown", Location.UNKNOWN),
        ],
    )
    def test_the_firmwares_word_counts_before_the_hubs(
        self, socket: str, removable: str, expected: Location
    ) -> None:
        thing = device(Interface((1, 1, 0)), socket=socket, removable=removable)
        assert only(machine(thing)).location is expected

    def test_behind_a_hub_that_was_plugged_in_nothing_is_built_in(self) -> None:
        inner = Device(
            "1-2.1", 1, 2, "Thing", (Interface((1, 1, 0)),), removable="fixed", socket="hardwired"
        )
        assert only(machine(hub("1-2"), inner)).location is Location.EXTERNAL

    def test_behind_a_built_in_hub_a_fixed_device_is_built_in(self) -> None:
        inside: dict[str, Any] = {"removable": "fixed", "socket": "hardwired"}
        inner = Device("1-2.1", 1, 2, "Thing", (Interface((1, 1, 0)),), **inside)
        assert only(machine(hub("1-2", **inside), inner)).location is Location.INTERNAL


class TestWithoutATree:
    def test_a_kernel_without_usb_has_nothing_to_read(self) -> None:
        reading = read({"directories": {"/sys/bus": ["pci", "platform"]}})
        assert reading.status is Status.NOT_APPLICABLE
        assert SIGNAL.judge(reading, SIGNAL.limits()).outcome is Outcome.NOT_APPLICABLE

    def test_a_bus_without_devices_passes(self) -> None:
        reading = read(machine())
        assert (reading.status, devices(reading)) == (Status.OK, ())

    @pytest.mark.parametrize(
        "recorded",
        [
            {},
            {"directories": {"/sys/bus": []}},
            {"directories": {"/sys/bus": ["usb"]}},
            {"directories": {"/sys/bus": {"error": "denied"}}},
            {"directories": {BUS: {"error": "denied"}}},
            {"directories": {BUS: {"error": "timeout"}}},
            {"usb_devices": []},
        ],
    )
    def test_a_tree_that_is_hidden_is_no_empty_tree(self, recorded: Mapping[str, Any]) -> None:
        reading = read(recorded)
        assert reading.status is Status.UNAVAILABLE
        assert SIGNAL.judge(reading, SIGNAL.limits()).outcome is Outcome.UNKNOWN

    def test_what_the_portable_enumerator_finds_can_fail(self) -> None:
        stick = {"vendor_id": 0x0781, "product_id": 0x5581, "interfaces": [[8, 6, 80]]}
        reading = read({"usb_devices": [stick]})
        (found,) = devices(reading)
        assert (found.vendor_id, found.storage, found.location) == ("0781", True, Location.UNKNOWN)
        assert SIGNAL.judge(reading, SIGNAL.limits()).outcome is Outcome.FAIL

    def test_what_the_portable_enumerator_finds_cannot_pass(self) -> None:
        sound = {"vendor_id": 1, "product_id": 2, "interfaces": [[1, 1, 0]]}
        hubs = {"vendor_id": 1, "product_id": 2, "interfaces": [[9, 0, 0]]}
        reading = read({"usb_devices": [sound, hubs]})
        assert len(devices(reading)) == 1
        assert SIGNAL.judge(reading, SIGNAL.limits()).outcome is Outcome.UNKNOWN


def test_a_device_that_is_pulled_out_while_it_is_asked_is_not_attached() -> None:
    recorded = machine(STICK)
    recorded["files"] = {
        path: content for path, content in recorded["files"].items() if "/1-2" not in path
    }
    reading = read(recorded)
    assert (reading.status, devices(reading)) == (Status.OK, ())


def test_more_devices_than_a_reading_holds_leave_out_none_that_types_or_stores() -> None:
    lamps = [
        Device(f"1-{port}", 0x1000, port, "Lamp", (Interface((0xFF, 0, 0)),))
        for port in range(1, 150)
    ]
    last = Device("1-150", 0x0781, 0x5581, "Ultra", (Interface((8, 6, 0x50)),))
    reading = read(machine(*lamps, last))
    assert reading.status is Status.UNAVAILABLE
    assert len(devices(reading)) == 128
    assert any(found.storage is True for found in devices(reading))


def test_the_controllers_path_is_that_of_a_real_machine() -> None:
    assert machine(STICK)["links"][f"{BUS}/1-2"] == f"{CONTROLLER}/usb1/1-2"
