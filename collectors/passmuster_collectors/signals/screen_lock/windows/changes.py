"""What a person may change so that Windows locks in time: the screen saver with a password.

Written by reg.exe into the person's own settings. Where a policy fixes a value nothing is changed.
"""

from collections.abc import Iterator

from passmuster_collectors.host.base import Host
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals import registry_settings
from passmuster_collectors.signals.change import NOT_SET, Change
from passmuster_collectors.signals.screen_lock.idle_target import idle_target_s
from passmuster_collectors.signals.screen_lock.windows.screen_saver import (
    ACTIVE,
    MINE,
    PROGRAM,
    SECURE,
    TIMEOUT,
    Setting,
    is_there,
    parse_timeout,
    read_grace,
    read_setting,
    windows_folder,
)

BLANK = "scrnsave.scr"
"""The screen saver that shows nothing; every Windows has it."""


def changes_within(host: Host, within_s: int) -> tuple[Change, ...]:
    """Return what makes this person's screen saver lock in time. Raises `SourceError`.

    To be asked by that person: the settings are those of whoever runs this.
    """
    return tuple(_changes(host, within_s, read_grace(host)))


def _changes(host: Host, within_s: int, grace_s: int) -> Iterator[Change]:
    for name in (ACTIVE, SECURE):
        found = _setting(host, name)
        if found.value != "1":
            yield _change(name, found, "1")
    program = _setting(host, PROGRAM)
    folder = windows_folder(host)
    if not program.value or not is_there(host, program.value, folder):
        yield _change(PROGRAM, program, rf"{folder}\System32\{BLANK}")
    timeout = _setting(host, TIMEOUT)
    after_s = parse_timeout(timeout.value)
    if not isinstance(after_s, int) or after_s + grace_s > within_s:
        yield _change(TIMEOUT, timeout, str(idle_target_s(within_s, grace_s)))


def _setting(host: Host, name: str) -> Setting:
    # Whatever is there is replaced, nonsense too.
    return read_setting(host, MINE, name, registry_settings.value_as_text)


def _change(name: str, found: Setting, after: str) -> Change:
    return Change(
        setting=rf"HKCU\{MINE.own} {name}",
        before=NOT_SET if found.value is None else found.value,
        after=after,
        program=Program.REG,
        arguments=(
            *("add", rf"HKCU\{MINE.own}", "/v", name),
            *("/t", "REG_SZ", "/d", after, "/f"),
        ),
        environment={},
        locked=found.fixed,
    )
