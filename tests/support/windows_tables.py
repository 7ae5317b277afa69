"""Windows' functions, simulated as its headers document them, over real memory.

They show that our side of each call fits the documentation, not that Windows answers so.
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any


class Memory:
    """What simulated functions hand out; it lives as long as the test needs it."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.freed: list[int] = []

    def hand_out(self, pointer: Any, content: bytes) -> int:
        """Put the address of a copy of `content` where a caller's pointer points; 0: no error."""
        block = ctypes.create_string_buffer(content, max(1, len(content)))
        self.kept.append(block)
        pointer._obj.value = ctypes.addressof(block)
        return 0

    def free(self, pointer: Any) -> int:
        """Note what is given back."""
        self.freed.append(pointer.value)
        return 0

    @property
    def all_given_back(self) -> bool:
        """Whether every block was given back, once."""
        return sorted(self.freed) == sorted(ctypes.addressof(block) for block in self.kept)


def table(head: type[ctypes.Structure], rows: Sequence[ctypes.Structure]) -> bytes:
    """Return a table: the number of rows, then the rows where `head` lets them begin."""
    start = getattr(head, head._fields_[-1][0]).offset
    return len(rows).to_bytes(4, "little").ljust(start, b"\0") + b"".join(map(bytes, rows))


def written(text: str, letters: int) -> Any:
    """Return text as a field of `letters` characters."""
    data = text.encode("utf-16-le").ljust(2 * letters, b"\0")
    return (ctypes.c_uint16 * letters).from_buffer_copy(data)


def fill(buffer: Any, text: str) -> int:
    """Write text with its NUL into a caller's buffer of characters; 1: it is done."""
    data = f"{text}\0".encode("utf-16-le")
    ctypes.memmove(buffer, data, len(data))
    return 1


def refusing(code: int) -> Callable[..., int]:
    """Return a function that returns an error and does nothing."""
    return lambda *_: code
