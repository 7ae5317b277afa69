"""Finds what names a person, a laptop, a network or a device in a recorded machine.

By shape: hardware addresses, UUIDs, machine ids, security identifiers, IPv6 addresses.
By place: accounts, home folders, computer names, networks, serial numbers.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

LEAST = 3
"""Shorter names are left alone: they would be found in every other word."""

ORDINARY = frozenset(
    {
        "admin",
        "adm",
        "default",
        "gdm",
        "guest",
        "home",
        "linux",
        "localhost",
        "nobody",
        "public",
        "root",
        "session",
        "shared",
        "system",
        "systemd",
        "test",
        "user",
        "users",
        "worker",
    }
)
"""Names that name nobody and are words of the systems themselves."""

UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
HEXADECIMAL = re.compile(
    rf"(?<![0-9a-fA-F])(?:{UUID}|[0-9a-fA-F]{{32}}|(?:[0-9a-fA-F]{{2}}[:-]){{5}}[0-9a-fA-F]{{2}})"
    r"(?![0-9a-fA-F])"
)
"""UUIDs, the same without dashes (also machine ids and the kernel's IPv6 addresses), and hardware
addresses."""

SECURITY_IDENTIFIER = re.compile(r"S-1-5-21-[0-9]+-[0-9]+-[0-9]+")

WELL_KNOWN = re.compile(
    "|".join(
        (
            "8be4df61-93ca-11d2-aa0d-00e098032b8c",  # EFI's own variables (UEFI specification)
            "605dab50-e046-4300-abb6-3dd810dd8b23",  # shim's (its lib/guid.c)
            "[0-9a-f]{8}-0000-11aa-aa11-00306543ecac",  # Apple's kinds of APFS users and partitions
            "00000000-0000-0000-ffff-ffffffffffff",  # the computer itself as a container (Windows)
            "[0-9a-f]{8}-0000-1000-8000-00805f9b34fb",  # Bluetooth's services
            "[0f:-]+",
            "[0-9a-f]{1,4}0{28,31}|0{28,31}[0-9a-f]{1,4}",
        )
    ),
    re.IGNORECASE,
)
"""Numbers that are the same everywhere, and those that are empty."""

HOME = re.compile(r"(?:/home/|/Users/|\\Users\\|/var/home/)([^/\\\s\"'<>:,;]{1,64})")
SERIAL_TEXT = re.compile(
    r"serial[ _]?(?:number|num|string|no)?\"?\s*(?:</key>\s*<string>|[:=]\s*\"?)"
    r"([^\"<>\n,}]{1,128})",
    re.IGNORECASE,
)
NETWORK_TEXT = re.compile(
    r"^\s*(?:SSID|Network ID|Current Wi-Fi Network)\s*:\s*(.{1,64})$", re.MULTILINE
)
NAMED_NETWORK = frozenset({"Ssid", "SSID", "ssid"})
WINDOWS_DEVICE = re.compile(r"(?:USB|USBSTOR|HID)\\[^\\\"]+\\([^\\\"\s]{3,128})")
ACCOUNTS = "/etc/passwd"
FIRST_PERSON = 1000
NOBODY = 65_534


def names(machine: Mapping[str, Any]) -> set[str]:
    """Return what names something by the place in which it stands."""
    found: set[str] = set()
    for account in machine.get("accounts", ()):
        found |= {account["name"], account["home"].rstrip("/").rpartition("/")[2]}
    for path, content in machine.get("files", {}).items():
        if isinstance(content, str):
            found |= set(_in_file(path, content))
    for text in _texts(machine):
        found |= {each.strip() for each in (*HOME.findall(text), *WINDOWS_DEVICE.findall(text))}
        found |= {each.strip() for each in SERIAL_TEXT.findall(text)}
        found |= {each.strip() for each in NETWORK_TEXT.findall(text)}
    found |= set(_networks(machine))
    return {each for each in found if len(each) >= LEAST and each.lower() not in ORDINARY}


def without_people(accounts: str) -> str:
    """Return `/etc/passwd` without the real names in its fifth field (passwd(5))."""
    lines = (line.split(":") for line in accounts.splitlines())
    return "".join(
        ":".join((*fields[:4], "", *fields[5:]) if len(fields) == 7 else fields) + "\n"
        for fields in lines
    )


def _in_file(path: str, content: str) -> Iterator[str]:
    if path == ACCOUNTS:
        for fields in (line.split(":") for line in content.splitlines()):
            person = len(fields) == 7 and fields[2].isdigit() and int(fields[2]) >= FIRST_PERSON
            if person and int(fields[2]) != NOBODY:
                yield from (fields[0], fields[5].rpartition("/")[2])
    elif path.rpartition("/")[2] in ("serial", "hostname", "ssid"):
        yield content.strip()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _networks(value: Any) -> Iterator[str]:
    """Yield names of networks: D-Bus values by their key, iwd's networks and NetworkManager's ids.

    A session of logind is listed with its user's name: (id, number, name, seat, object).
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in NAMED_NETWORK:
                yield _network(item)
            elif key == "net.connman.iwd.Network" and isinstance(item, Mapping):
                inner = item.get("properties", item)
                yield str(inner.get("Name", "")) if isinstance(inner, Mapping) else ""
            elif key == "connection" and isinstance(item, Mapping):
                yield str(item.get("id", ""))
            elif key == "struct" and isinstance(item, list) and len(item) == 5:
                yield item[2] if isinstance(item[1], int) and isinstance(item[2], str) else ""
            yield from _networks(item)
    elif isinstance(value, list):
        for item in value:
            yield from _networks(item)


def _network(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(n, int) and 0 <= n < 256 for n in value):
        return bytes(value).decode("utf-8", "replace")
    return ""
