"""ZFS: which data sets encrypt themselves, and which devices a pool writes to.

With `-H` both programs print for programs: no header, one tab between fields (zfs-get(8),
zpool-list(8)).
"""

from collections.abc import Iterable

from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.host.commands import Program

KEY_FILE = "file://"


def read_property(host: Host, name: str, datasets: Iterable[str]) -> dict[str, str]:
    """Return one property of each data set. Raises `SourceError`."""
    return parse_values(
        _printed(host, Program.ZFS, "get", "-Hp", "-o", "name,value", name, *datasets)
    )


def read_devices(host: Host, pool: str) -> tuple[str, ...]:
    """Return the paths of everything that a pool writes to. Raises `SourceError`."""
    return parse_devices(_printed(host, Program.ZPOOL, "list", "-vHPL", pool))


def read_key_location(host: Host, dataset: str) -> tuple[str, str]:
    """Return the data set that an encrypted one has its key from, and where that one's key is.

    A data set that inherits its encryption has no `keylocation` of its own: that of its
    `encryptionroot` counts (zfsprops(7)). Raises `SourceError`.
    """
    root = read_property(host, "encryptionroot", [dataset]).get(dataset, "")
    location = read_property(host, "keylocation", [root]).get(root, "") if root.strip("-") else ""
    if location in ("", "-", "none"):
        raise SourceConflictError(Program.ZFS.paths[0], "an encrypted data set without a key")
    return root, location


def parse_values(output: bytes) -> dict[str, str]:
    """Return values by data set in the output of `zfs get -Hp -o name,value`."""
    lines = output.decode("utf-8", "surrogateescape").splitlines()
    pairs = (line.split("\t") for line in lines)
    return {fields[0]: fields[1] for fields in pairs if len(fields) == 2}


def encrypts(encryption: str) -> bool:
    """Whether that value of the property `encryption` names a cipher."""
    return encryption not in ("", "-", "off")


def key_file(keylocation: str) -> str | None:
    """Return the path that the key is read from without anybody's doing, if there is one."""
    if not keylocation.startswith(KEY_FILE):
        return None
    return keylocation.removeprefix(KEY_FILE)


def parse_devices(output: bytes) -> tuple[str, ...]:
    """Return the paths in the output of `zpool list -vHPL`, logs and caches among them."""
    lines = output.decode("utf-8", "surrogateescape").splitlines()
    names = (line.strip("\t ").partition("\t")[0].strip() for line in lines)
    return tuple(name for name in names if name.startswith("/"))


def _printed(host: Host, program: Program, *arguments: str) -> bytes:
    completed = host.run(program, *arguments)
    if completed.status != 0:
        raise SourceConflictError(program.paths[0], f"exit status {completed.status}")
    return completed.stdout
