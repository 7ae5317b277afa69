"""What Windows says of its USB devices, as recorded outputs show it."""

import json
import re
from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.windows_answers import PresentDevice
from passmuster_collectors.signals.usb_devices.facts import Location
from passmuster_collectors.signals.usb_devices.windows.device_tree import (
    COMPUTER,
    KEYBOARD,
    parse_devices,
)
from tests.support.recordings import recorded_case

DISK = "4d36e967-e325-11ce-bfc1-08002be10318"
KEY = re.compile(r"\[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Enum\\(USB\\[^\]]+)\]")
VALUE = re.compile(r'"([^"]+)"=(.*)')


def node(instance_id: str, parent: str = "", **fields: Any) -> PresentDevice:
    given = {
        "container": "",
        "class_guid": "",
        "service": "",
        "hardware_ids": (),
        "compatible_ids": (),
        "description": "",
        "status": 0,
        "problem": 0,
        "removal_policy": 3,
        "arrived": 0,
        **fields,
    }
    return PresentDevice(instance_id, parent, **given)


def test_a_serial_with_a_slash_and_a_colon_is_the_whole_last_part() -> None:
    case = recorded_case("windows/usb_devices/cim_barcode_scanner_serial_with_slash")
    (named,) = re.findall(r"^PNPDeviceID=(.*)$", case.text, re.MULTILINE)
    (scanner,) = parse_devices([node(named.strip(), class_guid=KEYBOARD)])
    assert [f"{scanner.vendor_id}:{scanner.product_id}"] == case.facts["devices"]
    assert scanner.serial == "S/N:28A1CC69D1D8AE4585EDA53F7CD6CB88_REV:NBRMSAAHDM:01OCT153"
    assert scanner.keyboard is True, "such scanners type, and IT has to know them"


def test_rows_of_one_device_are_one_device() -> None:
    case = recorded_case("windows/usb_devices/pnp_json_composite_hid_serial")
    rows = [row["InstanceId"] for row in json.loads(case.text)]
    whole = next(row for row in rows if "&MI_" not in row)
    part = "USB\\VID_346E&PID_0004&MI_02\\7&13CD44B0&0&0002"
    found = parse_devices(
        [node(whole, "USB\\ROOT_HUB30\\4&0&0")]
        + [node(row, whole) for row in rows if row.startswith("USB\\") and row != whole]
        + [node(part, whole, compatible_ids=("USB\\Class_03&SubClass_00&Prot_00",))]
        + [
            node(row, part, hardware_ids=("HID_DEVICE_UP:0001_U:0004",))
            for row in rows
            if row.startswith("HID\\")
        ]
    )
    assert len(found) == case.facts["physical_devices"]
    assert [f"{each.vendor_id}:{each.product_id}" for each in found] == case.facts["devices"]
    assert found[0].serial == case.facts["serial"]


@pytest.mark.parametrize(
    ("name", "serial"),
    [
        ("pnp_deviceid_usbstor_flash_disk", "8735B611"),
        ("pnp_deviceid_usbstor_uf2_bootloader", ""),
    ],
)
def test_a_disk_without_ids_gets_them_from_what_it_is_part_of(name: str, serial: str) -> None:
    case = recorded_case(f"windows/usb_devices/{name}")
    disk = case.text.strip()
    instance = serial or "7&2DBE8C1F&0&4"
    stick = f"USB\\VID_2E8A&PID_0003\\{instance}"
    mass_storage = ("USB\\Class_08&SubClass_06&Prot_50",)
    (found,) = parse_devices(
        [node(disk, stick, class_guid=DISK), node(stick, compatible_ids=mass_storage)]
    )
    assert (found.vendor_id, found.product_id, found.serial) == ("2e8a", "0003", serial)
    assert found.storage is case.facts["storage"] is True
    assert parse_devices([node(disk, class_guid=DISK)]) == ()


def test_the_registry_of_a_real_pc() -> None:
    case = recorded_case("windows/usb_devices/registry_enum_usb_win7_fr")
    entries = exported(case.content.decode("utf-16"))
    instances = {name: values for name, values in entries.items() if name.count("\\") == 2}
    present = [name for name in instances if f"{name}\\Control" in entries]
    assert len(instances) == case.facts["instances"]
    assert sorted(present) == sorted(f"USB\\{name}" for name in case.facts["present"])

    found = parse_devices([registered(name, instances) for name in present])
    devices = {f"{each.vendor_id}:{each.product_id}": each for each in found if not each.is_hub}
    assert set(devices) == {"046d:c03e", "046d:c30a", "0b05:179c"}
    keyboard, mouse = devices["046d:c30a"], devices["046d:c03e"]
    assert keyboard.keyboard is True, "its first interface is a boot keyboard"
    assert mouse.keyboard == UNKNOWN, "what lies below HID is not in this part of the registry"
    assert {each.serial for each in found} == {""}, "ids made from the port are no serials"
    assert keyboard.location is Location.EXTERNAL
    hubs = [each for each in found if each.is_hub]
    assert [hub.vendor_id for hub in hubs] == ["8087", "8087"]
    assert instances[f"USB\\{case.facts['present'][0]}"]["ContainerID"] == f"{{{COMPUTER}}}"


def exported(text: str) -> dict[str, dict[str, Any]]:
    """Return the values of every key in an export of the registry."""
    entries: dict[str, dict[str, Any]] = {}
    values: dict[str, Any] = {}
    for line in text.replace("\\\r\n  ", "").splitlines():
        if key := KEY.fullmatch(line):
            values = entries.setdefault(key[1], {})
        elif named := VALUE.fullmatch(line):
            values[named[1]] = value(named[2])
    return entries


def value(written: str) -> Any:
    if written.startswith("hex(7):"):
        data = bytes.fromhex(written[7:].replace(",", " "))
        return tuple(part for part in data.decode("utf-16-le").split("\0") if part)
    return written.strip('"').replace("\\\\", "\\")


def registered(name: str, instances: dict[str, dict[str, Any]]) -> PresentDevice:
    values = instances[name]
    prefix = name.rpartition("\\")[2]
    parents = [
        other
        for other, its in instances.items()
        if "ParentIdPrefix" in its and prefix.startswith(its["ParentIdPrefix"])
    ]
    return node(
        name,
        parents[0] if parents else "",
        container=values.get("ContainerID", "").strip("{}"),
        class_guid=values.get("ClassGUID", "").strip("{}").lower(),
        service=values.get("Service", ""),
        hardware_ids=values.get("HardwareID", ()),
        compatible_ids=values.get("CompatibleIDs", ()),
    )
