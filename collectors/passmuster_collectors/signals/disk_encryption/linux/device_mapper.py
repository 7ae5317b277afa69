"""Device mapper: what a mapped device is by its UUID, and what its table says.

The UUID's first part names who made the device. cryptsetup's are `CRYPT-<type>-…` (its
`lib/libdevmapper.c`); not every type encrypts.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from passmuster_collectors.contract import strict_json
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.signals.disk_encryption.facts import Method, State

ENCRYPTING: dict[str, Method] = {
    "LUKS1": Method.LUKS1,
    "LUKS2": Method.LUKS2,
    "PLAIN": Method.PLAIN,
    "TCRYPT": Method.OTHER,
    "BITLK": Method.BITLOCKER,
    "FVAULT2": Method.FILEVAULT,
    "LOOPAES": Method.OTHER,
}
CHECKSUMS = frozenset({"INTEGRITY", "VERITY"})
"""Types that detect changes and hide nothing."""

CRYPTSETUP = re.compile(
    r"CRYPT-(?P<type>[^-]*)(?:-(?P<opal>OPAL-)?(?:(?P<volume>[0-9a-f]{32})-)?(?P<name>.*))?\Z",
    re.DOTALL,
)
"""With `OPAL` it is LUKS2 that leaves the encryption to the drive (TCG Opal), or adds to it."""

STAND_IN = re.compile(r"-(hotzone-forward|hotzone-backward|overlay)\Z")
"""Devices that cryptsetup puts below a LUKS2 device while it encrypts it in place."""

TABLE_LINE = re.compile(r"(?P<name>.+?): \d+ \d+ (?P<target>\S+)(?: (?P<first>\S+))?.*\Z")
NULL_CIPHER = "cipher_null"
COPIES_BY_IT = ("authenc(", "authencesn(", "echainiv(", "seqiv(")
COPIES_BY_ITSELF = (6, 15)
"""A version that certainly copies with it still is below this one."""
RELEASE = re.compile(rb"(\d{1,4})\.(\d{1,4})")
ALGORITHM = re.compile(r"^name\s*: (.*)\n(?:.+\n)*?refcnt\s*: (\d+)$", re.MULTILINE)


class AlgorithmsError(ValueError):
    """The list of ciphers is not in its documented format."""


class Role(Enum):
    """What a mapped device does to what is written through it."""

    ENCRYPTS = "encrypts"
    PASSES_ON = "passes on"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Mapping:
    """What a UUID says of a mapped device.

    `volume` is the UUID of the encrypted volume, 32 hexadecimal digits, and `name` the mapped name
    that cryptsetup gave it; both are empty where they are not told.
    """

    role: Role
    method: Method = Method.NONE
    volume: str = ""
    name: str = ""


def parse_uuid(uuid: str) -> Mapping:
    """Return what a device mapper UUID says.

    A type of cryptsetup's that is not known here is neither taken to encrypt nor to be plain.
    """
    found = CRYPTSETUP.match(uuid)
    if found is None or found["type"] in CHECKSUMS:
        return Mapping(Role.PASSES_ON)
    volume, name = found["volume"] or "", found["name"] or ""
    if found["opal"]:
        return Mapping(Role.ENCRYPTS, Method.HARDWARE, volume, name)
    if found["type"] in ENCRYPTING:
        return Mapping(Role.ENCRYPTS, ENCRYPTING[found["type"]], volume, name)
    return Mapping(Role.UNKNOWN, Method.OTHER, volume, name)


@dataclass(frozen=True)
class Table:
    """The targets of one mapped device, in order, and the ciphers of those that encrypt."""

    targets: tuple[str, ...]
    ciphers: tuple[str, ...]

    @property
    def has_null_cipher(self) -> bool:
        """Whether some of it is written as it is, under a cipher that does nothing."""
        return any(NULL_CIPHER in cipher for cipher in self.ciphers)

    @property
    def is_partly_plain(self) -> bool:
        """Whether some of it is encrypted and some is passed on, as half-way through a change."""
        return "crypt" in self.targets and set(self.targets) != {"crypt"}


def parse_tables(output: bytes) -> dict[str, Table]:
    """Return the tables by name in the output of `dmsetup table`, of which no key is read.

    A line is `name: start length target parameters…`; crypt's first parameter is the cipher
    (Documentation/admin-guide/device-mapper/dm-crypt.rst).
    """
    targets: dict[str, list[str]] = {}
    ciphers: dict[str, list[str]] = {}
    for line in output.decode("utf-8", "surrogateescape").splitlines():
        found = TABLE_LINE.match(line)
        if found is None:
            continue
        targets.setdefault(found["name"], []).append(found["target"])
        if found["target"] == "crypt":
            ciphers.setdefault(found["name"], []).append(found["first"] or "")
    return {
        name: Table(tuple(kinds), tuple(ciphers.get(name, ()))) for name, kinds in targets.items()
    }


def null_cipher_is_in_use(algorithms: bytes, release: bytes) -> bool:
    """Whether `/proc/crypto` tells of a user of the cipher that does nothing, beside the kernel.

    The kernel lists every algorithm that is loaded, with a `refcnt` of 1 while nobody uses it.
    Before 6.16 it copies with one shared instance of that cipher while IPsec is in use
    (`crypto_get_default_null_skcipher` in crypto/crypto_null.c): that is one user more, whatever
    IPsec encrypts with. `release` is what `/proc/sys/kernel/osrelease` says. Raises
    `AlgorithmsError`.
    """
    found = ALGORITHM.findall(algorithms.decode("ascii", "replace"))
    if not found:
        raise AlgorithmsError("not a single algorithm")
    users = sum(int(count) - 1 for name, count in found if NULL_CIPHER in name)
    copying = any(name.startswith(COPIES_BY_IT) and count != "1" for name, count in found)
    version = RELEASE.match(release)
    shares = version is not None and (int(version[1]), int(version[2])) < COPIES_BY_ITSELF
    return users > (1 if copying and shares else 0)


MAX_HEADER = 4 * 1024 * 1024
CHANGES = {
    "encrypt": State.ENCRYPTING,
    "decrypt": State.DECRYPTING,
    # From one key to another: it is encrypted all the while.
    "reencrypt": State.ENCRYPTED,
}


def parse_change(header: bytes) -> State | None:
    """Return which way a LUKS2 device is being changed, by the JSON area of its header.

    A change in progress is a key slot of the type `reencrypt` with its `mode` (LUKS2 On-Disk Format
    Specification, section 3.2 and the reencryption extension). None where there is none.
    """
    try:
        area: Any = strict_json.parse(header, max_bytes=MAX_HEADER)
        slots = list(area["keyslots"].values())
        modes = {slot["mode"] for slot in slots if slot["type"] == "reencrypt"}
    except (ContractError, KeyError, TypeError, AttributeError):
        return None
    return CHANGES.get(modes.pop()) if len(modes) == 1 else None
