"""Recorded texts of Windows' own tools, turned into what a recorded machine holds.

The product reads none of them: it asks the registry and the power scheme themselves.
"""

import re
from collections.abc import Mapping
from typing import Any

ROOTS = {"HKEY_LOCAL_MACHINE": "HKLM", "HKEY_USERS": "HKU"}
OWN_ROOT = "HKEY_CURRENT_USER"

EXPORTED = re.compile(r'"(?P<name>[^"]+)"=(?:"(?P<text>[^"]*)"|dword:(?P<number>[0-9a-f]{8}))')
QUERIED = re.compile(r"    (?P<name>\S+)    (?P<type>REG_\w+)    (?P<value>.*)")
SETTING = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
NUMBER = re.compile(r": 0x([0-9a-f]{8})\s*$")


def registry(text: str, sid: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the keys of a `.reg` file or of what `reg query` prints; `sid` is the current user."""
    found: dict[str, dict[str, Any]] = {}
    values: dict[str, Any] = {}
    for line in text.splitlines():
        key = line.strip("[]")
        root, _, rest = key.partition("\\")
        if root == OWN_ROOT or root in ROOTS:
            named = f"HKU\\{sid}\\{rest}" if root == OWN_ROOT else f"{ROOTS[root]}\\{rest}"
            values = found.setdefault(named, {})
        elif exported := EXPORTED.fullmatch(line):
            number = exported["number"]
            values[exported["name"]] = exported["text"] if number is None else int(number, 16)
        elif queried := QUERIED.fullmatch(line):
            is_number = queried["type"] == "REG_DWORD"
            values[queried["name"]] = int(queried["value"], 16) if is_number else queried["value"]
    return found


def power_setting(text: str) -> Mapping[str, Mapping[str, int]]:
    """Return the one setting that `powercfg /query` prints, by numbers; nothing where it hides it.

    The last two numbers are those for mains and battery; the words are translated.
    """
    guids = SETTING.findall(text)
    numbers = [int(found[1], 16) for line in text.splitlines() if (found := NUMBER.search(line))]
    if len(guids) < 3 or len(numbers) < 2:
        return {}
    return {f"{guids[-2]}/{guids[-1]}": {"ac": numbers[-2], "dc": numbers[-1]}}
