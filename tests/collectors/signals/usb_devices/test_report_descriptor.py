"""HID report descriptors: who can send key strokes, however that is written down."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.signals.usb_devices.report_descriptor import (
    ReportDescriptorError,
    parse_types_keys,
)
from tests.support.usb_tree import (
    CONSUMER_REPORT,
    FIDO_REPORT,
    KEYBOARD_REPORT,
    MOUSE_REPORT,
    VENDOR_REPORT,
)

CONSUMER_COLLECTION = "050c0901a101"
END = "c0"


def test_a_keyboard_types() -> None:
    assert parse_types_keys(KEYBOARD_REPORT)


@pytest.mark.parametrize(
    "report",
    [MOUSE_REPORT, CONSUMER_REPORT, FIDO_REPORT, VENDOR_REPORT],
    ids=["mouse", "headset", "security key", "dock"],
)
def test_other_devices_do_not(report: bytes) -> None:
    assert not parse_types_keys(report)


def test_a_keyboard_behind_a_mouse_in_one_descriptor_is_seen() -> None:
    assert parse_types_keys(MOUSE_REPORT + KEYBOARD_REPORT)


def test_a_keypad_types_too() -> None:
    assert parse_types_keys(bytes.fromhex("05010907a101050719002965 150025651500750895018100c0"))


@pytest.mark.parametrize(
    "usages",
    [
        "05071900296515002565750895068100",  # page, minimum, maximum
        "190029650507150025657508950681 00",  # the page comes after the usages
        "1b000007002b650007001500256575089506 8100",  # usages of four bytes with their page
        "05070904750895018102",  # one key
        "a405070904b4750895018102",  # a page that is pushed and popped away before the input
        "0507750895018102",  # a page and no usage at all
    ],
    ids=["range", "late page", "extended usages", "one key", "popped page", "no usage"],
)
def test_keys_in_another_kind_of_application_are_keys(usages: str) -> None:
    assert parse_types_keys(bytes.fromhex(CONSUMER_COLLECTION + usages + END))


def test_lamps_of_a_keyboard_are_outputs_and_padding_is_no_key() -> None:
    lamps = "05081901290575019505 9102"
    padding = "0507950175038101"
    assert not parse_types_keys(bytes.fromhex(CONSUMER_COLLECTION + lamps + padding + END))


def test_a_long_item_is_stepped_over() -> None:
    assert parse_types_keys(bytes.fromhex("fe0342aabbcc") + KEYBOARD_REPORT)
    assert not parse_types_keys(bytes.fromhex("fe0342050906") + MOUSE_REPORT)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"\x05", KEYBOARD_REPORT[:-25] + b"\x27\x01", b"\xfe\xff", b"\x05\x01"],
)
def test_what_ends_in_the_middle_or_has_no_collection_is_refused(data: bytes) -> None:
    with pytest.raises(ReportDescriptorError):
        parse_types_keys(data)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_end_in_an_answer_or_a_refusal(data: bytes) -> None:
    with contextlib.suppress(ReportDescriptorError):
        assert isinstance(parse_types_keys(data), bool)


@given(st.lists(st.sampled_from([MOUSE_REPORT, CONSUMER_REPORT, FIDO_REPORT, VENDOR_REPORT])))
def test_a_keyboard_among_any_others_is_always_found(others: list[bytes]) -> None:
    for place in range(len(others) + 1):
        assert parse_types_keys(b"".join([*others[:place], KEYBOARD_REPORT, *others[place:]]))
