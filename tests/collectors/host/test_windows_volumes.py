"""The volumes of Windows and their disks."""

import ctypes
from typing import Any

import pytest

from passmuster_collectors.host import windows_volumes as volumes
from passmuster_collectors.host.base import SourceError
from passmuster_collectors.host.windows_answers import StorageVolume
from tests.support.windows_tables import fill, refusing

INVALID_HANDLE = 0xFFFFFFFFFFFFFFFF
C, RECOVERY = "\\\\?\\Volume{1}\\", "\\\\?\\Volume{2}\\"


class Storage:
    """A system volume on NVMe with a folder mount, and one without a path."""

    def __init__(self, bus: int = 17) -> None:
        self.names = [RECOVERY, C]
        self.bus = bus
        self.opened = self.ended = 0

    def functions(self, **others: Any) -> dict[str, Any]:
        return {
            "FindFirstVolumeW": self._first,
            "FindNextVolumeW": self._next,
            "FindVolumeClose": self._end,
            "GetVolumePathNamesForVolumeNameW": self._paths,
            "GetDriveTypeW": lambda _: 3,
            "GetVolumeInformationW": lambda *given: fill(given[6], "NTFS"),
            "GetVolumePathNameW": lambda _, mount, __: fill(mount, "C:\\"),
            "GetVolumeNameForVolumeMountPointW": lambda _, name, __: fill(name, C),
            "CreateFileW": self._open,
            "DeviceIoControl": self._control,
            "CloseHandle": self._close,
            **others,
        }

    def _first(self, buffer: Any, _: int) -> int:
        fill(buffer, self.names[0])
        self.at = 0
        return 77

    def _next(self, _: int, buffer: Any, __: int) -> int:
        self.at += 1
        if self.at >= len(self.names):
            return 0
        fill(buffer, self.names[self.at])
        return 1

    def _end(self, _: int) -> int:
        self.ended += 1
        return 1

    def _paths(self, name: str, buffer: Any, _: int, length: Any) -> int:
        paths = "C:\\\0D:\\data\\\0\0" if name == C else "\0"
        fill(buffer, paths)
        length._obj.value = len(paths)
        return 1

    def _open(self, name: str, access: int, *_: Any) -> int:
        assert not name.endswith("\\"), "with it the root folder is opened, not the disk"
        assert access == 0, "nobody's files are opened"
        self.opened += 1
        return 88

    def _control(self, *given: Any) -> int:
        found = volumes.DeviceDescriptor(BusType=self.bus, RemovableMedia=0)
        ctypes.memmove(given[4], bytes(found), ctypes.sizeof(found))
        given[6]._obj.value = ctypes.sizeof(found)
        return 1

    def _close(self, _: int) -> int:
        self.opened -= 1
        return 1


@pytest.fixture(autouse=True)
def no_more_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last error is Windows' own; here it is that the list has ended."""
    monkeypatch.setattr(volumes, "last_error", lambda: 18)


def test_every_volume_is_told_with_its_disk() -> None:
    storage = Storage()
    assert volumes.read_volumes(storage.functions(), "C:\\Windows\\System32") == (
        StorageVolume(C, ("C:\\", "D:\\data\\"), 3, "NTFS", 17, False, True),
        StorageVolume(RECOVERY, (), 3, "NTFS", 17, False, False),
    )
    assert (storage.opened, storage.ended) == (0, 1), "all handles are closed"


@pytest.mark.parametrize("function", ["DeviceIoControl", "CreateFileW"])
def test_a_disk_that_does_not_answer_is_not_one_that_can_be_pulled_out(function: str) -> None:
    refusal = refusing(0 if function == "DeviceIoControl" else INVALID_HANDLE)
    storage = Storage()
    found = volumes.read_volumes(storage.functions(**{function: refusal}), "C:\\")
    assert {(each.bus_type, each.removable_media) for each in found} == {(-1, False)}
    assert storage.opened == 0


def test_a_volume_that_is_locked_has_no_file_system() -> None:
    found = volumes.read_volumes(Storage().functions(GetVolumeInformationW=refusing(0)), "C:\\")
    assert {each.file_system for each in found} == {""}


@pytest.mark.parametrize(
    ("function", "refusal"),
    [
        ("FindFirstVolumeW", INVALID_HANDLE),
        ("GetVolumePathNamesForVolumeNameW", 0),
        ("GetVolumePathNameW", 0),
    ],
)
def test_a_refusal_is_never_an_empty_list(function: str, refusal: int) -> None:
    with pytest.raises(SourceError):
        volumes.read_volumes(Storage().functions(**{function: refusing(refusal)}), "C:\\")


def test_a_list_without_end_ends() -> None:
    storage = Storage()
    endless = storage.functions(FindNextVolumeW=lambda *_: 1)
    with pytest.raises(SourceError, match="more than"):
        volumes.read_volumes(endless, "C:\\")
    assert storage.ended == 1
