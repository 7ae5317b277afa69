"""GVariant values in their serialised form, as dconf and compiled GSettings schemas keep them.

Specification: https://docs.gtk.org/glib/gvariant-specification-1.0.html. Little-endian only, which
is every laptop; whatever does not fit its type raises `ValueError`.
"""

import struct
from dataclasses import dataclass
from typing import Any

DEEPEST = 32
FIXED = {
    "b": ("<B", 1),
    "y": ("<B", 1),
    "n": ("<h", 2),
    "q": ("<H", 2),
    "i": ("<i", 4),
    "u": ("<I", 4),
    "h": ("<i", 4),
    "x": ("<q", 8),
    "t": ("<Q", 8),
    "d": ("<d", 8),
}
TEXTS = "sog"


@dataclass(frozen=True)
class Variant:
    """A value that carries its own type string."""

    type: str
    value: Any


def decode(kind: str, data: bytes) -> Any:
    """Return the value of type `kind` in `data`.

    Structures become tuples, arrays lists, dictionaries dicts, an empty maybe None. Raises
    `ValueError`.
    """
    if _skip_type(kind, 0) != len(kind):
        raise ValueError(f"not one type: {kind!r}")
    return _decode(kind, data, 0)


def split_types(kinds: str) -> tuple[str, ...]:
    """Return the single types that a sequence of types is made of: `ua{sv}` is `u` and `a{sv}`."""
    found: list[str] = []
    start = 0
    while start < len(kinds):
        end = _skip_type(kinds, start)
        found.append(kinds[start:end])
        start = end
    return tuple(found)


def _skip_type(kinds: str, start: int, depth: int = 0) -> int:
    if start >= len(kinds) or depth > DEEPEST:
        raise ValueError("not a type string")
    first = kinds[start]
    if first in FIXED or first in TEXTS or first == "v":
        return start + 1
    if first in "am":
        return _skip_type(kinds, start + 1, depth + 1)
    if first in "({":
        closing = ")" if first == "(" else "}"
        position = start + 1
        while position < len(kinds) and kinds[position] != closing:
            position = _skip_type(kinds, position, depth + 1)
        if position < len(kinds):
            return position + 1
    raise ValueError("not a type string")


def _decode(kind: str, data: bytes, depth: int) -> Any:
    if depth > DEEPEST:
        raise ValueError("nested too deep")
    first = kind[0]
    if first in FIXED:
        return _fixed(first, data)
    if first in TEXTS:
        return _text(data)
    if first == "v":
        return _variant(data, depth)
    if first == "m":
        return _maybe(kind[1:], data, depth)
    if first == "a":
        return _array(kind[1:], data, depth)
    return _structure(split_types(kind[1:-1]), data, depth)


def _fixed(kind: str, data: bytes) -> Any:
    form, size = FIXED[kind]
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes for type {kind}")
    (value,) = struct.unpack(form, data)
    if kind == "b":
        if value > 1:
            raise ValueError("a truth value that is neither 0 nor 1")
        return bool(value)
    return value


def _text(data: bytes) -> str:
    if not data.endswith(b"\0") or b"\0" in data[:-1]:
        raise ValueError("a text without its end")
    return data[:-1].decode("utf-8")


def _variant(data: bytes, depth: int) -> Variant:
    body, separator, kind = data.rpartition(b"\0")
    if not separator:
        raise ValueError("a variant without its type")
    inner = kind.decode("ascii")
    if _skip_type(inner, 0) != len(inner):
        raise ValueError("a variant of several types")
    return Variant(inner, _decode(inner, body, depth + 1))


def _maybe(inner: str, data: bytes, depth: int) -> Any:
    if not data:
        return None
    if _fixed_size(inner) is None:
        if not data.endswith(b"\0"):
            raise ValueError("a maybe without its end")
        data = data[:-1]
    return _decode(inner, data, depth + 1)


def _array(inner: str, data: bytes, depth: int) -> Any:
    values = [_decode(inner, part, depth + 1) for part in _elements(inner, data)]
    return dict(values) if inner.startswith("{") else values


def _elements(inner: str, data: bytes) -> list[bytes]:
    if not data:
        return []
    size = _fixed_size(inner)
    if size is not None:
        if size == 0 or len(data) % size:
            raise ValueError("an array of broken elements")
        return [data[start : start + size] for start in range(0, len(data), size)]
    width = _offset_width(len(data))
    (last_end,) = _offsets(data, len(data) - width, 1, width)
    table = len(data) - last_end
    if last_end > len(data) or table % width:
        raise ValueError("an array with a broken table of offsets")
    parts: list[bytes] = []
    start = 0
    for end in _offsets(data, last_end, table // width, width):
        start = _aligned(start, _alignment(inner))
        parts.append(_slice(data, start, end))
        start = end
    return parts


def _structure(kinds: tuple[str, ...], data: bytes, depth: int) -> tuple[Any, ...]:
    # Ends of the members of no fixed size are kept at the end of the data, the last one first; the
    # last member needs none.
    width = _offset_width(len(data))
    stored = sum(_fixed_size(kind) is None for kind in kinds[:-1])
    table = len(data) - stored * width
    if table < 0:
        raise ValueError("a structure without its offsets")
    ends = list(_offsets(data, table, stored, width))
    values: list[Any] = []
    start = 0
    for position, kind in enumerate(kinds):
        start = _aligned(start, _alignment(kind))
        size = _fixed_size(kind)
        if size is not None:
            end = start + size
        else:
            end = table if position == len(kinds) - 1 else ends.pop()
        values.append(_decode(kind, _slice(data[:table], start, end), depth + 1))
        start = end
    return tuple(values)


def _offset_width(size: int) -> int:
    return next((width for width in (1, 2, 4) if size < 1 << (8 * width)), 8)


def _offsets(data: bytes, start: int, count: int, width: int) -> tuple[int, ...]:
    return tuple(
        int.from_bytes(_slice(data, start + index * width, start + (index + 1) * width), "little")
        for index in range(count)
    )


def _slice(data: bytes, start: int, end: int) -> bytes:
    if not 0 <= start <= end <= len(data):
        raise ValueError("an offset outside of the value")
    return data[start:end]


def _aligned(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment


def _alignment(kind: str) -> int:
    first = kind[0]
    if first in FIXED:
        return FIXED[first][1]
    if first == "v":
        return 8
    if first in "am":
        return _alignment(kind[1:])
    if first in "({":
        return max((_alignment(inner) for inner in split_types(kind[1:-1])), default=1)
    return 1


def _fixed_size(kind: str) -> int | None:
    """Return the bytes of a type whose values all have the same size, else None."""
    first = kind[0]
    if first in FIXED:
        return FIXED[first][1]
    if first not in "({":
        return None
    inner = split_types(kind[1:-1])
    if not inner:
        return 1
    position = 0
    for member in inner:
        size = _fixed_size(member)
        if size is None:
            return None
        position = _aligned(position, _alignment(member)) + size
    return _aligned(position, _alignment(kind))
