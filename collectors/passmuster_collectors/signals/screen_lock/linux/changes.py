"""The changes that make the worker's own sessions lock in time.

Only what is in the way is changed, and nothing that is stricter already. Desktops whose settings no
documented program writes are left to the worker.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.change import NOT_SET, Change
from passmuster_collectors.signals.screen_lock.idle_target import MINUTE, idle_target_s
from passmuster_collectors.signals.screen_lock.linux import cinnamon, gnome, kde, mate, xfce
from passmuster_collectors.signals.screen_lock.linux.desktop import Desktop, identify
from passmuster_collectors.signals.screen_lock.linux.environment import (
    Surroundings,
    read_surroundings,
)
from passmuster_collectors.signals.screen_lock.linux.kde_files import read_config
from passmuster_collectors.signals.screen_lock.linux.sessions import Session
from passmuster_collectors.signals.screen_lock.linux.settings import Settings
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from passmuster_collectors.text import kconfig

VARIABLES = (
    *("XDG_CURRENT_DESKTOP", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_DIRS"),
    *("DCONF_PROFILE", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"),
)


@dataclass(frozen=True)
class GSettingsLock:
    """Where a desktop that keeps its lock in GSettings keeps it; delays count in `unit_s`."""

    desktop: str
    session: str
    screensaver: str
    lockdown: str
    activation: bool
    unit_s: int = 1


LOCKS = {
    Desktop.GNOME: GSettingsLock(
        "GNOME", gnome.SESSION, gnome.SCREENSAVER, gnome.LOCKDOWN, activation=False
    ),
    Desktop.CINNAMON: GSettingsLock(
        "X-Cinnamon", cinnamon.SESSION, cinnamon.SCREENSAVER, cinnamon.LOCKDOWN, activation=True
    ),
    Desktop.MATE: GSettingsLock(
        "MATE", mate.SESSION, mate.SCREENSAVER, mate.LOCKDOWN, activation=True, unit_s=MINUTE
    ),
}


def changes(host: Host, session: Session, within_s: int) -> tuple[Change, ...]:
    """Return what would make a session lock within `within_s` seconds. Raises `SourceError`.

    Nothing where it does, or where no program is known that changes this desktop's lock.
    """
    witness = Witness(host)
    surroundings = read_surroundings(witness, session)
    _, desktop = identify(session, surroundings)
    if desktop in LOCKS:
        return tuple(_gsettings(witness, session, surroundings, LOCKS[desktop], within_s))
    if desktop is Desktop.KDE:
        return tuple(_kde(witness, surroundings, within_s))
    if desktop is Desktop.XFCE:
        return tuple(_xfce(witness, session, surroundings, within_s))
    return ()


def _gsettings(
    host: Witness, session: Session, surroundings: Surroundings, lock: GSettingsLock, within_s: int
) -> Iterator[Change]:
    settings = Settings(host, session.uid, surroundings, lock.desktop)
    environment = {"XDG_CURRENT_DESKTOP": lock.desktop, **_environment(surroundings)}

    def change(schema: str, key: str, before: object, after: object) -> Change:
        now, then = (str(each).lower() for each in (before, after))
        locked = settings.locked(schema, key)
        arguments = ("set", schema, key, then)
        name = f"{schema} {key}"
        return Change(name, now, then, Program.GSETTINGS, arguments, environment, locked)

    wanted = [
        (lock.screensaver, "lock-enabled", True),
        (lock.lockdown, "disable-lock-screen", False),
    ]
    if lock.activation:
        wanted.append((lock.screensaver, "idle-activation-enabled", True))
    for schema, key, value in wanted:
        if settings.flag(schema, key) is not value:
            yield change(schema, key, not value, value)
    idle = settings.number(lock.session, "idle-delay")
    delay = settings.number(lock.screensaver, "lock-delay")
    if idle and (idle + delay) * lock.unit_s <= within_s:
        return
    target = idle_target_s(within_s) // lock.unit_s
    if not idle or idle > target:
        yield change(lock.session, "idle-delay", idle, target)
    if delay and (min(idle or target, target) + delay) * lock.unit_s > within_s:
        yield change(lock.screensaver, "lock-delay", delay, 0)


def _kde(host: Witness, surroundings: Surroundings, within_s: int) -> Iterator[Change]:
    config = read_config(host, surroundings, kde.FILE, kde.GOVERNING).config
    environment = _environment(surroundings)

    def change(key: str, before: str | None, after: str) -> Change:
        arguments = ("--file", kde.FILE, "--group", "Daemon", "--key", key, after)
        return Change(
            f"{kde.FILE} [Daemon] {key}",
            NOT_SET if before is None else before,
            after,
            Program.KWRITECONFIG,
            arguments,
            environment,
            config.is_locked(kde.DAEMON, key),
        )

    try:
        for key in ("Autolock", "Lock", "RequirePassword"):
            value = config.value(kde.DAEMON, key)
            if value is not None and not kconfig.truth(value):
                yield change(key, value, "true")
        timeout, grace = config.value(kde.DAEMON, "Timeout"), config.value(kde.DAEMON, "LockGrace")
        timeout_s = round((5.0 if timeout is None else kconfig.number(timeout)) * MINUTE)
        grace_s = round(5.0 if grace is None else kconfig.number(grace))
    except ValueError as error:
        raise SourceConflictError(kde.FILE, str(error)) from None
    if timeout_s > 0 and timeout_s + grace_s <= within_s:
        return
    target_s = max(MINUTE, idle_target_s(within_s))
    if timeout_s <= 0 or timeout_s > target_s:
        yield change("Timeout", timeout, str(target_s // MINUTE))
    if min(timeout_s if timeout_s > 0 else target_s, target_s) + grace_s > within_s:
        yield change("LockGrace", grace, "0")


def _xfce(
    host: Witness, session: Session, surroundings: Surroundings, within_s: int
) -> Iterator[Change]:
    user = host.account(session.uid).name
    channel = xfce.read_channel(host, surroundings, user, xfce.SAVER)
    environment = _environment(surroundings)

    def change(name: str, kind: str, after: str) -> Change:
        found = channel.get(name)
        arguments = ("-c", xfce.SAVER, "-p", name, "-n", "-t", kind, "-s", after)
        return Change(
            f"{xfce.SAVER} {name}",
            NOT_SET if found is None else found[0].value,
            after,
            Program.XFCONF_QUERY,
            arguments,
            environment,
            found is not None and found[1],
        )

    for name in xfce.SWITCHES:
        if name in channel and channel[name][0].value != "true":
            yield change(name, "bool", "true")
    try:
        idle = xfce.minutes(channel, xfce.IDLE_DELAY, default=5) or 10
        delay = xfce.minutes(channel, xfce.LOCK_DELAY, default=0)
    except ValueError as error:
        raise SourceConflictError(xfce.SAVER, str(error)) from None
    if (idle + delay) * MINUTE <= within_s:
        return
    target = max(1, idle_target_s(within_s) // MINUTE)
    if idle > target:
        yield change(xfce.IDLE_DELAY, "int", str(target))
    if (min(idle, target) + delay) * MINUTE > within_s:
        yield change(xfce.LOCK_DELAY, "int", "0")


def _environment(surroundings: Surroundings) -> dict[str, str]:
    return {name: value for name in VARIABLES if (value := surroundings.get(name))}
