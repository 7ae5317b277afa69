"""What is attached by USB now, from the tree of devices (cfgmgr32.h, devpkey.h, devpropdef.h)."""

import ctypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.host.dll import (
    BYTE,
    DWORD,
    POINTER,
    TEXT,
    WORD,
    Function,
    Functions,
    Guid,
    guid,
)
from passmuster_collectors.host.windows_answers import PresentDevice
from passmuster_collectors.host.windows_errors import functions
from passmuster_collectors.host.windows_memory import guid_text, text, texts

SOURCE = "devices"

LIST_SIZE = Function("cfgmgr32.dll", "CM_Get_Device_ID_List_SizeW", DWORD, (POINTER, TEXT, DWORD))
LIST = Function("cfgmgr32.dll", "CM_Get_Device_ID_ListW", DWORD, (TEXT, POINTER, DWORD, DWORD))
LOCATE = Function("cfgmgr32.dll", "CM_Locate_DevNodeW", DWORD, (POINTER, TEXT, DWORD))
STATUS = Function("cfgmgr32.dll", "CM_Get_DevNode_Status", DWORD, (POINTER, POINTER, DWORD, DWORD))
PROPERTY = Function(
    "cfgmgr32.dll",
    "CM_Get_DevNode_PropertyW",
    DWORD,
    (DWORD, POINTER, POINTER, POINTER, POINTER, DWORD),
)
FUNCTIONS = (LIST_SIZE, LIST, LOCATE, STATUS, PROPERTY)

FILTER_PRESENT = 0x100  # CM_GETIDLIST_FILTER_PRESENT
SUCCESS, NO_SUCH_DEVICE, BUFFER_SMALL = 0x00, 0x0D, 0x1A  # CR_…
NO_SUCH_VALUE, ACCESS_DENIED, CALL_NOT_IMPLEMENTED = 0x25, 0x33, 0x34

MAX_CHARACTERS = 1_048_576
MAX_BYTES = 65_536
TRIES = 5

USB = "USB\\"


class PropertyKey(ctypes.Structure):
    """`DEVPROPKEY`."""

    _fields_ = (("fmtid", Guid), ("pid", DWORD))


def _key(identifier: str, number: int) -> PropertyKey:
    return PropertyKey(guid(identifier), number)


DEVICE = "a45c254e-df1c-4efd-8020-67d146a850e0"
HARDWARE_IDS = _key(DEVICE, 3)  # DEVPKEY_Device_HardwareIds
COMPATIBLE_IDS = _key(DEVICE, 4)  # DEVPKEY_Device_CompatibleIds
SERVICE = _key(DEVICE, 6)  # DEVPKEY_Device_Service
CLASS_GUID = _key(DEVICE, 10)  # DEVPKEY_Device_ClassGuid
REMOVAL_POLICY = _key(DEVICE, 33)  # DEVPKEY_Device_RemovalPolicy
DESCRIPTION = _key("540b947e-8b40-45bc-a8a2-6a0b894cbda2", 4)  # …_BusReportedDeviceDesc
CONTAINER = _key("8c7ed206-3f8a-4827-b3ab-ae9e1faefc6c", 2)  # DEVPKEY_Device_ContainerId
PARENT = _key("4340a6c5-93fa-4706-972c-7b648008a5a7", 8)  # DEVPKEY_Device_Parent
ARRIVED = _key("83da6326-97a6-4088-9453-a1923f573b29", 102)  # DEVPKEY_Device_LastArrivalDate

# DEVPROP_TYPE_…
UINT32, GUID, FILETIME, STRING, STRING_LIST = 0x07, 0x0D, 0x10, 0x12, 0x2012


def present() -> tuple[PresentDevice, ...]:
    """Return the devices of USB and all below them that are there now. Raises `SourceError`."""
    return read_present(functions(SOURCE, *FUNCTIONS))


def read_present(api: Functions) -> tuple[PresentDevice, ...]:
    """Return the devices as the given functions tell of them. Raises `SourceError`."""
    nodes = {}
    for name in _names(api):
        node = _locate(api, name)
        if node is not None:
            nodes[name] = node
    parents = {name: node.text(PARENT) for name, node in nodes.items()}
    return tuple(_device(name, nodes[name], parents[name]) for name in below_usb(parents))


def below_usb(parents: Mapping[str, str]) -> tuple[str, ...]:
    """Return the devices that are USB's or hang on one that is, sorted; ids have no letter case."""
    by_name = {name.upper(): parent.upper() for name, parent in parents.items()}

    def is_below(name: str) -> bool:
        for _ in range(len(by_name)):
            if name.startswith(USB):
                return True
            if name not in by_name:
                return False
            name = by_name[name]
        return False

    return tuple(sorted(name for name in parents if is_below(name.upper())))


@dataclass(frozen=True)
class Node:
    """A device node that properties are asked of; what it has not is empty or 0."""

    api: Functions
    number: int

    def status(self) -> tuple[int, int]:
        """Return the flags and the problem. Raises `SourceError`."""
        flags, problem = DWORD(), DWORD()
        code = self.api[STATUS.name](ctypes.byref(flags), ctypes.byref(problem), self.number, 0)
        if code:
            raise from_config_code(code)
        return flags.value, problem.value

    def text(self, key: PropertyKey) -> str:
        """Return a property that is a text."""
        return text(self._value(key, STRING))

    def texts(self, key: PropertyKey) -> tuple[str, ...]:
        """Return a property that is a list of texts."""
        return texts(self._value(key, STRING_LIST))

    def guid(self, key: PropertyKey) -> str:
        """Return a property that is an identifier."""
        value = self._value(key, GUID)
        return guid_text(Guid.from_buffer_copy(value)) if len(value) == ctypes.sizeof(Guid) else ""

    def number_of(self, key: PropertyKey, kind: int) -> int:
        """Return a property that is a number."""
        return int.from_bytes(self._value(key, kind), "little")

    def _value(self, key: PropertyKey, expected: int) -> bytes:
        size = DWORD(512)
        for _ in range(TRIES):
            kind, buffer = DWORD(), (BYTE * size.value)()
            code = self.api[PROPERTY.name](
                self.number, ctypes.byref(key), ctypes.byref(kind), buffer, ctypes.byref(size), 0
            )
            if code == SUCCESS:
                return bytes(buffer)[: size.value] if kind.value == expected else b""
            if code == NO_SUCH_VALUE:
                return b""
            if code != BUFFER_SMALL or size.value > MAX_BYTES:
                raise from_config_code(code)
        raise SourceConflictError(SOURCE, "a property that keeps growing")


def from_config_code(code: int) -> SourceError:
    """Return the refusal for a `CR_…` code of the configuration manager."""
    detail = f"CR_{code:#04x}"
    if code == ACCESS_DENIED:
        return SourceDeniedError(SOURCE, detail)
    if code in {NO_SUCH_DEVICE, CALL_NOT_IMPLEMENTED}:
        return SourceMissingError(SOURCE, detail)
    return SourceConflictError(SOURCE, detail)


def _names(api: Functions) -> Iterable[str]:
    for _ in range(TRIES):
        size = DWORD()
        code = api[LIST_SIZE.name](ctypes.byref(size), None, FILTER_PRESENT)
        if code:
            raise from_config_code(code)
        if size.value > MAX_CHARACTERS:
            raise SourceConflictError(SOURCE, f"more than {MAX_CHARACTERS} characters")
        buffer = (WORD * size.value)()
        code = api[LIST.name](None, buffer, size.value, FILTER_PRESENT)
        if code == SUCCESS:
            return texts(bytes(buffer))
        if code != BUFFER_SMALL:
            raise from_config_code(code)
    raise SourceConflictError(SOURCE, "a list that keeps growing")


def _locate(api: Functions, name: str) -> Node | None:
    """Return the node; None where the device was unplugged since it was listed."""
    number = DWORD()
    code = api[LOCATE.name](ctypes.byref(number), name, 0)
    if code == NO_SUCH_DEVICE:
        return None
    if code:
        raise from_config_code(code)
    return Node(api, number.value)


def _device(name: str, node: Node, parent: str) -> PresentDevice:
    status, problem = node.status()
    return PresentDevice(
        instance_id=name,
        parent=parent,
        container=node.guid(CONTAINER),
        class_guid=node.guid(CLASS_GUID),
        service=node.text(SERVICE),
        hardware_ids=node.texts(HARDWARE_IDS),
        compatible_ids=node.texts(COMPATIBLE_IDS),
        description=node.text(DESCRIPTION),
        status=status,
        problem=problem,
        removal_policy=node.number_of(REMOVAL_POLICY, UINT32),
        arrived=node.number_of(ARRIVED, FILETIME),
    )
