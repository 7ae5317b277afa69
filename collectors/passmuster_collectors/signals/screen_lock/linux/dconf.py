"""GSettings by the files behind them: dconf's databases and the compiled schemas.

What counts is decided as dconf(7) and GSettings decide it: the first database that has a key gives
its value, but a lock in a system database makes that one and those after it count alone; a value of
another type than the schema's is passed over; what no database has is the schema's default, or the
one that an override sets for this desktop.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from passmuster_collectors.text import gvariant, gvdb
from passmuster_collectors.text.gvdb import Table

LARGEST_DATABASE = 16 * 1024 * 1024
SCHEMAS = "glib-2.0/schemas/gschemas.compiled"
DATA_FOLDERS = "/usr/local/share:/usr/share"
DESKTOP_OVERRIDES = ord("d")
PROFILE = "dconf profile"

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Schema:
    """What a compiled schema says of one key."""

    path: str
    type: str
    default: Any


class DconfFiles:
    """Reads settings from files. All are opened when they are first needed, and once."""

    def __init__(self, host: Witness, uid: int, surroundings: Surroundings) -> None:
        self._host = host
        self._uid = uid
        self._surroundings = surroundings
        self._data_folders = surroundings.folders("XDG_DATA_DIRS", DATA_FOLDERS)
        self._tables: dict[str, Table | SourceError | None] = {}
        self._lines: tuple[str, ...] | None = None

    def read(self, schema: str, key: str) -> tuple[bool | int | str, bool]:
        """Return a setting's value, and whether it is locked.

        Raises `SourceError` where a file that decides is missing, refused or not what it should be.
        """
        known = self._schema(schema, key)
        if known.type not in {"b", "i", "u", "n", "q", "x", "t", "s"}:
            raise SourceConflictError(schema, f"{key} is of type {known.type}")
        name = known.path + key
        paths = self._databases()
        locked_from = self._locked_from(paths, name)
        for path in paths[locked_from:]:
            table = self._table(path)
            found = _intact(path, table.value, name) if table is not None else None
            if found is not None:
                value = found.value if found.type == known.type else known.default
                return value, locked_from > 0
        return known.default, locked_from > 0

    def lacks(self, schema: str, key: str) -> bool:
        """Whether the schema is installed here and has no such key."""
        try:
            return not self._schema_table(schema)[1].has_value(key)
        except SourceError:
            return False

    def _databases(self) -> tuple[str, ...]:
        """Return the files of the profile's databases, the one that counts most first."""
        found: list[str] = []
        for line in self._profile():
            kind, _, name = line.partition(":")
            if kind == "user-db" and "/" not in name:
                found.append(f"{self._surroundings.config_home}/dconf/{name}")
            elif kind == "system-db" and "/" not in name:
                found.append(f"/etc/dconf/db/{name}")
            elif kind == "file-db" and name.startswith("/"):
                found.append(name)
            else:
                raise SourceConflictError(PROFILE, "a database of another kind")
        if not found or not self._profile()[0].startswith("user-db:"):
            raise SourceConflictError(PROFILE, "no database of the user first")
        return tuple(found)

    def _profile(self) -> tuple[str, ...]:
        if self._lines is None:
            content = self._profile_content()
            text = "user-db:user" if content is None else content.decode("utf-8", "replace")
            lines = (line.partition("#")[0].strip() for line in text.splitlines())
            self._lines = tuple(line for line in lines if line)
        return self._lines

    def _profile_content(self) -> bytes | None:
        """Return the profile by the first of dconf's rules that finds one, None for the default."""
        mandatory = self._host.find(f"/run/dconf/user/{self._uid}")
        if mandatory is not None:
            return mandatory
        named = self._surroundings.get("DCONF_PROFILE")
        if named.startswith("/"):
            return self._host.read_file(named)
        if not named:
            try:
                runtime = self._host.find(f"/run/user/{self._uid}/dconf/profile")
            except SourceDeniedError:
                runtime = None  # others' runtime folders are closed; it would be the user's own
            if runtime is not None:
                return runtime
        for folder in ("/etc", *self._data_folders):
            content = self._host.find(f"{folder}/dconf/profile/{named or 'user'}")
            if content is not None:
                return content
        if named:
            raise SourceMissingError(PROFILE, "the one that the session names")
        return None

    def _locked_from(self, paths: tuple[str, ...], name: str) -> int:
        """Return the place of the last database that locks the key, 0 where none does.

        The first database's own locks count for nothing.
        """
        for place in range(len(paths) - 1, 0, -1):
            table = self._table(paths[place])
            locks = _intact(paths[place], table.table, ".locks") if table is not None else None
            if locks is not None and locks.has_value(name):
                return place
        return 0

    def _schema(self, schema: str, key: str) -> Schema:
        """Return what the first folder that has the schema says of the key."""
        path, table = self._schema_table(schema)
        where, entry = _intact(path, table.value, ".path"), _intact(path, table.value, key)
        if where is None or where.type != "s" or entry is None:
            raise SourceMissingError(path, f"{schema} {key}")
        return self._understood(path, str(where.value), entry)

    def _schema_table(self, schema: str) -> tuple[str, Table]:
        for folder in self._data_folders:
            path = f"{folder}/{SCHEMAS}"
            root = self._table(path)
            found = _intact(path, root.table, schema) if root is not None else None
            if found is not None:
                return path, found
        raise SourceMissingError(SCHEMAS, schema)

    def _understood(self, path: str, where: str, entry: gvariant.Variant) -> Schema:
        if not entry.type.startswith("(") or not entry.value:
            raise SourceConflictError(path, "a key without a default")
        kind = gvariant.split_types(entry.type[1:-1])[0]
        default = entry.value[0]
        overrides = [extra[1] for extra in entry.value[1:] if extra[0] == DESKTOP_OVERRIDES]
        if overrides:
            if self._surroundings.variables is None:
                raise SourceConflictError(path, "a default that differs by desktop")
            default = _for_desktop(overrides[0], self._desktops(), kind, default)
        return Schema(where, kind, default)

    def _desktops(self) -> Iterator[str]:
        return (name for name in self._surroundings.get("XDG_CURRENT_DESKTOP").split(":") if name)

    def _table(self, path: str) -> Table | None:
        if path not in self._tables:
            try:
                look = self._host.find if path.endswith(SCHEMAS) else self._host.read_if_there
                content = look(path, limit=LARGEST_DATABASE)
                self._tables[path] = None if content is None else _intact(path, gvdb.parse, content)
            except SourceError as error:
                self._tables[path] = error
        found = self._tables[path]
        if isinstance(found, SourceError):
            raise found
        if found is None and path.startswith(self._surroundings.config_home):
            # A home that is closed to this process looks empty; then nothing is said of its files.
            self._surroundings.require_home()
        return found


def _intact(path: str, question: Callable[[Asked], Answer], asked: Asked) -> Answer:
    """Return the answer of a file's table; a file that breaks its format is a conflict."""
    try:
        return question(asked)
    except ValueError as error:
        raise SourceConflictError(path, str(error)) from None


def _for_desktop(overrides: Any, desktops: Iterator[str], kind: str, default: Any) -> Any:
    found = overrides if isinstance(overrides, dict) else {}
    for desktop in desktops:
        override = found.get(desktop)
        if isinstance(override, gvariant.Variant) and override.type == kind:
            return override.value
    return default
