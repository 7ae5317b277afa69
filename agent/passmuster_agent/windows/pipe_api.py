"""Named pipes: structures, functions and numbers (winbase.h, namedpipeapi.h, winnt.h)."""

import ctypes

from passmuster_agent.windows import account, file_rights
from passmuster_collectors.host.dll import BOOL, DWORD, HANDLE, POINTER, TEXT, Function

DUPLEX = 0x3  # PIPE_ACCESS_DUPLEX
FIRST_INSTANCE, OVERLAPPED = 0x0008_0000, 0x4000_0000
"""FILE_FLAG_FIRST_PIPE_INSTANCE: nobody else made a pipe of that name before."""

MESSAGES = 0x4 | 0x2  # PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE
READ_MESSAGES = 0x2
REJECT_REMOTE = 0x8
UNLIMITED = 255

IDENTIFICATION = 0x0010_0000 | 0x0001_0000
"""SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION: the other end learns who this is, no more."""

CLIENT_RIGHTS = 0x0012_0183
"""SYNCHRONIZE, READ_CONTROL, attributes, reading and writing data; not to make another instance."""

SE_KERNEL_OBJECT = 6

IO_PENDING, PIPE_CONNECTED, MORE_DATA = 997, 535, 234
WAIT_OBJECT_0, FOREVER = 0, 0xFFFF_FFFF


class Overlapped(ctypes.Structure):
    """OVERLAPPED, its union as the two numbers."""

    _fields_ = (
        ("Internal", ctypes.c_size_t),
        ("InternalHigh", ctypes.c_size_t),
        ("Offset", DWORD),
        ("OffsetHigh", DWORD),
        ("hEvent", HANDLE),
    )


def _of_kernel32(name: str, result: object, *arguments: object) -> Function:
    return Function("kernel32.dll", name, result, arguments)


PIPE_FUNCTIONS = (
    _of_kernel32(
        "CreateNamedPipeW", HANDLE, TEXT, DWORD, DWORD, DWORD, DWORD, DWORD, DWORD, POINTER
    ),
    _of_kernel32("ConnectNamedPipe", BOOL, HANDLE, POINTER),
    _of_kernel32("DisconnectNamedPipe", BOOL, HANDLE),
    _of_kernel32("SetNamedPipeHandleState", BOOL, HANDLE, POINTER, POINTER, POINTER),
    _of_kernel32("ReadFile", BOOL, HANDLE, POINTER, DWORD, POINTER, POINTER),
    _of_kernel32("WriteFile", BOOL, HANDLE, POINTER, DWORD, POINTER, POINTER),
    _of_kernel32("GetOverlappedResult", BOOL, HANDLE, POINTER, POINTER, BOOL),
    _of_kernel32("CancelIoEx", BOOL, HANDLE, POINTER),
    _of_kernel32("CreateEventW", HANDLE, POINTER, BOOL, BOOL, TEXT),
    _of_kernel32("SetEvent", BOOL, HANDLE),
    _of_kernel32("WaitForMultipleObjects", DWORD, DWORD, POINTER, BOOL, DWORD),
    _of_kernel32("GetCurrentThread", HANDLE),
    Function("advapi32.dll", "ImpersonateNamedPipeClient", BOOL, (HANDLE,)),
    Function("advapi32.dll", "RevertToSelf", BOOL, ()),
    Function("advapi32.dll", "OpenThreadToken", BOOL, (HANDLE, DWORD, BOOL, POINTER)),
)
FUNCTIONS = (*PIPE_FUNCTIONS, *file_rights.FUNCTIONS, *account.FUNCTIONS)
