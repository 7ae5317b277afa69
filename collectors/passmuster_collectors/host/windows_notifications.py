"""Devices and networks of Windows that announce their changes by callback.

CM_Register_Notification (cfgmgr32.h) needs no window, so it works in a service; the route and
address notifications are those of netioapi.h. Each is a registration of its own: one that Windows
refuses leaves its triggers to be polled.
"""

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

from passmuster_collectors.host.dll import (
    BYTE,
    DWORD,
    HANDLE,
    POINTER,
    WORD,
    Function,
    Functions,
    Guid,
    guid,
)
from passmuster_collectors.host.events import MOUNT, ROUTE

DEVICES: Mapping[str, tuple[str, ...]] = {
    "a5dcbf10-6530-11d2-901f-00c04fb951ed": ("usb", "hid"),
    "4d1e55b2-f16f-11cf-88cb-001111000030": ("hid",),
    "53f5630d-b6bf-11d0-94f2-00a0c91efb8b": ("block", MOUNT),
    "cac88484-7515-4c03-82e6-71a87abac361": ("net", ROUTE),
}
"""Device interface classes (usbiodef.h, hidclass.h, winioctl.h, ndisguid.h) and what they touch."""

BY_INTERFACE_CLASS = 0
"""CM_NOTIFY_FILTER_TYPE_DEVICEINTERFACE."""

ANY_FAMILY = 0
SUCCESS = 0

# Windows for 64-bit processors has one calling convention, so C's own type of callback fits.
DEVICE_CALLBACK = ctypes.CFUNCTYPE(DWORD, HANDLE, POINTER, DWORD, POINTER, DWORD)
NETWORK_CALLBACK = ctypes.CFUNCTYPE(None, POINTER, POINTER, DWORD)

DEVICE_FUNCTIONS = (
    Function(
        "cfgmgr32.dll",
        "CM_Register_Notification",
        DWORD,
        (POINTER, POINTER, DEVICE_CALLBACK, POINTER),
    ),
    Function("cfgmgr32.dll", "CM_Unregister_Notification", DWORD, (HANDLE,)),
)
NETWORK_FUNCTIONS = (
    Function(
        "iphlpapi.dll",
        "NotifyRouteChange2",
        DWORD,
        (WORD, NETWORK_CALLBACK, POINTER, BYTE, POINTER),
    ),
    Function(
        "iphlpapi.dll",
        "NotifyUnicastIpAddressChange",
        DWORD,
        (WORD, NETWORK_CALLBACK, POINTER, BYTE, POINTER),
    ),
    Function("iphlpapi.dll", "CancelMibChangeNotify2", DWORD, (HANDLE,)),
)
FUNCTIONS = (*DEVICE_FUNCTIONS, *NETWORK_FUNCTIONS)

Tell = Callable[..., None]


class NotifyFilter(ctypes.Structure):
    """CM_NOTIFY_FILTER of cfgmgr32.h, for an interface class; the union is as long as its longest.

    The longest member is an instance id of 200 characters.
    """

    _fields_ = (
        ("cbSize", DWORD),
        ("Flags", DWORD),
        ("FilterType", DWORD),
        ("Reserved", DWORD),
        ("ClassGuid", Guid),
        ("rest", BYTE * (400 - 16)),
    )


class Notifications:
    """All registrations of this process; `tell` is called with triggers from Windows' threads.

    `windows` may lack functions: then what they would announce is not delivered.
    """

    def __init__(self, windows: Functions, tell: Tell) -> None:
        self._windows = windows
        self._tell = tell
        # Windows calls them for as long as they are registered: they must not be collected.
        self._callbacks: list[Any] = []
        self._devices: list[Any] = []
        self._networks: list[Any] = []
        self._delivered: set[str] = set()
        registered = {name for name in DEVICES if self._register_devices(name, DEVICES[name])}
        refused = {each for name in DEVICES.keys() - registered for each in DEVICES[name]}
        heard = {each for name in registered for each in DEVICES[name]} - {ROUTE}
        self._delivered = heard - refused
        if all(
            [
                self._register_network("NotifyRouteChange2"),
                self._register_network("NotifyUnicastIpAddressChange"),
            ]
        ):
            self._delivered.add(ROUTE)

    @property
    def delivered(self) -> frozenset[str]:
        """The triggers that will be told."""
        return frozenset(self._delivered)

    def close(self) -> None:
        """End all registrations; no callback runs afterwards."""
        for handle in self._devices:
            self._windows["CM_Unregister_Notification"](handle)
        for handle in self._networks:
            self._windows["CancelMibChangeNotify2"](handle)
        self._devices.clear()
        self._networks.clear()
        self._callbacks.clear()

    def _register_devices(self, interface: str, triggers: tuple[str, ...]) -> bool:
        if "CM_Register_Notification" not in self._windows:
            return False

        def changed(*_: Any) -> int:
            self._tell(*triggers)
            return SUCCESS

        callback = DEVICE_CALLBACK(changed)
        wanted = NotifyFilter(
            ctypes.sizeof(NotifyFilter), 0, BY_INTERFACE_CLASS, 0, guid(interface)
        )
        handle = HANDLE()
        result = self._windows["CM_Register_Notification"](
            ctypes.byref(wanted), None, callback, ctypes.byref(handle)
        )
        if result != SUCCESS:
            return False
        self._callbacks.append(callback)
        self._devices.append(handle)
        return True

    def _register_network(self, function: str) -> bool:
        if function not in self._windows:
            return False
        callback = NETWORK_CALLBACK(lambda *_: self._tell(ROUTE))
        handle = HANDLE()
        result = self._windows[function](ANY_FAMILY, callback, None, 0, ctypes.byref(handle))
        if result != SUCCESS:
            return False
        self._callbacks.append(callback)
        self._networks.append(handle)
        return True
