"""What a Mac negotiated with its network, by `ipconfig getsummary <interface>` (ipconfig(8)).

The text is a dictionary with indented braces, but the last DHCP reply stands in the midst of it as
the network's own server wrote it, line ends included; so does the network's name. Whoever runs the
network can therefore write lines of his own into it.
"""

import re
from dataclasses import dataclass

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.wifi_security.facts import Security

SOURCE = Program.IPCONFIG.paths[0]

OPENING = re.compile(r".*<(?:dictionary|array)> \{")
# At the first level, indented by two blanks.
ENTRY = re.compile(r"  ([A-Za-z][A-Za-z0-9]*) : (.*)")
ASKED = frozenset({"InterfaceType", "LinkStatusActive", "SSID", "Security"})
REDACTED = frozenset({"", "<redacted>"})

WPA = re.compile(r"WPA([23]?)_(?:(PSK|SAE|FT_PSK|FT_SAE)|(?:FT_)?(?:EAP|8021X|ENTERPRISE))")
WPA_SECURITY = {
    ("", True): Security.WPA1_PERSONAL,
    ("", False): Security.WPA1_ENTERPRISE,
    ("2", True): Security.WPA2_PERSONAL,
    ("2", False): Security.WPA2_ENTERPRISE,
    ("3", True): Security.WPA3_PERSONAL,
    ("3", False): Security.WPA3_ENTERPRISE,
}


IS_WIFI = {"WiFi": True, "Ethernet": False, "FireWire": False, "Cellular": False}
IS_ACTIVE = {"TRUE": True, "FALSE": False}


@dataclass(frozen=True)
class Summary:
    """What the summary says of one interface; None where it names no security or no network."""

    is_wifi: bool
    active: bool
    security: Security | None
    ssid: str | None


def parse_summary(output: bytes) -> Summary:
    """Return the interface's own entries.

    Only entries at the first level of braces count, and only once: one that is there twice was
    written by somebody else than this Mac. Raises `SourceConflictError` for that, for braces that
    do not match, and where the kind or the state of the interface is missing or in other words.
    """
    entries: dict[str, str] = {}
    depth = 0
    lines = output.decode("utf-8", "replace").rstrip("\n").split("\n")
    for number, line in enumerate(lines):
        if depth == 0 and (number > 0 or line != "<dictionary> {"):
            raise SourceConflictError(SOURCE, "not a dictionary")
        entry = ENTRY.fullmatch(line) if depth == 1 else None
        if OPENING.fullmatch(line):
            depth += 1
        elif line.strip() == "}":
            depth -= 1
        elif entry is not None and entry.group(1) in ASKED:
            if entry.group(1) in entries:
                raise SourceConflictError(SOURCE, f"{entry.group(1)} is there twice")
            entries[entry.group(1)] = entry.group(2)
    if depth != 0:
        raise SourceConflictError(SOURCE, "ends in the midst of a dictionary")
    is_wifi = IS_WIFI.get(entries.get("InterfaceType", ""))
    active = IS_ACTIVE.get(entries.get("LinkStatusActive", ""))
    if is_wifi is None or active is None:
        raise SourceConflictError(SOURCE, "does not say what the interface is and does")
    ssid = entries.get("SSID", "")
    return Summary(
        is_wifi=is_wifi,
        active=active,
        security=_security(entries.get("Security")),
        ssid=None if ssid in REDACTED or "\ufffd" in ssid else ssid,
    )


def _security(word: str | None) -> Security | None:
    if word is None:
        return None
    if word == "NONE":
        return Security.OPEN
    if word == "OWE":
        return Security.OWE
    if word.startswith("WEP"):
        return Security.WEP
    found = WPA.fullmatch(word)
    if found is None:
        return Security.UNKNOWN
    return WPA_SECURITY[found.group(1), found.group(2) is not None]
