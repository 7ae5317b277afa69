"""Entries of the I/O registry and of the system report, one by one."""

from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.usb_devices.facts import Location
from passmuster_collectors.signals.usb_devices.macos.host_report import parse_host_report
from passmuster_collectors.signals.usb_devices.macos.registry import (
    RegistryDevice,
    parse_registry,
)

KEYBOARD_REPORT = bytes.fromhex("05010906a101050719e029e7150025017501950881 02c0".replace(" ", ""))
MOUSE_REPORT = bytes.fromhex("05010902a1010509190129031500250195037501 8102c0".replace(" ", ""))


def entry(kind: str, *children: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"IOObjectClass": kind, "IORegistryEntryChildren": [*children], **properties}


def interface(*codes: int, below: tuple[dict[str, Any], ...] = (), **more: Any) -> dict[str, Any]:
    keys = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    return entry("IOUSBHostInterface", *below, **dict(zip(keys, codes, strict=True)), **more)


def device(*children: dict[str, Any], **more: Any) -> dict[str, Any]:
    ids = {"idVendor": 0x1234, "idProduct": 0xABCD, "USBPortType": 0}
    return entry("IOUSBHostDevice", *children, **{**ids, **more})


def only(root: dict[str, Any]) -> RegistryDevice:
    (found,) = parse_registry([root])
    return found


def hid(**properties: Any) -> tuple[dict[str, Any], ...]:
    return (entry("AppleUserUSBHostHIDDevice", **properties),)


class TestKeyboard:
    @pytest.mark.parametrize(
        ("found", "expected"),
        [
            (interface(3, 1, 1), True),
            (interface(3, 1, 2), UNKNOWN),
            (interface(3, 0, 0, below=hid(ReportDescriptor=KEYBOARD_REPORT)), True),
            (interface(3, 0, 0, below=hid(ReportDescriptor=MOUSE_REPORT)), False),
            (interface(3, 0, 0, below=hid(ReportDescriptor=b"\x05")), UNKNOWN),
            (interface(3, 0, 0, below=hid(PrimaryUsagePage=1, PrimaryUsage=6)), True),
            (interface(3, 0, 0, below=hid(PrimaryUsagePage=1, PrimaryUsage=2)), UNKNOWN),
            (interface(3, 0, 0, below=hid()), UNKNOWN),
            (interface(8, 6, 0x50), False),
        ],
    )
    def test_the_class_tells_or_the_reports(self, found: dict[str, Any], expected: object) -> None:
        assert only(device(found)).keyboard == expected

    @pytest.mark.parametrize(
        ("pairs", "expected"),
        [
            ([(1, 2), (1, 6)], True),
            ([(1, 2), (12, 1)], False),
            ([("1", 6)], UNKNOWN),
            ([], UNKNOWN),
        ],
    )
    def test_every_use_that_it_announces_counts(self, pairs: Any, expected: object) -> None:
        uses = [{"DeviceUsagePage": page, "DeviceUsage": usage} for page, usage in pairs]
        assert only(device(interface(3, 0, 0, below=hid(DeviceUsagePairs=uses)))).keyboard == (
            expected
        )

    def test_a_device_without_interfaces_is_unknown(self) -> None:
        found = only(device())
        assert (found.keyboard, found.storage, found.network) == (UNKNOWN, UNKNOWN, UNKNOWN)
        assert not found.is_hub


class TestDrivers:
    def test_what_a_driver_made_of_an_interface_of_the_makers_own_class_counts(self) -> None:
        own = (0xFF, 0, 0)
        assert only(device(interface(*own, below=(entry("IOMedia"),)))).storage is True
        card = entry("IOEthernetInterface")
        assert only(device(interface(*own, below=(card,)))).network is True
        port = entry("IOSerialBSDClient")
        assert only(device(interface(*own, below=(port,)))).serial_port is True
        plain = only(device(interface(*own)))
        assert (plain.keyboard, plain.storage, plain.network) == (False, False, False)

    def test_a_phone_that_shows_its_files_is_storage(self) -> None:
        assert only(device(interface(0xFF, 0xFF, 0, kUSBString="MTP"))).storage is True
        assert only(device(interface(6, 1, 1))).storage is True


class TestHubs:
    def test_a_hub_is_one_by_its_interfaces_or_without_any_by_its_class(self) -> None:
        assert only(device(interface(9, 0, 0))).is_hub
        assert only(device(bDeviceClass=9)).is_hub
        assert not only(device(interface(3, 1, 1), bDeviceClass=9)).is_hub

    def test_what_is_behind_a_hub_is_not_the_hubs_own(self) -> None:
        stick = device(interface(8, 6, 0x50), idProduct=1)
        hub = device(entry("AppleUSB20Hub", stick), bDeviceClass=9)
        found = {each.product_id: each for each in parse_registry([hub])}
        assert found[0xABCD].storage is False
        assert found[1].storage is True

    def test_a_device_that_is_listed_twice_is_one_device(self) -> None:
        stick = device(interface(8, 6, 0x50), idProduct=1, IORegistryEntryID=7)
        hub = device(stick, bDeviceClass=9, IORegistryEntryID=6)
        for listed in ([hub, stick], [stick, hub]):
            assert sorted(each.product_id for each in parse_registry(listed)) == [1, 0xABCD]


class TestLocation:
    @pytest.mark.parametrize(
        ("port", "expected"),
        [
            (2, Location.INTERNAL),
            (0, Location.EXTERNAL),
            (1, Location.EXTERNAL),
            (None, Location.UNKNOWN),
            ("2", Location.UNKNOWN),
        ],
    )
    def test_only_a_port_inside_the_mac_is_inside(self, port: Any, expected: Location) -> None:
        assert only(device(interface(14, 1, 0), USBPortType=port)).location is expected

    @pytest.mark.parametrize("listed_first", [True, False])
    def test_a_device_behind_an_external_hub_is_outside_whatever_the_hub_says(
        self, *, listed_first: bool
    ) -> None:
        keyboard = device(interface(3, 1, 1), USBPortType=2, idProduct=1, IORegistryEntryID=7)
        hub = device(keyboard, bDeviceClass=9, IORegistryEntryID=6)
        listed = [keyboard, hub] if listed_first else [hub, keyboard]
        found = {each.product_id: each.location for each in parse_registry(listed)}
        assert found[1] is Location.EXTERNAL


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [],
        ["device"],
        [entry("IOHIDDevice")],
        [device(idVendor="1234")],
        [device(idVendor=-1)],
        [device(idProduct=0x10000)],
        [device(interface(3, 1, 300))],
        [{**device(), "IORegistryEntryChildren": {}}],
        [{**device(), "IORegistryEntryChildren": ["x"]}],
    ],
)
def test_what_is_no_registry_is_a_conflict(value: Any) -> None:
    with pytest.raises(SourceConflictError):
        parse_registry(value)


class TestReport:
    def test_a_mac_without_usb_devices_names_its_buses(self) -> None:
        report = parse_host_report({"SPUSBHostDataType": [{"_name": "Bus", "Driver": "X"}]})
        assert (report.buses, report.devices) == (1, ())

    @pytest.mark.parametrize(
        "value",
        [
            None,
            [],
            {},
            {"SPUSBHostDataType": {}},
            {"SPUSBHostDataType": [{"_name": "a bus or a device"}]},
            {"SPUSBHostDataType": [{"Driver": "X", "_gegenstände": [{}]}]},
            {"SPUSBHostDataType": [{"USBDeviceKeyProductID": "0x1"}]},
            {"SPUSBHostDataType": [{"USBDeviceKeyProductID": "x", "USBDeviceKeyVendorID": "y"}]},
        ],
    )
    def test_what_is_no_report_is_a_conflict(self, value: Any) -> None:
        with pytest.raises(SourceConflictError):
            parse_host_report(value)
