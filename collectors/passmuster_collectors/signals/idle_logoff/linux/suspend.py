"""What a desktop does with the laptop when nobody is there: sleep, with a lock, or end the session.

GNOME: `sleep-inactive-{ac,battery}-{type,timeout}` of org.gnome.settings-daemon.plugins.power, in
seconds, 0 is never. KDE: powerdevil's profiles; Plasma 6 writes `powerdevilrc` (seconds), Plasma 5
`powermanagementprofilesrc` (milliseconds), whose numbers are those of `powerdevilenums.h`. Every
power source counts: what happens on battery alone does not happen at a desk. Sleep without a lock
before it ends nothing, and what KDE does as installed is worked out in its code and not known here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import SourceConflictError, SourceError, SourceMissingError
from passmuster_collectors.signals.idle_logoff.facts import Kind
from passmuster_collectors.signals.screen_lock.linux import gnome
from passmuster_collectors.signals.screen_lock.linux.desktop import Desktop
from passmuster_collectors.signals.screen_lock.linux.kde_files import read_config
from passmuster_collectors.signals.screen_lock.linux.lock_setting import Seconds, latest
from passmuster_collectors.signals.screen_lock.linux.locks import SessionLock
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from passmuster_collectors.text import kconfig
from passmuster_collectors.text.kconfig import Config

GNOME_POWER = "org.gnome.settings-daemon.plugins.power"
GNOME_SOURCES = ("ac", "battery")
GNOME_ACTIONS: Mapping[str, Kind] = {
    "suspend": Kind.SUSPEND_AND_LOCK,
    "hibernate": Kind.SUSPEND_AND_LOCK,
    "logout": Kind.LOGOUT,
    "shutdown": Kind.SESSION_STOP,
}
KDE_PROFILES = ("AC", "Battery", "LowBattery")
KDE_ACTIONS: Mapping[int, Kind] = {
    1: Kind.SUSPEND_AND_LOCK,
    2: Kind.SUSPEND_AND_LOCK,
    4: Kind.SUSPEND_AND_LOCK,
    8: Kind.SESSION_STOP,
    32: Kind.LOCK,
}


@dataclass(frozen=True)
class IdleAction:
    """What happens after so many seconds on one power source; `kind` None is nothing."""

    kind: Kind | None
    after_s: Seconds
    enforced: bool | Unknown = False


NOTHING = IdleAction(None, None)


def worst(actions: Sequence[IdleAction]) -> IdleAction:
    """Return what surely happens to all: the last of `actions`, and nothing if one never does."""
    if not actions or any(each.kind is None or each.after_s is None for each in actions):
        return NOTHING
    after_s = latest(tuple(each.after_s for each in actions))
    last = next((each for each in actions if each.after_s == after_s), actions[0])
    enforced = all(each.enforced is True for each in actions)
    return IdleAction(last.kind, after_s, enforced)


def idle_action_of(host: Witness, lock: SessionLock) -> IdleAction:
    """Return what happens to a graphical session. Never raises: what can't be read is unknown."""
    if lock.surroundings is None:
        return NOTHING
    try:
        if lock.desktop is Desktop.GNOME:
            return _gnome(host, lock)
        if lock.desktop is Desktop.KDE:
            return _kde(host, lock)
    except SourceMissingError:
        return NOTHING  # without the power settings nothing acts on them
    except SourceError as error:
        host.note(error)
        return IdleAction(Kind.SUSPEND_AND_LOCK, UNKNOWN, UNKNOWN)
    return NOTHING


def _gnome(host: Witness, lock: SessionLock) -> IdleAction:
    assert lock.surroundings is not None  # noqa: S101 - the caller has looked
    settings = gnome.open_settings(host, lock.session, lock.surroundings)
    actions = [
        gnome_action(
            settings.text(GNOME_POWER, f"sleep-inactive-{source}-type"),
            settings.number(GNOME_POWER, f"sleep-inactive-{source}-timeout"),
            lock.setting.on_sleep,
        )
        for source in GNOME_SOURCES
    ]
    locked = all(
        settings.locked(GNOME_POWER, f"sleep-inactive-{source}-{what}")
        for source in GNOME_SOURCES
        for what in ("type", "timeout")
    )
    found = worst(actions)
    return IdleAction(found.kind, found.after_s, locked and lock.setting.enforced is True)


def gnome_action(action: str, timeout_s: int, on_sleep: bool | Unknown) -> IdleAction:
    """Return what GNOME's power settings do on one power source."""
    return _locked(GNOME_ACTIONS.get(action), timeout_s or None, on_sleep)


def _kde(host: Witness, lock: SessionLock) -> IdleAction:
    assert lock.surroundings is not None  # noqa: S101 - the caller has looked
    try:
        plasma_6 = read_config(host, lock.surroundings, "powerdevilrc", ())
        if any(group[0] in KDE_PROFILES for group, _ in plasma_6.config.entries if group):
            return parse_powerdevil(plasma_6.config, lock.setting.on_sleep)
        plasma_5 = read_config(host, lock.surroundings, "powermanagementprofilesrc", ())
        return parse_profiles(plasma_5.config, lock.setting.on_sleep)
    except ValueError as error:
        raise SourceConflictError("powerdevil", str(error)) from None


def parse_powerdevil(config: Config, on_sleep: bool | Unknown) -> IdleAction:
    """Return what Plasma 6 does by `powerdevilrc`. Raises `ValueError`.

    A profile that says nothing of it follows KDE's own defaults, which are not known.
    """
    actions = []
    for profile in KDE_PROFILES:
        group = (profile, "SuspendAndShutdown")
        action = _number(config, group, "AutoSuspendAction")
        seconds = _number(config, group, "AutoSuspendIdleTimeoutSec")
        kind = Kind.SUSPEND_AND_LOCK if action is None else KDE_ACTIONS.get(action)
        after_s: Seconds = UNKNOWN if None in (action, seconds) else seconds or None
        actions.append(_locked(kind, after_s, on_sleep))
    return worst(actions)


def parse_profiles(config: Config, on_sleep: bool | Unknown) -> IdleAction:
    """Return what Plasma 5 does by `powermanagementprofilesrc`. Raises `ValueError`."""
    actions = []
    for profile in KDE_PROFILES:
        group = (profile, "SuspendSession")
        action, milliseconds = (_number(config, group, key) for key in ("suspendType", "idleTime"))
        kind = KDE_ACTIONS.get(action) if action is not None else None
        after_s = -(-milliseconds // 1000) if milliseconds else None
        actions.append(_locked(kind, after_s, on_sleep))
    return worst(actions)


def _locked(kind: Kind | None, after_s: Seconds, on_sleep: bool | Unknown) -> IdleAction:
    if kind is Kind.SUSPEND_AND_LOCK:
        if on_sleep is False:
            return NOTHING
        if on_sleep == UNKNOWN and after_s is not None:
            after_s = UNKNOWN
    return NOTHING if kind is None or after_s is None else IdleAction(kind, after_s)


def _number(config: Config, group: tuple[str, str], key: str) -> int | None:
    value = config.value(group, key)
    if value is None:
        return None
    number = kconfig.number(value)
    if number < 0:
        raise ValueError(f"{key} is negative")
    return int(number)
