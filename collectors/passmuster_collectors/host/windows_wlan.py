"""The Wi-Fi adapters and what each one negotiated (wlanapi.h, windot11.h, wlantypes.h)."""

import ctypes
from collections.abc import Iterator

from passmuster_collectors.host.dll import (
    BOOL,
    BYTE,
    DWORD,
    HANDLE,
    POINTER,
    WORD,
    Function,
    Functions,
    Guid,
)
from passmuster_collectors.host.windows_answers import WirelessAdapter, WirelessConnection
from passmuster_collectors.host.windows_errors import check, functions
from passmuster_collectors.host.windows_memory import guid_text, rows

SOURCE = "wlanapi"
CLIENT_VERSION = 2  # Windows Vista and later
CURRENT_CONNECTION = 7  # wlan_intf_opcode_current_connection
CONNECTED = 1  # wlan_interface_state_connected
INVALID_STATE = 5023  # ERROR_INVALID_STATE: it left the network in between

OPEN = Function("wlanapi.dll", "WlanOpenHandle", DWORD, (DWORD, POINTER, POINTER, POINTER))
CLOSE = Function("wlanapi.dll", "WlanCloseHandle", DWORD, (HANDLE, POINTER))
LIST = Function("wlanapi.dll", "WlanEnumInterfaces", DWORD, (HANDLE, POINTER, POINTER))
QUERY = Function(
    "wlanapi.dll",
    "WlanQueryInterface",
    DWORD,
    (HANDLE, POINTER, DWORD, POINTER, POINTER, POINTER, POINTER),
)
FREE = Function("wlanapi.dll", "WlanFreeMemory", None, (POINTER,))
FUNCTIONS = (OPEN, CLOSE, LIST, QUERY, FREE)


class InterfaceInfo(ctypes.Structure):
    """`WLAN_INTERFACE_INFO`."""

    _fields_ = (
        ("InterfaceGuid", Guid),
        ("strInterfaceDescription", WORD * 256),
        ("isState", DWORD),
    )


class InterfaceList(ctypes.Structure):
    """`WLAN_INTERFACE_INFO_LIST`, whose rows follow its two numbers."""

    _fields_ = (
        ("dwNumberOfItems", DWORD),
        ("dwIndex", DWORD),
        ("InterfaceInfo", InterfaceInfo * 1),
    )


class Ssid(ctypes.Structure):
    """`DOT11_SSID`."""

    _fields_ = (("uSSIDLength", DWORD), ("ucSSID", BYTE * 32))


class Association(ctypes.Structure):
    """`WLAN_ASSOCIATION_ATTRIBUTES`."""

    _fields_ = (
        ("dot11Ssid", Ssid),
        ("dot11BssType", DWORD),
        ("dot11Bssid", BYTE * 6),
        ("dot11PhyType", DWORD),
        ("uDot11PhyIndex", DWORD),
        ("wlanSignalQuality", DWORD),
        ("ulRxRate", DWORD),
        ("ulTxRate", DWORD),
    )


class SecurityAttributes(ctypes.Structure):
    """`WLAN_SECURITY_ATTRIBUTES`."""

    _fields_ = (
        ("bSecurityEnabled", BOOL),
        ("bOneXEnabled", BOOL),
        ("dot11AuthAlgorithm", DWORD),
        ("dot11CipherAlgorithm", DWORD),
    )


class ConnectionAttributes(ctypes.Structure):
    """`WLAN_CONNECTION_ATTRIBUTES`."""

    _fields_ = (
        ("isState", DWORD),
        ("wlanConnectionMode", DWORD),
        ("strProfileName", WORD * 256),
        ("wlanAssociationAttributes", Association),
        ("wlanSecurityAttributes", SecurityAttributes),
    )


def adapters() -> tuple[WirelessAdapter, ...]:
    """Return every Wi-Fi adapter. Raises `SourceError`."""
    return read_adapters(functions(SOURCE, *FUNCTIONS))


def read_adapters(wlan: Functions) -> tuple[WirelessAdapter, ...]:
    """Return every Wi-Fi adapter as the given functions tell of them. Raises `SourceError`."""
    handle, version = HANDLE(), DWORD()
    check(
        SOURCE,
        wlan[OPEN.name](CLIENT_VERSION, None, ctypes.byref(version), ctypes.byref(handle)),
    )
    try:
        return tuple(_adapters(wlan, handle))
    finally:
        wlan[CLOSE.name](handle, None)


def _adapters(wlan: Functions, handle: HANDLE) -> Iterator[WirelessAdapter]:
    found = POINTER()
    check(SOURCE, wlan[LIST.name](handle, None, ctypes.byref(found)))
    try:
        for info in rows(SOURCE, found, InterfaceList, InterfaceInfo):
            yield _adapter(wlan, handle, info)
    finally:
        wlan[FREE.name](found)


def _adapter(wlan: Functions, handle: HANDLE, info: InterfaceInfo) -> WirelessAdapter:
    name = guid_text(info.InterfaceGuid)
    if info.isState != CONNECTED:
        return WirelessAdapter(name, info.isState)
    size, data, kind = DWORD(), POINTER(), DWORD()
    code = wlan[QUERY.name](
        handle,
        ctypes.byref(info.InterfaceGuid),
        CURRENT_CONNECTION,
        None,
        ctypes.byref(size),
        ctypes.byref(data),
        ctypes.byref(kind),
    )
    if code:
        return WirelessAdapter(name, info.isState, None, code)
    try:
        return WirelessAdapter(name, info.isState, connection(_copied(data, size)))
    finally:
        wlan[FREE.name](data)


def connection(data: bytes) -> WirelessConnection | None:
    """Return what a `WLAN_CONNECTION_ATTRIBUTES` says; None for one that is too short."""
    if len(data) < ctypes.sizeof(ConnectionAttributes):
        return None
    attributes = ConnectionAttributes.from_buffer_copy(data)
    ssid = attributes.wlanAssociationAttributes.dot11Ssid
    security = attributes.wlanSecurityAttributes
    return WirelessConnection(
        bytes(ssid.ucSSID)[: ssid.uSSIDLength],
        bool(security.bSecurityEnabled),
        security.dot11AuthAlgorithm,
        security.dot11CipherAlgorithm,
    )


def _copied(data: ctypes.c_void_p, size: ctypes.c_uint32) -> bytes:
    return ctypes.string_at(data, size.value) if data.value else b""
