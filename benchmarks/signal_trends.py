"""How the signals of a large fleet stood over time: what it costs to count them, and to show them.

    .venv/bin/python benchmarks/signal_trends.py [--quick] [--postgresql]

Puts 10,000 laptops (quick: 2,000) into a migrated database, a hundred groups of them, and counts
for a quarter what a server keeps of it: each hour of the last eight days, one of each day before.
Then it counts the fleet anew, as a server does once an hour beside the requests, and asks for each
period of the page, of all groups and of one. Each is the median of seven. The last line is JSON.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.large_fleet import populate
from benchmarks.last_line import print_figures
from passmuster_collectors.signals import CATALOG
from passmuster_server import migrations
from passmuster_server.clock import utc_now
from passmuster_server.console.signal_tallies import (
    DAY,
    EACH_HOUR_FOR,
    HOUR,
    Tally,
    add,
    hour_of,
    tallied,
    tallies_at,
)
from passmuster_server.console.trends import PERIODS
from passmuster_server.database import Database, Transaction
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import parse
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standings import Standings
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import postgresql

ROUNDS = 7
GROUPS = 100


def timed(work: Callable[[], Any]) -> float:
    """Return the median milliseconds."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(took), 1)


def kept_hours(now: datetime) -> list[datetime]:
    """Return the hours of a quarter of which a server keeps the counts."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - back * DAY for back in range(90, 0, -1)]
    hours = [hour_of(now) - back * HOUR for back in range(EACH_HOUR_FOR // HOUR, 0, -1)]
    return sorted({*days, *hours})


def _keep(
    transaction: Transaction, *, at: datetime, found: Mapping[tuple[str, str], Tally]
) -> None:
    add(transaction.connection, DEFAULT_ORGANISATION, at, found)


def keep_a_quarter(database: Database, now: datetime, laptops: int) -> int:
    """Keep a quarter of counts; return how many."""
    chosen, hours = random.Random(7), kept_hours(now)  # noqa: S311 - figures, no secrets
    for hour in hours:
        found = {
            (f"group-{group}", signal.id): Tally(laptops // GROUPS, chosen.randrange(20), 0)
            for group in range(GROUPS)
            for signal in CATALOG
        }
        database.write_now(
            partial(_keep, at=hour, found=found),
        )
    return len(hours) * GROUPS * len(CATALOG)


def asked(database: Database, now: datetime, days: int, group: str | None) -> None:
    """Ask as the page does."""
    step, number = PERIODS[days]
    moments = [now - step * (number - 1 - place) for place in range(number)]
    found = database.read_now(
        lambda connection: tallies_at(connection, DEFAULT_ORGANISATION, moments, group)
    )
    assert len(found) == len(CATALOG)


def main() -> None:
    """Measure, and end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 laptops")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL")
    options = parser.parse_args()
    count = 2_000 if options.quick else 10_000
    with tempfile.TemporaryDirectory() as folder:
        on_postgresql = postgresql.cluster().create_database() if options.postgresql else ""
        database = Database(on_postgresql or f"sqlite:///{folder}/passmuster.db")
        migrations.migrate(database)
        populate(database, parse(default_document(), 1), 0, count)
        now = utc_now()
        rows = keep_a_quarter(database, now, count)
        policies = Policies(database, Standings(), utc_now)
        fleet = database.read_now(policies.load)
        figures = {
            "count_ms": timed(lambda: tallied(fleet, now + timedelta(seconds=1))),
            **{
                f"{name}_{days}_ms": timed(partial(asked, database, now, days, group))
                for days in PERIODS
                for name, group in (("all", None), ("one", "group-7"))
            },
        }
        database.dispose()
    print_figures(
        "signal_trends",
        devices=count,
        groups=GROUPS,
        store="postgresql" if options.postgresql else "sqlite",
        kept=rows,
        **figures,
    )


if __name__ == "__main__":
    main()
