"""The tree of devices, asked node by node."""

import ctypes
import uuid
from typing import Any

import pytest

from passmuster_collectors.host import windows_devices as devices
from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
)
from tests.support.windows_tables import refusing

HUB, STICK = "USB\\ROOT_HUB30\\4&1&0&0", "USB\\VID_0781&PID_5581\\4C53"
DISK, SCREEN = "USBSTOR\\Disk&Ven_SanDisk\\4C53&0", "DISPLAY\\LEN1234\\4&1"
CONTAINER = "7b1c0d00-0000-5000-8000-000000000013"


def text(value: str) -> tuple[int, bytes]:
    return devices.STRING, f"{value}\0".encode("utf-16-le")


class Tree:
    """A hub, a stick, its disk, and a screen that has nothing to do with USB."""

    def __init__(self) -> None:
        self.names = [SCREEN, HUB, STICK, DISK]
        self.properties: dict[tuple[str, bytes], tuple[int, bytes]] = {}
        self.set(STICK, devices.PARENT, text(HUB))
        self.set(DISK, devices.PARENT, text(STICK.lower()))
        self.set(SCREEN, devices.PARENT, text("PCI\\VEN_8086\\3&1"))
        self.set(HUB, devices.PARENT, text("PCI\\VEN_8086\\3&2"))
        self.set(STICK, devices.CONTAINER, (devices.GUID, uuid.UUID(CONTAINER).bytes_le))
        self.set(STICK, devices.REMOVAL_POLICY, (devices.UINT32, (3).to_bytes(4, "little")))
        self.set(STICK, devices.ARRIVED, (devices.FILETIME, (99).to_bytes(8, "little")))
        long = "".join(f"USB\\ID_{number:0100}\0" for number in range(20)) + "\0"
        self.set(STICK, devices.HARDWARE_IDS, (devices.STRING_LIST, long.encode("utf-16-le")))

    def set(self, name: str, key: devices.PropertyKey, value: tuple[int, bytes]) -> None:
        self.properties[name, bytes(key)] = value

    def functions(self, **others: Any) -> dict[str, Any]:
        return {
            "CM_Get_Device_ID_List_SizeW": self._size,
            "CM_Get_Device_ID_ListW": self._list,
            "CM_Locate_DevNodeW": self._locate,
            "CM_Get_DevNode_Status": self._status,
            "CM_Get_DevNode_PropertyW": self._property,
            **others,
        }

    def _listed(self) -> bytes:
        return "".join(f"{name}\0" for name in [*self.names, ""]).encode("utf-16-le")

    def _size(self, size: Any, _: Any, flags: int) -> int:
        assert flags == 0x100, "what was once there is not asked for"
        size._obj.value = len(self._listed()) // 2
        return 0

    def _list(self, _: Any, buffer: Any, size: int, __: int) -> int:
        if size < len(self._listed()) // 2:
            return devices.BUFFER_SMALL
        ctypes.memmove(buffer, self._listed(), len(self._listed()))
        return 0

    def _locate(self, number: Any, name: str, _: int) -> int:
        number._obj.value = self.names.index(name)
        return 0

    def _status(self, flags: Any, problem: Any, *_: int) -> int:
        flags._obj.value, problem._obj.value = 0x0180200A, 0
        return 0

    def _property(self, node: int, key: Any, kind: Any, buffer: Any, size: Any, _: int) -> int:
        found = self.properties.get((self.names[node], bytes(key._obj)))
        if found is None:
            return devices.NO_SUCH_VALUE
        room, size._obj.value = size._obj.value, len(found[1])
        if room < len(found[1]):
            return devices.BUFFER_SMALL
        kind._obj.value = found[0]
        ctypes.memmove(buffer, found[1], len(found[1]))
        return 0


def test_what_hangs_on_usb_is_told_and_nothing_else() -> None:
    found = devices.read_present(Tree().functions())
    assert [each.instance_id for each in found] == [DISK, HUB, STICK]
    stick = found[2]
    assert (stick.parent, stick.container) == (HUB, CONTAINER)
    assert (stick.removal_policy, stick.arrived, stick.status) == (3, 99, 0x0180200A)
    assert len(stick.hardware_ids) == 20, "a long property is asked for again with more room"
    assert (stick.service, stick.compatible_ids) == ("", ())


def test_a_property_of_another_type_is_none() -> None:
    tree = Tree()
    tree.set(STICK, devices.REMOVAL_POLICY, text("3"))
    tree.set(STICK, devices.CONTAINER, (devices.GUID, b"short"))
    stick = devices.read_present(tree.functions())[2]
    assert (stick.removal_policy, stick.container) == (0, "")


def test_a_device_that_is_unplugged_while_it_is_asked_for_is_left_out() -> None:
    tree = Tree()

    def locate(number: Any, name: str, flags: int) -> int:
        return devices.NO_SUCH_DEVICE if name == STICK else tree._locate(number, name, flags)

    found = devices.read_present(tree.functions(CM_Locate_DevNodeW=locate))
    assert STICK not in [each.instance_id for each in found]


def test_a_list_that_grows_in_between_is_asked_for_again() -> None:
    tree = Tree()
    asked = []

    def list_later(*given: Any) -> int:
        asked.append(given)
        return tree._list(*given) if len(asked) > 1 else devices.BUFFER_SMALL

    found = devices.read_present(tree.functions(CM_Get_Device_ID_ListW=list_later))
    assert len(found) == 3


@pytest.mark.parametrize(
    ("function", "code", "kind"),
    [
        ("CM_Get_Device_ID_List_SizeW", 0x33, SourceDeniedError),
        ("CM_Get_Device_ID_ListW", 0x1A, SourceConflictError),
        ("CM_Locate_DevNodeW", 0x13, SourceConflictError),
        ("CM_Get_DevNode_Status", 0x34, SourceMissingError),
        ("CM_Get_DevNode_PropertyW", 0x1A, SourceConflictError),
        ("CM_Get_DevNode_PropertyW", 0x33, SourceDeniedError),
    ],
)
def test_a_refusal_is_never_an_empty_list(
    function: str, code: int, kind: type[SourceError]
) -> None:
    with pytest.raises(kind):
        devices.read_present(Tree().functions(**{function: refusing(code)}))


def test_parents_that_go_round_in_a_circle_end() -> None:
    assert devices.below_usb({"A\\1": "B\\1", "B\\1": "A\\1", "C\\1": "USB\\X"}) == ("C\\1",)
