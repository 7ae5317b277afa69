"""GSettings: where GNOME and the desktops that grew from it keep their settings.

Files are read first: they are what `gsettings` itself reads, and they take a thousandth of the time
of starting a program for every key. Where they do not make a value certain the program is run as
the session's owner.
"""

from dataclasses import dataclass
from typing import TypeVar

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.signals.screen_lock.linux.dconf import DconfFiles
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.gsettings import GSettingsProgram
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

Plain = bool | int | str
Value = TypeVar("Value", bool, int, str)


@dataclass(frozen=True)
class Setting:
    """A setting's value, and whether IT has locked it so that the worker can't change it."""

    value: Plain
    locked: bool


class Settings:
    """The GSettings of one session's owner."""

    def __init__(self, host: Witness, uid: int, surroundings: Surroundings, desktop: str) -> None:
        self._files = DconfFiles(host, uid, surroundings)
        self._program = GSettingsProgram(host, uid, surroundings, desktop)
        self._may_run = host.may_act_for(uid)
        self._found: dict[tuple[str, str], Setting] = {}
        if surroundings.get("GSETTINGS_BACKEND") not in ("", "dconf"):
            raise SourceConflictError("GSETTINGS_BACKEND", "settings are kept outside of dconf")

    def flag(self, schema: str, key: str) -> bool:
        """Return a truth value. Raises `SourceError`."""
        return self._typed(schema, key, bool)

    def number(self, schema: str, key: str) -> int:
        """Return a whole number that is not negative. Raises `SourceError`."""
        value = self._typed(schema, key, int)
        if value < 0:
            raise _strange(schema, key)
        return value

    def text(self, schema: str, key: str) -> str:
        """Return a text. Raises `SourceError`."""
        return self._typed(schema, key, str)

    def flag_if_known(self, schema: str, key: str) -> bool | None:
        """Return a truth value, or None where the schema has no such key. Raises `SourceError`."""
        if self._files.lacks(schema, key):
            return None
        try:
            return self.flag(schema, key)
        except SourceMissingError:
            return None

    def locked(self, schema: str, key: str) -> bool:
        """Whether IT has locked the setting. Raises `SourceError`."""
        return self._read(schema, key).locked

    def _typed(self, schema: str, key: str, kind: type[Value]) -> Value:
        value = self._read(schema, key).value
        if type(value) is not kind:
            raise _strange(schema, key)
        return value

    def _read(self, schema: str, key: str) -> Setting:
        if (schema, key) not in self._found:
            self._found[schema, key] = self._ask(schema, key)
        return self._found[schema, key]

    def _ask(self, schema: str, key: str) -> Setting:
        try:
            return Setting(*self._files.read(schema, key))
        except SourceError:
            if not self._may_run:
                raise
        return Setting(*self._program.read(schema, key))


def _strange(schema: str, key: str) -> SourceConflictError:
    return SourceConflictError(f"{schema} {key}", "not a value of use")
