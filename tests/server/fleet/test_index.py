"""The fleet in the order of its page, whatever its size, and however time moves it."""

import asyncio
import dataclasses
import random
from datetime import datetime, timedelta

import msgspec
import pytest

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.fleet.index import (
    ORDER,
    PAGE_SIZE,
    FleetIndex,
    FleetQuery,
    Group,
    Page,
    group_of,
)
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.policy.standings import Standings
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.example_standings import MAX_AGE_S, NO_LOCK, NOW, standing

QUERY = FleetQuery(DEFAULT_ORGANISATION)

GROUPED = {
    "fails": (standing(Verdict.NON_COMPLIANT), Group.NON_COMPLIANT),
    "grace-over": (standing(Verdict.GRACE, NO_LOCK, grace_until=NOW), Group.NON_COMPLIANT),
    "grace-unset": (standing(Verdict.GRACE, NO_LOCK), Group.NON_COMPLIANT),
    "waiver-over": (standing(waived_until=NOW), Group.NON_COMPLIANT),
    "old": (standing(last_seen=NOW - timedelta(seconds=MAX_AGE_S + 1)), Group.UNKNOWN),
    "future": (standing(last_seen=NOW + timedelta(hours=1)), Group.UNKNOWN),
    "silent": (standing(last_seen=None), Group.UNKNOWN),
    "unknown": (standing(Verdict.UNKNOWN), Group.UNKNOWN),
    "conflict": (standing(status=DeviceStatus.CONFLICT), Group.UNKNOWN),
    "grace": (
        standing(Verdict.GRACE, NO_LOCK, grace_until=NOW + timedelta(seconds=1)),
        Group.GRACE,
    ),
    "passes": (standing(last_seen=NOW - timedelta(seconds=MAX_AGE_S)), Group.COMPLIANT),
    "pending": (standing(status=DeviceStatus.PENDING), Group.PENDING),
    "revoked": (standing(status=DeviceStatus.REVOKED), Group.OUT_OF_SERVICE),
    "retired": (standing(status=DeviceStatus.RETIRED), Group.OUT_OF_SERVICE),
}


def named(name: str, item: Standing) -> Standing:
    return msgspec.structs.replace(
        item, device=name, owner=f"{name}@example.com", computer_name=name
    )


class Fleet:
    """An index over standings, at a time that a test sets."""

    def __init__(self, *items: Standing) -> None:
        self.now = NOW
        self.standings = Standings()
        self._index = FleetIndex(self.standings, self._clock)
        for item in items:
            self.standings.put(item)

    def _clock(self) -> datetime:
        return self.now

    def page(self, query: FleetQuery = QUERY) -> Page:
        return asyncio.run(self._index.page(query))

    def shown(self, query: FleetQuery = QUERY) -> list[str]:
        return [laptop.device for laptop in self.page(query).laptops]

    def group_of(self, device: str) -> Group:
        (group,) = [
            group
            for group in Group
            if device in self.shown(dataclasses.replace(QUERY, group=group))
        ]
        return group


@pytest.fixture
def grouped() -> Fleet:
    return Fleet(*(named(name, item) for name, (item, _) in GROUPED.items()))


@pytest.mark.parametrize("name", GROUPED)
def test_the_page_groups_as_the_gate_decides(grouped: Fleet, name: str) -> None:
    item, group = GROUPED[name]
    assert grouped.group_of(name) is group
    if group is Group.PENDING:
        assert item.verdict_at(NOW) is Verdict.UNKNOWN
    elif group is not Group.OUT_OF_SERVICE:
        assert group.value == item.verdict_at(NOW).value, "page and gate disagree"


def test_the_worst_come_first_then_by_owner(grouped: Fleet) -> None:
    keys = [(ORDER.index(GROUPED[name][1]), name) for name in grouped.shown()]
    assert keys == sorted(keys)
    assert len(keys) == len(GROUPED)


def test_counts_cover_everything_whatever_is_shown(grouped: Fleet) -> None:
    expected = dict.fromkeys(Group, 0)
    for _, group in GROUPED.values():
        expected[group] += 1
    for shown in (None, Group.GRACE):
        assert grouped.page(dataclasses.replace(QUERY, group=shown)).counts == expected


def search(fleet: Fleet, text: str, *known: str) -> set[str]:
    return set(fleet.shown(dataclasses.replace(QUERY, search=text, known=frozenset(known))))


def test_search_finds_owners_and_computers_without_case(grouped: Fleet) -> None:
    assert search(grouped, "GRACE-") == {"grace-over", "grace-unset"}
    assert search(grouped, "silent@") == {"silent"}
    counts = grouped.page(dataclasses.replace(QUERY, search="grace")).counts
    assert {group: number for group, number in counts.items() if number} == {
        Group.NON_COMPLIANT: 2,
        Group.GRACE: 1,
    }


def test_search_finds_what_was_found_by_fingerprint(grouped: Fleet) -> None:
    assert search(grouped, "abcd-efgh-0000", "fails") == {"fails"}


@pytest.mark.parametrize("text", ["%", "_", "' OR 1=1 --", "\\"])
def test_signs_of_sql_are_searched_for_as_they_are(grouped: Fleet, text: str) -> None:
    assert search(grouped, text) == set()


@pytest.mark.parametrize("sought", ["", "worker"])
def test_pages_follow_one_another_without_gaps_or_repeats(sought: str) -> None:
    verdict = [Verdict.NON_COMPLIANT, Verdict.COMPLIANT, Verdict.COMPLIANT]
    items = [
        # Several laptops of one owner: the order must not depend on the owner alone.
        msgspec.structs.replace(
            standing(verdict[number % 3]),
            device=f"device-{number:03}",
            owner=f"Worker{number % 7}@example.com",
        )
        for number in range(2 * PAGE_SIZE + 17)
    ]
    fleet = Fleet(*items)
    query = dataclasses.replace(QUERY, search=sought)
    seen: list[str] = []
    for _ in range(5):
        page = fleet.page(query)
        seen += [laptop.device for laptop in page.laptops]
        if page.following is None:
            break
        query = dataclasses.replace(query, after=page.following)
    assert sorted(seen) == [item.device for item in items]
    assert len(set(seen)) == len(seen)


def test_a_group_is_a_part_of_the_fleet(grouped: Fleet) -> None:
    item = named("grace-theirs", standing(group="supplier"))
    grouped.standings.put(item)
    query = dataclasses.replace(QUERY, of_group="supplier")
    page = grouped.page(query)
    assert [laptop.device for laptop in page.laptops] == ["grace-theirs"]
    assert sum(page.counts.values()) == 1
    searched = dataclasses.replace(query, search="grace")
    assert grouped.shown(searched) == ["grace-theirs"]
    moved = msgspec.structs.replace(item, group="default", revision=1)
    grouped.standings.put(moved)
    assert grouped.shown(query) == []


class TestTime:
    """What moves a laptop without any report."""

    def test_a_silent_laptop_becomes_unknown(self) -> None:
        fleet = Fleet(standing(last_seen=NOW))
        fleet.now = NOW + timedelta(seconds=MAX_AGE_S)
        assert fleet.group_of("device-1") is Group.COMPLIANT
        fleet.now += timedelta(microseconds=1)
        assert fleet.group_of("device-1") is Group.UNKNOWN

    def test_a_report_puts_that_off(self) -> None:
        fleet = Fleet(standing(last_seen=NOW))
        fleet.now = NOW + timedelta(minutes=30)
        fleet.standings.put(standing(last_seen=fleet.now, report_sequence=346))
        fleet.now = NOW + timedelta(minutes=61)
        assert fleet.group_of("device-1") is Group.COMPLIANT
        fleet.now = NOW + timedelta(minutes=91)
        assert fleet.group_of("device-1") is Group.UNKNOWN

    @pytest.mark.parametrize(
        "item",
        [
            standing(Verdict.GRACE, NO_LOCK, grace_until=NOW + timedelta(minutes=5)),
            standing(waived_until=NOW + timedelta(minutes=5)),
        ],
        ids=["grace", "waiver"],
    )
    def test_the_end_of_a_grace_period_or_a_waiver_shows(self, item: Standing) -> None:
        fleet = Fleet(item)
        assert fleet.group_of("device-1") is not Group.NON_COMPLIANT
        fleet.now = NOW + timedelta(minutes=5)
        assert fleet.group_of("device-1") is Group.NON_COMPLIANT

    def test_a_clock_that_is_set_back_undoes_what_it_did(self) -> None:
        fleet = Fleet(standing(last_seen=NOW))
        fleet.now = NOW + timedelta(days=1)
        assert fleet.group_of("device-1") is Group.UNKNOWN
        fleet.now = NOW + timedelta(minutes=1)
        assert fleet.group_of("device-1") is Group.COMPLIANT
        fleet.now = NOW + timedelta(days=1)
        assert fleet.group_of("device-1") is Group.UNKNOWN


def test_a_device_that_is_erased_is_gone_and_may_come_back() -> None:
    fleet = Fleet(standing())
    fleet.standings.remove(DEFAULT_ORGANISATION, "device-1")
    assert fleet.page().laptops == []
    assert sum(fleet.page().counts.values()) == 0
    fleet.standings.put(standing())
    assert fleet.shown() == ["device-1"]


def test_another_organisation_is_another_fleet() -> None:
    fleet = Fleet(standing(), standing(organisation="other", device="theirs"))
    assert fleet.shown() == ["device-1"]
    assert fleet.shown(FleetQuery("other")) == ["theirs"]


def test_whatever_happens_the_order_is_that_of_a_sort() -> None:
    """A thousand random reports, new owners, removals and leaps of the clock."""
    chosen = random.Random(20)
    fleet = Fleet()
    for step in range(1_000):
        fleet.now += timedelta(seconds=chosen.choice([0, 1, 60, 900, 4_000, -300]))
        device = f"device-{chosen.randrange(40)}"
        if chosen.random() < 0.1:
            fleet.standings.remove(DEFAULT_ORGANISATION, device)
        else:
            verdict = chosen.choice(list(Verdict))
            fleet.standings.put(
                standing(
                    verdict,
                    device=device,
                    owner=f"worker{chosen.randrange(9)}@example.com",
                    last_seen=fleet.now - timedelta(seconds=chosen.randrange(-200, 5_000)),
                    grace_until=fleet.now + timedelta(seconds=chosen.randrange(-900, 900)),
                    waived_until=chosen.choice([None, fleet.now + timedelta(seconds=500)]),
                    revision=step,
                )
            )
        if step % 10 == 0:
            everyone = fleet.standings.all(DEFAULT_ORGANISATION)
            expected = sorted(
                everyone,
                key=lambda item: (
                    ORDER.index(group_of(item, fleet.now)),
                    item.owner,
                    item.device,
                ),
            )
            assert fleet.shown() == [item.device for item in expected], f"step {step}"
