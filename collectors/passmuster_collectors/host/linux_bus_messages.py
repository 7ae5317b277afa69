"""The D-Bus wire format, as much of it as listening takes: bytes to messages, a few calls to bytes.

The library for D-Bus is too large for a process that stays. Pure; whatever the bytes are, the only
errors are `BusFormatError`. Specification:
https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

METHOD_CALL = 1
METHOD_RETURN = 2
ERROR = 3
SIGNAL = 4

FIXED = 16
"""Bytes of a header before its fields: `yyyyuu` and the length of the fields."""

FIELDS = {1: "path", 2: "interface", 3: "member", 5: "reply_serial", 7: "sender", 8: "signature"}
FIELD_TYPES = {1: "o", 2: "s", 3: "s", 4: "s", 5: "u", 6: "s", 7: "s", 8: "g", 9: "u"}

MAX_KEPT = 262_144
"""Messages of more bytes are passed over: no signal that is listened to is near it."""

MAX_MESSAGE = 1 << 27
MAX_ARRAY = 1 << 26
MAX_DEPTH = 32

NUMBERS = {
    "y": "B",
    "b": "I",
    "n": "h",
    "q": "H",
    "i": "i",
    "u": "I",
    "x": "q",
    "t": "Q",
    "d": "d",
    "h": "I",
}
ALIGNMENTS = {
    **{kind: struct.calcsize(f"={code}") for kind, code in NUMBERS.items()},
    "s": 4,
    "o": 4,
    "g": 1,
    "v": 1,
    "a": 4,
    "(": 8,
    "{": 8,
}
CLOSING = {"(": ")", "{": "}"}


class BusFormatError(ValueError):
    """Bytes that are not a D-Bus message."""


@dataclass(frozen=True)
class Message:
    """A message. What its header leaves out is empty, or 0."""

    kind: int
    serial: int
    body: bytes
    order: str
    path: str = ""
    interface: str = ""
    member: str = ""
    sender: str = ""
    signature: str = ""
    reply_serial: int = 0

    def arguments(self) -> tuple[Any, ...]:
        """Return the body, variants unwrapped. Raises `BusFormatError`."""
        decoder = _Decoder(self.body, self.order)
        values = tuple(decoder.value(kind) for kind in _types(self.signature))
        if decoder.at != len(self.body):
            raise BusFormatError("the body is longer than its signature")
        return values


class MessageReader:
    """Cuts what a connection receives into messages, however it arrives."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._skip = 0

    def feed(self, data: bytes) -> Iterator[Message | None]:
        """Yield each message that is complete; None for one that had to be passed over.

        Raises `BusFormatError` where it can't be told any more where the next one begins.
        """
        self._kept += data
        while True:
            skipped = min(self._skip, len(self._kept))
            del self._kept[:skipped]
            self._skip -= skipped
            if len(self._kept) < FIXED:
                return
            length = _length(self._kept)
            if length > MAX_KEPT:
                self._skip = length
                yield None
            elif len(self._kept) < length:
                return
            else:
                whole = bytes(self._kept[:length])
                del self._kept[:length]
                yield _message(whole)


def method_call(serial: int, member: str, *arguments: str) -> bytes:
    """Return a call of the bus itself whose arguments are texts (ASCII)."""
    name, path = "org.freedesktop.DBus", "/org/freedesktop/DBus"
    signature = "s" * len(arguments)
    fields = [(1, "o", path), (2, "s", name), (3, "s", member), (6, "s", name)]
    body = b""
    for each in arguments:
        body = _padded(body, 4) + _text(each)
    coded = b""
    for code, kind, value in fields:
        coded = _padded(coded, 8) + bytes((code, 1, ord(kind), 0)) + _text(value)
    if signature:
        coded = _padded(coded, 8) + bytes((8, 1, ord("g"), 0, len(signature)))
        coded += signature.encode() + b"\0"
    head = struct.pack("<cBBBIII", b"l", METHOD_CALL, 0, 1, len(body), serial, len(coded))
    return _padded(head + coded, 8) + body


def _text(value: str) -> bytes:
    encoded = value.encode("ascii")
    return struct.pack("<I", len(encoded)) + encoded + b"\0"


def _padded(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % alignment)


def _order(data: bytes | bytearray) -> str:
    try:
        return {ord("l"): "<", ord("B"): ">"}[data[0]]
    except KeyError:
        raise BusFormatError("no byte order") from None


def _length(data: bytearray) -> int:
    """Return the length of the message whose fixed header `data` begins with."""
    body, _, fields = struct.unpack_from(f"{_order(data)}III", data, 4)
    length = int((FIXED + fields + 7) & ~7) + int(body)
    if data[3] != 1 or fields > MAX_ARRAY or length > MAX_MESSAGE:
        raise BusFormatError("not version 1, or longer than a message may be")
    return length


def _message(data: bytes) -> Message | None:
    order = _order(data)
    body, serial, fields = struct.unpack_from(f"{order}III", data, 4)
    decoder = _Decoder(data[: FIXED + fields], order, FIXED - 4)
    found: dict[str, Any] = {}
    try:
        for code, (kind, value) in decoder.value("a(yv)", raw=True):
            if FIELD_TYPES.get(code, kind) != kind:
                return None
            if code in FIELDS:
                found[FIELDS[code]] = value
    except BusFormatError:
        return None
    return Message(data[1], serial, data[len(data) - body :], order, **found)


def _types(signature: str) -> Iterator[str]:
    """Yield the single complete types of a signature. Raises `BusFormatError`."""
    at = 0
    while at < len(signature):
        end = _end(signature, at, 0)
        yield signature[at:end]
        at = end


def _end(signature: str, at: int, depth: int) -> int:
    """Return where the complete type that begins at `at` ends."""
    kind = signature[at : at + 1]
    if kind not in ALIGNMENTS or not kind or depth > MAX_DEPTH:
        raise BusFormatError("no such type")
    if kind == "a":
        return _end(signature, at + 1, depth + 1)
    if kind not in CLOSING:
        return at + 1
    at = first = at + 1
    while signature[at : at + 1] != CLOSING[kind]:
        at = _end(signature, at, depth + 1)
    if at == first:
        raise BusFormatError("an empty structure")
    return at + 1


class _Decoder:
    def __init__(self, data: bytes, order: str, at: int = 0) -> None:
        self._data = data
        self._order = order
        self.at = at

    def value(self, kind: str, depth: int = 0, *, raw: bool = False) -> Any:
        """Return the value of one complete type; `raw` leaves a variant's type beside it."""
        if depth > MAX_DEPTH:
            raise BusFormatError("too deep")
        self._align(ALIGNMENTS[kind[0]])
        match kind[0]:
            case "s" | "o":
                return self._text(self._number("I"))
            case "g":
                return self._text(self._number("B"))
            case "v":
                return self._variant(depth, raw=raw)
            case "a":
                return self._array(kind[1:], depth, raw=raw)
            case "(" | "{":
                inner = _types(kind[1:-1])
                return tuple([self.value(each, depth + 1, raw=raw) for each in inner])
            case "b":
                return self._number("I") != 0
        return self._number(NUMBERS[kind])

    def _variant(self, depth: int, *, raw: bool) -> Any:
        inner = list(_types(self._text(self._number("B"))))
        if len(inner) != 1:
            raise BusFormatError("a variant holds one value")
        found = self.value(inner[0], depth + 1)
        return (inner[0], found) if raw else found

    def _array(self, kind: str, depth: int, *, raw: bool) -> list[Any]:
        length = self._number("I")
        self._align(ALIGNMENTS[kind[0]])
        end = self.at + length
        if length > MAX_ARRAY or end > len(self._data):
            raise BusFormatError("an array is cut off")
        found = []
        while self.at < end:
            found.append(self.value(kind, depth + 1, raw=raw))
        if self.at != end:
            raise BusFormatError("an array is longer than it says")
        return found

    def _number(self, code: str) -> Any:
        try:
            (found,) = struct.unpack_from(self._order + code, self._data, self.at)
        except struct.error:
            raise BusFormatError("cut off") from None
        self.at += struct.calcsize(f"={code}")
        return found

    def _text(self, length: int) -> str:
        end = self.at + length
        if self._data[end : end + 1] != b"\0":
            raise BusFormatError("a text without its end")
        try:
            found = self._data[self.at : end].decode()
        except UnicodeDecodeError:
            raise BusFormatError("a text is not UTF-8") from None
        self.at = end + 1
        return found

    def _align(self, alignment: int) -> None:
        self.at += -self.at % alignment
