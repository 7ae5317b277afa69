"""Who was not compliant when: how long an answer takes over a year of a large fleet's history.

    .venv/bin/python benchmarks/history.py [--quick] [--postgresql]

Puts a year of verdicts into a migrated database: 10,000 laptops (quick: 2,000), each of which fails
fifty times: a million rows (quick: 200,000). Then it asks as `passmuster-server history` does: for
the last day, a month half a year ago, the whole year, one person's year, and each single time of
that month. Each is the median of seven. The last line is JSON.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.large_fleet import populate
from benchmarks.last_line import print_figures
from passmuster_server import migrations
from passmuster_server.database import Database
from passmuster_server.fleet.history import Period, episodes, totals
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import parse
from passmuster_server.policy.tables import verdict_history
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import postgresql

ROUNDS = 7
FAILURES = 50
AT_ONCE = 500
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
        for place, (since, verdict) in enumerate(changes[:-1]):
            yield {
                "organisation_id": DEFAULT_ORGANISATION,
                "device_id": f"{number:032x}",
                "since": since,
                "verdict": verdict,
                "policy_version": 1,
                "reasons": b'["never locks (600 s allowed)"]',
                "ended_at": changes[place + 1][0],
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


def timed(database: Database, work: Callable[[Connection], list[Any]]) -> tuple[float, int]:
    """Return the median milliseconds of an answer, and how many lines it has."""
    took, lines = [], 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        lines = len(database.read_now(work))
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), lines


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
        asked = {
            "day": (totals, Period(DEFAULT_ORGANISATION, now - DAY, now)),
            "month": (
                totals,
                Period(DEFAULT_ORGANISATION, now - YEAR / 2, now - YEAR / 2 + 30 * DAY),
            ),
            "year": (totals, Period(DEFAULT_ORGANISATION, now - YEAR, now)),
            "person": (
                totals,
                Period(DEFAULT_ORGANISATION, now - YEAR, now, owner="worker777@example.com"),
            ),
            "episodes": (
                episodes,
                Period(DEFAULT_ORGANISATION, now - YEAR / 2, now - YEAR / 2 + 30 * DAY),
            ),
        }
        figures = {}
        for name, (read, period) in asked.items():
            milliseconds, lines = timed(
                database,
                lambda connection, read=read, period=period: read(  # type: ignore[misc]
                    connection, period, now
                ),
            )
            figures[f"{name}_ms"] = round(milliseconds, 1)
            print(f"  {name:9} {milliseconds:8.1f} ms, {lines:,} lines")
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
