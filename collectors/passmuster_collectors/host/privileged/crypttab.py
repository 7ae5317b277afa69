"""`crypttab`: where the keys of encrypted volumes lie, and never a key.

`/etc/crypttab` is closed to others on some systems, and so is `/etc/cryptsetup-keys.d`. A third
field can be a passphrase in the open (`keyscript=/bin/echo`), and an option can hold a token's PIN
(`pkcs11-uri=…?pin-value=…`, RFC 7512): such values stay here. See crypttab(5), Debian's as well.
"""

from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError
from passmuster_collectors.host.privileged.verbs import Answer, Answers, answer_of, question

PATH = "/etc/crypttab"
KEYS = "/etc/cryptsetup-keys.d"
NO_KEY = frozenset({"-", "none"})
PLACES = ("/", "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=")
"""What a third field begins with where it says in which file or on which device the key lies."""

PLAIN_VALUES = frozenset({"yes", "no", "true", "false", "on", "off", "auto"})


def gather(host: Host) -> Answers:
    """Return the filtered table, and which key files there are by what `stat` says of them."""
    table = answer_of(lambda: without_secrets(host.read_file(PATH)))
    return {question("read_file", PATH): table, **_key_files(host)}


def _key_files(host: Host) -> Answers:
    names = answer_of(host.list_directory, KEYS)
    found: dict[str, Answer] = {
        question("file_status", f"{KEYS}/*"): SourceMissingError(KEYS)
        if isinstance(names, tuple)
        else names
    }
    for name in names if isinstance(names, tuple) else ():
        path = f"{KEYS}/{name}"
        found[question("file_status", path)] = answer_of(_status, host, path)
    return found


def _status(host: Host, path: str) -> tuple[int, int, int, int, int]:
    found = host.file_status(path)
    return (*found.device, found.owner, found.mode, 0)


def without_secrets(table: bytes) -> bytes:
    """Return the table with names, key places and harmless options alone.

    Raises `SourceConflictError` for a line that crypttab(5) does not allow.
    """
    lines = (line.strip() for line in table.decode("utf-8", "surrogateescape").splitlines())
    kept = [_line(line) for line in lines if line and not line.startswith("#")]
    return "".join(f"{line}\n" for line in kept).encode("utf-8", "surrogateescape")


def _line(line: str) -> str:
    fields = line.split()
    if not 2 <= len(fields) <= 4:
        raise SourceConflictError(PATH, "a line does not have two to four fields")
    name, _, key, options = (*fields, "-", "-")[:4]
    pairs = [option.partition("=") for option in options.split(",")]
    script = next((value for option, _, value in pairs if option == "keyscript"), None)
    if script is not None and script.rpartition("/")[2] != "passdev":
        key = "-"  # the script's argument, which can be the key itself
    elif key not in NO_KEY and not key.startswith(PLACES):
        raise SourceConflictError(PATH, "a key that is not a path")
    return f"{name} - {key} {','.join(_option(*pair) for pair in pairs)}"


def _option(name: str, separator: str, value: str) -> str:
    harmless = name == "keyscript" or value in PLAIN_VALUES or value.isdigit()
    return f"{name}{separator}{value}" if harmless else name
