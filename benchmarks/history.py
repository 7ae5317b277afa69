"""Who was not compliant when: how long an answer takes over a year of a large fleet's history.

    .venv/bin/python benchmarks/history.py [--quick] [--postgresql]

Puts a year of verdicts into a migrated database: 10,000 laptops (quick: 2,000), each of which fails
fifty times: a million rows (quick: 200,000). Then it asks as the API does for the fifty worst
laptops of the last day, of a month half a year ago and of the whole year, for the page in the
middle of that year's list, for one person's year, for the year by group; and as
`passmuster-server history` does for all laptops of the year, and each single time of that month. In
the same run it reads the year as one would without running totals, each verdict of it. Each is the
median of seven, with the processor time on SQLite. The last line is JSON.
"""

import argparse
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.large_fleet import populate
from benchmarks.last_line import print_figures
from passmuster_server import migrations
from passmuster_server.database import Database
from passmuster_server.engines import run
from passmuster_server.fleet.history import Period, episodes
from passmuster_server.fleet.history_totals import Place, groups, totals
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import parse
from passmuster_server.policy.tables import verdict_history
from passmuster_server.schema import DEFAULT_ORGANISATION, to_microseconds
from tests.support import postgresql

ROUNDS = 7
FAILURES = 50
AT_ONCE = 500
PAGE = 50
DAY = timedelta(days=1)
YEAR = 365 * DAY


def lives(numbers: range, begin: datetime, chosen: random.Random) -> Iterator[dict[str, Any]]:
    """Return the history of these laptops: each fails now and then, for minutes to days."""
    for number in numbers:
        moments = sorted(chosen.uniform(0, 365) for _ in range(FAILURES))
        changes = [(begin, "compliant")]
        for day in moments:
            began = max(begin + day * DAY, changes[-1][0] + timedelta(seconds=1))
            lasted = timedelta(minutes=chosen.expovariate(1 / 240) + 1)
            changes += [(began, "non_compliant"), (began + lasted, "compliant")]
        had = {verdict: [0, 0] for _, verdict in changes}
        for (since, verdict), (ended, _) in itertools.pairwise(changes):
            length, times = had[verdict]
            had[verdict] = [length + to_microseconds(ended) - to_microseconds(since), times + 1]
            yield {
                "organisation_id": DEFAULT_ORGANISATION,
                "device_id": f"{number:032x}",
                "since": since,
                "verdict": verdict,
                "policy_version": 1,
                "reasons": b'["never locks (600 s allowed)"]',
                "ended_at": ended,
                "had_before": length,
                "times": times + 1,
            }


def fill(database: Database, laptops: int, begin: datetime) -> int:
    """Put the history in and return how many rows there are."""
    chosen = random.Random(1)  # noqa: S311 - not a secret
    rows = 0
    for first in range(0, laptops, AT_ONCE):
        batch = list(lives(range(first, min(first + AT_ONCE, laptops)), begin, chosen))
        rows += len(batch)
        database.write_now(
            lambda transaction, batch=batch: transaction.connection.execute(  # type: ignore[misc]
                verdict_history.insert(), batch
            )
        )
    return rows


def timed(
    database: Database, work: Callable[[Connection], Sequence[Any]]
) -> tuple[float, float, int]:
    """Return the median milliseconds of an answer, of the processor, and how many lines it has."""
    took, cost, lines = [], [], 0
    for _ in range(ROUNDS):
        began, used = time.perf_counter(), time.process_time()
        lines = len(database.read_now(work))
        took.append((time.perf_counter() - began) * 1000)
        cost.append((time.process_time() - used) * 1000)
    return statistics.median(took), statistics.median(cost), lines


def obvious(connection: Connection, period: Period, now: datetime) -> Sequence[Any]:
    """Return the fifty worst laptops from each verdict of the period, clipped to it."""
    return run(
        connection,
        "SELECT device_id, count(*), sum(CASE WHEN ended_at < ? THEN ended_at ELSE ? END "
        "- CASE WHEN since > ? THEN since ELSE ? END) AS length FROM verdict_history "
        "WHERE organisation_id = ? AND verdict = ? AND ended_at > ? AND since < ? "
        "GROUP BY device_id ORDER BY length DESC, device_id LIMIT 50",
        (
            *[to_microseconds(min(period.until, now))] * 2,
            *[to_microseconds(period.since)] * 2,
            *(period.organisation, period.verdict.value),
            *(to_microseconds(period.since), to_microseconds(period.until)),
        ),
    ).all()


def questions(now: datetime) -> dict[str, Callable[[Connection], Sequence[Any]]]:
    """Return what is asked, by its name."""
    year = Period(DEFAULT_ORGANISATION, now - YEAR, now)
    day = replace(year, since=now - DAY)
    month = replace(year, since=now - YEAR / 2, until=now - YEAR / 2 + 30 * DAY)
    person = replace(year, owner="worker777@example.com")

    def middle(connection: Connection) -> Sequence[Any]:
        found = totals(connection, year, now)
        each = found[len(found) // 2]
        place = Place(round(each.seconds * 1_000_000), each.device)
        # A figure of its own, and where the page in the middle begins.
        places.append(place)
        return found

    places: list[Place] = []
    return {
        "day": lambda connection: totals(connection, day, now, most=PAGE),
        "month": lambda connection: totals(connection, month, now, most=PAGE),
        "year": lambda connection: totals(connection, year, now, most=PAGE),
        "year_obvious": lambda connection: obvious(connection, year, now),
        "person": lambda connection: totals(connection, person, now),
        "groups": lambda connection: groups(connection, year, now),
        "year_whole": middle,
        "year_middle": lambda connection: totals(connection, year, now, after=places[0], most=PAGE),
        "episodes": lambda connection: episodes(connection, month, now),
    }


def main() -> None:
    """Measure, explain, and end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 laptops")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL")
    options = parser.parse_args()
    laptops = 2_000 if options.quick else 10_000
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        sqlite = f"sqlite:///{folder}/passmuster.db"
        database = Database(
            postgresql.cluster().create_database() if options.postgresql else sqlite
        )
        migrations.migrate(database)
        populate(database, parse(default_document(), 1), 0, laptops, bare=True)
        rows = fill(database, laptops, now - YEAR)
        print(f"{rows:,} verdicts of {laptops:,} laptops in a year")
        figures = {}
        for name, read in questions(now).items():
            milliseconds, processor, lines = timed(database, read)
            figures[f"{name}_ms"] = round(milliseconds, 1)
            if not options.postgresql:
                figures[f"{name}_cpu_ms"] = round(processor, 1)
            print(f"  {name:12} {milliseconds:8.1f} ms, {processor:8.1f} ms of a core, {lines:,}")
        database.dispose()
    print_figures(
        "history",
        devices=laptops,
        verdicts=rows,
        store="postgresql" if options.postgresql else "sqlite",
        **figures,
    )


if __name__ == "__main__":
    main()
