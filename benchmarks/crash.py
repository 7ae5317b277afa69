"""Kills the server with -9 under load, and counts what it had answered and no longer has.

    .venv/bin/python benchmarks/crash.py [--quick] [--postgresql]

The real server, eight laptops that report as fast as they are answered, a hundred kills (quick:
eight) at no fixed moment. After each one the database is looked at before the server starts again;
a laptop whose report was not answered sends it once more, byte for byte. The last line is JSON.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.last_line import print_figures
from tests.support import postgresql
from tests.support.reporting_fleet import ReportingFleet
from tests.support.running_server import RunningServer, free_port

LAPTOPS = 8


def main() -> None:
    """Kill, count, and end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="8 kills instead of 100")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL")
    options = parser.parse_args()
    kills = 8 if options.quick else 100
    lost = 0
    with tempfile.TemporaryDirectory() as folder:
        url = postgresql.cluster().create_database() if options.postgresql else ""
        server = RunningServer(Path(folder), free_port(), database=url)
        server.command("migrate")
        server.start()
        fleet = ReportingFleet.enrolled(server, LAPTOPS)
        for _ in range(kills):
            fleet.report_until_killed(random.randint(20, 200))  # noqa: S311 - not a secret
            lost += fleet.lost()
            assert fleet.more_than_answered() <= 1, "a laptop has one upload under way"
            server.start()
        assert set(fleet.go_on()) == {200}, "every laptop's chain goes on"
        server.stop()
    print(f"{kills} kills, {fleet.total()} reports answered, {lost} of them lost")
    print_figures(
        "crash",
        kills=kills,
        acknowledged=fleet.total(),
        lost=lost,
        store="postgresql" if options.postgresql else "sqlite",
    )


if __name__ == "__main__":
    main()
