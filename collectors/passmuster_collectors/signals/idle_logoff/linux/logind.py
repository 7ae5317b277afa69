"""What systemd-logind does with idle sessions, by the values in force (org.freedesktop.login1(5)).

Files are not read: a changed file without a restart has no effect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import Bus, SourceConflictError
from passmuster_collectors.signals.screen_lock.linux.sessions import (
    LOGIN,
    MANAGER,
    MANAGER_PATH,
)
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

INFINITY = 2**64 - 1
MICROSECONDS = 1_000_000
ENDS_EVERYTHING = frozenset({"poweroff", "reboot", "halt", "kexec", "soft-reboot"})
ACTIONS = ENDS_EVERYTHING | {
    "ignore",
    "lock",
    "suspend",
    "hibernate",
    "hybrid-sleep",
    "suspend-then-hibernate",
    "sleep",
    "factory-reset",
    "secure-attention-key",
}


@dataclass(frozen=True)
class IdlePolicy:
    """`action` after `action_after_s` of all sessions being idle; a session ended after `stop_s`.

    None means never.
    """

    action: str
    action_after_s: int | None
    stop_s: int | Unknown | None


def read_idle_policy(host: Witness) -> IdlePolicy:
    """Return what logind does. Raises `SourceError`."""
    return parse_idle_policy(host.bus_get_all(Bus.SYSTEM, LOGIN, MANAGER_PATH, MANAGER))


def parse_idle_policy(properties: Mapping[str, Any]) -> IdlePolicy:
    """Return what the manager's properties say.

    Raises `SourceConflictError` for properties that are not what logind documents.
    """
    action, after = properties.get("IdleAction"), properties.get("IdleActionUSec")
    if not isinstance(action, str) or action not in ACTIONS or not _is_time(after):
        raise SourceConflictError(LOGIN, "IdleAction or IdleActionUSec is not what it should be")
    # Older than systemd 252: there is no such property, and nothing that it could do.
    stop = properties.get("StopIdleSessionUSec", INFINITY)
    stop_s = _seconds(stop) if _is_time(stop) else UNKNOWN
    return IdlePolicy(action, None if action == "ignore" else _seconds(after), stop_s)


def _is_time(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _seconds(microseconds: Any) -> int | None:
    if microseconds in (0, INFINITY):
        return None
    return -(-int(microseconds) // MICROSECONDS)
