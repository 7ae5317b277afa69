"""`wifi`: what the daemons that join networks tell root alone.

wpa_supplicant and iwd answer root and an administrators' group; NetworkManager keeps a profile that
is one person's from everybody else. None of their secrets are asked for. Of what they answer, the
networks nearby, hardware addresses and names of people stay here.
"""

import re
from collections.abc import Mapping
from typing import Any

from passmuster_collectors.host.base import (
    Bus,
    Host,
    SourceConflictError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.privileged.verbs import Answer, Answers, answer_of, question

SUPPLICANT = "fi.w1.wpa_supplicant1"
SUPPLICANT_PATH = "/fi/w1/wpa_supplicant1"
IWD = "net.connman.iwd"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
NETWORKMANAGER = "org.freedesktop.NetworkManager"
NETWORKMANAGER_PATH = "/org/freedesktop/NetworkManager"
ACTIVE = f"{NETWORKMANAGER}.Connection.Active"
PROFILE = f"{NETWORKMANAGER}.Settings.Connection"
DAEMONS = frozenset({SUPPLICANT, IWD, NETWORKMANAGER})
MAX_INTERFACES = 16

INTERFACE_PROPERTIES = frozenset({"State", "CurrentBSS", "CurrentAuthMode", "CurrentNetwork"})
BSS_PROPERTIES = frozenset({"SSID", "WPA", "RSN", "Privacy"})
IWD_PROPERTIES: Mapping[str, frozenset[str]] = {
    f"{IWD}.Device": frozenset({"Name"}),
    f"{IWD}.Station": frozenset({"ConnectedNetwork", "State"}),
}
IWD_NETWORKS = "/var/lib/iwd/"
IWD_CHECK = re.compile(rb"EAP-(Method|(TLS|TTLS|PEAP)-CACert)=")
NETWORK_PROPERTIES = frozenset({"Name", "Type"})
DIAGNOSTICS = frozenset({"Security"})
SERVER_NAMES = frozenset(
    {"domain-match", "domain-suffix-match", "altsubject-matches", "subject-match"}
)
PROFILE_SECTIONS: Mapping[str, frozenset[str]] = {
    "802-11-wireless-security": frozenset({"key-mgmt", "proto", "pmf"}),
    "802-1x": frozenset({"eap", "ca-cert", "ca-path", "system-ca-certs"}) | SERVER_NAMES,
}
SUPPLICANT_NETWORK = frozenset(
    {
        *("eap", "ca_cert", "ca_path", "altsubject_match", "subject_match"),
        *("domain_match", "domain_suffix_match"),
    }
)
"""What says whether an enterprise network's server is checked, and nothing of the person."""


def gather(host: Host) -> Answers:
    """Return the answers of every daemon that runs here."""
    found: dict[str, Answer] = {}
    for name, tell in (
        (SUPPLICANT, _supplicant),
        (IWD, _iwd),
        (NETWORKMANAGER, _networkmanager),
    ):
        try:
            found |= tell(host)
            otherwise: SourceError = SourceMissingError(name, "not one of its objects")
        except SourceError as error:
            otherwise = error
        found[question("bus", name)] = otherwise
    return found


def _supplicant(host: Host) -> Answers:
    paths = host.bus_get(Bus.SYSTEM, SUPPLICANT, SUPPLICANT_PATH, SUPPLICANT, "Interfaces")
    found: dict[str, Answer] = {}
    for path in _paths(paths):
        state = _properties(host, SUPPLICANT, path, f"{SUPPLICANT}.Interface")
        key = question(
            *("bus_call", Bus.SYSTEM, SUPPLICANT, SUPPLICANT_PATH, SUPPLICANT),
            *("GetInterface", state.get("Ifname")),
        )
        found[key] = (path,)
        found[_get_all(SUPPLICANT, path, f"{SUPPLICANT}.Interface")] = _only(
            state, INTERFACE_PROPERTIES
        )
        bss = state.get("CurrentBSS")
        if isinstance(bss, str) and bss != "/":
            found[_get_all(SUPPLICANT, bss, f"{SUPPLICANT}.BSS")] = answer_of(_bss, host, bss)
        network = state.get("CurrentNetwork")
        if isinstance(network, str) and network != "/":
            where = (Bus.SYSTEM, SUPPLICANT, network, f"{SUPPLICANT}.Network", "Properties")
            found[question("bus_get", *where)] = answer_of(_network, host, where)
    return found


def _network(host: Host, where: tuple[Bus, str, str, str, str]) -> Mapping[str, Any]:
    return _only(host.bus_get(*where), SUPPLICANT_NETWORK)


def _bss(host: Host, path: str) -> Mapping[str, Any]:
    return _only(_properties(host, SUPPLICANT, path, f"{SUPPLICANT}.BSS"), BSS_PROPERTIES)


def _iwd(host: Host) -> Answers:
    (objects,) = host.bus_call(Bus.SYSTEM, IWD, "/", OBJECTS, "GetManagedObjects")
    if not isinstance(objects, Mapping):
        raise SourceConflictError(IWD, "GetManagedObjects gave no objects")
    found: dict[str, Answer] = {}
    kept: dict[str, Any] = {}
    for path, interfaces in list(objects.items()):
        device = _section(interfaces, f"{IWD}.Device")
        if "Name" not in device or len(kept) >= 2 * MAX_INTERFACES:
            continue
        kept[path] = {
            name: _only(_section(interfaces, name), wanted)
            for name, wanted in IWD_PROPERTIES.items()
        }
        network = _section(interfaces, f"{IWD}.Station").get("ConnectedNetwork")
        if isinstance(network, str):
            name = f"{IWD}.Network"
            joined = _section(objects.get(network), name)
            kept[network] = {name: _only(joined, NETWORK_PROPERTIES)}
            found |= _diagnostics(host, str(path))
            if joined.get("Type") == "8021x":
                found |= _iwd_file(host, str(joined.get("Name", "")))
    found[question("bus_call", Bus.SYSTEM, IWD, "/", OBJECTS, "GetManagedObjects")] = (kept,)
    return found


def _iwd_file(host: Host, name: str) -> Answers:
    """Return what the file of a network says of the check of its server (iwd.network(5))."""
    raw = name.encode("utf-8", "surrogateescape")
    plain = all(letter.isascii() and (letter.isalnum() or letter in " _-") for letter in name)
    path = f"{IWD_NETWORKS}{name if plain else '=' + raw.hex()}.8021x"
    return {question("read_file", path): answer_of(_without_secrets, host, path)}


def _without_secrets(host: Host, path: str) -> bytes:
    lines = host.read_file(path, limit=65_536).splitlines(keepends=True)
    return b"".join(line for line in lines if IWD_CHECK.match(line))


def _diagnostics(host: Host, station: str) -> Answers:
    where = (Bus.SYSTEM, IWD, station, f"{IWD}.StationDiagnostic", "GetDiagnostics")
    return {
        question("bus_call", *where): answer_of(
            lambda: (_only(host.bus_call(*where)[0], DIAGNOSTICS),)
        )
    }


def _networkmanager(host: Host) -> Answers:
    active = host.bus_get(
        Bus.SYSTEM, NETWORKMANAGER, NETWORKMANAGER_PATH, NETWORKMANAGER, "ActiveConnections"
    )
    found: dict[str, Answer] = {}
    for path in _paths(active):
        try:
            profile = host.bus_get(Bus.SYSTEM, NETWORKMANAGER, path, ACTIVE, "Connection")
        except SourceTimeoutError:
            raise  # one that is late would be late again
        except SourceError:
            continue  # it has ended
        if isinstance(profile, str):
            key = question("bus_call", Bus.SYSTEM, NETWORKMANAGER, profile, PROFILE, "GetSettings")
            found[key] = answer_of(_profile, host, profile)
    return found


def _profile(host: Host, path: str) -> tuple[Mapping[str, Any]]:
    """Return what `GetSettings` does, without all that no reader needs; it tells no secrets."""
    (settings,) = host.bus_call(Bus.SYSTEM, NETWORKMANAGER, path, PROFILE, "GetSettings")
    told = {
        section: _only(settings[section], wanted)
        for section, wanted in PROFILE_SECTIONS.items()
        if section in settings
    }
    check = dict(told.get("802-1x", {}))
    certificate = bytes(check.get("ca-cert", b""))
    if certificate and not certificate.startswith(b"file:///etc/"):
        check["ca-cert"] = b"file:///~"  # where it lies can name a person
    return ({**told, "802-1x": check} if check else told,)


def _properties(host: Host, name: str, path: str, interface: str) -> Mapping[str, Any]:
    return host.bus_get_all(Bus.SYSTEM, name, path, interface)


def _get_all(name: str, path: str, interface: str) -> str:
    return question("bus_get_all", Bus.SYSTEM, name, path, interface)


def _section(interfaces: Any, name: str) -> Mapping[str, Any]:
    section = interfaces.get(name) if isinstance(interfaces, Mapping) else None
    return section if isinstance(section, Mapping) else {}


def _only(values: Any, wanted: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise SourceConflictError("D-Bus", "not a dictionary")
    return {name: value for name, value in values.items() if name in wanted}


def _paths(value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(path, str) for path in value):
        raise SourceConflictError("D-Bus", "not a list of objects")
    return list(value[:MAX_INTERFACES])
