"""The D-Bus wire format, held against the library that reads it elsewhere in this product."""

import contextlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jeepney import DBusAddress, HeaderFields, Parser, new_signal
from jeepney.low_level import Endianness

from passmuster_collectors.host.linux_bus_messages import (
    MAX_KEPT,
    METHOD_CALL,
    SIGNAL,
    BusFormatError,
    Message,
    MessageReader,
    method_call,
)

EMITTER = DBusAddress("/org/example/Object", interface="org.example.Interface")

# Signature and value as the library takes them; a variant is (signature, value) there.
PLAIN = {
    "y": st.integers(0, 255),
    "b": st.booleans(),
    "n": st.integers(-(2**15), 2**15 - 1),
    "q": st.integers(0, 2**16 - 1),
    "i": st.integers(-(2**31), 2**31 - 1),
    "u": st.integers(0, 2**32 - 1),
    "x": st.integers(-(2**63), 2**63 - 1),
    "t": st.integers(0, 2**64 - 1),
    "d": st.floats(allow_nan=False),
    "s": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    "o": st.just("/org/example"),
    "g": st.just("a{sv}"),
}
Typed = tuple[str, Any, Any]
"""A type, a value of it as the library writes it, and as we read it."""


def plain() -> st.SearchStrategy[Typed]:
    return st.sampled_from(sorted(PLAIN)).flatmap(
        lambda kind: PLAIN[kind].map(lambda value: (kind, value, value))
    )


def larger(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    variant = inner.map(lambda each: ("v", (each[0], each[1]), each[2]))
    structure = st.lists(inner, min_size=1, max_size=3).map(
        lambda parts: (
            f"({''.join(each[0] for each in parts)})",
            tuple(each[1] for each in parts),
            tuple(each[2] for each in parts),
        )
    )
    # All items of an array have one type: the same one several times over.
    array = st.tuples(inner.filter(lambda each: each[0] != "y"), st.integers(0, 3)).map(
        lambda each: (f"a{each[0][0]}", [each[0][1]] * each[1], [each[0][2]] * each[1])
    )
    table = st.dictionaries(PLAIN["s"], inner, max_size=3).map(
        lambda each: (
            "a{sv}",
            {name: (kind, value) for name, (kind, value, _) in each.items()},
            [(name, read) for name, (_, _, read) in each.items()],
        )
    )
    return st.one_of(variant, structure, array, table)


BODIES = st.lists(st.recursive(plain(), larger, max_leaves=6), max_size=4)


def signal_bytes(parts: list[Typed], *, big_endian: bool = False) -> bytes:
    signature = "".join(each[0] for each in parts) or None
    message = new_signal(EMITTER, "Changed", signature, tuple(each[1] for each in parts))
    message.header.fields[HeaderFields.sender] = ":1.7"
    if big_endian:
        message.header.endianness = Endianness.big
    return bytes(message.serialise(serial=9))


def read(data: bytes, cuts: tuple[int, ...] = ()) -> list[Message | None]:
    reader = MessageReader()
    ends = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [message for start, end in pairwise(ends) for message in reader.feed(data[start:end])]


@given(BODIES, st.booleans(), st.lists(st.integers(0, 500), max_size=5))
def test_what_the_library_writes_is_read_however_it_is_cut(
    parts: list[Typed], big_endian: bool, cuts: list[int]
) -> None:
    data = signal_bytes(parts, big_endian=big_endian)
    first, second = read(data * 2, tuple(cuts))
    assert first is not None
    assert first == second
    assert (first.kind, first.serial, first.path) == (SIGNAL, 9, "/org/example/Object")
    assert (first.interface, first.member) == ("org.example.Interface", "Changed")
    assert first.sender == ":1.7"
    assert first.arguments() == tuple(each[2] for each in parts)


@given(st.text("abcdefgh.NameHasOwner='", max_size=60), st.integers(1, 2**32 - 1))
def test_the_library_reads_the_calls_that_are_written(argument: str, serial: int) -> None:
    parser = Parser()
    parser.add_data(method_call(serial, "AddMatch", argument))
    message = parser.get_next_message()
    assert message.header.serial == serial
    assert message.body == (argument,)
    assert message.header.fields[HeaderFields.member] == "AddMatch"
    assert message.header.fields[HeaderFields.destination] == "org.freedesktop.DBus"


def test_a_call_without_arguments_is_read_too() -> None:
    (message,) = read(method_call(1, "Hello"))
    assert message is not None
    assert (message.kind, message.member, message.arguments()) == (METHOD_CALL, "Hello", ())


def survives(data: bytes) -> None:
    """Read it; the only thing that may be raised is the documented error."""
    try:
        for message in read(data):
            if message is not None:
                message.arguments()
    except BusFormatError:
        pass


@given(st.binary(max_size=300))
def test_random_bytes_are_messages_or_refused(data: bytes) -> None:
    survives(data)


@given(BODIES, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6))
def test_a_damaged_message_is_read_passed_over_or_refused(
    parts: list[Typed], damages: list[tuple[int, int]]
) -> None:
    data = bytearray(signal_bytes(parts))
    for at, value in damages:
        data[at % len(data)] = value
    survives(bytes(data))


@given(st.text("a(){}vsuyob", max_size=60), st.binary(max_size=120))
def test_any_signature_over_any_body_gives_arguments_or_is_refused(
    signature: str, body: bytes
) -> None:
    message = Message(SIGNAL, 1, body, "<", signature=signature)
    with contextlib.suppress(BusFormatError):
        message.arguments()


@pytest.mark.parametrize(
    "signature",
    ["(", "()", "a", "a{}", "z", "a" * 40, "(" * 40 + "y" + ")" * 40, "s)", "\u00e9"],
)
def test_what_is_no_signature_is_refused(signature: str) -> None:
    with pytest.raises(BusFormatError):
        Message(SIGNAL, 1, bytes(64), "<", signature=signature).arguments()


def test_variants_in_variants_end_somewhere() -> None:
    body = b"\x01v\0" * 5000 + b"\x01y\0\x07"
    with pytest.raises(BusFormatError, match="deep"):
        Message(SIGNAL, 1, body, "<", signature="v").arguments()


def test_what_is_too_long_is_passed_over_and_what_follows_is_read() -> None:
    long = signal_bytes([("s", "x" * MAX_KEPT, None)])
    after = signal_bytes([("s", "after", "after")])
    cuts = tuple(range(0, len(long), 50_000))
    passed_over, found = read(long + after, cuts)
    assert passed_over is None
    assert found is not None
    assert found.arguments() == ("after",)


def test_no_more_is_kept_in_memory_than_a_message_may_have() -> None:
    reader = MessageReader()
    long = signal_bytes([("s", "x" * (8 * MAX_KEPT), None)])
    for start in range(0, len(long), 65_536):
        list(reader.feed(long[start : start + 65_536]))
        assert len(reader._kept) <= MAX_KEPT + 65_536


@pytest.mark.parametrize(("at", "value"), [(0, 0), (3, 2), (7, 0xFF), (15, 0xFF)])
def test_where_the_next_message_begins_is_unknown_the_connection_is_given_up(
    at: int, value: int
) -> None:
    data = bytearray(signal_bytes([]))
    data[at] = value
    with pytest.raises(BusFormatError):
        read(bytes(data))


def wrong_headers() -> Iterator[tuple[str, bytes]]:
    data = signal_bytes([])
    place = data.index(b"org.example.Interface")
    yield "not UTF-8", data[:place] + b"\xff" + data[place + 1 :]
    yield "no end", data[: place + 21] + b"x" + data[place + 22 :]
    yield "another type", data.replace(bytes((2, 1)) + b"s", bytes((2, 1)) + b"o", 1)


@pytest.mark.parametrize(("what", "data"), list(wrong_headers()))
def test_a_header_that_breaks_the_rules_is_passed_over(what: str, data: bytes) -> None:
    assert read(data) == [None], what
