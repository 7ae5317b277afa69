"""Lines of `KEY=value`, as in os-release(5) and the state files of systemd."""

import shlex
from collections.abc import Mapping


def parse(content: bytes) -> Mapping[str, str]:
    """Return the values by their keys; of a key given twice the last one counts.

    Comments, empty lines and lines without `=` are passed over, quotes and backslashes undone.
    Bytes that are not UTF-8 are replaced: a value that holds them equals nothing that is asked for.
    """
    found: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            found[key.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    if not any(mark in value for mark in "\"'\\"):
        return value
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value
