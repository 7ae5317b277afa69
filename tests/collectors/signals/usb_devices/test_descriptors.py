"""Raw descriptors: the parts that tell, whatever lies between and after them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.signals.usb_devices.descriptors import parse_descriptors

DEVICE = bytes.fromhex("120100020000004081075581000101020301")
KEYBOARD = bytes.fromhex("090400000103010100")
STICK = bytes.fromhex("090401000208065000")
ENDPOINT = bytes.fromhex("0705810308000a")
# A binary object store with one capability (USB 3.2, section 9.6.2).
BOS = bytes.fromhex("050f0c0001 07100202000000")


def configuration(value: int, *descriptors: bytes) -> bytes:
    body = b"".join(descriptors)
    head = bytes([9, 2, *(9 + len(body)).to_bytes(2, "little"), 1, value, 0, 0x80, 50])
    return head + body


def test_interfaces_are_found_between_endpoints() -> None:
    data = DEVICE + configuration(1, KEYBOARD, ENDPOINT, STICK, ENDPOINT, ENDPOINT)
    found = parse_descriptors(data)
    assert found.whole
    assert found.interfaces(1) == {(3, 1, 1), (8, 6, 0x50)}


def test_each_configuration_has_its_own_interfaces() -> None:
    data = DEVICE + configuration(1, KEYBOARD) + configuration(2, STICK)
    found = parse_descriptors(data)
    assert found.interfaces(1) == {(3, 1, 1)}
    assert found.interfaces(2) == {(8, 6, 0x50)}


@pytest.mark.parametrize("active", [None, 9])
def test_without_an_active_configuration_every_one_counts(active: int | None) -> None:
    data = DEVICE + configuration(1, KEYBOARD) + configuration(2, STICK)
    assert parse_descriptors(data).interfaces(active) == {(3, 1, 1), (8, 6, 0x50)}


def test_a_binary_object_store_and_unknown_types_are_stepped_over() -> None:
    data = DEVICE + BOS + configuration(1, b"\x05\x24\x00\x10\x01", KEYBOARD, b"\x04\x99\x00\x00")
    assert parse_descriptors(data).whole
    assert parse_descriptors(data).interfaces(1) == {(3, 1, 1)}


@pytest.mark.parametrize("tail", ["0000", "0104", "09", "090400", "ff0401"])
def test_a_broken_end_leaves_what_came_before(tail: str) -> None:
    found = parse_descriptors(DEVICE + configuration(1, KEYBOARD) + bytes.fromhex(tail))
    assert not found.whole
    assert found.interfaces(1) == {(3, 1, 1)}


@pytest.mark.parametrize("data", [b"", b"\x12", DEVICE, b"\xff" * 64, KEYBOARD])
def test_what_has_no_configuration_is_not_whole(data: bytes) -> None:
    assert not parse_descriptors(data).whole
    assert parse_descriptors(data).interfaces(None) == frozenset()


@given(st.binary(max_size=200))
def test_arbitrary_bytes_end_in_an_answer(data: bytes) -> None:
    found = parse_descriptors(data)
    for triple in found.interfaces(None):
        assert bytes(triple) in data
