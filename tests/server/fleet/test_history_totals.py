"""The totals of any period are what a slow, obvious reading of every verdict tells."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.database import Database, Transaction
from passmuster_server.devices.tables import devices
from passmuster_server.fleet.history import Period
from passmuster_server.fleet.history_totals import GroupTotal, Place, Total, seconds, totals
from passmuster_server.fleet.history_totals import groups as totals_of_groups
from passmuster_server.policy.forgetting import forget_history
from passmuster_server.policy.store import save_verdict
from passmuster_server.policy.stored_devices import StoredVerdict
from passmuster_server.policy.tables import ENDLESS, verdict_history, verdicts
from passmuster_server.schema import DEFAULT_GROUP, DEFAULT_ORGANISATION
from tests.support import example_database
from tests.support.example_devices import insert_device
from tests.support.example_standings import standing

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ("ana", "ben", "cleo", "dan")
SOME = frozenset({"suppliers"})

Life = Sequence[tuple[int, Verdict]]
"""Hours since the verdict before, and the next verdict.

They may be none, and less than none where a clock that ran ahead is put right.
"""

lives = st.lists(st.tuples(st.integers(-9, 9), st.sampled_from(Verdict)), min_size=1, max_size=9)
fleets = st.lists(lives, min_size=1, max_size=len(NAMES))
hours = st.integers(-2, 50)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder: Path = tmp_path_factory.mktemp("totals")
    created = example_database.create(folder)
    created.write_now(_enrol)
    yield created
    created.dispose()


def _enrol(transaction: Transaction) -> None:
    for number, name in enumerate(NAMES):
        insert_device(transaction, name, enrolled_at=START)
        if number % 2:
            transaction.connection.execute(
                devices.update().where(devices.c.device_id == name).values(group_id="suppliers")
            )


def live(transaction: Transaction, fleet: Sequence[Life]) -> None:
    """Let each laptop's verdicts follow one another, as judgements do."""
    for table in (verdict_history, verdicts):
        transaction.connection.execute(delete(table))
    for name, life in zip(NAMES, fleet, strict=False):
        before: StoredVerdict | None = None
        moment = START
        for step, verdict in life:
            moment += step * HOUR
            lasts = before is not None and before.verdict is verdict
            since = min(before.since, moment) if before and lasts else moment
            judged = standing(verdict, device=name, since=since, judged_at=moment)
            save_verdict(transaction, before, judged, "basis", ())
            before = StoredVerdict(verdict, since, moment, 1, "basis", None, b"")


def slow(connection: Connection, period: Period, now: datetime) -> list[Total]:
    """Look at every verdict there is."""
    touched = defaultdict(list)
    for row in connection.execute(select(verdict_history).order_by(verdict_history.c.history_id)):
        if period.groups is not None and NAMES.index(row.device_id) % 2 == 0:
            continue
        within = row.ended_at > period.since and row.since < period.until
        if within and row.verdict == period.verdict.value:
            touched[row.device_id].append(row)
    found = []
    for device, rows in touched.items():
        length = sum(
            max(
                0.0,
                (
                    min(row.ended_at, period.until, now) - max(row.since, period.since)
                ).total_seconds(),
            )
            for row in rows
        )
        lasts = rows[-1].ended_at == ENDLESS
        about = (f"{device.title()}@example.com", f"{device}-laptop")
        found.append(Total(device, *about, len(rows), length, rows[0].since, lasts))
    return sorted((each for each in found if each.seconds), key=lambda e: (-e.seconds, e.device))


def paged(connection: Connection, period: Period, now: datetime, size: int) -> list[Total]:
    """Read page after page."""
    found: list[Total] = []
    after = None
    while page := totals(connection, period, now, after=after, most=size):
        found += page
        after = Place(round(page[-1].seconds * 1_000_000), page[-1].device)
    return found


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    fleet=fleets,
    begin=hours,
    length=st.integers(1, 50),
    at=hours,
    verdict=st.sampled_from(Verdict),
    some=st.booleans(),
    forgotten=st.none() | hours,
)
def test_any_period_of_any_fleet(
    database: Database,
    fleet: Sequence[Life],
    begin: int,
    length: int,
    at: int,
    verdict: Verdict,
    *,
    some: bool,
    forgotten: int | None,
) -> None:
    since = START + begin * HOUR
    # Before some of it happened, too: another server's clock may be ahead.
    now = START + at * HOUR
    period = Period(
        DEFAULT_ORGANISATION,
        since,
        since + length * HOUR,
        verdict,
        groups=SOME if some else None,
    )
    database.write_now(lambda transaction: live(transaction, fleet))
    if forgotten is not None:
        before = START + forgotten * HOUR
        database.write_now(lambda transaction: forget_history(transaction.connection, before, 500))

    def check(connection: Connection) -> None:
        expected = slow(connection, period, now)
        assert totals(connection, period, now) == expected
        assert paged(connection, period, now, 1) == expected
        every = devices.c.device_id != ""
        assert seconds(connection, period, now, every) == sum(each.seconds for each in expected)
        assert sorted(
            totals_of_groups(connection, period, now), key=lambda each: each.group
        ) == _by_group(expected)

    database.read_now(check)


def _by_group(expected: Sequence[Total]) -> list[GroupTotal]:
    sums: dict[str, list[float]] = defaultdict(list)
    for each in expected:
        odd = NAMES.index(each.device) % 2
        sums["suppliers" if odd else DEFAULT_GROUP].append(each.seconds)
    return [GroupTotal(group, len(found), sum(found)) for group, found in sorted(sums.items())]


def test_what_was_forgotten_is_in_no_row_and_in_no_answer(database: Database) -> None:
    """Of ten hours that are gone nothing shows in the two that are kept."""
    bad, good = Verdict.NON_COMPLIANT, Verdict.COMPLIANT
    life = [(0, bad), (10, good), (5, bad), (2, good)]
    database.write_now(lambda transaction: live(transaction, [life]))
    forgotten = database.write_now(
        lambda transaction: forget_history(transaction.connection, START + 12 * HOUR, 500)
    )
    assert forgotten == 1
    period = Period(DEFAULT_ORGANISATION, START, START + 30 * HOUR)
    (found,) = database.read_now(lambda connection: totals(connection, period, period.until))
    assert (found.episodes, found.seconds) == (1, 2 * 3600)
    assert found.first == START + 15 * HOUR


def test_what_a_clock_that_is_ahead_has_written_counts_only_up_to_now(database: Database) -> None:
    """Of ten hours five are over; the second time lies ahead as a whole."""
    bad, good = Verdict.NON_COMPLIANT, Verdict.COMPLIANT
    life = [(0, bad), (10, good), (2, bad)]
    database.write_now(lambda transaction: live(transaction, [life]))
    period = Period(DEFAULT_ORGANISATION, START, START + 30 * HOUR)
    now = START + 5 * HOUR
    (found,) = database.read_now(lambda connection: totals(connection, period, now))
    assert found.seconds == 5 * 3600
