"""A recorded machine as an unprivileged service sees it, and a root helper beside it."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from passmuster_collectors.host.answers import Completed, FileStatus, Process
from passmuster_collectors.host.assisted import AssistedHost
from passmuster_collectors.host.base import Bus, SourceDeniedError, SourceError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.privileged import crypttab, firewall, wifi, wire
from passmuster_collectors.host.privileged.gathering import GATHER
from passmuster_collectors.host.privileged.verbs import Answers, Verb
from tests.support.recorded_host import RecordedHost

SERVICE_UID = 990
NO_ROOT = {"uid": SERVICE_UID}


class ConfinedHost(RecordedHost):
    """Refuses all that some system keeps for root: the strictest of each kind put together."""

    def __init__(self, machine: Mapping[str, Any]) -> None:
        super().__init__({**machine, **NO_ROOT})

    def read_file(self, path: str, *, limit: int = 1_048_576) -> bytes:
        if path == crypttab.PATH:
            _deny(path)
        return super().read_file(path, limit=limit)

    def file_status(self, path: str) -> FileStatus:
        if path.startswith(crypttab.KEYS):
            _deny(path)
        return super().file_status(path)

    def run(
        self,
        program: Program,
        *arguments: str,
        timeout_s: float = 5.0,
        user: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        if user not in (None, SERVICE_UID):
            _deny(program.paths[0])
        if program in (Program.DMSETUP, Program.CRYPTSETUP, *firewall.COMMANDS):
            super().run(program, *arguments)  # it may be missing
            return Completed(1, b"", b"Permission denied\n")
        return super().run(program, *arguments)

    def bus_get_all(self, bus: Bus, name: str, path: str, interface: str) -> Mapping[str, Any]:
        if name in (wifi.SUPPLICANT, wifi.IWD):
            _deny(f"{name} {interface}")
        return super().bus_get_all(bus, name, path, interface)

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
        if name in (wifi.SUPPLICANT, wifi.IWD) or member == "GetSettings":
            _deny(f"{name} {interface}.{member}")
        return super().bus_call(bus, name, path, interface, member, signature, arguments)

    def processes(self) -> tuple[Process, ...]:
        _deny("/proc")

    def process_environment(self, pid: int) -> Mapping[str, str]:
        _deny(f"/proc/{pid}/environ")


class RecordedHelper:
    """What the root helper of a recorded machine tells, over the wire and back."""

    def __init__(self, machine: Mapping[str, Any]) -> None:
        self._root = RecordedHost({**with_lists(machine), "uid": 0})
        self.asked: list[Verb] = []

    def answers(self, verb: Verb) -> Answers:
        self.asked.append(verb)
        return wire.from_bytes(wire.to_bytes(GATHER[verb](self._root)))


class SilentHelper:
    """A helper that fails."""

    def __init__(self, error: SourceError) -> None:
        self._error = error

    def answers(self, verb: Verb) -> Answers:
        raise self._error


def assisted(machine: Mapping[str, Any]) -> AssistedHost:
    """Return the machine as a confined service with a root helper sees it."""
    return AssistedHost(ConfinedHost(machine), RecordedHelper(machine))


def with_lists(machine: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the lists of their own objects that real daemons tell and recordings leave out."""
    filled = copy.deepcopy(dict(machine))
    bus = filled.setdefault("bus", {})
    active = []
    for key in list(bus):
        _, name, path = key.split()
        interfaces = bus[key]
        if name == wifi.SUPPLICANT and path == wifi.SUPPLICANT_PATH and "error" not in interfaces:
            methods = interfaces.get(name, {}).get("methods", {})
            paths = []
            for call, results in methods.items():
                if call.startswith("GetInterface(") and isinstance(results, list):
                    paths.append(results[0])
                    found = bus.get(f"system {name} {results[0]}", {}).get(f"{name}.Interface")
                    if found is not None and "error" not in found:
                        found.setdefault("properties", {})["Ifname"] = call[14:-2]
            interfaces.setdefault(name, {}).setdefault("properties", {})["Interfaces"] = paths
        if wifi.ACTIVE in interfaces:
            active.append(path)
    manager = f"system {wifi.NETWORKMANAGER} {wifi.NETWORKMANAGER_PATH}"
    if active and "error" not in bus.get(manager, {}):
        root = bus.setdefault(manager, {}).setdefault(wifi.NETWORKMANAGER, {})
        root.setdefault("properties", {})["ActiveConnections"] = active
    return filled


def _deny(source: str) -> NoReturn:
    raise SourceDeniedError(source, "EACCES")
