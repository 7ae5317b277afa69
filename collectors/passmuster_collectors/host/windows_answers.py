"""What Windows answers when it is asked through its interfaces for programs, not through text.

The numbers are handed on as the interface gave them: what they mean is for readers to say, which
makes them recordable. Each class names the header that defines its numbers.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

RegistryValue = int | str | bytes | tuple[str, ...]
"""`REG_DWORD` and `REG_QWORD` are numbers, `REG_SZ` and `REG_EXPAND_SZ` text with its variables
unexpanded, `REG_MULTI_SZ` a tuple of texts, everything else bytes."""


class Hive(StrEnum):
    """A root of the registry.

    That of the current user is for what a person runs: a service has one of its own there.
    """

    LOCAL_MACHINE = "HKLM"
    USERS = "HKU"
    CURRENT_USER = "HKCU"


@dataclass(frozen=True)
class StorageVolume:
    r"""A volume and the disk that it lies on (fileapi.h, winioctl.h).

    `name` is `\\?\Volume{…}\`; `mounts` are drive letters (`C:\`) and folders. `drive_type`:
    `DRIVE_FIXED` is 3. `bus_type`: `STORAGE_BUS_TYPE`, -1 where the disk was not asked.
    """

    name: str
    mounts: tuple[str, ...]
    drive_type: int
    file_system: str
    bus_type: int
    removable_media: bool
    is_system: bool


@dataclass(frozen=True)
class WirelessConnection:
    """What an adapter negotiated (`WLAN_CONNECTION_ATTRIBUTES` in wlanapi.h, windot11.h)."""

    ssid: bytes
    security_enabled: bool
    authentication: int
    cipher: int


@dataclass(frozen=True)
class WirelessAdapter:
    """A Wi-Fi adapter (`WLAN_INTERFACE_INFO` in wlanapi.h). `state`: connected is 1.

    `guid` is lower case without braces. `error` is the system error code with which Windows refused
    to tell the connection (5 without consent to the location), 0 where it told or was not asked.
    """

    guid: str
    state: int
    connection: WirelessConnection | None = None
    error: int = 0


@dataclass(frozen=True)
class NetworkAdapter:
    """A network interface (`MIB_IF_ROW2` in netioapi.h, ipifcons.h).

    `type`: 6 Ethernet, 71 Wi-Fi, 23 PPP, 53 virtual, 131 tunnel. `status`: up is 1. `hardware` and
    `connector` are two of its flags; `medium` is `NDIS_PHYSICAL_MEDIUM` (ntddndis.h).
    """

    index: int
    guid: str
    name: str
    type: int
    status: int
    hardware: bool
    connector: bool
    medium: int


@dataclass(frozen=True)
class NetworkRoute:
    """A route in use (`MIB_IPFORWARD_ROW2` in netioapi.h), its metric that of the interface added.

    `destination` is an address in text (`0.0.0.0`, `::`), `interface` the index of the adapter.
    """

    destination: str
    prefix: int
    interface: int
    metric: int


@dataclass(frozen=True)
class PresentDevice:
    """A device node of USB or below that is there now (cfgmgr32.h, devpkey.h, cfg.h).

    `parent` is the parent's instance id; `container` and `class_guid` are lower case without
    braces. `status` holds `DN_…` flags, `problem` a `CM_PROB_…`, 0 for none. `removal_policy` is
    `CM_REMOVAL_POLICY_…` and `arrived` a `FILETIME`; 0 where Windows tells none.
    """

    instance_id: str
    parent: str
    container: str
    class_guid: str
    service: str
    hardware_ids: tuple[str, ...]
    compatible_ids: tuple[str, ...]
    description: str
    status: int
    problem: int
    removal_policy: int
    arrived: int


@dataclass(frozen=True)
class UserSession:
    """A session of a person, at the console or by remote desktop (wtsapi32.h).

    `state` is `WTS_CONNECTSTATE_CLASS` (active is 0, disconnected 4), `protocol` 0 at the console
    and 2 by remote desktop, `flags` 0 locked, 1 unlocked, `last_input` and `now` `FILETIME`s, 0
    where Windows does not say. `sid` is empty where the account could not be found.
    """

    session: int
    state: int
    protocol: int
    flags: int
    sid: str
    last_input: int
    now: int


@dataclass(frozen=True)
class PowerValue:
    """A setting of the active power scheme on mains and on battery (powrprof.h)."""

    ac: int
    dc: int


@dataclass(frozen=True)
class PowerCapabilities:
    """What this computer's power is made of (`SYSTEM_POWER_CAPABILITIES` in winnt.h).

    `modern_standby` (`AoAc`): it stays awake a little while it sleeps, and a display that goes off
    is the beginning of sleep. `battery` (`SystemBatteriesPresent`): it can run on one.
    """

    modern_standby: bool
    battery: bool


class WindowsQuestions(Protocol):
    """The part of a `Host` that only Windows answers; elsewhere all of it is `missing`."""

    def registry_value(self, hive: Hive, key: str, name: str) -> RegistryValue:
        """Return a value from the 64-bit view; `missing` where the key or the value is not there.

        `name` may be empty for a key's default value.
        """

    def registry_keys(self, hive: Hive, key: str) -> tuple[str, ...]:
        """Return the names of a key's subkeys from the 64-bit view, sorted."""

    def storage_volumes(self) -> tuple[StorageVolume, ...]:
        """Return every volume of this computer, mounted or not."""

    def shell_number(self, path: str, name: str) -> int:
        """Return a numeric property of a file or drive from the shell's property system."""

    def wireless_connections(self) -> tuple[WirelessAdapter, ...]:
        """Return the Wi-Fi adapters and what each one negotiated.

        `missing` where this Windows has no Wi-Fi service or it does not run.
        """

    def network_adapters(self) -> tuple[NetworkAdapter, ...]:
        """Return the network interfaces, filters left out."""

    def network_routes(self) -> tuple[NetworkRoute, ...]:
        """Return the routes of both protocols, those of interfaces that are up."""

    def present_devices(self) -> tuple[PresentDevice, ...]:
        """Return what is attached by USB now and all that was made of it."""

    def user_sessions(self) -> tuple[UserSession, ...]:
        """Return the sessions that somebody is logged in to, connected or not."""

    def power_setting(self, subgroup: str, setting: str) -> PowerValue:
        """Return a setting of the active power scheme, both named by GUID without braces."""

    def power_capabilities(self) -> PowerCapabilities:
        """Return how this computer sleeps and whether it has a battery."""
