"""Whether new devices have to wait: the kernel's lock, and a USBGuard on a real bus."""

from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import Reading, Status
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.usb_devices import SIGNAL
from passmuster_collectors.signals.usb_devices.facts import UsbDevicesFacts
from passmuster_collectors.signals.usb_devices.linux.blocking import (
    USBGUARD,
    USBGUARD_PATH,
    new_devices_blocked,
)
from tests.support.message_bus import MessageBus
from tests.support.recorded_host import RecordedHost
from tests.support.usb_tree import CONTROLLER, KEYBOARD_REPORT, Device, Interface, machine

SWITCH = f"{CONTROLLER}/usb1/authorized_default"
BUS = "system org.freedesktop.DBus /org/freedesktop/DBus"
KEYBOARD = Device("1-2", 0x413C, 0x2107, "Keyboard", (Interface((3, 1, 1), KEYBOARD_REPORT),))


def read(*devices: Device, **sections: Any) -> Reading:
    if "bus" in sections:
        sections["directories"] = {"/etc/usbguard": []}
    (reading,) = collect(RecordedHost(machine(*devices, **sections)), [SIGNAL])
    return reading


def blocked(**sections: Any) -> bool | Unknown | None:
    facts = codec.decode(UsbDevicesFacts, read(**sections).facts)
    return facts.new_devices_blocked


def usbguard(answer: Any, *, runs: bool = True) -> dict[str, Any]:
    ask = {"methods": {'NameHasOwner("org.usbguard1")': [runs]}}
    told = {"methods": {'getParameter("ImplicitPolicyTarget")': answer}}
    return {
        BUS: {"org.freedesktop.DBus": ask},
        f"system {USBGUARD} {USBGUARD_PATH}": {USBGUARD: told},
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [("0\n", True), ("2\n", True), ("1\n", False), ("-1\n", False), ("x", UNKNOWN)],
)
def test_the_kernels_lock_lets_nothing_new_in(content: str, expected: bool | Unknown) -> None:
    assert blocked(files={SWITCH: content}) == expected


def test_one_controller_that_lets_everything_in_is_a_way_in() -> None:
    second = f"{CONTROLLER}/usb2"
    links = {"/sys/bus/usb/devices/usb2": second}
    files = {SWITCH: "0\n", f"{second}/authorized_default": "1\n"}
    assert blocked(files=files, links=links) is False


def test_a_system_without_the_lock_has_none() -> None:
    assert blocked() is None


@pytest.mark.parametrize(
    ("target", "expected"), [("block", True), ("reject", True), ("allow", False), ("?", UNKNOWN)]
)
def test_usbguards_policy_counts_as_well(target: str, expected: bool | Unknown) -> None:
    assert blocked(files={SWITCH: "1\n"}, bus=usbguard([target])) == expected


def test_a_usbguard_that_does_not_run_is_not_asked_and_not_started() -> None:
    assert blocked(files={SWITCH: "1\n"}, bus=usbguard({"error": "timeout"}, runs=False)) is False


def test_a_usbguard_that_answers_root_alone_is_told_and_no_gap_in_the_list() -> None:
    reading = read(files={SWITCH: "1\n"}, bus=usbguard({"error": "denied"}))
    assert codec.decode(UsbDevicesFacts, reading.facts).new_devices_blocked == UNKNOWN
    assert (USBGUARD, "denied") in {(each.name, str(each.outcome)) for each in reading.sources}
    assert reading.status is Status.OK


class WithUsbguard(LinuxHost):
    """This machine, with USBGuard installed."""

    def resolve(self, path: str) -> str:
        return path if path == "/etc/usbguard" else super().resolve(path)


def test_a_usbguard_on_a_real_bus_is_asked(system_bus: MessageBus) -> None:
    service = system_bus.service(USBGUARD, USBGUARD_PATH, USBGUARD)
    service.mock("AddMethod", "sssss", USBGUARD, "getParameter", "s", "s", "ret = 'block'")
    found = new_devices_blocked(WithUsbguard(b"k" * 16), ())
    assert found.answer is True
    assert [each.detail for each in found.sources] == ["ImplicitPolicyTarget=block"]


def test_a_real_bus_without_a_usbguard_is_no_answer(system_bus: MessageBus) -> None:
    assert system_bus.address
    assert new_devices_blocked(WithUsbguard(b"k" * 16), ()).answer is None


def test_a_device_tells_whether_it_is_let_in_and_where_it_sits() -> None:
    shut_out = Device("1-2", 0x413C, 0x2107, "Keyboard", KEYBOARD.interfaces, authorized=False)
    for each, expected in ((KEYBOARD, True), (shut_out, False)):
        (found,) = codec.decode(UsbDevicesFacts, read(each).facts).devices
        assert (found.port, found.authorized, found.attached) == ("1-2", expected, True)


def test_where_usbguard_is_not_installed_the_bus_is_left_alone() -> None:
    class NoBus(RecordedHost):
        def bus_call(self, *_: Any, **__: Any) -> Any:
            pytest.fail("the bus was asked")

    assert new_devices_blocked(NoBus({}), ()).answer is None
