"""What Macs say of their USB devices, as recorded outputs show it."""

import json
import re
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.usb_devices import SIGNAL
from passmuster_collectors.signals.usb_devices.facts import Indicator, Location
from passmuster_collectors.signals.usb_devices.macos.host_report import (
    HostReport,
    ReportedDevice,
    parse_host_report,
)
from passmuster_collectors.signals.usb_devices.macos.registry import RegistryDevice, parse_registry
from passmuster_collectors.text import plist
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import RecordedCase, recorded_case

REGISTRY = "IOREG -r -c IOUSBHostDevice -l -a"
REPORT = "SYSTEM_PROFILER -json SPUSBHostDataType"


def judged(programs: dict[str, Any]) -> tuple[list[dict[str, Any]], Outcome]:
    (reading,) = collect(RecordedHost({"platform": "macos", "programs": programs}), [SIGNAL])
    assert reading.facts is not None, reading.reason
    return reading.facts["devices"], SIGNAL.judge(reading, SIGNAL.limits()).outcome


def old_report(name: str) -> HostReport:
    """Return what is in an XML report; its JSON form holds the same under the report's name."""
    (report,) = plist.parse(recorded_case(f"macos/usb_devices/{name}").content)
    return parse_host_report({report["_dataType"]: report["_items"]})


def ids(device: ReportedDevice | RegistryDevice) -> str:
    return f"{device.vendor_id:04x}:{device.product_id:04x}"


class TestRegistry:
    def test_a_stick_that_is_a_keyboard_too_is_suspicious(self) -> None:
        case = recorded_case("macos/usb_devices/ioreg_plist_badusb_storage_plus_keyboard")
        (device,), outcome = judged({REGISTRY: {"stdout": case.text}})
        assert [f"{device['vendor_id']}:{device['product_id']}"] == case.facts["badusb_suspects"]
        assert device["indicators"] == [Indicator.KEYBOARD_AND_STORAGE]
        assert outcome == case.outcome

    def test_a_second_keyboard_counts_even_with_the_ids_of_a_well_known_one(self) -> None:
        case = recorded_case("macos/usb_devices/ioreg_plist_clone_of_apple_keyboard")
        devices, outcome = judged({REGISTRY: {"stdout": case.text}})
        assert sum(device["keyboard"] for device in devices) == case.facts["hid_keyboard_count"]
        found = [each for device in devices for each in device["indicators"]]
        assert found == [Indicator.SECOND_KEYBOARD]
        assert outcome == case.outcome

    def test_ids_are_decimal_and_classes_belong_to_the_interfaces(self) -> None:
        case = recorded_case("macos/usb_devices/ioreg_iousbhostdevice_text")
        devices = parse_registry(from_text(case))
        assert {ids(device) for device in devices} == set(case.facts["devices"])
        classes = {
            ids(device): [triple[0] for triple in device.interfaces]
            for device in devices
            if device.interfaces
        }
        assert classes == case.facts["interface_classes"]
        silent = [device for device in devices if not device.interfaces]
        assert [device.keyboard for device in silent] == [UNKNOWN], "no interface, no answer"


class TestReports:
    def test_a_disk_is_found_in_the_report_of_macos_26(self) -> None:
        case = recorded_case("macos/usb_devices/sp_usbhost_26_samsung_ssd")
        report = parse_host_report(json.loads(case.text))
        (device,) = report.devices
        assert report.buses == 3
        assert [ids(device)] == case.facts["storage_candidates"]
        assert {ids(device): device.serial} == case.facts["serial"]
        assert device.location is Location.EXTERNAL
        assert device.storage == UNKNOWN, "this report does not tell what a device can do"

    def test_without_the_registry_that_report_alone_lets_nothing_pass(self) -> None:
        case = recorded_case("macos/usb_devices/sp_usbhost_26_samsung_ssd")
        (device,), outcome = judged({REPORT: {"stdout": case.text}})
        assert (device["keyboard"], device["storage"]) == (UNKNOWN, UNKNOWN)
        assert outcome is Outcome.UNKNOWN

    def test_everything_with_media_is_storage(self) -> None:
        report = old_report("sp_usb_many_sticks_empty_card_reader")
        stores = {ids(device) for device in report.devices if device.storage is True}
        expected = recorded_case("macos/usb_devices/sp_usb_many_sticks_empty_card_reader").facts
        # Without media only its name says that the card reader is one, and names prove nothing.
        assert stores == set(expected["storage"]) - {"14cd:121c"}
        (reader,) = [device for device in report.devices if ids(device) == "14cd:121c"]
        assert reader.storage == UNKNOWN

    def test_built_in_devices_and_a_disk_are_told_apart_on_an_old_mac(self) -> None:
        report = old_report("sp_usb_old_imac_external_disk")
        expected = recorded_case("macos/usb_devices/sp_usb_old_imac_external_disk").facts
        inside = [device for device in report.devices if device.location is Location.INTERNAL]
        assert len(inside) >= expected["built_in_count_min"]
        assert [ids(each) for each in report.devices if each.storage is True] == expected["storage"]
        assert set(expected["keyboards_by_name"]) <= {ids(device) for device in report.devices}

    def test_a_virtual_machines_keyboard_is_listed_and_its_name_proves_nothing(self) -> None:
        report = old_report("sp_usb_virtualbox_keyboard_tablet")
        expected = recorded_case("macos/usb_devices/sp_usb_virtualbox_keyboard_tablet").facts
        assert set(expected["keyboards_by_name"]) <= {ids(device) for device in report.devices}
        assert all(device.storage == UNKNOWN for device in report.devices)


def from_text(case: RecordedCase) -> list[dict[str, Any]]:
    """Return the entries of `ioreg -l` as `ioreg -a` would print them.

    The excerpt leaves out two of an interface's three codes, which a real entry has.
    """
    roots: list[dict[str, Any]] = []
    entry: dict[str, Any] = {}
    for line in case.text.splitlines():
        if head := re.search(r"\+-o .*<class (\w+),", line):
            entry = {"IOObjectClass": head[1]}
            if line.startswith("+-o"):
                roots.append(entry)
            else:
                entry |= {"bInterfaceSubClass": 0, "bInterfaceProtocol": 0}
                roots[-1].setdefault("IORegistryEntryChildren", []).append(entry)
        elif found := re.search(r'"([^"]+)" = (?:"([^"]*)"|(\d+))', line):
            entry[found[1]] = found[2] if found[3] is None else int(found[3])
    return roots
