"""A machine that is not Windows: no registry, none of its interfaces."""

# ruff: noqa: ARG002 - a question that is refused leaves its arguments unread

from passmuster_collectors.host.base import SourceMissingError
from passmuster_collectors.host.windows_answers import (
    Hive,
    NetworkAdapter,
    NetworkRoute,
    PowerCapabilities,
    PowerValue,
    PresentDevice,
    RegistryValue,
    StorageVolume,
    UserSession,
    WirelessAdapter,
)

NOT_WINDOWS = "this is not Windows"


class NoWindows:
    """The part of a `Host` that answers no question to Windows."""

    def registry_value(self, hive: Hive, key: str, name: str) -> RegistryValue:
        """Raise `SourceMissingError`."""
        raise SourceMissingError(f"{hive}\\{key}", NOT_WINDOWS)

    def registry_keys(self, hive: Hive, key: str) -> tuple[str, ...]:
        """Raise `SourceMissingError`."""
        raise SourceMissingError(f"{hive}\\{key}", NOT_WINDOWS)

    def storage_volumes(self) -> tuple[StorageVolume, ...]:
        """Raise `SourceMissingError`."""
        raise SourceMissingError("volumes", NOT_WINDOWS)

    def shell_number(self, path: str, name: str) -> int:
        """Raise `SourceMissingError`."""
        raise SourceMissingError(name, NOT_WINDOWS)

    def wireless_connections(self) -> tuple[WirelessAdapter, ...]:
        """Raise `SourceMissingError`."""
        raise SourceMissingError("wlanapi", NOT_WINDOWS)

    def network_adapters(self) -> tuple[NetworkAdapter, ...]:
        """Raise `SourceMissingError`."""
        raise SourceMissingError("network adapters", NOT_WINDOWS)

    def network_routes(self) -> tuple[NetworkRoute, ...]:
        """Raise `SourceMissingError`."""
        raise SourceMissingError("network routes", NOT_WINDOWS)

    def present_devices(self) -> tuple[PresentDevice, ...]:
        """Raise `SourceMissingError`."""
        raise SourceMissingError("devices", NOT_WINDOWS)

    def user_sessions(self) -> tuple[UserSession, ...]:
        """Raise `SourceMissingError`."""
        raise SourceMissingError("sessions", NOT_WINDOWS)

    def power_setting(self, subgroup: str, setting: str) -> PowerValue:
        """Raise `SourceMissingError`."""
        raise SourceMissingError("power scheme", NOT_WINDOWS)

    def power_capabilities(self) -> PowerCapabilities:
        """Raise `SourceMissingError`."""
        raise SourceMissingError("power capabilities", NOT_WINDOWS)
