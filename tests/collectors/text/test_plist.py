import plistlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.text import plist

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def xml(body: str) -> bytes:
    return HEAD + f'<plist version="1.0">{body}</plist>'.encode()


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_both_forms_are_read(form: plistlib.PlistFormat) -> None:
    value = {"text": "ä", "number": 3, "truth": True, "bytes": b"\0", "list": [1.5, {}]}
    assert plist.parse(plistlib.dumps(value, fmt=form)) == value


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"bplist00",
        b"not a property list",
        xml("<dict><key>a</key></dict>"),
        xml("<dict><string>a</string></dict>"),
        xml("<integer>many</integer>"),
        xml("<date>yesterday</date>"),
        xml("<unknown/>"),
        xml("<array><true/><unknown><false/></unknown></array>"),
        xml(""),
        xml("<dict>")[:-8],
        plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY)[:-3],
    ],
)
def test_anything_else_is_refused(broken: bytes) -> None:
    with pytest.raises(plist.PlistError):
        plist.parse(broken)


def test_a_key_that_is_there_twice_is_refused() -> None:
    twice = xml("<dict><key>a</key><false/><key>a</key><true/></dict>")
    with pytest.raises(plist.PlistError, match="twice"):
        plist.parse(twice)


def test_a_bottomless_list_is_refused() -> None:
    deep = xml("<array>" * 1000 + "</array>" * 1000)
    with pytest.raises(plist.PlistError, match="nested deeper"):
        plist.parse(deep)


def test_entities_that_multiply_are_refused() -> None:
    bomb = b'<!DOCTYPE plist [<!ENTITY a "aaaaaaaa">]>' + xml("<string>&a;</string>")[len(HEAD) :]
    with pytest.raises(plist.PlistError):
        plist.parse(HEAD + bomb)


@given(st.binary(max_size=300))
def test_no_bytes_lead_to_another_error(data: bytes) -> None:
    for start in (b"", b"bplist00", HEAD):
        try:
            plist.parse(start + data)
        except plist.PlistError:
            continue


@given(st.binary(max_size=40), st.integers(0, 200))
def test_no_damage_to_a_binary_list_leads_to_another_error(data: bytes, at: int) -> None:
    whole = plistlib.dumps(
        {"list": [1, "two", b"3", {"four": 5.0}], "truth": False}, fmt=plistlib.FMT_BINARY
    )
    damaged = whole[:at] + data + whole[at + len(data) :]
    try:
        plist.parse(damaged)
    except plist.PlistError:
        return
