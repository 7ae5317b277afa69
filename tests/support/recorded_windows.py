r"""The part of a recorded machine that only Windows has; its words in `machine.json` are these.

- `registry`: `"HKLM\\SOFTWARE\\…"` → value name → number, text, list of texts, `{"base64":
  "…"}` or a refusal; or a refusal in place of the whole key. Names are compared without regard to
  case, and a key lies in those above it; an empty key is `{}`;
- `storage_volumes`, `wireless_connections`, `network_adapters`, `network_routes`,
  `present_devices`, `user_sessions`: lists of the fields of the classes in
  `host/windows_answers.py`, what is left out being 0, false, empty or absent; none recorded is
  `missing`, and the key `refuse` holds refusals for them as for other lists;
- `shell_numbers`: `"C:\\ System.Volume.BitLockerProtection"` → number or refusal;
- `programs`: a script that PowerShell gets encoded is keyed by its first line, a comment:
  `"POWERSHELL # BitLocker"`;
- `power_settings`: `"subgroup/setting"`, GUIDs → `{"ac": n, "dc": n}` or a refusal;
- `power`: `"capabilities"` → `{"modern_standby": true, "battery": true}` or a refusal.

A name of a network (`ssid`) is text; bytes that are none are `{"base64": "…"}`.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from passmuster_collectors.host.base import SourceMissingError
from passmuster_collectors.host.commands import Program
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
    WindowsQuestions,
    WirelessAdapter,
    WirelessConnection,
)
from tests.support.recorded_refusal import raise_if_refused

ENCODED = "-EncodedCommand"


class RecordedWindows(WindowsQuestions):
    """Answers from `_machine`, which the whole machine keeps."""

    _machine: Mapping[str, Any]

    def registry_value(self, hive: Hive, key: str, name: str) -> RegistryValue:
        source = f"{hive}\\{key}\\{name}"
        values = self._key(hive, key)
        found = {known.lower(): value for known, value in values.items()}
        if name.lower() not in found:
            raise SourceMissingError(source)
        value = found[name.lower()]
        raise_if_refused(source, value)
        if isinstance(value, dict):
            return base64.b64decode(value["base64"])
        return tuple(value) if isinstance(value, list) else value

    def registry_keys(self, hive: Hive, key: str) -> tuple[str, ...]:
        self._key(hive, key)
        prefix = f"{hive}\\{key}\\"
        below = (
            other[len(prefix) :].split("\\", 1)[0]
            for other in self._registry()
            if other.lower().startswith(prefix.lower())
        )
        return tuple(sorted({name.lower(): name for name in below}.values()))

    def storage_volumes(self) -> tuple[StorageVolume, ...]:
        return tuple(
            StorageVolume(
                name=item["name"],
                mounts=tuple(item.get("mounts", ())),
                drive_type=item.get("drive_type", 3),
                file_system=item.get("file_system", "NTFS"),
                bus_type=item.get("bus_type", 17),
                removable_media=item.get("removable_media", False),
                is_system=item.get("is_system", False),
            )
            for item in self._listed("storage_volumes")
        )

    def shell_number(self, path: str, name: str) -> int:
        return self._single("shell_numbers", f"{path} {name}")  # type: ignore[no-any-return] # JSON

    def wireless_connections(self) -> tuple[WirelessAdapter, ...]:
        return tuple(
            WirelessAdapter(
                item["guid"],
                item["state"],
                _connection(item.get("connection")),
                item.get("error", 0),
            )
            for item in self._listed("wireless_connections")
        )

    def network_adapters(self) -> tuple[NetworkAdapter, ...]:
        return tuple(
            NetworkAdapter(
                index=item["index"],
                guid=item["guid"],
                name=item["name"],
                type=item["type"],
                status=item.get("status", 1),
                hardware=item.get("hardware", False),
                connector=item.get("connector", False),
                medium=item.get("medium", 0),
            )
            for item in self._listed("network_adapters")
        )

    def network_routes(self) -> tuple[NetworkRoute, ...]:
        return tuple(
            NetworkRoute(
                item["destination"], item["prefix"], item["interface"], item.get("metric", 0)
            )
            for item in self._listed("network_routes")
        )

    def present_devices(self) -> tuple[PresentDevice, ...]:
        return tuple(
            PresentDevice(
                instance_id=item["instance_id"],
                parent=item.get("parent", ""),
                container=item.get("container", ""),
                class_guid=item.get("class_guid", ""),
                service=item.get("service", ""),
                hardware_ids=tuple(item.get("hardware_ids", ())),
                compatible_ids=tuple(item.get("compatible_ids", ())),
                description=item.get("description", ""),
                status=item.get("status", 0),
                problem=item.get("problem", 0),
                removal_policy=item.get("removal_policy", 0),
                arrived=item.get("arrived", 0),
            )
            for item in self._listed("present_devices")
        )

    def user_sessions(self) -> tuple[UserSession, ...]:
        return tuple(
            UserSession(
                session=item["session"],
                state=item.get("state", 0),
                protocol=item.get("protocol", 0),
                flags=item["flags"],
                sid=item.get("sid", ""),
                last_input=item.get("last_input", 0),
                now=item.get("now", 0),
            )
            for item in self._listed("user_sessions")
        )

    def power_setting(self, subgroup: str, setting: str) -> PowerValue:
        value = self._single("power_settings", f"{subgroup}/{setting}")
        return PowerValue(value["ac"], value["dc"])

    def power_capabilities(self) -> PowerCapabilities:
        value = self._single("power", "capabilities")
        return PowerCapabilities(value["modern_standby"], value["battery"])

    def _registry(self) -> Mapping[str, Any]:
        registry: Mapping[str, Any] = self._machine.get("registry", {})
        return registry

    def _key(self, hive: Hive, key: str) -> Mapping[str, Any]:
        source = f"{hive}\\{key}"
        is_above = False
        for known, values in self._registry().items():
            if known.lower() == source.lower():
                raise_if_refused(source, values)
                found: Mapping[str, Any] = values
                return found
            is_above = is_above or known.lower().startswith(f"{source.lower()}\\")
        if not is_above:
            raise SourceMissingError(source)
        return {}

    def _listed(self, method: str) -> list[Any]:
        raise_if_refused(method, self._machine.get("refuse", {}).get(method))
        if method not in self._machine:
            raise SourceMissingError(method)
        listed: list[Any] = self._machine[method]
        return listed

    def _single(self, section: str, key: str) -> Any:
        value = self._machine.get(section, {}).get(key)
        if value is None:
            raise SourceMissingError(key)
        raise_if_refused(key, value)
        return value


def program_line(program: Program, arguments: Sequence[str]) -> str:
    """Return how a machine keys what a program prints."""
    if ENCODED in arguments:
        script = base64.b64decode(arguments[-1]).decode("utf-16-le")
        return f"{program.name} {script.splitlines()[0]}"
    return " ".join((program.name, *arguments))


def _connection(item: Any) -> WirelessConnection | None:
    if item is None:
        return None
    ssid = item.get("ssid", "")
    return WirelessConnection(
        base64.b64decode(ssid["base64"]) if isinstance(ssid, dict) else ssid.encode(),
        item.get("security_enabled", True),
        item["authentication"],
        item["cipher"],
    )
