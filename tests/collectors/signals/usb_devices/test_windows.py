"""What the parts of the Windows reader conclude, each by itself."""

from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.windows_answers import PresentDevice
from passmuster_collectors.signals.usb_devices.facts import Location
from passmuster_collectors.signals.usb_devices.windows.device_tree import (
    COMPUTER,
    KEYBOARD,
    NETWORK,
    TreeDevice,
    has_controller,
    parse_devices,
    serial_of,
)

HUB = "USB\\ROOT_HUB30\\4&1&0&0"
DEVICE = "USB\\VID_1234&PID_ABCD\\SERIAL"
OUTSIDE = "7b1c0d00-0000-5000-8000-000000000001"
BOOT_KEYBOARD = ("USB\\Class_03&SubClass_01&Prot_01", "USB\\Class_03")
INPUT = ("USB\\Class_03&SubClass_00&Prot_00", "USB\\Class_03")
MAKERS_OWN = ("USB\\Class_FF&SubClass_00&Prot_00",)
HUB_CLASS = ("USB\\Class_09&SubClass_00&Prot_01",)


def node(instance_id: str = DEVICE, parent: str = HUB, **changed: Any) -> PresentDevice:
    fields: dict[str, Any] = {
        "container": OUTSIDE,
        "class_guid": "",
        "service": "",
        "hardware_ids": (),
        "compatible_ids": (),
        "description": "",
        "status": 0,
        "problem": 0,
        "removal_policy": 3,
        "arrived": 0,
        **changed,
    }
    return PresentDevice(instance_id, parent, **fields)


def only(*nodes: PresentDevice) -> TreeDevice:
    (found,) = parse_devices(nodes)
    return found


def collection(usage: str, parent: str = DEVICE, number: int = 0) -> PresentDevice:
    name = f"HID\\VID_1234&PID_ABCD\\8&1&0&{number}"
    return node(name, parent, hardware_ids=("HID\\VID_1234", usage, "HID_DEVICE"))


@pytest.mark.parametrize(
    ("usages", "expected"),
    [
        ((), UNKNOWN),
        (("HID_DEVICE_UP:0001_U:0006",), True),
        (("HID_DEVICE_UP:0001_U:0007",), True),
        (("HID_DEVICE_UP:0001_U:0002",), False),
        (("HID_DEVICE_UP:000C_U:0001",), False),
        (("HID_DEVICE_UP:0001_U:0002", "HID_DEVICE_UP:0001_U:0006"), True),
        (("hid_device_up:0001_u:0006",), True),
        (("HID_DEVICE_UP:F1D0_U:0001",), False),
        (("HID_DEVICE_SYSTEM_KEYBOARD",), True),
    ],
)
def test_what_can_type(usages: tuple[str, ...], expected: Any) -> None:
    children = [collection(usage, number=number) for number, usage in enumerate(usages)]
    assert only(node(compatible_ids=INPUT), *children).keyboard == expected


def test_a_boot_keyboard_types_even_where_nothing_drives_it() -> None:
    assert only(node(compatible_ids=BOOT_KEYBOARD, problem=28)).keyboard is True


def test_a_driver_of_the_keyboard_class_makes_a_keyboard_of_anything() -> None:
    driver = node("ROOT\\X\\1", DEVICE, class_guid=KEYBOARD.upper())
    assert only(node(compatible_ids=MAKERS_OWN), driver).keyboard is True


def test_a_makers_own_class_is_what_its_driver_makes_of_it() -> None:
    card = only(node(compatible_ids=MAKERS_OWN, class_guid=NETWORK))
    assert (card.keyboard, card.storage, card.network) == (False, False, True)


def test_a_device_that_does_not_say_what_it_is_may_be_anything() -> None:
    silent = only(node())
    assert (silent.keyboard, silent.storage, silent.network) == (UNKNOWN, UNKNOWN, UNKNOWN)


def test_a_part_that_does_not_say_what_it_is_may_be_anything() -> None:
    parts = [
        node("USB\\VID_1234&PID_ABCD&MI_00\\7&1", DEVICE, compatible_ids=HUB_CLASS),
        node("USB\\VID_1234&PID_ABCD&MI_01\\7&2", DEVICE),
    ]
    found = only(node(), *parts)
    assert found.keyboard == UNKNOWN
    assert not found.is_hub


def test_a_hub_is_one_only_while_it_is_nothing_else() -> None:
    assert only(node(compatible_ids=HUB_CLASS)).is_hub
    assert only(node(service="usbhub3")).is_hub
    assert not only(node(compatible_ids=HUB_CLASS), collection("HID_DEVICE_UP:0001_U:0006")).is_hub


def test_what_hangs_on_a_hub_is_not_the_hub() -> None:
    hub, stick = "USB\\VID_05E3&PID_0610\\1", "USB\\VID_0781&PID_5581\\2"
    found = parse_devices(
        [
            node(hub, compatible_ids=HUB_CLASS),
            node(stick, hub, compatible_ids=("USB\\Class_08&SubClass_06&Prot_50",)),
        ]
    )
    assert [(each.is_hub, each.storage) for each in found] == [(True, False), (False, True)]


@pytest.mark.parametrize(
    ("container", "policy", "expected"),
    [
        (COMPUTER, 1, Location.INTERNAL),
        (COMPUTER, 3, Location.EXTERNAL),
        (COMPUTER, 2, Location.EXTERNAL),
        (COMPUTER, 0, Location.UNKNOWN),
        (OUTSIDE, 1, Location.EXTERNAL),
        ("", 1, Location.UNKNOWN),
    ],
)
def test_where_a_device_sits(container: str, policy: int, expected: Location) -> None:
    assert only(node(container=container, removal_policy=policy)).location is expected


def test_what_is_behind_something_plugged_in_is_plugged_in() -> None:
    hub = "USB\\VID_05E3&PID_0610\\1"
    inside = {"container": COMPUTER, "removal_policy": 1}
    found = parse_devices([node(hub, compatible_ids=HUB_CLASS), node(DEVICE, hub, **inside)])
    assert found[1].location is Location.EXTERNAL


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        ("8735B611", "8735B611"),
        ("S/N:28A1_REV:1", "S/N:28A1_REV:1"),
        ("0", "0"),
        ("6&DF2EE03&0&5", ""),
        ("7&2bcd78ff&0&0000", ""),
    ],
)
def test_an_id_that_was_made_from_the_port_is_no_serial(instance: str, expected: str) -> None:
    assert serial_of(instance) == expected


def test_nodes_in_a_circle_end() -> None:
    part = "HID\\VID_1234&PID_ABCD\\1"
    assert only(node(parent=part), node(part, DEVICE)).location is Location.EXTERNAL


def test_a_computer_has_a_root_hub() -> None:
    assert has_controller([node("usb\\root_hub30\\4&1", "PCI\\1")])
    assert not has_controller([node()])
