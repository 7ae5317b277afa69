"""A recorded machine: the `Host` protocol over one JSON file, for tests and the demo only.

`machine.json` holds:

- `platform`, `uid`, `now` (RFC 3339);
- `files`: path → text, `{"base64": "…"}`, `{"plist": value}`, or a refusal `{"error": "denied"}`
  (`missing` is the default for what is not listed, so it need not be said); folders are derived
  from the paths, and `directories` lists empty or refused ones (path → list of names or a refusal);
- `links`: path → the absolute path behind it, or a refusal; a link may point at a folder, and
  paths that go through it are followed;
- `status`: path → `{"device": [major, minor], "owner": uid, "mode": octal text, "size": n,
  "modified": RFC 3339, "number": n}`;
- `programs`: `"GSETTINGS get org.gnome… idle-delay"` → `{"status": 0, "stdout": "…", "stderr":
  "…"}` or a refusal; run as another user the key starts with `"1000:"`; `{"plist": value}` and
  `{"json": value}` are standard outputs in these forms, bytes in them are `{"base64": "…"}`;
- `bus`: `"system org.freedesktop.login1 /org/freedesktop/login1"` → interface → `{"properties":
  {...}, "methods": {"ListSessions": [results…]}}`, or a refusal in place of the interfaces, of one
  interface, of a property or of a method; a method with arguments is keyed
  `"GetUser(1000)"` (arguments as JSON, comma separated) and falls back to its bare name;
- `processes`: list of `{"pid", "uid", "name", "arguments", "environment"}`;
- `accounts`: list of `{"uid", "name", "home"}`;
- `network_interfaces`: list of `{"name", "up", "default_route"}`;
- `fscrypt`: folder → true where the file system encrypts it, or a refusal; others are not;
- `wireless`: interface → `{"joins": true, "points": [{"capability": n, "elements": hexadecimal,
  "protected_management": …, "high_throughput": …}]}` or a refusal (`missing` is the default);
- `outgoing`: address → interface or a refusal; without it `missing`, without an address no route;
- `usb_devices`: list of `UsbDescription` fields;
- `refuse`: method name of the protocol → refusal, for `processes`, `network_interfaces`,
  `usb_devices`;
- what only Windows has: see `recorded_windows.py`.
"""

import base64
import hashlib
import hmac
import json
import plistlib
import posixpath
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from passmuster_collectors.contract.codec import parse_time
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host.answers import (
    AccessPoint,
    Account,
    Completed,
    FileStatus,
    NetworkInterface,
    Process,
    UsbDescription,
    WirelessState,
)
from passmuster_collectors.host.base import Bus, Host, SourceConflictError, SourceMissingError
from passmuster_collectors.host.commands import Program
from tests.support.recorded_refusal import is_refusal, raise_if_refused
from tests.support.recorded_windows import RecordedWindows, program_line

MAX_LINKS = 40


def load(path: Path) -> "RecordedHost":
    """Return the machine recorded in a `machine.json`."""
    return RecordedHost(json.loads(path.read_text(encoding="utf-8")))


class RecordedHost(RecordedWindows, Host):
    """A machine that answers from a recording and refuses what was not recorded."""

    def __init__(
        self, machine: Mapping[str, Any], *, hash_key: bytes = b"recorded machine"
    ) -> None:
        self._machine = machine
        self._hash_key = hash_key
        self._platform = Platform(machine.get("platform", "linux"))

    @property
    def platform(self) -> Platform:
        return self._platform

    @property
    def uid(self) -> int:
        return int(self._machine.get("uid", 0))

    def now(self) -> datetime:
        recorded = self._machine.get("now")
        return (
            parse_time(recorded, "now") if recorded else datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        )

    def read_file(self, path: str, *, limit: int = 1_048_576) -> bytes:
        content = self._section("files").get(self._follow(path))
        if content is None:
            raise SourceMissingError(path)
        raise_if_refused(path, content)
        data = as_bytes(content)
        if len(data) > limit:
            raise SourceConflictError(path, f"larger than {limit} bytes")
        return data

    def list_directory(self, path: str) -> tuple[str, ...]:
        real = self._follow(path)
        listed = self._section("directories").get(real)
        raise_if_refused(path, listed)
        prefix = real.rstrip("/") + "/"
        names = set(listed or ())
        for section in ("files", "links", "status", "directories"):
            for other in self._section(section):
                if other.startswith(prefix) and other != real:
                    names.add(other[len(prefix) :].split("/", 1)[0])
        if not names and listed is None:
            raise SourceMissingError(path)
        return tuple(sorted(names))

    def resolve(self, path: str) -> str:
        raise_if_refused(path, self._section("links").get(posixpath.normpath(path)))
        real = self._follow(path)
        known = [*self._section("files"), *self._section("directories"), *self._section("status")]
        if real not in known and not any(other.startswith(real + "/") for other in known):
            raise SourceMissingError(path)
        return real

    def file_status(self, path: str) -> FileStatus:
        recorded = self._section("status").get(self._follow(path))
        if recorded is None:
            raise SourceMissingError(path)
        raise_if_refused(path, recorded)
        major, minor = recorded["device"]
        return FileStatus(
            (major, minor),
            recorded.get("owner", 0),
            int(recorded.get("mode", "100644"), 8),
            recorded.get("size", 0),
            parse_time(recorded["modified"], "modified") if "modified" in recorded else None,
            recorded.get("number", 0),
        )

    def run(
        self,
        program: Program,
        *arguments: str,
        timeout_s: float = 5.0,
        user: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        line = program_line(program, arguments)
        recorded = self._section("programs").get(line if user is None else f"{user}:{line}")
        if recorded is None:
            raise SourceMissingError(program.paths[0])
        raise_if_refused(program.paths[0], recorded)
        return Completed(
            recorded.get("status", 0),
            as_bytes(recorded.get("stdout", recorded)),
            as_bytes(recorded.get("stderr", "")),
        )

    def bus_get(self, bus: Bus, name: str, path: str, interface: str, member: str) -> Any:
        source = f"{name} {interface}.{member}"
        properties = self._interface(bus, name, path, interface).get("properties", {})
        if member not in properties:
            raise SourceMissingError(source)
        raise_if_refused(source, properties[member])
        return _as_tuples(properties[member])

    def bus_get_all(self, bus: Bus, name: str, path: str, interface: str) -> Mapping[str, Any]:
        properties = self._interface(bus, name, path, interface).get("properties", {})
        return {
            member: _as_tuples(value)
            for member, value in properties.items()
            if not is_refusal(value)
        }

    def bus_call(
        self,
        bus: Bus,
        name: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        arguments: Sequence[Any] = (),
    ) -> tuple[Any, ...]:
        source = f"{name} {interface}.{member}"
        methods = self._interface(bus, name, path, interface).get("methods", {})
        keyed = f"{member}({','.join(json.dumps(argument) for argument in arguments)})"
        results = methods.get(keyed, methods.get(member))
        if results is None:
            raise SourceMissingError(source)
        raise_if_refused(source, results)
        return tuple(_as_tuples(result) for result in results)

    def processes(self) -> tuple[Process, ...]:
        self._refuse("processes")
        return tuple(
            Process(item["pid"], item["uid"], item["name"], tuple(item.get("arguments", ())))
            for item in self._machine.get("processes", ())
        )

    def process_environment(self, pid: int) -> Mapping[str, str]:
        source = f"/proc/{pid}/environ"
        for item in self._machine.get("processes", ()):
            if item["pid"] == pid:
                environment = item.get("environment", {})
                raise_if_refused(source, environment)
                return dict(environment)
        raise SourceMissingError(source)

    def account(self, uid: int) -> Account:
        for item in self._machine.get("accounts", ()):
            if item["uid"] == uid:
                return Account(uid, item["name"], item["home"])
        raise SourceMissingError(f"account {uid}")

    def testimony(self, uid: int, signal: str) -> Any:
        said = self._section("companions").get(str(uid))
        if said is None:
            raise SourceMissingError("companion", "none runs")
        raise_if_refused("companion", said)
        return said[signal]

    def network_interfaces(self) -> tuple[NetworkInterface, ...]:
        self._refuse("network_interfaces")
        return tuple(
            NetworkInterface(item["name"], item.get("up", True), item.get("default_route", False))
            for item in self._machine.get("network_interfaces", ())
        )

    def is_encrypted_folder(self, path: str) -> bool:
        recorded: Any = self._section("fscrypt").get(path, False)
        raise_if_refused(path, recorded)
        return recorded is True

    def wireless_state(self, interface: str) -> WirelessState:
        recorded = self._section("wireless").get(interface)
        if recorded is None:
            raise SourceMissingError("nl80211")
        raise_if_refused("nl80211", recorded)
        points = tuple(
            AccessPoint(
                item["capability"],
                bytes.fromhex(item["elements"]),
                item.get("protected_management"),
                item.get("high_throughput"),
            )
            for item in recorded.get("points", ())
        )
        return WirelessState(recorded.get("joins", True), points)

    def outgoing_interface(self, address: str) -> str | None:
        if "outgoing" not in self._machine:
            raise SourceMissingError("route lookup")
        recorded: Any = self._section("outgoing").get(address)
        raise_if_refused("route lookup", recorded)
        return None if recorded is None else str(recorded)

    def usb_devices(self) -> tuple[UsbDescription, ...]:
        self._refuse("usb_devices")
        if "usb_devices" not in self._machine:
            raise SourceMissingError("libusb")
        return tuple(
            UsbDescription(
                item["vendor_id"],
                item["product_id"],
                tuple((a, b, c) for a, b, c in item.get("interfaces", ())),
                tuple(item.get("port", ())),
            )
            for item in self._machine["usb_devices"]
        )

    def keyed_hash(self, kind: str, value: bytes) -> str:
        message = kind.encode("ascii") + b"\0" + value
        return hmac.new(self._hash_key, message, hashlib.sha256).hexdigest()[:32]

    def _section(self, name: str) -> Mapping[str, Any]:
        section: Mapping[str, Any] = self._machine.get(name, {})
        return section

    def _refuse(self, method: str) -> None:
        raise_if_refused(method, self._section("refuse").get(method))

    def _interface(self, bus: Bus, name: str, path: str, interface: str) -> Mapping[str, Any]:
        interfaces = self._section("bus").get(f"{bus} {name} {path}")
        if interfaces is None:
            raise SourceMissingError(name)
        raise_if_refused(name, interfaces)
        recorded: Mapping[str, Any] | None = interfaces.get(interface)
        if recorded is None:
            raise SourceMissingError(f"{name} {interface}")
        raise_if_refused(f"{name} {interface}", recorded)
        return recorded

    def _follow(self, path: str) -> str:
        links = self._section("links")
        path = posixpath.normpath(path)
        for _ in range(MAX_LINKS):
            parts = path.split("/")
            for end in range(2, len(parts) + 1):
                head = "/".join(parts[:end])
                if isinstance(links.get(head), str):
                    path = posixpath.normpath("/".join((links[head], *parts[end:])))
                    break
            else:
                return path
        raise SourceConflictError(path, "too many symbolic links")


def as_bytes(content: Any) -> bytes:
    """Return what a file holds or a program prints, given as text or in one of the other forms."""
    if isinstance(content, str):
        return content.encode("utf-8", "surrogateescape")
    if "base64" in content:
        return base64.b64decode(content["base64"])
    if "plist" in content:
        return plistlib.dumps(_with_bytes(content["plist"]))
    if "json" in content:
        return json.dumps(content["json"], indent=1).encode()
    return b""


def _with_bytes(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_bytes(item) for item in value]
    if isinstance(value, dict):
        if set(value) == {"base64"}:
            return base64.b64decode(value["base64"])
        return {key: _with_bytes(item) for key, item in value.items()}
    return value


def _as_tuples(value: Any) -> Any:
    """D-Bus structures arrive as tuples and arrays as lists; JSON has only lists for both."""
    if isinstance(value, dict):
        if set(value) == {"struct"}:
            return tuple(_as_tuples(item) for item in value["struct"])
        return {key: _as_tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_tuples(item) for item in value]
    return value
