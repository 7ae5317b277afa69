from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_agent.schedule import (
    BACK_OFF_MOST_S,
    FULL_S,
    LONGEST_BURST_S,
    QUIET_S,
    BackOff,
    Debounce,
    FullCheck,
)
from passmuster_collectors.contract.verdict import LEAST_RHYTHM_S
from passmuster_collectors.host.events import NEVER

USB = frozenset({"usb"})
HID = frozenset({"hid"})


def longest(_: float, most: float) -> float:
    return most


class TestDebounce:
    def test_the_first_event_is_read_at_once(self) -> None:
        debounce = Debounce()
        debounce.event(USB, 10.0)
        assert debounce.next_at() == 10.0
        assert debounce.due(10.0) == USB

    def test_and_again_when_the_burst_is_over(self) -> None:
        debounce = Debounce()
        debounce.event(USB, 10.0)
        debounce.due(10.0)
        assert debounce.next_at() == 10.0 + QUIET_S
        assert debounce.due(10.05) == frozenset()
        assert debounce.due(10.0 + QUIET_S) == USB
        assert debounce.next_at() == NEVER

    def test_more_of_the_same_only_moves_the_end(self) -> None:
        debounce = Debounce()
        for moment in (10.0, 10.05, 10.1, 10.15):
            debounce.event(USB, moment)
            assert debounce.due(moment) == (USB if moment == 10.0 else frozenset())
        assert debounce.due(10.2) == frozenset()
        assert debounce.due(10.15 + QUIET_S) == USB

    def test_another_name_in_the_burst_is_read_at_once_as_well(self) -> None:
        debounce = Debounce()
        debounce.event(USB, 10.0)
        debounce.due(10.0)
        debounce.event(HID, 10.05)
        assert debounce.due(10.05) == HID
        assert debounce.due(10.05 + QUIET_S) == USB | HID

    def test_an_interface_that_comes_300_ms_later_is_read_at_once(self) -> None:
        debounce = Debounce()
        debounce.event(USB, 10.0)
        debounce.due(10.0)
        debounce.due(10.0 + QUIET_S)
        debounce.event(USB, 10.3)
        assert debounce.due(10.3) == USB

    def test_a_storm_is_read_every_second_at_least(self) -> None:
        debounce = Debounce()
        debounce.event(USB, 10.0)
        debounce.due(10.0)
        moment = 10.0
        while moment < 10.0 + LONGEST_BURST_S - 0.001:
            moment += 0.05
            debounce.event(USB, moment)
        assert debounce.due(10.0 + LONGEST_BURST_S) == USB
        assert debounce.due(moment + QUIET_S) == USB, "and once more when it is over"

    def test_without_events_nothing_is_due(self) -> None:
        debounce = Debounce()
        debounce.event(frozenset(), 10.0)
        assert debounce.next_at() == NEVER
        assert debounce.due(100.0) == frozenset()

    @given(st.lists(st.tuples(st.sampled_from(["usb", "hid", "net"]), st.floats(0.0, 0.5))))
    def test_whatever_happens_is_read_after_its_last_event(
        self, steps: list[tuple[str, float]]
    ) -> None:
        debounce, now = Debounce(), 0.0
        last_event: dict[str, float] = {}
        last_read: dict[str, float] = {}
        for name, pause in steps:
            event_at = now + pause
            while (due := debounce.next_at()) <= event_at:
                now = max(now, due)
                last_read |= dict.fromkeys(debounce.due(now), now)
            now = max(now, event_at)
            debounce.event(frozenset({name}), now)
            last_event[name] = now
            last_read |= dict.fromkeys(debounce.due(now), now)
        while (due := debounce.next_at()) != NEVER:
            now = max(now, due)
            last_read |= dict.fromkeys(debounce.due(now), now)
        assert all(last_read[name] > moment for name, moment in last_event.items())


class TestFullCheck:
    def test_the_first_is_due_at_once(self) -> None:
        assert FullCheck(Random(1), 5.0, 0.0).due(5.0)

    @given(st.integers())
    def test_the_next_comes_after_15_minutes_give_or_take_a_fifth(self, seed: int) -> None:
        check = FullCheck(Random(seed), 0.0, 0.0)
        check.done(1000.0)
        assert FULL_S * 0.8 <= check.next_at() - 1000.0 <= FULL_S * 1.2
        assert not check.due(1000.0)

    @given(st.integers(), st.integers(LEAST_RHYTHM_S, 86_400))
    def test_it_keeps_to_what_the_server_asks_for(self, seed: int, report_within_s: int) -> None:
        check = FullCheck(Random(seed), 0.0, 0.0)
        check.within(report_within_s, 0.0)
        check.done(0.0)
        assert check.next_at() <= report_within_s + 0.001

    @given(st.integers(), st.integers(5, LEAST_RHYTHM_S - 1))
    def test_a_wish_for_less_than_a_policy_asks_for_counts_once(
        self, seed: int, report_within_s: int
    ) -> None:
        check = FullCheck(Random(seed), 0.0, 0.0)
        check.done(0.0)
        check.within(report_within_s, 100.0)
        moment = check.next_at()
        assert moment == 100.0 + report_within_s
        for _ in range(3):
            check.done(moment)
            assert FULL_S * 0.8 <= check.next_at() - moment <= FULL_S * 1.2, "no answer came"
            moment = check.next_at()

    def test_such_a_wish_leaves_the_rhythm_that_the_policy_asked_for(self) -> None:
        check = FullCheck(Random(1), 0.0, 0.0)
        check.within(60, 0.0)
        check.within(5, 10.0)
        check.done(15.0)
        assert 60 / 1.2 * 0.8 <= check.next_at() - 15.0 <= 60.001

    def test_a_server_that_wants_to_hear_sooner_hears_sooner(self) -> None:
        check = FullCheck(Random(1), 0.0, 0.0)
        check.done(0.0)
        check.within(5, 100.0)
        assert check.next_at() == 105.0
        check.within(1200, 102.0)
        assert check.next_at() == 105.0, "what was planned is not put off"

    def test_it_is_due_at_once_after_sleep(self) -> None:
        check = FullCheck(Random(1), 0.0, 7.0)
        check.done(0.0)
        assert not check.look(10.0, 7.2)
        assert not check.due(10.0)
        assert check.look(20.0, 3600.0)
        assert check.due(20.0)
        check.done(20.0)
        assert not check.look(22.0, 3600.0), "one sleep counts once"

    def test_it_is_due_at_once_when_the_system_says_that_it_is_awake_again(self) -> None:
        check = FullCheck(Random(1), 0.0, 7.0)
        check.done(0.0)
        assert check.resumed(10.0)
        assert check.due(10.0)

    def test_what_the_clocks_and_the_system_tell_of_is_one_resume(self) -> None:
        check = FullCheck(Random(1), 0.0, 7.0)
        assert check.look(20.0, 3600.0)
        check.done(20.0)
        assert not check.resumed(20.5)
        assert not check.due(20.5)
        assert check.resumed(90.0), "the next one counts"


class TestBackOff:
    def test_pauses_double_from_five_seconds_to_fifteen_minutes(self) -> None:
        back_off = BackOff(longest)
        pauses = [back_off.failed(0.0) for _ in range(12)]
        assert pauses[:8] == [5, 10, 20, 40, 80, 160, 320, 640]
        assert pauses[8:] == [BACK_OFF_MOST_S] * 4

    def test_the_whole_pause_is_random(self) -> None:
        uniform = Random(1).uniform
        pauses = []
        for _ in range(1000):
            back_off = BackOff(uniform)
            back_off.failed(0.0)
            pauses.append(back_off.failed(0.0))
        assert min(pauses) < 0.5
        assert max(pauses) > 9.5
        assert sum(pauses) / 1000 == pytest.approx(5.0, abs=0.5)

    def test_the_servers_wish_is_the_least(self) -> None:
        back_off = BackOff(lambda least, _: least)
        back_off.failed(100.0, retry_after_s=30.0)
        assert not back_off.may_send(129.9)
        assert back_off.may_send(130.0)

    def test_success_starts_over(self) -> None:
        back_off = BackOff(longest)
        for _ in range(5):
            back_off.failed(0.0)
        back_off.succeeded()
        assert back_off.may_send(0.0)
        assert back_off.failed(0.0) == 5.0

    def test_a_changed_network_ends_the_pause_but_not_the_servers_wish(self) -> None:
        back_off = BackOff(longest)
        for _ in range(9):
            back_off.failed(100.0, retry_after_s=30.0)
        back_off.network_changed()
        assert not back_off.may_send(120.0)
        assert back_off.may_send(130.0)

    def test_the_first_try_can_be_held(self) -> None:
        back_off = BackOff(longest)
        back_off.wait_until(60.0)
        back_off.network_changed()
        assert not back_off.may_send(59.0)
        assert back_off.may_send(60.0)
