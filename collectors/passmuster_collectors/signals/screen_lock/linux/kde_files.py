"""The settings files of a KDE session."""

from dataclasses import dataclass

from passmuster_collectors.host.base import SourceConflictError, SourceError
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from passmuster_collectors.text import kconfig
from passmuster_collectors.text.kconfig import Config, Group

CONFIG_FOLDERS = "/etc/xdg"
GLOBALS = "kdeglobals"


@dataclass(frozen=True)
class KdeConfig:
    """What a cascade comes to; `enforced` when files of the system lock every key asked for."""

    config: Config
    enforced: bool


def read_config(
    host: Witness, surroundings: Surroundings, name: str, keys: tuple[tuple[Group, str], ...]
) -> KdeConfig:
    """Return what the cascade of files called `name` says of `keys`.

    It is every `kdeglobals`, then every file called `name`, each from `/etc/xdg` over
    `~/.config/kdedefaults` (what the chosen theme sets) to `~/.config`. Where the system's files
    lock all of `keys` a home that can't be read does not matter. Raises `SourceError`.
    """
    folders = tuple(
        folder
        for folder in reversed(surroundings.folders("XDG_CONFIG_DIRS", CONFIG_FOLDERS))
        if not folder.startswith(surroundings.home + "/")
    )
    shared_globals, shared = _read(host, folders, GLOBALS), _read(host, folders, name)
    by_system = kconfig.merge(shared_globals, shared)
    enforced = bool(keys) and all(by_system.is_locked(group, key) for group, key in keys)
    personal = (f"{surroundings.config_home}/kdedefaults", surroundings.config_home)
    try:
        surroundings.require_home()
        host.list_directory(surroundings.config_home)  # a session that runs has one
        own_globals, own = _read(host, personal, GLOBALS), _read(host, personal, name)
    except SourceError:
        if enforced:
            return KdeConfig(by_system, enforced)
        raise
    return KdeConfig(kconfig.merge(shared_globals + own_globals, shared + own), enforced)


def _read(host: Witness, folders: tuple[str, ...], name: str) -> list[kconfig.File]:
    found = []
    for folder in folders:
        path = f"{folder}/{name}"
        content = host.read_if_there(path)
        if content is not None:
            try:
                found.append(kconfig.parse(content))
            except ValueError:
                raise SourceConflictError(path, "not a text") from None
    return found
