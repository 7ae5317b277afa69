"""Files and folders of Windows that belong to the agent alone.

A folder is made with an access list that is its own (protected: nothing is inherited from above)
and that everything made inside it inherits. The computer's own state is open to the system, to
administrators and to the agent's service; a person's own to the system, administrators and that
person. Administrators could give themselves any right anyway.
"""

import ctypes
import functools
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from passmuster_agent.errors import AgentError
from passmuster_agent.windows import account, security_descriptor
from passmuster_agent.windows.security_descriptor import Descriptor, DescriptorError
from passmuster_collectors.host.dll import (
    BOOL,
    DWORD,
    HANDLE,
    POINTER,
    TEXT,
    Function,
    Functions,
    error_of,
    last_error,
    load,
)

SERVICE = "passmuster-agent"
INHERITED = "OICI"
"""In SDDL: what is made inside inherits the entry, files and folders alike."""

SDDL_REVISION_1 = 1
SE_FILE_OBJECT = 1
OWNER_SECURITY_INFORMATION = 0x1
DACL_SECURITY_INFORMATION = 0x4
READ_CONTROL = 0x0002_0000
SHARE_ALL = 0x7
SHARE_READ_AND_DELETE = 0x5
GENERIC_WRITE = 0x4000_0000
CREATE_NEW, OPEN_EXISTING = 1, 3
NORMAL = 0x80
BACKUP_SEMANTICS = 0x0200_0000
"""FILE_FLAG_BACKUP_SEMANTICS: without it no folder can be opened."""

OPEN_REPARSE_POINT = 0x0020_0000
INVALID_HANDLE = ctypes.c_void_p(-1).value
FILE_EXISTS, ALREADY_EXISTS = 80, 183

FUNCTIONS = (
    Function(
        "advapi32.dll",
        "ConvertStringSecurityDescriptorToSecurityDescriptorW",
        BOOL,
        (TEXT, DWORD, POINTER, POINTER),
    ),
    Function(
        "advapi32.dll",
        "GetSecurityInfo",
        DWORD,
        (HANDLE, DWORD, DWORD, POINTER, POINTER, POINTER, POINTER, POINTER),
    ),
    Function("advapi32.dll", "GetSecurityDescriptorLength", DWORD, (POINTER,)),
    Function("kernel32.dll", "CreateDirectoryW", BOOL, (TEXT, POINTER)),
    Function(
        "kernel32.dll",
        "CreateFileW",
        HANDLE,
        (TEXT, DWORD, DWORD, POINTER, DWORD, DWORD, HANDLE),
    ),
    Function("kernel32.dll", "CloseHandle", BOOL, (HANDLE,)),
    Function("kernel32.dll", "LocalFree", POINTER, (POINTER,)),
)


class SecurityAttributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES of minwinbase.h."""

    _fields_ = (
        ("nLength", DWORD),
        ("lpSecurityDescriptor", POINTER),
        ("bInheritHandle", BOOL),
    )


def owners(sid: str, *, elevated: bool) -> frozenset[str]:
    """Return who may have rights on the files of an agent that runs as `sid`."""
    shared = {account.SYSTEM, account.ADMINISTRATORS, sid}
    return frozenset(shared | ({account.service_sid(SERVICE)} if elevated else set()))


def access_list(sid: str, *, elevated: bool) -> str:
    """Return the access list of a new folder in SDDL: protected, inherited, full control."""
    last = account.service_sid(SERVICE) if elevated else sid
    entries = (
        f"(A;{INHERITED};FA;;;{who})" for who in (account.SYSTEM, account.ADMINISTRATORS, last)
    )
    return "D:P" + "".join(entries)


class FileRights:
    """Makes and checks folders and files. All raise `OSError`."""

    def __init__(self, windows: Functions, sid: str, *, elevated: bool) -> None:
        self._windows = windows
        self._access_list = access_list(sid, elevated=elevated)
        self._owners = owners(sid, elevated=elevated)

    def make_folder(self, path: Path) -> None:
        """Make the folder with its own access list; nothing happens where something is there."""
        with security_attributes(self._windows, self._access_list) as attributes:
            made = self._windows["CreateDirectoryW"](str(path), attributes)
            error = last_error()
        if not made and error != ALREADY_EXISTS:
            raise error_of("the folder cannot be made", error)

    def create_file(self, path: Path) -> int:
        """Return the handle of a new file, open for writing, with its own access list."""
        own = self._access_list.replace(INHERITED, "")
        with security_attributes(self._windows, own) as attributes:
            handle = self._windows["CreateFileW"](
                str(path),
                GENERIC_WRITE,
                SHARE_READ_AND_DELETE,
                attributes,
                CREATE_NEW,
                NORMAL,
                None,
            )
            error = last_error()
        if handle not in {None, INVALID_HANDLE}:
            return int(handle)
        if error in {FILE_EXISTS, ALREADY_EXISTS}:
            raise FileExistsError(0, "the file is there already")
        raise error_of("the file cannot be made", error)

    def strangers_of_folder(self, path: Path) -> frozenset[str]:
        """Return who else owns the folder or has a right on it; a link is not followed."""
        handle = self._windows["CreateFileW"](
            str(path),
            READ_CONTROL,
            SHARE_ALL,
            None,
            OPEN_EXISTING,
            BACKUP_SEMANTICS | OPEN_REPARSE_POINT,
            None,
        )
        if handle in {None, INVALID_HANDLE}:
            raise error_of("the folder cannot be opened")
        try:
            return self.strangers(handle)
        finally:
            self._windows["CloseHandle"](handle)

    def strangers(self, handle: int) -> frozenset[str]:
        """Return who else owns what is open as `handle`, or has a right on it."""
        return descriptor_of(self._windows, handle).strangers(self._owners)


@contextmanager
def security_attributes(windows: Functions, access_list: str) -> Iterator[Any]:
    """Give the attributes of a new object by its descriptor in SDDL. Raises `OSError`."""
    descriptor = POINTER()
    if not windows["ConvertStringSecurityDescriptorToSecurityDescriptorW"](
        access_list, SDDL_REVISION_1, ctypes.byref(descriptor), None
    ):
        raise error_of("the access list is refused")
    try:
        size = ctypes.sizeof(SecurityAttributes)
        yield ctypes.byref(SecurityAttributes(size, descriptor.value, 0))
    finally:
        windows["LocalFree"](descriptor)


def descriptor_of(windows: Functions, handle: int, kind: int = SE_FILE_OBJECT) -> Descriptor:
    """Return the owner and the access list of what is open as `handle`. Raises `OSError`."""
    found = POINTER()
    wanted = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION
    error = windows["GetSecurityInfo"](
        handle, kind, wanted, None, None, None, None, ctypes.byref(found)
    )
    if error != 0 or not found.value:
        raise error_of("its rights cannot be read", error)
    try:
        length = windows["GetSecurityDescriptorLength"](found)
        return security_descriptor.parse(ctypes.string_at(found.value, length))
    except DescriptorError as wrong:
        raise OSError(0, f"its rights cannot be read: {wrong}") from None
    finally:
        windows["LocalFree"](found)


@functools.cache
def _rights() -> FileRights:
    return FileRights(load(*FUNCTIONS), account.own_sid(), elevated=account.is_elevated())


def make_folder(path: Path) -> None:
    """Make the folder, and those above it; nothing happens where it is. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _rights().make_folder(path)


def check_folder(path: Path) -> None:
    """Raise `AgentError` unless it is a folder for the agent alone, `OSError` if it can't tell."""
    found = path.lstat()
    attributes: int = getattr(found, "st_file_attributes", 0)
    if not stat.S_ISDIR(found.st_mode) or attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT:
        raise AgentError(f"{path} is not a folder.", "Name another one with --state.")
    _refuse(f"The folder {path}", _rights().strangers_of_folder(path))


def create_file(path: Path) -> int:
    """Return a new file, open for writing, for the agent alone. Raises `OSError`."""
    handle = _rights().create_file(path)
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - Windows alone has it

        return msvcrt.open_osfhandle(handle, open_flags(os.O_WRONLY))
    raise OSError(0, "not on Windows")


def check_file(path: Path, descriptor: int) -> None:
    """Raise `AgentError` unless the open file is the agent's alone, `OSError` if it can't tell."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise AgentError(f"{path} is not a file.", "Find out who put it there.")
    _refuse(str(path), _rights().strangers(_handle_of(descriptor)))


def open_flags(flags: int) -> int:
    """Return the flags with those that Windows alone has: the bytes are left as they are."""
    return flags | getattr(os, "O_BINARY", 0)


def _refuse(what: str, strangers: frozenset[str]) -> None:
    if strangers:
        raise AgentError(
            f"{what} is open to others ({', '.join(sorted(strangers))}).",
            "It may have been read or written by them: move it away and enrol again "
            "(passmuster-agent enroll --replace).",
        )


def _handle_of(descriptor: int) -> int:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - Windows alone has it

        return msvcrt.get_osfhandle(descriptor)
    raise OSError(0, "not on Windows")
