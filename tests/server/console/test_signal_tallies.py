"""How the signals stood is counted once an hour, kept for as long as it is shown, and drawn."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.console.signal_tallies import (
    DAY,
    EACH_HOUR_FOR,
    HOUR,
    Tally,
    add,
    hour_of,
    tallied,
    tallies_at,
    thin_out,
)
from passmuster_server.console.tables import signal_tallies
from passmuster_server.console.trend_chart import HEIGHT, WIDTH, signal_chart_of
from passmuster_server.database import Database
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database, postgresql
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import signed_in, wait_until
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.example_standings import NO_LOCK, NOW, standing
from tests.support.signing_device import SigningDevice

LOCK = "screen_lock"
POLICY = f'[signals.{USB}]\nseverity = "block"\n'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path, policy=POLICY) as running:
        yield running


def keep(server: ClockedServer, hour: datetime, passing: int, *, group: str = "default") -> None:
    """Keep that so many of ten laptops passed at an hour."""
    keep_in(server.services.database, hour, {(group, USB): Tally(passing, 10 - passing, 0)})


def keep_in(database: Database, hour: datetime, found: Mapping[tuple[str, str], Tally]) -> None:
    database.write_now(
        lambda transaction: add(transaction.connection, DEFAULT_ORGANISATION, hour, found)
    )


def passed(server: ClockedServer, moments: list[datetime], group: str | None = None) -> list[int]:
    found = server.services.database.read_now(
        lambda connection: tallies_at(connection, DEFAULT_ORGANISATION, moments, group)
    )
    tallies = found.get(USB, {})
    return [tallies[moment].passing if moment in tallies else -1 for moment in moments]


def test_each_group_is_counted_for_itself() -> None:
    found = tallied(
        [
            standing(Verdict.NON_COMPLIANT, NO_LOCK, device="1"),
            standing(Verdict.NON_COMPLIANT, NO_LOCK, device="2"),
            standing(Verdict.NON_COMPLIANT, NO_LOCK, device="3", group="manila"),
        ],
        NOW,
    )
    assert found["default", LOCK] == Tally(0, 2, 0)
    assert found["manila", LOCK] == Tally(0, 1, 0)


def test_a_signal_that_policy_switched_off_is_counted_of_no_laptop_silent_or_never_heard(
    server: ClockedServer,
) -> None:
    with server.client() as client:
        reporting = SigningDevice(server.url)
        reporting.enroll(client, server.enroll_code("ana@example.com"))
        reporting.report(client, healthy())
        SigningDevice(server.url).enroll(client, server.enroll_code("ben@example.com"))

    def unknown() -> dict[str, int]:
        """Return of how many laptops each signal is unknown once both are silent."""
        standings = server.services.standings.all(DEFAULT_ORGANISATION)
        found = tallied(standings, server.now() + DAY)
        return {signal: each.unknown for (_, signal), each in found.items()}

    before = unknown()
    assert (before[USB], before[LOCK]) == (2, 2)
    server.publish_policy(f'{POLICY}[signals.{LOCK}]\nseverity = "off"\n')
    wait_until(lambda: LOCK not in unknown())
    after = {signal: number for signal, number in before.items() if signal != LOCK}
    wait_until(lambda: unknown() == after)
    server.stop()
    server.start()
    assert unknown() == after, "expected the same after a restart"


def test_a_server_counts_when_it_starts(server: ClockedServer) -> None:
    with server.client() as client:
        laptop = SigningDevice(server.url)
        laptop.enroll(client, server.enroll_code("ana@example.com"))
        laptop.report(client, healthy())
    server.change("DELETE FROM signal_tallies")
    server.stop()
    server.start()
    wait_until(lambda: server.rows("SELECT 1 FROM signal_tallies WHERE signal = ?", USB))
    ((passing, failing),) = server.rows(
        "SELECT passing, failing FROM signal_tallies WHERE signal = ?", USB
    )
    assert (passing, failing) == (1, 0)


def test_the_first_count_of_an_hour_stands(server: ClockedServer) -> None:
    hour = hour_of(server.now()) - 2 * HOUR
    keep(server, hour, 7)
    keep(server, hour, 3)
    assert passed(server, [hour - HOUR, hour]) == [-1, 7]


def test_a_moment_has_the_newest_count_since_the_one_before(server: ClockedServer) -> None:
    last = hour_of(server.now()) - 3 * HOUR
    moments = [last - 6 * HOUR * place for place in (3, 2, 1, 0)]
    for back, passing in ((14, 1), (13, 2), (7, 3), (1, 4), (0, 5)):
        keep(server, last - back * HOUR, passing)
    assert passed(server, moments) == [-1, 2, 3, 5]


def test_groups_are_summed_up_or_told_apart(server: ClockedServer) -> None:
    hour = hour_of(server.now()) - 2 * HOUR

    def write(connection: Connection) -> None:
        found = {("default", USB): Tally(4, 1, 0), ("manila", USB): Tally(2, 3, 0)}
        add(connection, DEFAULT_ORGANISATION, hour, found)

    server.services.database.write_now(lambda transaction: write(transaction.connection))
    moments = [hour - HOUR, hour]
    assert passed(server, moments) == [-1, 6]
    assert passed(server, moments, "manila") == [-1, 2]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    on_postgresql = request.param == "postgresql"
    url = postgresql.cluster().create_database() if on_postgresql else f"sqlite:///{tmp_path}/x.db"
    return example_database.create_at(url)


def hours_kept(database: Database, now: datetime) -> list[datetime]:
    """Return of which hours counts are left, once those of days gone by are thinned out."""
    database.write_now(
        lambda transaction: thin_out(
            transaction.connection, DEFAULT_ORGANISATION, now, timedelta(days=400)
        )
    )
    chosen = select(signal_tallies.c.taken_at).distinct().order_by(signal_tallies.c.taken_at)
    return list(database.read_now(lambda connection: connection.execute(chosen).scalars().all()))


def test_of_a_day_gone_by_the_hour_is_kept_at_which_the_fewest_were_silent(
    database: Database,
) -> None:
    day = datetime(2026, 3, 4, tzinfo=UTC)
    for hour, silent in ((0, 9), (5, 3), (9, 0), (10, 0), (18, 4)):
        found = {
            ("default", USB): Tally(5, 0, 0),
            ("default", LOCK): Tally(10 - silent, 0, silent),
            ("manila", LOCK): Tally(0, 0, 1),
        }
        keep_in(database, day + hour * HOUR, found)
    keep_in(database, day + DAY + 7 * HOUR, {("default", USB): Tally(0, 0, 9)})
    hourly = [day + 10 * DAY + hour * HOUR for hour in (0, 1)]
    for at in hourly:
        keep_in(database, at, {("default", USB): Tally(0, 0, 9)})
    alone = day + DAY + 7 * HOUR
    assert hours_kept(database, day + 12 * DAY) == [day + 9 * HOUR, alone, *hourly]


def test_the_best_hour_is_kept_as_well_where_the_day_goes_by_hour_by_hour(
    database: Database,
) -> None:
    day = datetime(2026, 3, 4, tzinfo=UTC)
    for hour in range(24):
        keep_in(database, day + hour * HOUR, {("default", USB): Tally(0, 0, abs(14 - hour))})
    for hour in range(25):
        left = hours_kept(database, day + EACH_HOUR_FOR + hour * HOUR)
        past = [at for at in left if at < day + hour * HOUR]
        assert past == ([day + min(14, hour - 1) * HOUR] if hour else [])


def test_moments_a_day_apart_have_the_count_of_their_day_at_whichever_hour_it_was_kept(
    server: ClockedServer,
) -> None:
    noon = server.now().replace(hour=12, minute=0, second=0, microsecond=0) - 20 * DAY
    for back, hour, passing in ((3, 8, 1), (2, 15, 2), (1, 9, 3), (0, 11, 4)):
        keep(server, noon - back * DAY + (hour - 12) * HOUR, passing)
    moments = [noon - back * DAY for back in (4, 3, 2, 1, 0)]
    assert passed(server, moments) == [-1, 1, 2, 3, 4]


def test_of_days_gone_by_one_count_is_kept_and_nothing_beyond_the_history(
    server: ClockedServer,
) -> None:
    server.change("DELETE FROM signal_tallies")
    today = server.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for back in (0, 20, 500):
        for hour in (0, 5):
            keep(server, today - back * DAY + hour * HOUR, 5)
    later = server.now() + HOUR
    server.services.database.write_now(
        lambda transaction: thin_out(
            transaction.connection, DEFAULT_ORGANISATION, later, timedelta(days=400)
        )
    )
    rows = server.rows("SELECT DISTINCT taken_at FROM signal_tallies ORDER BY taken_at")
    found = [datetime.fromtimestamp(at / 1_000_000, UTC) for (at,) in rows]
    assert found == [today - 20 * DAY, today, today + 5 * HOUR]


def test_the_page_draws_each_signal_with_its_words_and_its_numbers(
    server: ClockedServer,
) -> None:
    with server.client() as client:
        laptop = SigningDevice(server.url)
        laptop.enroll(client, server.enroll_code("ana@example.com"))
        laptop.report(client, with_stick())
    keep(server, hour_of(server.now()) - 3 * HOUR, 10)
    with signed_in(server) as visitor:
        page = visitor.get("/trends?days=1").text
    drawn = page.partition('id="signals-over-time"')[2].partition("</section>")[0]
    usb = drawn.partition("<h3>USB devices</h3>")[2].partition("<h3>")[0]
    assert "USB devices over the last 24 hours" in usb
    assert "Pass from 100 % to 0 %, unknown from 0 % to 0 %, fail from 0 % to 100 %." in usb
    assert re.findall(r'<td class="number">(\d+)</td>', usb) == ["0", "0", "1", "10", "0", "0"]
    assert "Not counted for long enough yet" in drawn, "the others have one moment alone"


def test_the_areas_of_a_signal_fill_its_picture() -> None:
    chart = signal_chart_of({NOW - DAY: Tally(3, 1, 0), NOW: Tally(2, 1, 1)})
    assert chart is not None
    good, unsure, bad = chart.areas
    assert [(each.tone, each.last) for each in chart.areas] == [
        ("good", 50),
        ("unsure", 25),
        ("bad", 25),
    ]
    ground, right = f"{HEIGHT:.1f}", f"{WIDTH:.1f}"
    assert good.path == f"M0.0 60.0L{right} 120.0L{right} {ground}L0.0 {ground}Z"
    assert unsure.path == f"M0.0 60.0L{right} 60.0L{right} 120.0L0.0 60.0Z"
    assert bad.path == f"M0.0 0.0L{right} 0.0L{right} 60.0L0.0 60.0Z"


def test_there_is_no_picture_of_one_moment_or_of_no_laptop() -> None:
    assert signal_chart_of({NOW: Tally(1, 0, 0)}) is None
    assert signal_chart_of({NOW - DAY: Tally(0, 0, 0), NOW: Tally(1, 0, 0)}) is None
