"""Which devices are acceptable under which limits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.usb_devices.answers import any_of
from passmuster_collectors.signals.usb_devices.facts import (
    Indicator,
    Location,
    UsbDevice,
    UsbDevicesFacts,
)
from passmuster_collectors.signals.usb_devices.rule import KnownDevice, Problem, UsbLimits, judge

SERIAL = "a" * 32


def device(**changes: Any) -> UsbDevice:
    plain: dict[str, Any] = {
        "vendor_id": "046d",
        "product_id": "c31c",
        "name": "Thing",
        "serial": SERIAL,
        "interfaces": (),
        "location": Location.EXTERNAL,
        "keyboard": False,
        "storage": False,
        "network": False,
        "indicators": (),
        "attached_at": None,
    }
    return UsbDevice(**{**plain, **changes})


DEFAULT = UsbLimits()


def outcomes(attached: UsbDevice, limits: UsbLimits = DEFAULT) -> dict[str, Outcome]:
    return {found.problem: found.outcome for found in judge(UsbDevicesFacts((attached,)), limits)}


def test_nothing_attached_is_nothing_wrong() -> None:
    assert judge(UsbDevicesFacts(()), UsbLimits()) == ()


@pytest.mark.parametrize("ability", ["keyboard", "storage"])
@pytest.mark.parametrize("location", [Location.EXTERNAL, Location.UNKNOWN])
def test_an_unknown_device_that_types_or_stores_fails_unless_it_is_built_in(
    ability: str, location: Location
) -> None:
    assert outcomes(device(location=location, **{ability: True})) == {
        f"unknown_{ability}": Outcome.FAIL
    }
    assert outcomes(device(location=Location.INTERNAL, **{ability: True})) == {}


@pytest.mark.parametrize("ability", ["keyboard", "storage"])
def test_not_knowing_what_it_can_do_is_unknown_and_no_pass(ability: str) -> None:
    found = outcomes(device(**{ability: UNKNOWN}))
    assert found == {f"unclear_{ability}": Outcome.UNKNOWN}


@pytest.mark.parametrize("network", [True, UNKNOWN])
def test_a_network_card_alone_is_no_problem(network: Any) -> None:
    assert outcomes(device(network=network)) == {}


@pytest.mark.parametrize(
    ("known", "passes"),
    [
        (KnownDevice("046d", "c31c"), True),
        (KnownDevice("046D", "C31C"), True),
        (KnownDevice("046d", "c31c", SERIAL), True),
        (KnownDevice("046d", "c31c", SERIAL.upper()), True),
        (KnownDevice("046d", "c31c", "b" * 32), False),
        (KnownDevice("046d", "c31d"), False),
        (KnownDevice("046e", "c31c"), False),
        (KnownDevice("", ""), False),
    ],
)
def test_an_approved_device_is_one_with_the_approved_ids_and_serial(
    known: KnownDevice, *, passes: bool
) -> None:
    found = outcomes(device(storage=True), UsbLimits(known_devices=(known,)))
    assert (found == {}) is passes


def test_approval_of_a_serial_does_not_cover_a_device_without_one() -> None:
    limits = UsbLimits(known_devices=(KnownDevice("046d", "c31c", SERIAL),))
    assert outcomes(device(storage=True, serial=None), limits)


def test_each_limit_can_be_lifted_by_itself() -> None:
    composite = device(keyboard=True, storage=True, indicators=(Indicator.KEYBOARD_AND_STORAGE,))
    everything = {"unknown_keyboard", "unknown_storage", "keyboard_and_storage"}
    assert set(outcomes(composite)) == everything
    for limits, gone in (
        (UsbLimits(forbid_unknown_keyboard=False), "unknown_keyboard"),
        (UsbLimits(forbid_unknown_storage=False), "unknown_storage"),
        (UsbLimits(forbid_indicators=False), "keyboard_and_storage"),
    ):
        assert set(outcomes(composite, limits)) == everything - {gone}


@pytest.mark.parametrize("indicator", list(Indicator))
def test_every_indicator_fails_with_a_problem_of_its_own(indicator: Indicator) -> None:
    assert outcomes(device(indicators=(indicator,))) == {indicator.value: Outcome.FAIL}
    built_in = device(indicators=(indicator,), location=Location.INTERNAL)
    assert outcomes(built_in) == {indicator.value: Outcome.FAIL}


@pytest.mark.parametrize("indicator", list(Indicator))
def test_ids_are_easily_faked_so_only_an_approved_serial_silences_an_attack(
    indicator: Indicator,
) -> None:
    suspicious = device(indicators=(indicator,))
    by_ids = UsbLimits(known_devices=(KnownDevice("046d", "c31c"),))
    by_serial = UsbLimits(known_devices=(KnownDevice("046d", "c31c", SERIAL),))
    assert outcomes(suspicious, by_serial) == {}
    of_any_keyboard = indicator in (Indicator.SECOND_KEYBOARD, Indicator.VANISHED_KEYBOARD)
    assert bool(outcomes(suspicious, by_ids)) is not of_any_keyboard


def test_every_device_is_judged() -> None:
    facts = UsbDevicesFacts((device(storage=True), device(keyboard=True), device(storage=True)))
    assert [found.problem for found in judge(facts, UsbLimits())] == [
        Problem.UNKNOWN_STORAGE,
        Problem.UNKNOWN_KEYBOARD,
        Problem.UNKNOWN_STORAGE,
    ]


def test_the_finding_names_the_device_even_where_it_has_no_name() -> None:
    (found,) = judge(UsbDevicesFacts((device(name="", storage=True),)), UsbLimits())
    assert found.details["device"] == "a device without a name (046d:c31c)"


def test_a_device_that_the_system_does_not_let_work_is_held_to_signs_of_an_attack_alone() -> None:
    blocked = device(keyboard=True, storage=True, authorized=False)
    assert outcomes(blocked) == {}
    shaped = device(keyboard=True, authorized=False, indicators=(Indicator.KNOWN_ATTACK_ID,))
    assert outcomes(shaped) == {"known_attack_id": Outcome.FAIL}


def test_a_device_that_has_left_needs_no_approval_and_keeps_its_signs_of_an_attack() -> None:
    assert outcomes(device(keyboard=True, storage=UNKNOWN, attached=False)) == {}
    gone = device(attached=False, indicators=(Indicator.VANISHED_KEYBOARD,))
    assert outcomes(gone) == {"vanished_keyboard": Outcome.FAIL}


@pytest.mark.parametrize("location", [Location.UNKNOWN, Location.EXTERNAL, Location.INTERNAL])
@pytest.mark.parametrize("baseline", [True, False, None])
def test_only_the_baseline_settles_where_a_device_sits_that_nobody_can_tell(
    location: Location, baseline: bool | None
) -> None:
    found = outcomes(device(keyboard=True, location=location, baseline=baseline))
    settled = location is Location.UNKNOWN and baseline is True
    assert (found == {}) is (settled or location is Location.INTERNAL)


def test_facts_of_an_agent_without_a_memory_are_read_as_before() -> None:
    older = codec.encode(device(storage=True))
    for name in ("port", "authorized", "attached", "baseline", "first_seen_at", "last_seen_at"):
        del older[name]
    assert outcomes(codec.decode(UsbDevice, older)) == {"unknown_storage": Outcome.FAIL}


@pytest.mark.parametrize(
    ("interfaces", "known", "passes"),
    [
        (("080650",), ("08",), True),
        (("080650",), ("03",), False),
        (("080650", "030101"), ("08",), False),
        (("080650", "030101"), ("08", "03"), True),
        ((), ("08",), False),
        (("0e0100",), ("0E",), True),
    ],
)
def test_a_known_class_covers_a_device_that_is_nothing_else(
    interfaces: tuple[str, ...], known: tuple[str, ...], *, passes: bool
) -> None:
    found = outcomes(device(storage=True, interfaces=interfaces), UsbLimits(known_classes=known))
    assert (found == {}) is passes


@pytest.mark.parametrize(
    "partly_told",
    [
        {"storage": UNKNOWN, "network": UNKNOWN, "keyboard": UNKNOWN, "interfaces": ("030000",)},
        {"storage": True, "interfaces": tuple(f"03{number:04x}" for number in range(32))},
    ],
    ids=["an interface that could not be read", "more interfaces than fit"],
)
def test_known_classes_approve_nothing_of_which_only_a_part_is_told(
    partly_told: dict[str, Any],
) -> None:
    assert outcomes(device(**partly_told), UsbLimits(known_classes=("03",))) != {}


def test_a_stick_that_is_a_network_too_hides_no_interface_behind_known_classes() -> None:
    told = ("020600", "080650")
    stick = {"storage": True, "network": True, "interfaces": told}
    limits = UsbLimits(known_classes=("08", "02", "03"))
    assert outcomes(device(**stick, keyboard=False), limits) == {}
    assert outcomes(device(**stick, keyboard=UNKNOWN), limits) == {
        Problem.UNCLEAR_KEYBOARD: Outcome.UNKNOWN,
        Problem.UNKNOWN_STORAGE: Outcome.FAIL,
    }


@pytest.mark.parametrize("keyboard", [True, UNKNOWN])
def test_known_classes_approve_no_device_of_which_nothing_proves_that_all_was_read(
    keyboard: Any,
) -> None:
    everything = device(
        storage=True, network=True, keyboard=keyboard, interfaces=("020600", "030000", "080650")
    )
    found = outcomes(everything, UsbLimits(known_classes=("02", "03", "08")))
    assert found == outcomes(everything)
    assert found != {}


NETWORK, SILENT, MOUSE, KEYBOARD, STICK = "020600", "030000", "030102", "030101", "080650"
ABILITIES: dict[str, tuple[bool | Unknown, bool | Unknown, bool | Unknown]] = {
    NETWORK: (False, False, True),
    SILENT: (UNKNOWN, False, False),
    MOUSE: (False, False, False),
    KEYBOARD: (True, False, False),
    STICK: (False, True, False),
}
"""Whether an interface of this class types, stores or is a network."""


def made_of(told: list[str], *, hides_one: bool) -> UsbDevice:
    unread = [(UNKNOWN, UNKNOWN, UNKNOWN)] if hides_one else []
    keyboard, storage, network = zip(*(ABILITIES[each] for each in told), *unread, strict=True)
    return device(
        interfaces=tuple(sorted(set(told))),
        keyboard=any_of(keyboard),
        storage=any_of(storage),
        network=any_of(network),
    )


@given(told=st.lists(st.sampled_from(sorted(ABILITIES)), min_size=1, max_size=6))
def test_whatever_a_device_is_known_classes_never_cover_an_interface_that_could_not_be_read(
    told: list[str],
) -> None:
    hiding = made_of(told, hides_one=True)
    assert outcomes(hiding, UsbLimits(known_classes=("02", "03", "08"))) != {}


@given(told=st.lists(st.sampled_from(sorted(ABILITIES)), min_size=1, max_size=6))
def test_known_classes_cover_what_could_be_read_where_an_ability_that_it_lacks_proves_it(
    told: list[str],
) -> None:
    read = made_of(told, hides_one=False)
    proven = False in (read.keyboard, read.storage, read.network)
    assert (outcomes(read, UsbLimits(known_classes=("02", "03", "08"))) == {}) is proven


def test_known_classes_cover_a_human_interface_that_has_not_named_its_reports() -> None:
    asleep = device(keyboard=UNKNOWN, interfaces=("030000",))
    assert outcomes(asleep, UsbLimits(known_classes=("03",))) == {}


@pytest.mark.parametrize("indicator", list(Indicator))
def test_a_known_class_silences_no_sign_of_an_attack(indicator: Indicator) -> None:
    attached = device(interfaces=("030101",), keyboard=True, indicators=(indicator,))
    assert outcomes(attached, UsbLimits(known_classes=("03",))) == {indicator: Outcome.FAIL}


def test_what_is_forbidden_fails_whatever_approves_it() -> None:
    this = KnownDevice("046d", "c31c", SERIAL)
    limits = UsbLimits(known_devices=(this,), known_classes=("08",), forbidden_devices=(this,))
    attached = device(interfaces=("080650",), location=Location.INTERNAL)
    assert outcomes(attached, limits) == {Problem.FORBIDDEN: Outcome.FAIL}
    assert outcomes(device(serial="b" * 32), limits) == {}
