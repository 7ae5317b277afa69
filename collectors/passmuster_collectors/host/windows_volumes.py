r"""The volumes of this computer and the disks they lie on (fileapi.h, winioctl.h, ntddstor.h).

A disk is opened without any right to its contents, which everybody may do.
"""

import ctypes
from collections.abc import Iterator

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.dll import (
    BOOL,
    BYTE,
    DWORD,
    HANDLE,
    POINTER,
    TEXT,
    WORD,
    Function,
    Functions,
    last_error,
)
from passmuster_collectors.host.windows_answers import StorageVolume
from passmuster_collectors.host.windows_errors import (
    MORE_DATA,
    NO_MORE_FILES,
    from_code,
    functions,
)
from passmuster_collectors.host.windows_memory import text, texts
from passmuster_collectors.host.windows_programs import system_directory

SOURCE = "volumes"
KERNEL = "kernel32.dll"

FIRST = Function(KERNEL, "FindFirstVolumeW", HANDLE, (POINTER, DWORD))
NEXT = Function(KERNEL, "FindNextVolumeW", BOOL, (HANDLE, POINTER, DWORD))
END = Function(KERNEL, "FindVolumeClose", BOOL, (HANDLE,))
PATHS = Function(KERNEL, "GetVolumePathNamesForVolumeNameW", BOOL, (TEXT, POINTER, DWORD, POINTER))
TYPE = Function(KERNEL, "GetDriveTypeW", DWORD, (TEXT,))
INFORMATION = Function(
    KERNEL,
    "GetVolumeInformationW",
    BOOL,
    (TEXT, POINTER, DWORD, POINTER, POINTER, POINTER, POINTER, DWORD),
)
MOUNT_POINT = Function(KERNEL, "GetVolumePathNameW", BOOL, (TEXT, POINTER, DWORD))
NAME_AT = Function(KERNEL, "GetVolumeNameForVolumeMountPointW", BOOL, (TEXT, POINTER, DWORD))
OPEN = Function(KERNEL, "CreateFileW", HANDLE, (TEXT, DWORD, DWORD, POINTER, DWORD, DWORD, HANDLE))
CONTROL = Function(
    KERNEL,
    "DeviceIoControl",
    BOOL,
    (HANDLE, DWORD, POINTER, DWORD, POINTER, DWORD, POINTER, POINTER),
)
CLOSE = Function(KERNEL, "CloseHandle", BOOL, (HANDLE,))
FUNCTIONS = (
    FIRST,
    NEXT,
    END,
    PATHS,
    TYPE,
    INFORMATION,
    MOUNT_POINT,
    NAME_AT,
    OPEN,
    CONTROL,
    CLOSE,
)

NAME_LETTERS, PATH_LETTERS = 64, 32_768
MAX_VOLUMES = 256
INVALID_HANDLE = HANDLE(-1).value
SHARE_ALL, OPEN_EXISTING = 0x7, 3
QUERY_PROPERTY = 0x2D1400  # IOCTL_STORAGE_QUERY_PROPERTY
NOT_ASKED = -1


class PropertyQuery(ctypes.Structure):
    """`STORAGE_PROPERTY_QUERY`; all zero asks for the descriptor of the device."""

    _fields_ = (("PropertyId", DWORD), ("QueryType", DWORD), ("AdditionalParameters", BYTE * 1))


class DeviceDescriptor(ctypes.Structure):
    """`STORAGE_DEVICE_DESCRIPTOR`."""

    _fields_ = (
        ("Version", DWORD),
        ("Size", DWORD),
        ("DeviceType", BYTE),
        ("DeviceTypeModifier", BYTE),
        ("RemovableMedia", BYTE),
        ("CommandQueueing", BYTE),
        ("VendorIdOffset", DWORD),
        ("ProductIdOffset", DWORD),
        ("ProductRevisionOffset", DWORD),
        ("SerialNumberOffset", DWORD),
        ("BusType", DWORD),
        ("RawPropertiesLength", DWORD),
        ("RawDeviceProperties", BYTE * 1),
    )


def volumes() -> tuple[StorageVolume, ...]:
    """Return every volume. Raises `SourceError`."""
    return read_volumes(functions(SOURCE, *FUNCTIONS), system_directory())


def read_volumes(api: Functions, windows: str) -> tuple[StorageVolume, ...]:
    """Return every volume as the given functions tell of them; `windows` is on the system's."""
    system = _volume_of(api, windows)
    return tuple(_volume(api, name, system) for name in sorted(_names(api)))


def _names(api: Functions) -> Iterator[str]:
    buffer = (WORD * NAME_LETTERS)()
    search = api[FIRST.name](buffer, NAME_LETTERS)
    if search in {None, INVALID_HANDLE}:
        raise from_code(SOURCE, last_error())
    try:
        for _ in range(MAX_VOLUMES):
            yield text(bytes(buffer))
            if not api[NEXT.name](search, buffer, NAME_LETTERS):
                code = last_error()
                if code == NO_MORE_FILES:
                    return
                raise from_code(SOURCE, code)
    finally:
        api[END.name](search)
    raise SourceConflictError(SOURCE, f"more than {MAX_VOLUMES}")


def _volume(api: Functions, name: str, system: str) -> StorageVolume:
    bus_type, removable_media = _disk(api, name)
    mounts = _mounts(api, name)
    return StorageVolume(
        name=name,
        mounts=mounts,
        drive_type=api[TYPE.name](next(iter(mounts), name)),
        file_system=_file_system(api, name),
        bus_type=bus_type,
        removable_media=removable_media,
        is_system=name == system,
    )


def _volume_of(api: Functions, path: str) -> str:
    mount, name = (WORD * PATH_LETTERS)(), (WORD * NAME_LETTERS)()
    found = api[MOUNT_POINT.name](path, mount, PATH_LETTERS) and api[NAME_AT.name](
        text(bytes(mount)), name, NAME_LETTERS
    )
    if not found:
        raise from_code(SOURCE, last_error())
    return text(bytes(name))


def _mounts(api: Functions, name: str) -> tuple[str, ...]:
    buffer, length = (WORD * PATH_LETTERS)(), DWORD()
    if not api[PATHS.name](name, buffer, PATH_LETTERS, ctypes.byref(length)):
        code = last_error()
        if code == MORE_DATA:
            raise SourceConflictError(SOURCE, "a volume with too many paths")
        raise from_code(SOURCE, code)
    return texts(bytes(buffer)[: 2 * length.value])


def _file_system(api: Functions, name: str) -> str:
    """Return the name of the file system; empty for none, or one that is locked."""
    buffer = (WORD * NAME_LETTERS)()
    found = api[INFORMATION.name](name, None, 0, None, None, None, buffer, NAME_LETTERS)
    return text(bytes(buffer)) if found else ""


def _disk(api: Functions, name: str) -> tuple[int, bool]:
    """Return the bus of the volume's disk and whether its medium comes out; -1 where not told.

    A volume over several disks has no such answer.
    """
    device = api[OPEN.name](name.rstrip("\\"), 0, SHARE_ALL, None, OPEN_EXISTING, 0, None)
    if device in {None, INVALID_HANDLE}:
        return NOT_ASKED, False
    try:
        query, size = PropertyQuery(), DWORD()
        answer = (BYTE * 1024)()
        told = api[CONTROL.name](
            device,
            QUERY_PROPERTY,
            ctypes.byref(query),
            ctypes.sizeof(query),
            answer,
            len(answer),
            ctypes.byref(size),
            None,
        )
    finally:
        api[CLOSE.name](device)
    if not told or size.value < ctypes.sizeof(DeviceDescriptor):
        return NOT_ASKED, False
    found = DeviceDescriptor.from_buffer_copy(bytes(answer))
    return found.BusType, bool(found.RemovableMedia)
