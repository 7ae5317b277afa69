"""What Windows hands over in memory: identifiers, tables of rows, texts."""

import ctypes
from collections.abc import Iterator
from typing import TypeVar
from uuid import UUID

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.dll import Guid

Row = TypeVar("Row", bound=ctypes.Structure)

MAX_ROWS = 65_536


def guid_text(found: Guid) -> str:
    """Return the identifier as text, lower case without braces."""
    return str(UUID(bytes_le=bytes(found)))


def rows(
    source: str, table: ctypes.c_void_p, head: type[ctypes.Structure], row: type[Row]
) -> Iterator[Row]:
    """Yield copies of a table's rows.

    The first field of `head` is their number, the last one is where they begin. Raises
    `SourceConflictError` for no table at all and for one of over 65,536 rows.
    """
    if not table.value:
        raise SourceConflictError(source, "a table that is not there")
    first, last = head._fields_[0][0], head._fields_[-1][0]
    count = getattr(head.from_address(table.value), first)
    if count > MAX_ROWS:
        raise SourceConflictError(source, f"more than {MAX_ROWS} rows")
    start = table.value + getattr(head, last).offset
    for number in range(count):
        address = start + number * ctypes.sizeof(row)
        yield row.from_buffer_copy(ctypes.string_at(address, ctypes.sizeof(row)))


def text(characters: bytes) -> str:
    """Return UTF-16 up to its first NUL."""
    return characters.decode("utf-16-le", "replace").partition("\0")[0]


def texts(characters: bytes) -> tuple[str, ...]:
    """Return the texts of a list in UTF-16 in which each one ends with a NUL (`REG_MULTI_SZ`)."""
    parts = characters.decode("utf-16-le", "replace").split("\0")
    return tuple(part for part in parts if part)
