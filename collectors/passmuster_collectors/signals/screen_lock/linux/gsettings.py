"""GSettings by the program `gsettings`, run as the session's owner. See gsettings(1)."""

from collections.abc import Mapping

from passmuster_collectors.host.base import SourceConflictError, SourceMissingError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from passmuster_collectors.text import gvariant_text

PROGRAM = Program.GSETTINGS
# What decides where settings and their defaults come from; nothing that makes it load code.
VARIABLES = ("XDG_CURRENT_DESKTOP", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "DCONF_PROFILE")


class GSettingsProgram:
    """Reads settings by running `gsettings` as their owner."""

    def __init__(self, host: Witness, uid: int, surroundings: Surroundings, desktop: str) -> None:
        self._host = host
        self._uid = uid
        self._surroundings = surroundings
        self._environment = _environment(surroundings, desktop)

    def read(self, schema: str, key: str) -> tuple[bool | int | str, bool]:
        """Return a setting's value, and whether it is locked.

        Raises `SourceError`, also where the owner's home is hidden: `gsettings` would print
        defaults there and say nothing.
        """
        self._surroundings.require_home()
        printed = self._run("get", schema, key)
        writable = self._run("writable", schema, key).strip()
        try:
            value = gvariant_text.parse(printed)
        except ValueError as error:
            raise SourceConflictError(PROGRAM.paths[0], f"{key}: {error}") from None
        if writable not in ("true", "false"):
            raise SourceConflictError(PROGRAM.paths[0], f"{key}: neither true nor false")
        return value, writable == "false"

    def _run(self, verb: str, schema: str, key: str) -> str:
        done = self._host.run_as(
            self._uid, PROGRAM, verb, schema, key, environment=self._environment
        )
        if done.status != 0:
            # It has no other status: a schema or a key that is not installed.
            raise SourceMissingError(PROGRAM.paths[0], f"{schema} {key}")
        return done.stdout.decode("utf-8", "replace")


def _environment(surroundings: Surroundings, desktop: str) -> Mapping[str, str]:
    found = {name: value for name in VARIABLES if (value := surroundings.get(name))}
    # Defaults can differ from desktop to desktop (`[schema:ubuntu]` in an override).
    return {"XDG_CURRENT_DESKTOP": desktop, **found}
