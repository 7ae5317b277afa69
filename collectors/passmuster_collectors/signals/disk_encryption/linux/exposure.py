"""Whether what opens a volume lies where it protects nothing."""

from collections.abc import Mapping
from dataclasses import replace

from passmuster_collectors.host.base import (
    Host,
    SourceConflictError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.signals.disk_encryption.facts import State
from passmuster_collectors.signals.disk_encryption.linux.evidence import Evidence, if_there
from passmuster_collectors.signals.disk_encryption.linux.keys import (
    CrypttabError,
    Key,
    parse_command_line,
    parse_crypttab,
)
from passmuster_collectors.signals.disk_encryption.linux.protection import WORST_FIRST, Protection
from passmuster_collectors.signals.disk_encryption.linux.storage import Storage

CRYPTTAB = "/etc/crypttab"
COMMAND_LINE = "/proc/cmdline"
DEFAULT_KEYS = "/etc/cryptsetup-keys.d"
BOOT = "/boot"

BY_LINK = {
    "UUID": "by-uuid",
    "LABEL": "by-label",
    "PARTUUID": "by-partuuid",
    "PARTLABEL": "by-partlabel",
}
"""Where udev keeps the links behind `UUID=` and its like."""


class Exposure:
    """Looks for the keys of encrypting devices. The sources are read when first needed."""

    def __init__(self, host: Host, evidence: Evidence, storage: Storage) -> None:
        self._host = host
        self._evidence = evidence
        self._storage = storage
        self._crypttab: Mapping[str, Key] | None = None
        self._command_line: Mapping[str, Key] | None = None

    def weigh(self, protection: Protection) -> Protection:
        """Return the protection, no longer `encrypted` where its key does not keep it so."""
        if protection.state is not State.ENCRYPTED:
            return protection
        state = _worst([self._state_of(name, ()) for name in sorted(protection.crypts)])
        return replace(protection, state=state)

    def _state_of(self, crypt: str, asking: tuple[str, ...]) -> State:
        """Return how well the key of one encrypting device is kept."""
        try:
            keys = self._keys_of(crypt)
            return _worst([self._state_of_key(key, (*asking, crypt)) for key in keys])
        except SourceError as error:
            self._evidence.refused(error)
            return State.UNKNOWN

    def _keys_of(self, crypt: str) -> list[Key]:
        if crypt in self._storage.key_files:
            return [Key(file=self._storage.key_files[crypt])]
        if not crypt.startswith("dm-"):
            return []
        block = self._storage.blocks.block(crypt)
        if block.mapping is None:
            return []
        entries, at_start = self._read_crypttab(), self._read_command_line()
        found = []
        for name in sorted({block.mapper_name, block.mapping.name} - {""}):
            found += [entries.get(name, Key()), self._default_key(crypt, name)]
        found += [at_start.get(volume, Key()) for volume in ("", block.mapping.volume)]
        return [key for key in dict.fromkeys(found) if key != Key()]

    def _default_key(self, crypt: str, name: str) -> Key:
        path = f"{DEFAULT_KEYS}/{name}.key"
        try:
            self._host.file_status(path)
        except SourceMissingError:
            return Key()
        except SourceError:
            # Whether there is a key does not matter where the folder itself is well kept.
            if self._state_of_key(Key(file=path), (crypt,)) is not State.ENCRYPTED:
                raise
            return Key()
        return Key(file=path)

    def _state_of_key(self, key: Key, asking: tuple[str, ...]) -> State:
        if key.script is not None:
            raise SourceConflictError(CRYPTTAB, "a key script that is not known")
        if key.file is None:
            return State.ENCRYPTED
        if key.device is not None:
            return self._state_on(key.device)
        if key.at_start:
            return self._state_at_start()
        if key.file.startswith("/dev/"):
            return self._state_on(key.file)
        protection = self._storage.of_file(key.file)
        if protection.state is None:
            return State.ENCRYPTED
        if protection.state is not State.ENCRYPTED:
            self._evidence.unclear(protection.why)
            return _if_bad(protection)
        if protection.crypts & set(asking):
            return self._state_at_start()
        return _worst([self._state_of(name, asking) for name in sorted(protection.crypts)])

    def _state_on(self, device: str) -> State:
        """Return how well a key is kept that has a device of its own, such as a USB stick."""
        link, separator, name = device.partition("=")
        if separator and link in BY_LINK:
            device = f"/dev/disk/{BY_LINK[link]}/{name}"
        try:
            protection = self._storage.blocks.protection(self._storage.blocks.name_behind(device))
        except SourceMissingError:
            return State.ENCRYPTED  # it is not in the computer
        if protection.is_on_removable_disks_only or protection.state is State.ENCRYPTED:
            return State.ENCRYPTED
        self._evidence.unclear(protection.why)
        return _if_bad(protection)

    def _state_at_start(self) -> State:
        """Return what it means that a key has to be in the initial file system to be of use.

        There it lies open unless `/boot` is encrypted too. Whether it really is there can't be seen
        from here.
        """
        boot = self._storage.of_file(BOOT)
        if boot.state is State.ENCRYPTED:
            return State.ENCRYPTED
        detail = "a key may lie in the initial file system on a plain disk"
        self._evidence.refused(SourceConflictError(BOOT, detail))
        return State.UNKNOWN

    def _read_crypttab(self) -> Mapping[str, Key]:
        if self._crypttab is None:
            content = if_there(lambda: self._host.read_file(CRYPTTAB))
            self._evidence.read(CRYPTTAB, "" if content is not None else "not there")
            try:
                self._crypttab = parse_crypttab(content or b"")
            except CrypttabError as error:
                raise SourceConflictError(CRYPTTAB, str(error)) from None
        return self._crypttab

    def _read_command_line(self) -> Mapping[str, Key]:
        if self._command_line is None:
            content = if_there(lambda: self._host.read_file(COMMAND_LINE)) or b""
            self._command_line = parse_command_line(content)
        return self._command_line


def _if_bad(protection: Protection) -> State:
    return State.KEY_EXPOSED if protection.state is State.UNENCRYPTED else State.UNKNOWN


def _worst(states: list[State]) -> State:
    return next((state for state in WORST_FIRST if state in states), State.ENCRYPTED)
