"""What the host believes of Windows' structures, functions and numbers, held against headers."""

import re
from pathlib import Path

import pytest

from passmuster_collectors.host import (
    windows,
    windows_devices,
    windows_errors,
    windows_network,
    windows_notifications,
    windows_power,
    windows_programs,
    windows_sessions,
    windows_settings_watch,
    windows_shell,
    windows_volumes,
    windows_wlan,
)
from tests.support.tools import require_tool
from tests.support.windows_headers import (
    COMPILER,
    check,
    constant,
    function,
    not_exported,
    structure,
)

HEADERS = (
    "winsock2.h",
    "ws2ipdef.h",
    "iphlpapi.h",
    "netioapi.h",
    "wlanapi.h",
    "cfgmgr32.h",
    "devpropdef.h",
    "powrprof.h",
    "wtsapi32.h",
    "shobjidl.h",
    "shlobj.h",
    "propsys.h",
)
API = {
    "wlan": windows_wlan.FUNCTIONS,
    "network": windows_network.FUNCTIONS,
    "devices": windows_devices.FUNCTIONS,
    "power": windows_power.FUNCTIONS,
    "notifications": windows_notifications.FUNCTIONS,
    "settings": windows_settings_watch.FUNCTIONS,
    "sessions": windows_sessions.FUNCTIONS,
    "volumes": windows_volumes.FUNCTIONS,
    "shell": windows_shell.FUNCTIONS,
    "programs": (windows_programs.GET_SYSTEM_DIRECTORY,),
    "host": (windows.IS_ADMINISTRATOR, windows.SESSION_OF),
}
FUNCTIONS = tuple(each for functions in API.values() for each in functions)
STRUCTURES = [
    *structure(windows_wlan.InterfaceInfo, "WLAN_INTERFACE_INFO"),
    # These headers let the rows begin without counting the first one in.
    *structure(windows_wlan.InterfaceList, "WLAN_INTERFACE_INFO_LIST")[1:],
    *structure(windows_wlan.Ssid, "DOT11_SSID"),
    *structure(windows_wlan.Association, "WLAN_ASSOCIATION_ATTRIBUTES"),
    *structure(windows_wlan.SecurityAttributes, "WLAN_SECURITY_ATTRIBUTES"),
    *structure(windows_wlan.ConnectionAttributes, "WLAN_CONNECTION_ATTRIBUTES"),
    *structure(windows_network.IfRow, "MIB_IF_ROW2", {"Octets": "InOctets"}),
    *structure(windows_network.Prefix, "IP_ADDRESS_PREFIX"),
    *structure(windows_network.ForwardRow, "MIB_IPFORWARD_ROW2"),
    *structure(windows_network.InterfaceRow, "MIB_IPINTERFACE_ROW"),
    *structure(windows_devices.PropertyKey, "DEVPROPKEY"),
    # These headers know the fields of Windows 7, which left room for the later ones.
    *structure(
        windows_power.SystemPowerCapabilities,
        "SYSTEM_POWER_CAPABILITIES",
        {
            "before_aoac": "PowerButtonPresent",
            "AoAc": "spare2[2]",
            "after_aoac": "DiskSpinDown",
            "wake": "AcOnLineWake",
        },
    ),
    *structure(
        windows_notifications.NotifyFilter,
        "CM_NOTIFY_FILTER",
        {"ClassGuid": "u.DeviceInterface.ClassGuid", "rest": "u.DeviceInstance.InstanceId[8]"},
    ),
    *structure(windows_sessions.SessionEntry, "WTS_SESSION_INFOW"),
    *structure(windows_volumes.PropertyQuery, "STORAGE_PROPERTY_QUERY"),
    *structure(windows_volumes.DeviceDescriptor, "STORAGE_DEVICE_DESCRIPTOR"),
    *structure(windows_shell.PropertyKey, "PROPERTYKEY"),
    *structure(windows_shell.PropVariant, "PROPVARIANT", {"rest": "calpstr.pElems"}),
]
# The rows of each table begin where ours do, whatever the rows are.
TABLES = [
    f'static_assert(offsetof({table}, Table) == {windows_network.Table.Table.offset}, "{table}");'
    for table in ("MIB_IF_TABLE2", "MIB_IPFORWARD_TABLE2", "MIB_IPINTERFACE_TABLE")
]
# These headers have its structures and its callback, but not the function itself.
UNDECLARED = {"CM_Register_Notification", "CM_Unregister_Notification"}
CONSTANTS = {
    "KEY_READ": windows_settings_watch.READ,
    "KEY_WOW64_64KEY": windows_settings_watch.VIEW_64,
    "REG_NOTIFY_CHANGE_NAME": windows_settings_watch.CHANGED_NAMES,
    "REG_NOTIFY_CHANGE_LAST_SET": windows_settings_watch.CHANGED_VALUES,
    "REG_NOTIFY_THREAD_AGNOSTIC": windows_settings_watch.ANY_THREAD,
    "MAXIMUM_WAIT_OBJECTS": windows_settings_watch.MOST_HANDLES,
    "CM_NOTIFY_FILTER_TYPE_DEVICEINTERFACE": windows_notifications.BY_INTERFACE_CLASS,
    "AF_UNSPEC": windows_notifications.ANY_FAMILY,
    "wlan_intf_opcode_current_connection": windows_wlan.CURRENT_CONNECTION,
    "wlan_interface_state_connected": windows_wlan.CONNECTED,
    "ERROR_INVALID_STATE": windows_wlan.INVALID_STATE,
    "AF_INET": windows_network.AF_INET,
    "AF_INET6": windows_network.AF_INET6,
    "IfOperStatusUp": windows_network.UP,
    "CM_GETIDLIST_FILTER_PRESENT": windows_devices.FILTER_PRESENT,
    "CR_SUCCESS": windows_devices.SUCCESS,
    "CR_NO_SUCH_DEVNODE": windows_devices.NO_SUCH_DEVICE,
    "CR_BUFFER_SMALL": windows_devices.BUFFER_SMALL,
    "CR_NO_SUCH_VALUE": windows_devices.NO_SUCH_VALUE,
    "CR_ACCESS_DENIED": windows_devices.ACCESS_DENIED,
    "CR_CALL_NOT_IMPLEMENTED": windows_devices.CALL_NOT_IMPLEMENTED,
    "DEVPROP_TYPE_UINT32": windows_devices.UINT32,
    "DEVPROP_TYPE_GUID": windows_devices.GUID,
    "DEVPROP_TYPE_FILETIME": windows_devices.FILETIME,
    "DEVPROP_TYPE_STRING": windows_devices.STRING,
    "DEVPROP_TYPE_STRING_LIST": windows_devices.STRING_LIST,
    "WTSUserName": windows_sessions.USER_NAME,
    "WTSDomainName": windows_sessions.DOMAIN_NAME,
    "WTSClientProtocolType": windows_sessions.PROTOCOL,
    "SECURITY_MAX_SID_SIZE": windows_sessions.MAX_SID,
    "IOCTL_STORAGE_QUERY_PROPERTY": windows_volumes.QUERY_PROPERTY,
    "FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE": windows_volumes.SHARE_ALL,
    "OPEN_EXISTING": windows_volumes.OPEN_EXISTING,
    "COINIT_APARTMENTTHREADED": windows_shell.APARTMENT,
    "VT_EMPTY": windows_shell.EMPTY,
    "VT_I4": windows_shell.SIGNED,
    "VT_UI4": windows_shell.UNSIGNED,
    "(unsigned)E_ACCESSDENIED": windows_shell.DENIED,
    "CREATE_NO_WINDOW": windows_programs.NO_WINDOW,
    "ERROR_FILE_NOT_FOUND": windows_errors.FILE_NOT_FOUND,
    "ERROR_PATH_NOT_FOUND": windows_errors.PATH_NOT_FOUND,
    "ERROR_ACCESS_DENIED": windows_errors.ACCESS_DENIED,
    "ERROR_NOT_SUPPORTED": windows_errors.NOT_SUPPORTED,
    "ERROR_MORE_DATA": windows_errors.MORE_DATA,
    "ERROR_NO_MORE_FILES": windows_errors.NO_MORE_FILES,
    "WAIT_TIMEOUT": windows_errors.WAIT_TIMEOUT,
    "ERROR_SERVICE_DOES_NOT_EXIST": windows_errors.SERVICE_DOES_NOT_EXIST,
    "ERROR_SERVICE_NOT_ACTIVE": windows_errors.SERVICE_NOT_ACTIVE,
    "ERROR_NOT_FOUND": windows_errors.NOT_FOUND,
    "ERROR_TIMEOUT": windows_errors.TIMEOUT,
    "ERROR_PRIVILEGE_NOT_HELD": windows_errors.PRIVILEGE_NOT_HELD,
}


def test_they_are_as_the_headers_say(tmp_path: Path) -> None:
    claims = [
        *STRUCTURES,
        *TABLES,
        *(line for each in FUNCTIONS if each.name not in UNDECLARED for line in function(each)),
        *(line for name, value in CONSTANTS.items() for line in constant(name, value)),
    ]
    check(HEADERS, claims, tmp_path)


def test_every_function_is_exported_by_the_file_it_is_looked_for_in() -> None:
    assert not_exported(FUNCTIONS) == []


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("DEVPKEY_Device_HardwareIds", windows_devices.HARDWARE_IDS),
        ("DEVPKEY_Device_CompatibleIds", windows_devices.COMPATIBLE_IDS),
        ("DEVPKEY_Device_Service", windows_devices.SERVICE),
        ("DEVPKEY_Device_ClassGuid", windows_devices.CLASS_GUID),
        ("DEVPKEY_Device_RemovalPolicy", windows_devices.REMOVAL_POLICY),
        ("DEVPKEY_Device_BusReportedDeviceDesc", windows_devices.DESCRIPTION),
        ("DEVPKEY_Device_ContainerId", windows_devices.CONTAINER),
        ("DEVPKEY_Device_Parent", windows_devices.PARENT),
        ("DEVPKEY_Device_LastArrivalDate", windows_devices.ARRIVED),
    ],
)
def test_a_property_of_devices_has_its_number(name: str, key: windows_devices.PropertyKey) -> None:
    require_tool(COMPILER)
    header = Path("/usr/share/mingw-w64/include/devpkey.h").read_text(encoding="utf-8")
    defined = re.search(rf"DEFINE_DEVPROPKEY\({name},(.*?)\);", header)
    assert defined is not None
    numbers = [int(part, 0) for part in defined.group(1).split(",")]
    found = key.fmtid
    assert [found.Data1, found.Data2, found.Data3, *found.Data4, key.pid] == numbers
