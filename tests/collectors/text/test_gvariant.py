"""GVariant's binary form, against GLib itself."""

import contextlib
import json
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.text import gvariant
from passmuster_collectors.text.gvariant import Variant
from tests.support.tools import require_system_python

SERIALISE = """
import json, sys
from gi.repository import GLib
for line in sys.stdin:
    value = GLib.Variant.parse(None, json.loads(line), None, None)
    if sys.byteorder == "big":
        value = value.byteswap()
    print(json.dumps([value.get_type_string(), value.get_data_as_bytes().get_data().hex()]))
"""

# GVariant's text form → the value.
VALUES: dict[str, Any] = {
    "true": True,
    "uint32 300": 300,
    "int16 -2": -2,
    "byte 0x07": 7,
    "int64 -9000000000": -9_000_000_000,
    "uint64 18446744073709551615": 2**64 - 1,
    "2.5": 2.5,
    "'suspend'": "suspend",
    "'Grüße'": "Grüße",
    "''": "",
    "<uint32 5>": Variant("u", 5),
    "<<'nested'>>": Variant("v", Variant("s", "nested")),
    "(true, uint32 7, 'x')": (True, 7, "x"),
    "('first', byte 0x01, 'last')": ("first", 1, "last"),
    "('a', 'bc', uint64 3, 'def')": ("a", "bc", 3, "def"),
    "(byte 0x01, uint64 2, byte 0x03)": (1, 2, 3),
    "(uint32 300, (byte 0x72, (uint32 0, uint32 9)))": (300, (ord("r"), (0, 9))),
    "@(uya{sv}) (uint32 1, 0x64, {'ubuntu': <uint32 2>})": (1, 100, {"ubuntu": Variant("u", 2)}),
    "@as []": [],
    "['one', 'three', 'five five']": ["one", "three", "five five"],
    "[uint32 1, 2, 3]": [1, 2, 3],
    "[(uint16 1, 'a'), (2, 'bb')]": [(1, "a"), (2, "bb")],
    "{'a': uint32 1, 'bcd': 2}": {"a": 1, "bcd": 2},
    "@mu just 4": 4,
    "@ms just 'yes'": "yes",
    "@ms nothing": None,
    f"'{'x' * 300}'": "x" * 300,
    f"['{'y' * 200}', '{'z' * 90}']": ["y" * 200, "z" * 90],
}


@pytest.fixture(scope="module")
def serialised() -> dict[str, tuple[str, bytes]]:
    """What GLib makes of every text above: its type and its bytes."""
    python = require_system_python("gi")
    lines = "".join(json.dumps(text) + "\n" for text in VALUES)
    done = subprocess.run(
        [python, "-c", SERIALISE], input=lines, capture_output=True, text=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        text: (kind, bytes.fromhex(data))
        for text, (kind, data) in zip(VALUES, answers, strict=True)
    }


@pytest.mark.parametrize("text", VALUES)
def test_what_glib_writes_is_read_back(text: str, serialised: dict[str, tuple[str, bytes]]) -> None:
    kind, data = serialised[text]
    assert gvariant.decode(kind, data) == VALUES[text]


KINDS = ["v", "u", "b", "s", "as", "a{sv}", "(us)", "(sbs)", "ma{su}", "aas", "(y(uu))", "t"]


@given(kind=st.sampled_from(KINDS), data=st.binary(max_size=64))
def test_arbitrary_bytes_are_a_value_or_a_value_error(kind: str, data: bytes) -> None:
    with contextlib.suppress(ValueError):
        gvariant.decode(kind, data)


def test_a_variant_in_a_variant_in_a_variant_does_not_go_on_for_ever() -> None:
    with pytest.raises(ValueError, match="deep"):
        gvariant.decode("v", b"\x01" + b"\0u" + b"\0v" * 1000)


@pytest.mark.parametrize("kind", ["", "uu", "(u", "a", "{s}x", "z", "(" * 100 + ")" * 100])
def test_what_is_not_one_type_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="type"):
        gvariant.decode(kind, b"")


def test_a_sequence_of_types_is_split_into_its_types() -> None:
    assert gvariant.split_types("ua{sv}(b(yy))as") == ("u", "a{sv}", "(b(yy))", "as")
