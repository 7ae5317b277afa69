"""What makes a device suspicious, and what must stay silent."""

from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.signals.usb_devices.facts import Indicator, Location
from passmuster_collectors.signals.usb_devices.indicators import AttachedDevice, with_indicators


def device(**changes: Any) -> AttachedDevice:
    given: dict[str, Any] = {
        "vendor_id": "1234",
        "product_id": "5678",
        "name": "Thing",
        "serial": None,
        "interfaces": frozenset(),
        "location": Location.EXTERNAL,
        "keyboard": False,
        "storage": False,
        "network": False,
    }
    return AttachedDevice(**{**given, **changes})


def marked(*devices: AttachedDevice) -> list[tuple[Indicator, ...]]:
    """Return the indicators in the order in which the devices were given."""
    named = [device_.name for device_ in devices]
    facts = {each.name: each.indicators for each in with_indicators(devices)}
    return [facts[name] for name in named]


@pytest.mark.parametrize(
    ("abilities", "expected"),
    [
        ({"keyboard": True, "storage": True}, Indicator.KEYBOARD_AND_STORAGE),
        ({"keyboard": True, "network": True}, Indicator.KEYBOARD_AND_NETWORK),
        ({"keyboard": True, "serial_port": True}, Indicator.KEYBOARD_AND_SERIAL),
    ],
)
def test_a_keyboard_with_a_second_function_is_suspicious(
    abilities: dict[str, bool], expected: Indicator
) -> None:
    assert marked(device(**abilities)) == [(expected,)]


@pytest.mark.parametrize(
    "abilities",
    [
        {"keyboard": True},
        {"storage": True, "network": True},
        {"network": True, "serial_port": True},
        {"keyboard": UNKNOWN, "storage": True},
        {"keyboard": True, "storage": UNKNOWN},
    ],
)
def test_what_is_common_or_not_known_stays_silent(abilities: dict[str, Any]) -> None:
    assert marked(device(**abilities)) == [()]


@pytest.mark.parametrize(
    ("vendor", "product", "keyboard", "expected"),
    [
        ("f000", "1234", False, True),
        ("1d6b", "1347", False, True),
        ("1d6b", "0104", False, False),
        ("2341", "8036", True, True),
        ("2341", "8036", False, False),
        ("239a", "8000", True, True),
        ("16c0", "0486", UNKNOWN, False),
    ],
)
def test_a_tool_is_known_by_its_ids_and_a_board_only_when_it_types(
    vendor: str, product: str, *, keyboard: Any, expected: bool
) -> None:
    (found,) = marked(device(vendor_id=vendor, product_id=product, keyboard=keyboard))
    assert (Indicator.KNOWN_ATTACK_ID in found) is expected


@pytest.mark.parametrize(("name", "expected"), [("Flipper Abc", True), ("STM32 Port", False)])
def test_ids_that_many_share_need_the_name_too(name: str, *, expected: bool) -> None:
    (found,) = marked(device(vendor_id="0483", product_id="5740", name=name))
    assert (Indicator.KNOWN_ATTACK_ID in found) is expected


def test_of_two_plugged_in_keyboards_the_later_one_is_marked() -> None:
    first = device(name="first", keyboard=True, attached_for_ms=9_000)
    later = device(name="later", keyboard=True, attached_for_ms=500)
    assert marked(later, first) == [(Indicator.SECOND_KEYBOARD,), ()]


def test_where_it_is_not_known_which_came_first_both_are_marked() -> None:
    keyboards = [device(name=name, keyboard=True) for name in ("a", "b")]
    assert marked(*keyboards) == [(Indicator.SECOND_KEYBOARD,), (Indicator.SECOND_KEYBOARD,)]


def test_a_built_in_keyboard_and_one_that_was_plugged_in_are_no_pair() -> None:
    built_in = device(name="a", keyboard=True, location=Location.INTERNAL)
    assert marked(built_in, device(name="b", keyboard=True)) == [(), ()]


def test_one_serial_number_on_two_sticks_is_a_clone() -> None:
    sticks = [device(name=name, storage=True, serial="x") for name in ("a", "b")]
    assert marked(*sticks) == [(Indicator.CLONED_IDENTITY,), (Indicator.CLONED_IDENTITY,)]


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (device(storage=True), device(storage=True)),
        (device(storage=True, serial="x"), device(storage=True, serial="y")),
        (device(storage=True, serial="x"), device(storage=True, serial="x", product_id="9999")),
        (device(serial="x"), device(serial="x")),
    ],
    ids=["without a serial", "another serial", "another product", "neither types nor stores"],
)
def test_two_of_a_make_are_no_clones(first: AttachedDevice, other: AttachedDevice) -> None:
    assert [each.indicators for each in with_indicators([first, other])] == [(), ()]


def test_a_keyboard_makers_id_on_a_keyboard_that_stores_is_a_clone() -> None:
    (found,) = marked(device(vendor_id="05ac", keyboard=True, storage=True))
    assert Indicator.CLONED_IDENTITY in found
    assert marked(device(vendor_id="05ac", storage=True)) == [()]


def test_more_kinds_of_interfaces_than_fit_are_cut_and_what_they_mean_is_kept() -> None:
    triples = frozenset((0xFF, 0, number) for number in range(60))
    (found,) = with_indicators([device(interfaces=triples, keyboard=True, storage=True)])
    assert len(found.interfaces) == 32
    assert found.indicators == (Indicator.KEYBOARD_AND_STORAGE,)
