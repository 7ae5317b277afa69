"""The service manager's structures, functions and numbers (winsvc.h, winnt.h, winuser.h)."""

import ctypes

from passmuster_collectors.host.dll import (
    BOOL,
    DWORD,
    HANDLE,
    POINTER,
    TEXT,
    Function,
)

OWN_PROCESS = 0x10
AUTO_START = 0x2
ERROR_NORMAL = 0x1

STOPPED, START_PENDING, STOP_PENDING, RUNNING = 1, 2, 3, 4

ACCEPT_STOP, ACCEPT_SHUTDOWN, ACCEPT_POWER, ACCEPT_SESSION = 0x1, 0x4, 0x40, 0x80

CONTROL_STOP, CONTROL_INTERROGATE, CONTROL_SHUTDOWN = 0x1, 0x4, 0x5
CONTROL_POWER, CONTROL_SESSION = 0xD, 0xE

RESUME_SUSPEND, RESUME_AUTOMATIC = 0x7, 0x12
"""PBT_APMRESUMESUSPEND, PBT_APMRESUMEAUTOMATIC: the second comes after every sleep."""

NO_ERROR, NOT_IMPLEMENTED, SPECIFIC_ERROR = 0, 120, 1066
NOT_STARTED_AS_A_SERVICE, EXISTS, MISSING, NOT_ACTIVE = 1063, 1073, 1060, 1062
MARKED_FOR_DELETE, ALREADY_RUNNING = 1072, 1056

MANAGER_CONNECT, MANAGER_CREATE = 0x1, 0x2
ALL_ACCESS = 0xF01FF

CONFIG_DESCRIPTION, CONFIG_FAILURE_ACTIONS, CONFIG_FAILURE_FLAG, CONFIG_SID = 1, 2, 4, 5
ACTION_RESTART = 1
SID_UNRESTRICTED = 1

# Windows for 64-bit processors has one calling convention, so C's own type of callback fits.
MAIN = ctypes.CFUNCTYPE(None, DWORD, POINTER)
HANDLER = ctypes.CFUNCTYPE(DWORD, DWORD, DWORD, POINTER, POINTER)


class TableEntry(ctypes.Structure):
    """SERVICE_TABLE_ENTRYW."""

    _fields_ = (("lpServiceName", TEXT), ("lpServiceProc", MAIN))


class ServiceStatus(ctypes.Structure):
    """SERVICE_STATUS."""

    _fields_ = (
        ("dwServiceType", DWORD),
        ("dwCurrentState", DWORD),
        ("dwControlsAccepted", DWORD),
        ("dwWin32ExitCode", DWORD),
        ("dwServiceSpecificExitCode", DWORD),
        ("dwCheckPoint", DWORD),
        ("dwWaitHint", DWORD),
    )


class Description(ctypes.Structure):
    """SERVICE_DESCRIPTIONW."""

    _fields_ = (("lpDescription", TEXT),)


class Action(ctypes.Structure):
    """SC_ACTION; the delay is in milliseconds."""

    _fields_ = (("Type", DWORD), ("Delay", DWORD))


class FailureActions(ctypes.Structure):
    """SERVICE_FAILURE_ACTIONSW; the period after which failures are forgotten is in seconds."""

    _fields_ = (
        ("dwResetPeriod", DWORD),
        ("lpRebootMsg", TEXT),
        ("lpCommand", TEXT),
        ("cActions", DWORD),
        ("lpsaActions", POINTER),
    )


class FailureFlag(ctypes.Structure):
    """SERVICE_FAILURE_ACTIONS_FLAG."""

    _fields_ = (("fFailureActionsOnNonCrashFailures", BOOL),)


class SidInfo(ctypes.Structure):
    """SERVICE_SID_INFO."""

    _fields_ = (("dwServiceSidType", DWORD),)


def _of_advapi32(name: str, result: object, *arguments: object) -> Function:
    return Function("advapi32.dll", name, result, arguments)


RUNNING_FUNCTIONS = (
    _of_advapi32("StartServiceCtrlDispatcherW", BOOL, POINTER),
    _of_advapi32("RegisterServiceCtrlHandlerExW", HANDLE, TEXT, HANDLER, POINTER),
    _of_advapi32("SetServiceStatus", BOOL, HANDLE, POINTER),
)
INSTALLING_FUNCTIONS = (
    _of_advapi32("OpenSCManagerW", HANDLE, TEXT, TEXT, DWORD),
    _of_advapi32(
        "CreateServiceW",
        HANDLE,
        *(HANDLE, TEXT, TEXT, DWORD, DWORD, DWORD, DWORD),
        *(TEXT, TEXT, POINTER, TEXT, TEXT, TEXT),
    ),
    _of_advapi32("OpenServiceW", HANDLE, HANDLE, TEXT, DWORD),
    _of_advapi32("ChangeServiceConfig2W", BOOL, HANDLE, DWORD, POINTER),
    _of_advapi32("StartServiceW", BOOL, HANDLE, DWORD, POINTER),
    _of_advapi32("ControlService", BOOL, HANDLE, DWORD, POINTER),
    _of_advapi32("QueryServiceStatus", BOOL, HANDLE, POINTER),
    _of_advapi32("DeleteService", BOOL, HANDLE),
    _of_advapi32("CloseServiceHandle", BOOL, HANDLE),
)
