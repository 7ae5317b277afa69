"""Keys that lie open: a key file on a plain file system gives its volume away.

Sources: `/etc/crypttab` (crypttab(5)), key files that systemd takes without being told
(`/etc/cryptsetup-keys.d/<name>.key`, systemd-cryptsetup@.service(8)), `rd.luks.key=` and
`cryptkey=` in `/proc/cmdline` (dracut.cmdline(7), mkinitcpio), and `keylocation` of ZFS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from passmuster_collectors.text.mountinfo import unescape

RANDOM = frozenset({"/dev/urandom", "/dev/random", "/dev/hw_random"})
NO_KEY = frozenset({"", "-", "none"})
DEVICES = ("/dev/", "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=")
SEALED = frozenset({"tpm2-device", "fido2-device", "pkcs11-uri"})
"""Options with which a key file holds nothing that opens the volume by itself."""

ASKING_SCRIPTS = frozenset(
    {
        "askpass",
        "decrypt_derived",
        "decrypt_gnupg",
        "decrypt_gnupg-sc",
        "decrypt_keyctl",
        "decrypt_opensc",
        "decrypt_ssl",
    }
)
"""Debian's key scripts, none of which takes a plain key from the disk it opens
(`/lib/cryptsetup/scripts`, crypttab(5) of Debian)."""


class CrypttabError(ValueError):
    """A line is not in its documented format."""


@dataclass(frozen=True)
class Key:
    """Where the key of a mapped device comes from without anybody's doing.

    `file` is a path, `device` the device that holds it where that is another one, `script` the
    program that fetches it. All None: somebody types it, or a TPM or a token unseals it.
    `at_start` tells a path in the initial file system.
    """

    file: str | None = None
    device: str | None = None
    script: str | None = None
    at_start: bool = False


def parse_crypttab(content: bytes) -> dict[str, Key]:
    """Return the keys by mapped name. Raises `CrypttabError`."""
    lines = (line.strip() for line in content.splitlines())
    return dict(_entry(line) for line in lines if line and not line.startswith(b"#"))


def parse_command_line(content: bytes) -> dict[str, Key]:
    """Return the keys that the initial file system is told to use, by LUKS UUID without dashes.

    An empty UUID stands for every device.
    """
    found: dict[str, Key] = {}
    for word in content.decode("utf-8", "surrogateescape").split():
        option, _, value = word.partition("=")
        if option in ("rd.luks.key", "luks.key"):
            before, separator, after = value.partition("=")
            uuid, path = (before, after) if separator and "/" not in before else ("", value)
            key = parse_key(path)
            at_start = key.file is not None and key.device is None
            plain_uuid = uuid.removeprefix("luks-").replace("-", "").lower()
            found[plain_uuid] = replace(key, at_start=at_start)
        elif option == "cryptkey" and value.startswith("rootfs:"):
            found[""] = Key(file=value.removeprefix("rootfs:"), at_start=True)
    return found


def parse_key(field: str) -> Key:
    """Return the key behind the third field of crypttab, `path` or `path:device`."""
    if field in NO_KEY or field in RANDOM:
        return Key()
    path, _, device = field.rpartition(":")
    if path and not path.startswith("/dev/") and device.startswith(DEVICES):
        return Key(path, device)
    return Key(field)


def _entry(line: bytes) -> tuple[str, Key]:
    fields = [unescape(field) for field in line.split()]
    if not 2 <= len(fields) <= 4:
        raise CrypttabError("a line does not have two to four fields")
    name, _, field, options_field = (*fields, "", "")[:4]
    options = _options(options_field)
    if SEALED.intersection(options):
        return name, Key()
    script = options.get("keyscript")
    if script is None:
        return name, parse_key(field)
    called = script.rpartition("/")[2]
    if called == "passdev":
        device, _, path = field.partition(":")
        return name, Key(path.partition(":")[0], device)
    return name, Key() if called in ASKING_SCRIPTS else Key(script=script)


def _options(field: str) -> Mapping[str, str]:
    pairs = (option.partition("=") for option in field.split(","))
    return {name: value for name, _, value in pairs}
