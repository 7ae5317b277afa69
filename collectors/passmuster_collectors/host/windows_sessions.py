"""Who is logged in, where, and whether the session is locked (wtsapi32.h)."""

import ctypes
from collections.abc import Iterator

from passmuster_collectors.host.dll import (
    BOOL,
    BYTE,
    DWORD,
    HANDLE,
    LONG,
    POINTER,
    TEXT,
    WORD,
    Function,
    Functions,
    last_error,
)
from passmuster_collectors.host.windows_answers import UserSession
from passmuster_collectors.host.windows_errors import FILE_NOT_FOUND, from_code, functions
from passmuster_collectors.host.windows_memory import text

SOURCE = "sessions"

LIST = Function(
    "wtsapi32.dll", "WTSEnumerateSessionsW", BOOL, (HANDLE, DWORD, DWORD, POINTER, POINTER)
)
QUERY = Function(
    "wtsapi32.dll", "WTSQuerySessionInformationW", BOOL, (HANDLE, DWORD, DWORD, POINTER, POINTER)
)
FREE = Function("wtsapi32.dll", "WTSFreeMemory", None, (POINTER,))
LOOK_UP = Function(
    "advapi32.dll",
    "LookupAccountNameW",
    BOOL,
    (TEXT, TEXT, POINTER, POINTER, POINTER, POINTER, POINTER),
)
FUNCTIONS = (LIST, QUERY, FREE, LOOK_UP)

THIS_SERVER = None  # WTS_CURRENT_SERVER_HANDLE
# WTSUserName, WTSDomainName, WTSClientProtocolType, WTSSessionInfoEx
USER_NAME, DOMAIN_NAME, PROTOCOL, SESSION_INFO = 5, 7, 16, 25

MAX_SID, MAX_DOMAIN = 68, 256  # SECURITY_MAX_SID_SIZE, winnt.h
MAX_SESSIONS = 1024
I64 = ctypes.c_int64


class SessionEntry(ctypes.Structure):
    """`WTS_SESSION_INFOW`."""

    _fields_ = (("SessionId", DWORD), ("pWinStationName", POINTER), ("State", DWORD))


class SessionInfo(ctypes.Structure):
    """`WTSINFOEX_LEVEL1_W`."""

    _fields_ = (
        ("SessionId", DWORD),
        ("SessionState", DWORD),
        ("SessionFlags", LONG),
        ("WinStationName", WORD * 33),
        ("UserName", WORD * 21),
        ("DomainName", WORD * 18),
        ("LogonTime", I64),
        ("ConnectTime", I64),
        ("DisconnectTime", I64),
        ("LastInputTime", I64),
        ("CurrentTime", I64),
        ("IncomingBytes", DWORD),
        ("OutgoingBytes", DWORD),
        ("IncomingFrames", DWORD),
        ("OutgoingFrames", DWORD),
        ("IncomingCompressedBytes", DWORD),
        ("OutgoingCompressedBytes", DWORD),
    )


class SessionInfoEx(ctypes.Structure):
    """`WTSINFOEXW` of level 1."""

    _fields_ = (("Level", DWORD), ("Data", SessionInfo))


def sessions() -> tuple[UserSession, ...]:
    """Return the sessions that somebody is logged in to. Raises `SourceError`."""
    return read_sessions(functions(SOURCE, *FUNCTIONS))


def read_sessions(api: Functions) -> tuple[UserSession, ...]:
    """Return the sessions as the given functions tell of them. Raises `SourceError`."""
    return tuple(
        session for number in _numbers(api) if (session := _session(api, number)) is not None
    )


def sid_text(sid: bytes) -> str:
    """Return a security identifier as text (`SID` in winnt.h); empty for one that is cut off."""
    if len(sid) < 8 or len(sid) < 8 + 4 * sid[1]:
        return ""
    authority = int.from_bytes(sid[2:8], "big")
    parts = (int.from_bytes(sid[8 + 4 * n : 12 + 4 * n], "little") for n in range(sid[1]))
    return "-".join(("S", str(sid[0]), str(authority), *map(str, parts)))


def _numbers(api: Functions) -> Iterator[int]:
    found, count = POINTER(), DWORD()
    if not api[LIST.name](THIS_SERVER, 0, 1, ctypes.byref(found), ctypes.byref(count)):
        raise from_code(SOURCE, last_error())
    try:
        entries = (SessionEntry * min(count.value, MAX_SESSIONS)).from_address(found.value or 0)
        yield from [entry.SessionId for entry in entries] if found.value else []
    finally:
        api[FREE.name](found)


def _session(api: Functions, number: int) -> UserSession | None:
    """Return a session; None where nobody is logged in to it, and session 0 is the services'."""
    data = _asked(api, number, SESSION_INFO) if number else b""
    if len(data) < ctypes.sizeof(SessionInfoEx):
        return None
    info = SessionInfoEx.from_buffer_copy(data).Data
    # The structure cuts long names off.
    user = text(_asked(api, number, USER_NAME))
    domain = text(_asked(api, number, DOMAIN_NAME))
    if not user:
        return None
    return UserSession(
        session=number,
        state=info.SessionState,
        protocol=int.from_bytes(_asked(api, number, PROTOCOL)[:2], "little"),
        flags=info.SessionFlags & 0xFFFFFFFF,
        sid=_sid(api, f"{domain}\\{user}" if domain else user),
        last_input=info.LastInputTime,
        now=info.CurrentTime,
    )


def _asked(api: Functions, number: int, question: int) -> bytes:
    found, size = POINTER(), DWORD()
    if not api[QUERY.name](THIS_SERVER, number, question, ctypes.byref(found), ctypes.byref(size)):
        code = last_error()
        if code == FILE_NOT_FOUND:
            return b""  # it has ended since it was listed
        raise from_code(SOURCE, code)
    try:
        return ctypes.string_at(found, size.value) if found.value else b""
    finally:
        api[FREE.name](found)


def _sid(api: Functions, account: str) -> str:
    """Return the account's identifier; empty where Windows can't find it."""
    sid, size = (BYTE * MAX_SID)(), DWORD(MAX_SID)
    domain, letters, kind = (WORD * MAX_DOMAIN)(), DWORD(MAX_DOMAIN), DWORD()
    found = api[LOOK_UP.name](
        None,
        account,
        sid,
        ctypes.byref(size),
        domain,
        ctypes.byref(letters),
        ctypes.byref(kind),
    )
    return sid_text(bytes(sid)) if found else ""
