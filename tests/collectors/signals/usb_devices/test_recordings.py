"""What real devices say of themselves, as recorded outputs of real machines show it."""

import json
import re

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.usb_devices import SIGNAL
from passmuster_collectors.signals.usb_devices.descriptors import parse_descriptors
from passmuster_collectors.signals.usb_devices.facts import (
    Indicator,
    Location,
    UsbDevice,
    UsbDevicesFacts,
)
from passmuster_collectors.signals.usb_devices.indicators import AttachedDevice, with_indicators
from passmuster_collectors.signals.usb_devices.interface_classes import (
    Triple,
    as_text,
    is_network,
    is_storage,
)
from passmuster_collectors.signals.usb_devices.portable import keyboard_by_class
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import RecordedCase, recorded_case
from tests.support.usb_tree import KEYBOARD_REPORT, Device, Interface, machine

FUNCTIONS: dict[str, tuple[Triple, ...]] = {
    "HID": ((0x03, 0x01, 0x01),),
    "STORAGE": ((0x08, 0x06, 0x50),),
    "SERIAL": ((0x02, 0x02, 0x01), (0x0A, 0x00, 0x00)),
    "ECM_ETHERNET": ((0x02, 0x06, 0x00), (0x0A, 0x00, 0x00)),
    "RNDIS_ETHERNET": ((0xE0, 0x01, 0x03), (0x0A, 0x00, 0x00)),
}


def facts_of(device: Device) -> list[UsbDevice]:
    (reading,) = collect(RecordedHost(machine(device)), [SIGNAL])
    return list(codec.decode(UsbDevicesFacts, reading.facts).devices)


def leonardo() -> bytes:
    text = recorded_case("linux/usb_devices/arduino_leonardo_descriptors").text
    return bytes.fromhex(text.partition("]")[2])


def from_lsusb(case: RecordedCase, *, port: str = "1-2") -> Device:
    """Return the device that `lsusb -v` printed, rebuilt in sysfs."""
    ids = re.search(r" ID (\w{4}):(\w{4})", case.text)
    assert ids is not None
    codes = re.findall(r"bInterface(?:Class|SubClass|Protocol)\s+(\d+)", case.text)
    numbers = [int(code) for code in codes]
    triples = list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))
    interfaces = tuple(Interface(triple) for triple in triples)
    return Device(port, int(ids[1], 16), int(ids[2], 16), "recorded", interfaces)


class TestLeonardo:
    """`arduino_leonardo_descriptors`: a board that keystroke injectors are made from."""

    def test_its_interfaces_are_found_between_class_specific_descriptors(self) -> None:
        expected = recorded_case("linux/usb_devices/arduino_leonardo_descriptors").facts
        descriptors = parse_descriptors(leonardo())
        found = {as_text(triple) for triple in descriptors.interfaces(1)}
        assert descriptors.whole
        assert found == set(expected["interfaces"])

    def test_its_class_does_not_tell_that_it_types(self) -> None:
        assert keyboard_by_class(parse_descriptors(leonardo()).interfaces(1)) == UNKNOWN

    def test_its_reports_tell_and_the_indicators_follow(self) -> None:
        triples = ((0x02, 0x02, 0x00), (0x0A, 0x00, 0x00), (0x03, 0x00, 0x00))
        assert set(triples) == parse_descriptors(leonardo()).interfaces(1)
        interfaces = [Interface(triple) for triple in triples[:2]]
        board = Device(
            "1-2",
            *(0x2341, 0x8036),
            "Arduino Leonardo",
            (*interfaces, Interface(triples[2], KEYBOARD_REPORT)),
        )
        (found,) = facts_of(board)
        assert found.keyboard is True
        assert found.indicators == (Indicator.KEYBOARD_AND_SERIAL, Indicator.KNOWN_ATTACK_ID)


class TestInjectors:
    """`bashbunny_attackmode_ids`: what a programmable stick is told to pretend to be."""

    @staticmethod
    def modes() -> list[AttachedDevice]:
        case = recorded_case("linux/usb_devices/bashbunny_attackmode_ids")
        return [attack_mode(line) for line, _ in json.loads(case.text)]

    def test_every_mode_that_types_and_does_something_else_is_suspicious(self) -> None:
        composite = [mode for mode in self.modes() if len(mode.interfaces) > 1 and mode.keyboard]
        assert len(composite) >= 9
        for mode in composite:
            (found,) = with_indicators([mode])
            assert found.indicators, f"{mode.ids} with {found.interfaces} stays silent"

    def test_the_identity_of_a_well_known_keyboard_in_another_shape_is_a_clone(self) -> None:
        apples = [mode for mode in self.modes() if mode.vendor_id == "05ac"]
        clones = [mode for mode in apples if mode.keyboard and (mode.storage or mode.network)]
        assert len(clones) >= 6
        for mode in clones:
            (found,) = with_indicators([mode])
            assert Indicator.CLONED_IDENTITY in found.indicators

    def test_the_examples_own_vendor_id_is_known(self) -> None:
        found = [with_indicators([mode])[0] for mode in self.modes() if mode.vendor_id == "f000"]
        assert found
        assert all(Indicator.KNOWN_ATTACK_ID in each.indicators for each in found)


def attack_mode(line: str) -> AttachedDevice:
    words = line.split()
    ids = {word[:3]: word.rpartition("X")[2].lower() for word in words if "_0X" in word}
    triples = frozenset(each for word in words for each in FUNCTIONS.get(word, ()))
    return AttachedDevice(
        vendor_id=ids["VID"],
        product_id=ids["PID"],
        name="",
        serial=None,
        interfaces=triples,
        location=Location.EXTERNAL,
        keyboard=keyboard_by_class(triples),
        storage=any(map(is_storage, triples)),
        network=any(map(is_network, triples)),
        serial_port="SERIAL" in words,
    )


def test_a_root_hub_with_a_binary_object_store_is_no_device_to_judge() -> None:
    hub = from_lsusb(recorded_case("linux/usb_devices/lsusb_v_bos"))
    assert {each.triple[0] for each in hub.interfaces} == {0x09}
    assert facts_of(hub) == []


def test_a_modem_is_a_network_and_nothing_else() -> None:
    (found,) = facts_of(from_lsusb(recorded_case("linux/usb_devices/lsusb_v_cdc_mbim_modem")))
    assert (found.vendor_id, found.product_id) == ("2c7c", "0125")
    assert (found.keyboard, found.storage, found.network) == (False, False, True)
    assert found.indicators == ()


def test_a_serial_device_that_does_not_type_stays_silent() -> None:
    (found,) = facts_of(from_lsusb(recorded_case("linux/usb_devices/lsusb_v_single")))
    assert (found.keyboard, found.storage, found.network) == (False, False, False)
    assert found.indicators == ()


@pytest.mark.parametrize("mode", ["HID", "STORAGE", "ECM_ETHERNET", "RNDIS_ETHERNET", "SERIAL"])
def test_a_function_alone_is_no_sign_of_an_attack(mode: str) -> None:
    (found,) = with_indicators([attack_mode(f"ATTACKMODE {mode} VID_0X1234 PID_0X5678")])
    assert found.indicators == ()
