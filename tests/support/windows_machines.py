"""A PC with one person at it, of which a test says what is set."""

from collections.abc import Mapping
from typing import Any

SID = "S-1-5-21-1-2-3-1001"
VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
DESKTOP = rf"HKU\{SID}\Control Panel\Desktop"

PASSWORD_ON_WAKE = "fea3413e-7e05-4911-9a71-700331f1c294/0e796bdb-100d-47d6-a2d5-f7d2daa51f51"
DISPLAY_OFF = "7516b95f-f776-4464-8c53-06167f40cc99/3c0bc021-c8a8-4e07-a973-6b14cbcb2b7e"
SLEEP = "238c9fa8-0aad-41ed-83f4-97be242c8f20/29f6c1db-86da-48c5-9fdb-f2b67b1f44da"
NEVER = {"ac": 0, "dc": 0}


def machine(
    registry: Mapping[str, Mapping[str, Any]] | None = None,
    power: Mapping[str, Mapping[str, int]] | None = None,
    *,
    modern_standby: bool = True,
    protocol: int = 0,
) -> Mapping[str, Any]:
    """Return a recorded machine on which nothing locks but what is given."""
    keys: dict[str, dict[str, Any]] = {
        rf"HKU\{SID}": {},
        VERSION: {"SystemRoot": r"C:\Windows"},
        DESKTOP: {"ScreenSaveActive": "1"},
    }
    for key, values in (registry or {}).items():
        keys[key] = {**keys.get(key, {}), **values}
    return {
        "platform": "windows",
        "uid": 0,
        "user_sessions": [{"session": 1, "flags": 1, "sid": SID, "protocol": protocol}],
        "registry": keys,
        "power": {"capabilities": {"modern_standby": modern_standby, "battery": True}},
        "power_settings": {
            PASSWORD_ON_WAKE: NEVER,
            DISPLAY_OFF: NEVER,
            SLEEP: NEVER,
            **(power or {}),
        },
    }
