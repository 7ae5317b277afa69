"""Machines whose sources refuse: all of them at once, or one at a time."""

import base64
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host.base import Host
from tests.support.recorded_host import RecordedHost
from tests.support.recorded_refusal import ERRORS, is_refusal

REFUSALS = tuple(ERRORS)
GARBAGE = b"\xff\xfe\x00garbage\x80\n\x00\xc3("

QUESTIONS = (
    "read_file",
    "list_directory",
    "resolve",
    "file_status",
    "run",
    "bus_get",
    "bus_get_all",
    "bus_call",
    "processes",
    "process_environment",
    "account",
    "network_interfaces",
    "usb_devices",
    "registry_value",
    "registry_keys",
    "storage_volumes",
    "shell_number",
    "wireless_connections",
    "network_adapters",
    "network_routes",
    "present_devices",
    "user_sessions",
    "power_setting",
    "is_encrypted_folder",
    "wireless_state",
    "outgoing_interface",
    "power_capabilities",
)
LISTS = (
    "processes",
    "network_interfaces",
    "usb_devices",
    "storage_volumes",
    "wireless_connections",
    "network_adapters",
    "network_routes",
    "present_devices",
    "user_sessions",
)


def refusing_host(platform: Platform, refusal: str) -> Host:
    """Return a machine that answers every question with the same refusal."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise ERRORS[refusal]("any source")

    host = RecordedHost({"platform": platform.value})
    for question in QUESTIONS:
        setattr(host, question, refuse)
    return host


@dataclass(frozen=True)
class Mutation:
    """A recorded machine of which one source was changed; `how` is a refusal or `garbage`."""

    source: str
    how: str
    machine: Mapping[str, Any]


def mutations(machine: Mapping[str, Any]) -> Iterator[Mutation]:
    """Yield the machine once for each of its sources and each way in which that can go wrong."""
    ways: dict[str, Any] = {refusal: {"error": refusal} for refusal in REFUSALS}
    garbled = {"base64": base64.b64encode(GARBAGE).decode()}
    printed = {"stdout": GARBAGE.decode("latin-1")}
    for how, content in {**ways, "garbage": garbled}.items():
        for path in machine.get("files", {}):
            yield Mutation(path, how, _replaced(machine, "files", path, content))
    for how, refusal in ways.items():
        for folder in sorted(_folders(machine)):
            yield Mutation(f"{folder}/", how, _replaced(machine, "directories", folder, refusal))
        for path in machine.get("status", {}):
            yield Mutation(f"stat {path}", how, _replaced(machine, "status", path, refusal))
        for method in LISTS:
            if method in machine:
                yield Mutation(method, how, _replaced(machine, "refuse", method, refusal))
        numbers = ("shell_numbers", "power_settings", "power", "fscrypt", "wireless", "outgoing")
        for section in (*numbers, "registry"):
            for key in machine.get(section, {}):
                yield Mutation(key, how, _replaced(machine, section, key, refusal))
        for key, values in machine.get("registry", {}).items():
            for name in values if not is_refusal(values) else ():
                changed = {**values, name: refusal}
                yield Mutation(f"{key} {name}", how, _replaced(machine, "registry", key, changed))
        yield from _bus_mutations(machine, how, refusal)
    for how, refusal in {**ways, "garbage": printed}.items():
        for line in machine.get("programs", {}):
            yield Mutation(line, how, _replaced(machine, "programs", line, refusal))


def _replaced(machine: Mapping[str, Any], section: str, key: str, value: Any) -> Mapping[str, Any]:
    return {**machine, section: {**machine.get(section, {}), key: value}}


def _folders(machine: Mapping[str, Any]) -> set[str]:
    paths = {path for name in ("files", "links", "status") for path in machine.get(name, {})}
    folders = set(machine.get("directories", {}))
    for path in paths:
        while path := path.rpartition("/")[0]:
            folders.add(path)
    return folders


def _bus_mutations(machine: Mapping[str, Any], how: str, refusal: Any) -> Iterator[Mutation]:
    for name, interfaces in machine.get("bus", {}).items():
        yield Mutation(name, how, _replaced(machine, "bus", name, refusal))
        if "error" in interfaces:
            continue
        for interface, members in interfaces.items():
            changed = {**interfaces, interface: refusal}
            source = f"{name} {interface}"
            yield Mutation(source, how, _replaced(machine, "bus", name, changed))
            for kind in ("properties", "methods"):
                for member in members.get(kind, {}):
                    altered = copy.deepcopy(interfaces)
                    altered[interface][kind][member] = refusal
                    replaced = _replaced(machine, "bus", name, altered)
                    yield Mutation(f"{source}.{member}", how, replaced)
