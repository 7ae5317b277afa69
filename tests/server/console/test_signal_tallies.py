"""How the signals stood is counted once an hour, kept for as long as it is shown, and drawn."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.console.signal_tallies import (
    DAY,
    HOUR,
    Tally,
    add,
    hour_of,
    tallied,
    tallies_at,
    thin_out,
)
from passmuster_server.console.trend_chart import HEIGHT, WIDTH, signal_chart_of
from passmuster_server.schema import DEFAULT_ORGANISATION
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

    def write(connection: Connection) -> None:
        found = {(group, USB): Tally(passing, 10 - passing, 0)}
        add(connection, DEFAULT_ORGANISATION, hour, found)

    server.services.database.write_now(lambda transaction: write(transaction.connection))


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


def test_of_days_gone_by_the_first_count_is_kept_and_nothing_beyond_the_history(
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
