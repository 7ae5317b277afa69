"""The line of a TOML document on which a key stands."""

import re
import tomllib
from collections.abc import Iterator, Sequence

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[^.\[\]"]+')


def line_of(document: str, key: str) -> int | None:
    """Return the line, counted from 1, on which `key` is set, or else the nearest table around it.

    `key` is a path as errors name it: `signals.usb_devices.limits.known_devices[0].serial`. None
    where nothing of it stands in the document. An approximation by lines: what is inside of an
    inline table or a list of several lines is found at its beginning.
    """
    wanted = _path(key)
    best, length = None, 0
    for number, path in _keys(document):
        shared = path == wanted[: len(path)]
        if shared and len(path) > length:
            best, length = number, len(path)
    return best


def _path(key: str) -> tuple[str, ...]:
    return tuple(
        part[1:-1].replace('\\"', '"').replace("\\\\", "\\") if part.startswith('"') else part
        for part in _PART.findall(key)
    )


def _keys(document: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield each line that opens a table or sets a key, with the whole path."""
    table: tuple[str, ...] = ()
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(document.splitlines(), start=1):
        text = line.strip()
        if text.startswith("[") and (found := header_of(text)):
            table = found
            if text.startswith("[["):
                index = counts.get(found, -1) + 1
                counts[found] = index
                yield number, table
                table = (*found, str(index))
            yield number, table
        elif found := _assigned(text):
            yield number, (*table, *found)


def header_of(header: str) -> tuple[str, ...]:
    """Return the path of a line that opens a table; nothing where it opens none."""
    try:
        return _only_path(tomllib.loads(header))
    except tomllib.TOMLDecodeError:
        return ()


def _assigned(text: str) -> tuple[str, ...]:
    name, equals, _ = text.partition("=")
    if not equals or not name.strip():
        return ()
    try:
        return _only_path(tomllib.loads(f"{name} = 0"))
    except tomllib.TOMLDecodeError:
        return ()


def _only_path(value: object) -> tuple[str, ...]:
    found: list[str] = []
    while isinstance(value, Sequence | dict) and value and not isinstance(value, str):
        if isinstance(value, dict):
            ((name, value),) = value.items()
            found.append(str(name))
        else:
            value = value[0]
    return tuple(found)
