"""Machines with people logged in, as systemd-logind tells of them; for `RecordedHost`."""

import base64
from collections.abc import Mapping
from typing import Any

LOGIN = "org.freedesktop.login1"
MANAGER = "/org/freedesktop/login1"


def session(
    name: str,
    uid: int = 1000,
    *,
    kind: str = "wayland",
    desktop: str = "gnome",
    service: str = "gdm-password",
    remote: bool = False,
    locked: bool = False,
    session_class: str = "user",
    state: str = "active",
    idle_since: int = 0,
) -> dict[str, Any]:
    """Return the properties that logind has for one session."""
    return {
        "Id": name,
        "User": {"struct": [uid, f"{MANAGER}/user/_{uid}"]},
        "Type": kind,
        "Class": session_class,
        "State": state,
        "Remote": remote,
        "Desktop": desktop,
        "Service": service,
        "Scope": f"session-{name}.scope",
        "IdleHint": False,
        "IdleSinceHint": idle_since,
        "LockedHint": locked,
    }


def machine(
    *sessions: Mapping[str, Any],
    uid: int = 0,
    manager: Mapping[str, Any] | None = None,
    inhibitors: tuple[tuple[str, str], ...] = (),
    files: Mapping[str, Any] | None = None,
    programs: Mapping[str, Any] | None = None,
    processes: tuple[Mapping[str, Any], ...] = (),
    bus: Mapping[str, Any] | None = None,
    **sections: Any,
) -> dict[str, Any]:
    """Return a machine whose agent runs as `uid`, with those sessions open.

    `manager` are logind's own properties, `inhibitors` pairs of what is held off and how; files may
    be given as bytes. Every session's owner has an account and a home.
    """
    listed = [_listed(each) for each in sessions]
    owners = sorted({entry["struct"][1] for entry in listed})
    held = [{"struct": [what, "who", "why", mode, 1000, 1]} for what, mode in inhibitors]
    found: dict[str, Any] = {
        f"system {LOGIN} {MANAGER}": {
            f"{LOGIN}.Manager": {
                "properties": {
                    "IdleAction": "ignore",
                    "IdleActionUSec": 1_800_000_000,
                    "StopIdleSessionUSec": 2**64 - 1,
                    **(manager or {}),
                },
                "methods": {"ListSessions": [listed], "ListInhibitors": [held]},
            }
        },
        f"system org.gnome.DisplayManager {'/org/gnome/DisplayManager/Manager'}": {
            "org.gnome.DisplayManager.Manager": {"properties": {"Version": "43.0"}}
        },
    }
    for each, entry in zip(sessions, listed, strict=True):
        found[f"system {LOGIN} {entry['struct'][4]}"] = {f"{LOGIN}.Session": {"properties": each}}
    return {
        "uid": uid,
        "bus": {**found, **(bus or {})},
        "accounts": [
            {"uid": owner, "name": name_of(owner), "home": home_of(owner)} for owner in owners
        ],
        "files": {
            **{f"{home_of(owner)}/.config/user-dirs.locale": "en_GB" for owner in owners},
            **{path: _content(value) for path, value in (files or {}).items()},
        },
        "programs": dict(programs or {}),
        "processes": [
            {"pid": 1, "uid": 0, "name": "systemd", "arguments": ["/sbin/init"]},
            *processes,
        ],
        **sections,
    }


def gsettings(uid: int, settings: Mapping[str, str], *locked: str) -> dict[str, Any]:
    """Return what `gsettings` prints as that user, for each `schema key` and the locked ones."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found[f"{uid}:GSETTINGS get {name}"] = {"stdout": f"{value}\n"}
        writable = "false" if name in locked else "true"
        found[f"{uid}:GSETTINGS writable {name}"] = {"stdout": f"{writable}\n"}
    return found


def gnome(**changed: str) -> dict[str, str]:
    """Return GNOME's lock settings as installed, `changed` ones by key, `idle_delay="uint32 0"`."""
    settings = {
        "org.gnome.desktop.session idle-delay": "uint32 300",
        "org.gnome.desktop.screensaver lock-enabled": "true",
        "org.gnome.desktop.screensaver lock-delay": "uint32 0",
        "org.gnome.desktop.lockdown disable-lock-screen": "false",
    }
    for key, value in changed.items():
        (name,) = [each for each in settings if each.endswith(f" {key.replace('_', '-')}")]
        settings[name] = value
    return settings


def name_of(uid: int) -> str:
    """Return the name of the account with that number."""
    return "root" if uid == 0 else f"worker{uid}"


def home_of(uid: int) -> str:
    """Return the home directory of the account with that number."""
    return "/root" if uid == 0 else f"/home/{name_of(uid)}"


def _listed(properties: Mapping[str, Any]) -> dict[str, Any]:
    name, uid = properties["Id"], properties["User"]["struct"][0]
    return {"struct": [name, uid, name_of(uid), "seat0", f"{MANAGER}/session/_{name}"]}


def _content(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
