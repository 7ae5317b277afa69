"""Security descriptors of Windows, and the functions that make and read them, simulated.

Nobody has Windows in these tests: what is simulated follows the documentation of each function, so
a test shows that our side of the call fits it, not that Windows answers so.
"""

import ctypes
import struct
from collections.abc import Sequence
from typing import Any

from passmuster_collectors.host.dll import Functions

PRESENT_AND_SELF_RELATIVE = 0x8004
FULL_CONTROL = 0x001F_01FF


def sid(text: str) -> bytes:
    """Return the binary SID ([MS-DTYP] 2.4.2.2)."""
    _, _, authority, *parts = text.split("-")
    numbers = [int(part) for part in parts]
    head = bytes([1, len(numbers)]) + int(authority).to_bytes(6, "big")
    return head + struct.pack(f"<{len(numbers)}I", *numbers)


def entry(who: str, *, kind: int = 0, mask: int = FULL_CONTROL) -> bytes:
    """Return an entry of an access list ([MS-DTYP] 2.4.4.2)."""
    name = sid(who)
    return struct.pack("<BBHI", kind, 0x13, 8 + len(name), mask) + name


def descriptor(owner: str, entries: Sequence[bytes] | None) -> bytes:
    """Return a self-relative descriptor ([MS-DTYP] 2.4.6); None leaves the access list out."""
    name = sid(owner)
    start = 20 + len(name)
    if entries is None:
        return struct.pack("<BBHIIII", 1, 0, 0x8000, 20, 0, 0, 0) + name
    body = b"".join(entries)
    listed = struct.pack("<BBHHH", 2, 0, 8 + len(body), len(entries), 0) + body
    head = struct.pack("<BBHIIII", 1, 0, PRESENT_AND_SELF_RELATIVE, 20, 0, 0, start)
    return head + name + listed


class SimulatedRights:
    """The functions of `file_rights` over one object whose descriptor is given."""

    def __init__(self, found: bytes) -> None:
        self._found = ctypes.create_string_buffer(found, len(found))
        self.made: list[tuple[str, str]] = []
        self.freed = 0
        self.closed: list[int] = []
        self.exists = False
        self.error = 0
        self._access_list = ""

    def functions(self) -> Functions:
        """Return them by name."""
        return {
            "ConvertStringSecurityDescriptorToSecurityDescriptorW": self._convert,
            "CreateDirectoryW": self._create,
            "CreateFileW": self._open,
            "CloseHandle": self.closed.append,
            "GetSecurityInfo": self._security,
            "GetSecurityDescriptorLength": lambda _: len(self._found),
            "LocalFree": self._free,
        }

    def _convert(self, text: str, revision: int, place: Any, _: Any) -> int:
        assert revision == 1
        self._access_list = text
        place._obj.value = 4711
        return 1

    def _create(self, path: str, attributes: Any) -> int:
        assert attributes._obj.nLength == 24
        assert attributes._obj.lpSecurityDescriptor == 4711
        self.made.append((path, self._access_list))
        return int(not self.exists)

    def _open(self, path: str, rights: int, share: int, attributes: Any, how: int, *_: Any) -> int:
        if attributes is None:
            assert (rights, share, how) == (0x20000, 7, 3), "opened to read its rights"
            return 42
        assert (rights, share, how) == (0x40000000, 5, 1), "made anew, for writing"
        assert attributes._obj.lpSecurityDescriptor == 4711
        self.made.append((path, self._access_list))
        return 2**64 - 1 if self.exists else 42

    def _security(self, handle: int, kind: int, wanted: int, *places: Any) -> int:
        assert (handle, kind, wanted) == (42, 1, 5)
        places[-1]._obj.value = ctypes.addressof(self._found)
        return self.error

    def _free(self, _: Any) -> None:
        self.freed += 1
