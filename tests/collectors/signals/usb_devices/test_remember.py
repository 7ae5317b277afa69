"""What a laptop remembers of USB devices, and what that makes of the devices it lists."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.reading import Reading, not_applicable, ok, unavailable
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.host.answers import UsbSighting
from passmuster_collectors.signals.usb_devices import SIGNAL
from passmuster_collectors.signals.usb_devices.facts import (
    Indicator,
    Location,
    UsbDevice,
    UsbDevicesFacts,
)
from passmuster_collectors.signals.usb_devices.history import History
from passmuster_collectors.signals.usb_devices.remember import remember
from passmuster_collectors.signals.usb_devices.rule import KnownDevice, UsbLimits

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEYBOARD_TRIPLE, MOUSE_TRIPLE, DISK_TRIPLE, HUB_TRIPLE = (3, 1, 1), (3, 1, 2), (8, 6, 80), (9, 0, 0)


def device(vendor_id: str, product_id: str, port: str = "1-2", **changes: Any) -> UsbDevice:
    plain = UsbDevice(
        vendor_id=vendor_id,
        product_id=product_id,
        name=f"{vendor_id} {product_id}",
        serial=None,
        interfaces=(),
        location=Location.EXTERNAL,
        keyboard=False,
        storage=False,
        network=False,
        indicators=(),
        attached_at=None,
        port=port,
    )
    return replace(plain, **changes)


def keyboard(vendor_id: str = "413c", product_id: str = "2107", **changes: Any) -> UsbDevice:
    return device(vendor_id, product_id, **{"interfaces": ("030101",), "keyboard": True, **changes})


def stick(vendor_id: str = "0781", product_id: str = "5581", **changes: Any) -> UsbDevice:
    return device(vendor_id, product_id, **{"interfaces": ("080650",), "storage": True, **changes})


MOUSE = device("046d", "c077", "1-3", interfaces=("030102",))
FINGERPRINT_READER = device("27c6", "5840", "1-9", location=Location.INTERNAL)


class Laptop:
    """A laptop that lists what it is told to, and remembers."""

    def __init__(self, *devices: UsbDevice, enrolled_now: bool = True) -> None:
        self.now = START
        self.memory: Any = None
        self._is_first = enrolled_now
        self.heard: list[UsbSighting] = []
        self.reading = self.lists(*devices)

    def lists(self, *devices: UsbDevice, after_s: float = 0, **options: Any) -> Reading:
        self.now += timedelta(seconds=after_s)
        facts = UsbDevicesFacts(devices)
        taken = options.get("taken") or ok(SIGNAL.id, self.now, facts, [])
        sightings = [replace(each, at=each.at or self.now) for each in self.heard]
        self.heard.clear()
        self.reading, self.memory = remember(taken, self.memory, sightings, is_first=self._is_first)
        self._is_first = False
        return self.reading

    def hears(self, *sightings: UsbSighting, after_s: float = 0) -> None:
        self.now += timedelta(seconds=after_s)
        self.heard += [replace(each, at=self.now) for each in sightings]

    @property
    def devices(self) -> tuple[UsbDevice, ...]:
        return codec.decode(UsbDevicesFacts, self.reading.facts).devices

    @property
    def indicators(self) -> set[Indicator]:
        return {indicator for each in self.devices for indicator in each.indicators}

    def problems(self, limits: UsbLimits | None = None) -> list[str]:
        findings = SIGNAL.judge(self.reading, limits or UsbLimits()).findings
        return [found.problem for found in findings]


def came(each: UsbDevice, *triples: tuple[int, int, int]) -> list[UsbSighting]:
    about = (each.port, each.vendor_id, each.product_id)
    return [UsbSighting(True, *about), *(UsbSighting(True, *about, triple) for triple in triples)]


def went(each: UsbDevice) -> UsbSighting:
    return UsbSighting(False, each.port, each.vendor_id, each.product_id)


class TestFirstAndLastSeen:
    def test_a_device_keeps_the_time_at_which_it_was_attached(self) -> None:
        laptop = Laptop()
        laptop.lists(replace(MOUSE, attached_at=START + timedelta(seconds=5)), after_s=6)
        jitter = replace(MOUSE, attached_at=START + timedelta(seconds=5, milliseconds=3))
        before = laptop.devices
        laptop.lists(jitter, after_s=900)
        assert laptop.devices == before
        assert before[0].attached_at == before[0].first_seen_at == START + timedelta(seconds=5)

    def test_what_the_kernel_does_not_tell_is_when_it_was_first_listed(self) -> None:
        laptop = Laptop()
        laptop.lists(MOUSE, after_s=60)
        assert laptop.devices[0].attached_at == START + timedelta(seconds=60)

    def test_of_what_was_there_before_the_agent_nobody_knows_since_when(self) -> None:
        laptop = Laptop(MOUSE)
        assert laptop.devices[0].attached_at is None
        assert laptop.devices[0].first_seen_at == START

    def test_a_device_that_comes_back_is_attached_anew_and_was_seen_before(self) -> None:
        laptop = Laptop()
        laptop.lists(MOUSE, after_s=10)
        laptop.lists(after_s=100)
        laptop.lists(MOUSE, after_s=1000)
        (found,) = laptop.devices
        assert found.first_seen_at == START + timedelta(seconds=10)
        assert found.attached_at == START + timedelta(seconds=1110)

    def test_it_is_known_by_its_serial_in_any_socket(self) -> None:
        laptop = Laptop()
        laptop.lists(stick(serial="5f1c"), after_s=10)
        laptop.lists(stick(serial="5f1c", port="1-4"), stick(serial="77aa", port="1-5"), after_s=99)
        first, second = laptop.devices
        assert first.first_seen_at == START + timedelta(seconds=10)
        assert second.first_seen_at == START + timedelta(seconds=109)


class TestTheBaseline:
    UNCLEAR = keyboard(location=Location.UNKNOWN)

    def test_what_nobody_can_tell_inside_from_outside_counts_as_built_in(self) -> None:
        laptop = Laptop(self.UNCLEAR)
        assert laptop.devices[0].baseline is True
        assert laptop.problems() == []
        assert laptop.problems(UsbLimits(trust_baseline=False)) == ["unknown_keyboard"]

    def test_what_is_plugged_in_at_enrolment_stays_outside(self) -> None:
        laptop = Laptop(keyboard(), stick(port="1-4"))
        assert [each.baseline for each in laptop.devices] == [True, True]
        assert laptop.problems() == ["unknown_keyboard", "unknown_storage"]

    @pytest.mark.parametrize(
        "other",
        [
            replace(UNCLEAR, port="1-7"),
            replace(UNCLEAR, serial="5f1c"),
            replace(UNCLEAR, product_id="9999"),
            replace(UNCLEAR, interfaces=("030101", "080650")),
        ],
        ids=["socket", "serial", "product", "abilities"],
    )
    def test_what_differs_in_anything_was_not_there(self, other: UsbDevice) -> None:
        laptop = Laptop(self.UNCLEAR)
        laptop.lists(other, after_s=100)
        assert laptop.devices[0].baseline is False
        assert "unknown_keyboard" in laptop.problems()

    def test_controllers_that_are_numbered_otherwise_after_a_restart_do_not_matter(self) -> None:
        laptop = Laptop(self.UNCLEAR)
        laptop.lists(replace(self.UNCLEAR, port="3-2"), after_s=100)
        assert laptop.devices[0].baseline is True

    def test_a_laptop_that_was_enrolled_by_an_older_agent_has_none(self) -> None:
        laptop = Laptop(self.UNCLEAR, enrolled_now=False)
        assert laptop.devices[0].baseline is None
        assert laptop.problems() == ["unknown_keyboard"]

    def test_a_memory_that_was_lost_makes_no_new_one(self) -> None:
        laptop = Laptop()
        laptop.memory = None
        laptop.lists(self.UNCLEAR, after_s=5)
        assert laptop.devices[0].baseline is None

    def test_a_list_that_is_not_whole_is_none(self) -> None:
        laptop = Laptop(enrolled_now=False)
        laptop.memory = None
        facts = UsbDevicesFacts((self.UNCLEAR,))
        taken = unavailable(SIGNAL.id, laptop.now, "Not everything.", [], facts)
        laptop._is_first = True
        laptop.lists(taken=taken)
        assert laptop.devices[0].baseline is None


class TestAnIdentityThatChanges:
    def test_a_stick_that_becomes_a_keyboard_at_once_poses(self) -> None:
        laptop = Laptop()
        laptop.lists(stick(), after_s=100)
        laptop.hears(went(stick()), after_s=20)
        laptop.lists(keyboard("05ac", "021e"), after_s=1)
        assert laptop.indicators == {Indicator.IDENTITY_CHANGED_ON_PORT}
        laptop.lists(keyboard("05ac", "021e"), after_s=3600)
        assert laptop.indicators == {Indicator.IDENTITY_CHANGED_ON_PORT}, (
            "for as long as it is there"
        )

    def test_it_is_seen_without_events_where_the_reading_was_just_before(self) -> None:
        laptop = Laptop()
        laptop.lists(stick(), after_s=100)
        at = laptop.now + timedelta(seconds=1)
        laptop.lists(keyboard("05ac", "021e", attached_at=at), after_s=30)
        assert Indicator.IDENTITY_CHANGED_ON_PORT in laptop.indicators

    def test_a_keyboard_of_another_maker_at_once_poses(self) -> None:
        laptop = Laptop()
        laptop.lists(keyboard("1d6b", "1347"), after_s=100)
        laptop.hears(went(keyboard("1d6b", "1347")), after_s=20)
        laptop.lists(keyboard("05ac", "021e"), after_s=0.5)
        assert Indicator.IDENTITY_CHANGED_ON_PORT in laptop.indicators

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (device("18d1", "4ee1"), stick("18d1", "4ee2")),
            (stick("12d1", "1f01"), device("12d1", "14db", network=True)),
            (keyboard("3434", "0120"), device("3434", "df11")),
            (keyboard("3434", "0120"), keyboard("3434", "0121")),
            (stick(), device("046d", "c077", interfaces=("030102",))),
        ],
        ids=["a phone", "a modem", "an update", "another layout", "no keyboard"],
    )
    def test_products_that_change_at_once_do_not(self, before: UsbDevice, after: UsbDevice) -> None:
        laptop = Laptop()
        laptop.lists(before, after_s=100)
        laptop.hears(went(before), after_s=20)
        laptop.lists(after, after_s=1)
        assert Indicator.IDENTITY_CHANGED_ON_PORT not in laptop.indicators

    def test_a_hand_that_swaps_plugs_is_slower(self) -> None:
        laptop = Laptop()
        laptop.lists(stick(), after_s=100)
        laptop.hears(went(stick()), after_s=20)
        laptop.lists(keyboard(), after_s=4)
        assert laptop.indicators == set()

    def test_a_keyboard_that_is_still_introducing_itself_does_not(self) -> None:
        laptop = Laptop()
        half = keyboard(interfaces=(), keyboard=UNKNOWN)
        laptop.lists(half, after_s=100)
        laptop.lists(keyboard(), after_s=0.1)
        assert laptop.indicators == set()


class TestACloneOfAnApprovedDevice:
    def test_a_serial_number_that_learned_to_type_is_a_clone(self) -> None:
        laptop = Laptop()
        laptop.lists(stick(serial="5f1c"), after_s=100)
        laptop.lists(after_s=100)
        laptop.lists(stick(serial="5f1c", keyboard=True), after_s=100)
        assert laptop.indicators == {Indicator.CLONED_IDENTITY}

    def test_one_of_which_it_was_not_known_is_none(self) -> None:
        laptop = Laptop()
        laptop.lists(device("413c", "2107", serial="5f1c", keyboard=UNKNOWN), after_s=100)
        laptop.lists(after_s=100)
        laptop.lists(keyboard(serial="5f1c"), after_s=100)
        assert laptop.indicators == set()

    def test_devices_without_a_serial_number_are_no_clones_of_each_other(self) -> None:
        laptop = Laptop()
        laptop.lists(stick(), after_s=100)
        laptop.lists(after_s=100)
        laptop.lists(stick(keyboard=True), after_s=100)
        assert laptop.indicators == set()


class TestAKeyboardThatVanishes:
    INJECTOR = keyboard("05ac", "021e")

    def plugged_for(self, seconds: float) -> Laptop:
        laptop = Laptop()
        laptop.lists(self.INJECTOR, after_s=100)
        laptop.lists(after_s=seconds)
        return laptop

    def test_it_is_told_when_it_is_gone(self) -> None:
        laptop = self.plugged_for(3)
        (found,) = laptop.devices
        assert (found.attached, found.last_seen_at) == (False, laptop.now)
        assert found.indicators == (Indicator.VANISHED_KEYBOARD,)
        assert laptop.problems() == ["vanished_keyboard"]

    def test_it_is_told_for_an_hour(self) -> None:
        laptop = self.plugged_for(3)
        laptop.lists(after_s=3500)
        assert laptop.problems() == ["vanished_keyboard"]
        laptop.lists(after_s=200)
        assert laptop.devices == ()

    def test_one_that_stayed_is_told_no_longer(self) -> None:
        assert self.plugged_for(90).devices == ()

    def test_one_that_is_back_speaks_for_itself(self) -> None:
        laptop = self.plugged_for(3)
        laptop.lists(self.INJECTOR, after_s=10)
        assert laptop.problems() == ["unknown_keyboard"]

    def test_a_loose_plug_of_a_keyboard_that_is_known_is_silent(self) -> None:
        laptop = Laptop()
        laptop.lists(keyboard(), after_s=100)
        laptop.lists(keyboard(), after_s=5000)
        laptop.lists(after_s=100)
        laptop.lists(keyboard(), after_s=5)
        laptop.lists(after_s=3)
        assert laptop.devices == ()

    def test_a_kind_of_keyboard_that_it_approved_is_silent(self) -> None:
        limits = UsbLimits(known_devices=(KnownDevice("05ac", "021e"),))
        assert self.plugged_for(3).problems(limits) == []

    @pytest.mark.parametrize("silent", [MOUSE, stick(), FINGERPRINT_READER])
    def test_what_can_not_type_may_leave(self, silent: UsbDevice) -> None:
        laptop = Laptop()
        laptop.lists(silent, after_s=100)
        laptop.lists(after_s=3)
        assert laptop.devices == ()

    def test_a_device_with_signs_of_an_attack_is_told_however_long_it_stayed(self) -> None:
        laptop = Laptop()
        laptop.lists(keyboard(indicators=(Indicator.KEYBOARD_AND_STORAGE,)), after_s=100)
        laptop.lists(after_s=5000)
        assert laptop.problems() == ["keyboard_and_storage"]

    def test_it_is_told_though_no_reading_ever_had_it(self) -> None:
        laptop = Laptop(MOUSE)
        laptop.hears(*came(self.INJECTOR, KEYBOARD_TRIPLE), after_s=100)
        laptop.hears(went(self.INJECTOR), after_s=3)
        laptop.lists(MOUSE, after_s=5)
        _, found = laptop.devices
        assert (found.vendor_id, found.product_id, found.port) == ("05ac", "021e", "1-2")
        assert found.interfaces == ("030101",)
        assert found.indicators == (Indicator.VANISHED_KEYBOARD,)
        assert found.attached_at == START + timedelta(seconds=100)
        assert laptop.problems() == ["vanished_keyboard"]

    def test_it_is_told_though_a_reading_came_between_the_device_and_its_interfaces(self) -> None:
        laptop = Laptop(MOUSE)
        laptop.hears(*came(self.INJECTOR), after_s=100)
        laptop.lists(MOUSE)
        laptop.hears(*came(self.INJECTOR, KEYBOARD_TRIPLE)[1:], went(self.INJECTOR), after_s=0.1)
        laptop.lists(MOUSE)
        assert laptop.problems() == ["vanished_keyboard"]
        laptop.hears(*came(self.INJECTOR, KEYBOARD_TRIPLE), went(self.INJECTOR), after_s=0.1)
        laptop.lists(MOUSE)
        _, found = laptop.devices
        assert found.interfaces == ("030101",)
        assert found.first_seen_at == START + timedelta(seconds=100)

    def test_all_interfaces_are_told_of_one_whose_announcement_came_in_parts(self) -> None:
        laptop = Laptop()
        laptop.hears(*came(self.INJECTOR, DISK_TRIPLE), after_s=100)
        laptop.lists()
        laptop.hears(*came(self.INJECTOR, KEYBOARD_TRIPLE)[1:], went(self.INJECTOR), after_s=0.1)
        laptop.lists()
        (found,) = laptop.devices
        assert found.interfaces == ("030101", "080650")
        assert (found.keyboard, found.storage) == (True, True)

    def test_one_that_was_listed_before_its_interfaces_were_there_is_told(self) -> None:
        laptop = Laptop()
        half = replace(self.INJECTOR, interfaces=(), keyboard=UNKNOWN, serial="5f1c")
        laptop.hears(*came(half), after_s=100)
        laptop.lists(half)
        laptop.hears(*came(half, KEYBOARD_TRIPLE)[1:], went(half), after_s=0.1)
        laptop.lists()
        assert laptop.problems() == ["vanished_keyboard"]

    @pytest.mark.parametrize("serial", [None, "5f1c"])
    def test_one_that_was_listed_in_part_is_told_before_its_going_is_heard(
        self, serial: str | None
    ) -> None:
        laptop = Laptop()
        half = replace(self.INJECTOR, interfaces=(), keyboard=UNKNOWN, serial=serial)
        laptop.hears(*came(half), after_s=100)
        laptop.lists(half)
        laptop.hears(*came(half, KEYBOARD_TRIPLE)[1:])
        laptop.lists()
        assert laptop.problems() == ["vanished_keyboard"]
        laptop.hears(went(half))
        laptop.lists()
        assert laptop.problems() == ["vanished_keyboard"]

    def test_one_that_was_listed_in_part_stays_where_a_list_is_not_whole(self) -> None:
        laptop = Laptop()
        half = replace(self.INJECTOR, interfaces=(), keyboard=UNKNOWN)
        laptop.hears(*came(half), after_s=100)
        laptop.lists(half)
        laptop.hears(*came(half, KEYBOARD_TRIPLE)[1:])
        part = unavailable(SIGNAL.id, laptop.now, "Not everything.", [], UsbDevicesFacts(()))
        laptop.lists(taken=part)
        assert laptop.devices == ()

    @pytest.mark.parametrize("serial", [None, "5f1c"])
    @pytest.mark.parametrize("is_heard", [True, False])
    def test_a_known_keyboard_that_is_listed_in_part_and_pulled_out_is_silent(
        self, serial: str | None, is_heard: bool
    ) -> None:
        own = keyboard(serial=serial)
        half = replace(own, interfaces=(), keyboard=UNKNOWN)
        laptop = Laptop()
        laptop.lists(own, after_s=100)
        laptop.hears(went(own), *came(own), after_s=5000)
        laptop.lists(half)
        laptop.hears(*came(own, KEYBOARD_TRIPLE)[1:], *([went(own)] if is_heard else []))
        laptop.lists()
        assert laptop.devices == ()

    def test_events_that_udev_repeats_afterwards_tell_it_once(self) -> None:
        laptop = self.plugged_for(3)
        laptop.hears(*came(self.INJECTOR, KEYBOARD_TRIPLE), went(self.INJECTOR))
        laptop.lists(after_s=1)
        assert len(laptop.devices) == 1

    @pytest.mark.parametrize(
        "triples",
        [[MOUSE_TRIPLE], [DISK_TRIPLE], [HUB_TRIPLE], []],
        ids=["mouse", "disk", "hub", "?"],
    )
    def test_what_came_and_went_and_looks_like_no_keyboard_is_silent(
        self, triples: list[tuple[int, int, int]]
    ) -> None:
        laptop = Laptop()
        laptop.hears(*came(MOUSE, *triples), went(MOUSE), after_s=10)
        laptop.lists(after_s=1)
        assert laptop.devices == ()

    def test_a_human_interface_that_nobody_could_ask_may_be_one(self) -> None:
        laptop = Laptop()
        board = device("2341", "8036")
        laptop.hears(*came(board, (2, 2, 0), (3, 0, 0)), went(board), after_s=10)
        laptop.lists(after_s=1)
        assert laptop.problems() == ["vanished_keyboard"]


class TestAnIdentityThatLearnsToType:
    """Without a serial number an injector may claim to be what has been here for long."""

    OWN = device("046d", "c077", "1-3", interfaces=("030102",))
    ELSEWHERE = replace(OWN, port="1-2")

    @pytest.mark.parametrize("in_baseline", [True, False])
    def test_a_mouse_that_comes_back_as_a_keyboard_and_goes_is_told(
        self, *, in_baseline: bool
    ) -> None:
        laptop = Laptop(*([self.OWN] if in_baseline else []))
        laptop.lists(self.OWN, after_s=100)
        back = came(self.OWN, MOUSE_TRIPLE, KEYBOARD_TRIPLE)
        laptop.hears(went(self.OWN), *back, went(self.OWN), after_s=300)
        laptop.lists(after_s=1)
        assert laptop.problems() == ["vanished_keyboard"]

    def test_a_device_that_names_its_keyboard_late_and_goes_is_told(self) -> None:
        laptop = Laptop()
        half = keyboard(interfaces=(), keyboard=UNKNOWN)
        laptop.hears(*came(half), after_s=100)
        laptop.lists(half)
        laptop.hears(*came(half, KEYBOARD_TRIPLE)[1:], went(half), after_s=120)
        laptop.lists(after_s=1)
        assert laptop.problems() == ["vanished_keyboard"]

    def test_one_in_another_socket_is_told_for_an_hour_beside_the_mouse(self) -> None:
        laptop = Laptop(self.OWN)
        laptop.hears(*came(self.ELSEWHERE, KEYBOARD_TRIPLE), went(self.ELSEWHERE), after_s=300)
        laptop.lists(self.OWN, after_s=1)
        assert laptop.problems() == ["vanished_keyboard"]
        assert [(each.port, each.attached) for each in laptop.devices] == [
            ("1-3", True),
            ("1-2", False),
        ]
        laptop.lists(self.OWN, after_s=3500)
        assert laptop.problems() == ["vanished_keyboard"]
        laptop.lists(self.OWN, after_s=200)
        assert laptop.devices[1:] == ()

    def test_one_that_was_listed_is_told_as_well(self) -> None:
        laptop = Laptop(self.OWN)
        injector = replace(self.ELSEWHERE, interfaces=("030101",), keyboard=True)
        laptop.lists(injector, self.OWN, after_s=300)
        laptop.lists(self.OWN, after_s=3)
        assert laptop.problems() == ["vanished_keyboard"]

    def test_one_that_may_type_when_it_is_back_speaks_for_itself(self) -> None:
        laptop = Laptop(self.OWN)
        laptop.hears(*came(self.ELSEWHERE, KEYBOARD_TRIPLE), went(self.ELSEWHERE), after_s=300)
        laptop.lists(self.OWN, after_s=1)
        laptop.lists(replace(self.ELSEWHERE, keyboard=UNKNOWN), self.OWN, after_s=1)
        assert laptop.problems() == ["unclear_keyboard"]

    @pytest.mark.parametrize("is_own", [True, False])
    @pytest.mark.parametrize("serial", [None, "5f1c"])
    def test_one_that_is_back_as_a_mouse_is_told_for_an_hour(
        self, serial: str | None, *, is_own: bool
    ) -> None:
        mouse = replace(self.OWN, serial=serial)
        laptop = Laptop(*([mouse] if is_own else []))
        typed = [*came(mouse, KEYBOARD_TRIPLE), went(mouse)]
        laptop.hears(*typed, *came(mouse, MOUSE_TRIPLE), after_s=300)
        laptop.lists(mouse)
        assert laptop.problems() == ["vanished_keyboard"]
        assert [each.attached for each in laptop.devices] == [True, False]
        laptop.lists(mouse, after_s=3500)
        assert laptop.problems() == ["vanished_keyboard"]
        laptop.lists(mouse, after_s=200)
        assert laptop.devices[1:] == ()

    @pytest.mark.parametrize("serial", [None, "5f1c"])
    @pytest.mark.parametrize("keyboard_now", [True, UNKNOWN])
    def test_one_that_is_back_and_may_type_speaks_for_itself(
        self, keyboard_now: Any, serial: str | None
    ) -> None:
        laptop = Laptop()
        there = came(self.OWN, MOUSE_TRIPLE, KEYBOARD_TRIPLE)
        laptop.hears(*there, went(self.OWN), *there, after_s=300)
        laptop.lists(replace(self.OWN, keyboard=keyboard_now, serial=serial))
        assert laptop.indicators == set()

    @pytest.mark.parametrize("serial", [None, "5f1c"])
    def test_a_new_headset_that_comes_loose_is_no_keyboard(self, serial: str | None) -> None:
        laptop = Laptop()
        headset = device("047f", "c053", interfaces=("010100", "030000"), serial=serial)
        there = came(headset, (1, 1, 0), (3, 0, 0))
        laptop.hears(*there, went(headset), *there, after_s=300)
        laptop.lists(headset)
        assert laptop.devices[1:] == ()

    def test_a_disk_that_is_announced_otherwise_than_listed_may_come_loose(self) -> None:
        laptop = Laptop()
        disk = stick(interfaces=("080650", "080662"))
        laptop.hears(*came(disk, (8, 6, 98)), went(disk), *came(disk, DISK_TRIPLE), after_s=300)
        laptop.lists(disk)
        assert laptop.devices[1:] == ()

    def test_a_mouse_that_was_not_heard_to_go_is_the_same(self) -> None:
        laptop = Laptop()
        laptop.hears(*came(self.OWN, KEYBOARD_TRIPLE, MOUSE_TRIPLE), after_s=300)
        laptop.lists(self.OWN)
        assert laptop.devices[1:] == ()

    @pytest.mark.parametrize("serial", [None, "5f1c"])
    def test_a_known_keyboard_that_is_back_in_part_is_silent(self, serial: str | None) -> None:
        own = keyboard(interfaces=("030101", "030102"), serial=serial)
        laptop = Laptop()
        laptop.lists(own, after_s=100)
        there = came(own, KEYBOARD_TRIPLE, MOUSE_TRIPLE)
        laptop.hears(went(own), *there, went(own), *there, after_s=300)
        laptop.lists(replace(own, interfaces=("030102",), keyboard=False))
        assert laptop.devices[1:] == ()

    def test_one_that_has_more_than_the_keyboard_it_claims_to_be_is_told(self) -> None:
        laptop = Laptop()
        own = keyboard(serial="5f1c")
        laptop.lists(own, after_s=100)
        laptop.hears(went(own), *came(own, KEYBOARD_TRIPLE, DISK_TRIPLE), went(own), after_s=300)
        laptop.lists()
        assert laptop.problems() == ["vanished_keyboard"]

    @pytest.mark.parametrize("port", ["1-2", "1-4"])
    def test_a_keyboard_that_is_known_comes_loose_in_any_socket_in_silence(self, port: str) -> None:
        laptop = Laptop()
        laptop.lists(keyboard(), after_s=100)
        moved = keyboard(port=port)
        there = came(moved, KEYBOARD_TRIPLE, MOUSE_TRIPLE)
        laptop.hears(went(keyboard()), *there, went(moved), *there, went(moved), after_s=300)
        laptop.lists(after_s=1)
        assert laptop.devices == ()

    def test_a_headset_that_nobody_could_ask_before_it_went_is_no_keyboard(self) -> None:
        laptop = Laptop()
        headset = device("047f", "c053", interfaces=("010100", "030000"))
        laptop.lists(headset, after_s=100)
        moved = replace(headset, port="1-4")
        laptop.hears(went(headset), *came(moved, (1, 1, 0), (3, 0, 0)), went(moved), after_s=300)
        laptop.lists(after_s=1)
        assert laptop.devices == ()

    def test_what_has_typed_for_a_while_is_known_for_a_keyboard(self) -> None:
        laptop = Laptop()
        updated = replace(self.OWN, interfaces=("030101", "030102"), keyboard=True)
        laptop.lists(self.OWN, after_s=100)
        laptop.lists(after_s=300)
        laptop.lists(updated, after_s=30)
        laptop.lists(after_s=90)
        laptop.lists(updated, after_s=5)
        laptop.lists(after_s=3)
        assert laptop.devices == ()


class TestReadingsThatSayNothing:
    def test_a_list_that_is_not_whole_lets_nobody_leave(self) -> None:
        laptop = Laptop()
        laptop.lists(keyboard(), after_s=100)
        part = unavailable(SIGNAL.id, laptop.now, "Not everything.", [], UsbDevicesFacts(()))
        laptop.lists(taken=part, after_s=3)
        assert [each.port for each in laptop.devices] == []
        laptop.lists(keyboard(), after_s=3)
        assert laptop.devices[0].attached_at == START + timedelta(seconds=100)

    def test_no_list_changes_nothing(self) -> None:
        laptop = Laptop(MOUSE)
        before = laptop.memory
        for taken in (
            unavailable(SIGNAL.id, START, "No.", []),
            not_applicable(SIGNAL.id, START, "No USB.", []),
        ):
            assert laptop.lists(taken=taken) == taken
            assert laptop.memory == before

    @pytest.mark.parametrize("memory", [{}, [], "x", 5, {"version": 99}, {"version": 1, "x": 1}])
    def test_a_memory_that_is_none_is_started_over(self, memory: Any) -> None:
        laptop = Laptop(enrolled_now=False)
        laptop.memory = memory
        laptop.lists(MOUSE, after_s=5)
        assert laptop.devices[0].first_seen_at == laptop.now
        assert codec.decode(History, laptop.memory).baseline is None


ids = st.sampled_from(["05ac", "0781", "2341"])
devices = st.builds(
    device,
    ids,
    ids,
    st.sampled_from(["", "1-2", "1-3", "2-1.4"]),
    serial=st.sampled_from([None, "5f1c"]),
    interfaces=st.sampled_from([(), ("030101",), ("080650",), ("030000", "080650")]),
    keyboard=st.sampled_from([True, False, UNKNOWN]),
    storage=st.sampled_from([True, False, UNKNOWN]),
    location=st.sampled_from(Location),
    indicators=st.sampled_from([(), (Indicator.SECOND_KEYBOARD,)]),
)
sightings = st.builds(
    UsbSighting,
    st.booleans(),
    st.sampled_from(["1-2", "1-3"]),
    ids,
    ids,
    st.sampled_from([None, KEYBOARD_TRIPLE, DISK_TRIPLE, HUB_TRIPLE]),
)
steps = st.lists(
    st.tuples(
        st.lists(devices, max_size=4),
        st.lists(sightings, max_size=6),
        st.floats(0, 4000),
        st.booleans(),
    ),
    max_size=6,
)


def found_in(reading: Reading, limits: UsbLimits) -> set[tuple[str, Outcome, str]]:
    judged = SIGNAL.judge(reading, limits).findings
    # That it was not whole is said where nothing worse is known.
    return {
        (each.problem, each.outcome, str(sorted(each.details.items())))
        for each in judged
        if each.problem != "unreadable"
    }


@settings(max_examples=60, deadline=None)
@given(st.lists(devices, max_size=4), steps)
def test_remembering_never_takes_a_finding_away_and_keeps_within_bounds(
    first: Sequence[UsbDevice], later: list[Any]
) -> None:
    laptop = Laptop(*first)
    limits = UsbLimits(trust_baseline=False)
    for listed, heard, after_s, is_whole in later:
        laptop.hears(*heard)
        facts = UsbDevicesFacts(tuple(listed))
        at = laptop.now + timedelta(seconds=after_s)
        plain = ok(SIGNAL.id, at, facts, [])
        taken = plain if is_whole else unavailable(SIGNAL.id, at, "Not everything.", [], facts)
        laptop.lists(taken=taken, after_s=after_s)
        assert found_in(taken, limits) <= found_in(laptop.reading, limits)
        codec.decode(History, laptop.memory)
        assert len(canonical_bytes(laptop.memory)) < 524_288


def test_a_laptop_that_meets_thousands_of_devices_remembers_the_newest() -> None:
    laptop = Laptop()
    for number in range(12):
        many = [
            stick(f"{number:04x}", f"{each:04x}", serial=f"{each:032x}", port=f"1-{each}")
            for each in range(120)
        ]
        laptop.lists(*many, after_s=4000)
    remembered = codec.decode(History, laptop.memory)
    assert len(remembered.known) == 512
    assert {each.identity.vendor_id for each in remembered.known} >= {"000b", "000a", "0009"}
    assert len(canonical_bytes(laptop.memory)) < 524_288
