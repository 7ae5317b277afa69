"""`device-mapper`: what `dmsetup table` and LUKS2 headers say, without keys, salts and places.

Only root may open `/dev/mapper/control` and read a header from a block device.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from passmuster_collectors.host.base import Host, SourceError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.privileged.verbs import Answer, Answers, answer_of, question

BLOCKS = "/sys/class/block"
TABLE = ("table", "--manglename", "none")
HEADER = ("luksDump", "--dump-json-metadata")
MAX_HEADERS = 16

LINE = re.compile(r"(?P<kept>.+?: \d+ \d+ (?P<target>\S+))(?: (?P<first>\S+))?")
CIPHER = re.compile(r"[a-z0-9_():,.-]{1,128}", re.ASCII | re.IGNORECASE)
"""A cipher as the kernel prints it, such as `capi:xts(aes)-plain64`; a key would be taken for none.

The first parameter of a `crypt` target (Documentation/admin-guide/device-mapper/dm-crypt.rst).
"""

STAND_IN = re.compile(r"-(hotzone-forward|hotzone-backward|overlay)\Z")
"""Devices that cryptsetup puts below one that it changes in place."""


def gather(host: Host) -> Answers:
    """Return the filtered tables, and the filtered header of every device that is being changed."""
    table = answer_of(_run, host, Program.DMSETUP, *TABLE)
    tables = table[1].decode("utf-8", "surrogateescape") if isinstance(table, tuple) else ""
    found: dict[str, Answer] = {question("run", Program.DMSETUP.name, *TABLE): table}
    with suppress(SourceError):
        for name in sorted(_under_change(host, tables))[:MAX_HEADERS]:
            device = "/dev/" + name.replace("!", "/")
            found[question("run", Program.CRYPTSETUP.name, *HEADER, device)] = answer_of(
                _run, host, Program.CRYPTSETUP, *HEADER, device
            )
    return found


def without_keys(tables: bytes) -> bytes:
    """Return `dmsetup table`'s lines up to the target, and the cipher of those that encrypt."""
    text = tables.decode("utf-8", "surrogateescape")
    kept = [_line(found) for line in text.splitlines() if (found := LINE.match(line))]
    return "".join(f"{line}\n" for line in kept).encode("utf-8", "surrogateescape")


def without_key_slots(header: bytes) -> bytes:
    """Return the header's key slots that stand for a change in place: their type and mode alone.

    Anything that is no such header becomes an empty one.
    """
    slots: dict[str, Any] = {}
    with suppress(ValueError, RecursionError, KeyError, TypeError, AttributeError):
        for number, slot in json.loads(header)["keyslots"].items():
            if slot["type"] == "reencrypt" and slot["mode"] in ("encrypt", "decrypt", "reencrypt"):
                slots[str(number)[:8]] = {"type": "reencrypt", "mode": slot["mode"]}
    return json.dumps({"keyslots": slots}).encode()


def _run(host: Host, program: Program, *arguments: str) -> tuple[int, bytes, bytes]:
    filtered = without_keys if program is Program.DMSETUP else without_key_slots
    done = host.run(program, *arguments)
    return (done.status, filtered(done.stdout), b"")


def _line(found: "re.Match[str]") -> str:
    cipher = found["first"] or ""
    if found["target"] != "crypt" or not CIPHER.fullmatch(cipher):
        return found["kept"]
    return f"{found['kept']} {cipher}"


def _under_change(host: Host, tables: str) -> set[str]:
    """Return the devices with the headers of volumes whose encryption is being changed in place."""
    partly_plain = _partly_plain(tables)
    found: set[str] = set()
    for name in host.list_directory(BLOCKS):
        below = set(_below(host, name)) if name.startswith("dm-") else set()
        if _name(host, name) in partly_plain or any(_is_stand_in(host, each) for each in below):
            found |= _real(host, below)
    return found


def _partly_plain(tables: str) -> set[str]:
    targets: dict[str, set[str]] = {}
    for line in tables.splitlines():
        if found := LINE.match(line):
            name = line.partition(":")[0]
            targets.setdefault(name, set()).add(found["target"])
    return {name for name, kinds in targets.items() if "crypt" in kinds and len(kinds) > 1}


def _real(host: Host, names: set[str]) -> set[str]:
    below = (set(_below(host, name)) for name in names if _is_stand_in(host, name))
    return {name for name in names if not _is_stand_in(host, name)}.union(*below)


def _below(host: Host, name: str) -> Iterator[str]:
    with suppress(SourceError):
        yield from host.list_directory(f"{BLOCKS}/{name}/slaves")


def _is_stand_in(host: Host, name: str) -> bool:
    return STAND_IN.search(_name(host, name)) is not None


def _name(host: Host, name: str) -> str:
    try:
        content = host.read_file(f"{BLOCKS}/{name}/dm/name", limit=4096)
    except SourceError:
        return ""
    return content.decode("utf-8", "surrogateescape").rstrip("\n")
