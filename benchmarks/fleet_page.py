"""The fleet page of a large fleet: how long the server works on it.

    .venv/bin/python benchmarks/fleet_page.py [--quick] [--postgresql]

Enrols 100,000 laptops (quick: 20,000) straight into the database, starts the real server on it, and
asks for the first page, a later one, one verdict and a search, each twenty times, with the session
of a signed-in administrator. Beside them a page of the same server that reads nothing. The last
line is JSON; `server_ms` is the median of the first page.
"""

import argparse
import html
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.large_fleet import populate
from benchmarks.last_line import print_figures
from passmuster_server.database import Database
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import parse
from tests.support import postgresql, running_server
from tests.support.browser import browsing
from tests.support.running_server import RunningServer, free_port

ROUNDS = 20


def signed_in(server: RunningServer) -> dict[str, str]:
    """Return the cookies of an administrator's session, got as a person gets them."""
    with browsing() as browser:
        page = browser.page()
        page.goto(server.sign_in_link())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/fleet")
        return {each["name"]: each["value"] for each in page.context.cookies()}


def timed(client: httpx.Client, path: str) -> float:
    """Return the median milliseconds of a page."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        response = client.get(path)
        took.append((time.perf_counter() - began) * 1000)
        assert response.status_code == 200, f"{path}: {response.status_code}"
    return statistics.median(took)


def later(client: httpx.Client) -> str:
    """Return the address of a page five pages on, as a person gets there."""
    address = "/fleet"
    for _ in range(5):
        found = re.search(r'href="([^"]+)" rel="next"', client.get(address).text)
        assert found, f"{address} leads nowhere"
        address = html.unescape(found[1])
    return address


def main() -> None:
    """Measure, explain, and end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 laptops")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL")
    options = parser.parse_args()
    count = 20_000 if options.quick else 100_000
    with tempfile.TemporaryDirectory() as folder:
        url = postgresql.cluster().create_database() if options.postgresql else ""
        server = RunningServer(Path(folder), free_port(), database=url)
        server.command("migrate")
        database = Database(server.database)
        began = time.perf_counter()
        populate(database, parse(default_document(), 1), 0, count)
        database.dispose()
        print(f"{count} laptops put in within {time.perf_counter() - began:.0f} s")
        began = time.perf_counter()
        running_server.START_WITHIN_S = 120.0
        server.start()
        started = time.perf_counter() - began
        try:
            cookies = signed_in(server)
            with httpx.Client(
                base_url=server.url, cookies=cookies, trust_env=False, timeout=60
            ) as client:
                figures = {
                    "server_ms": timed(client, "/fleet"),
                    "later_ms": timed(client, later(client)),
                    "verdict_ms": timed(client, "/fleet?verdict=compliant"),
                    "search_ms": timed(client, "/fleet?search=worker777"),
                    "device_ms": timed(client, f"/fleet/devices/{777:032x}"),
                    "empty_ms": timed(client, "/healthz"),
                }
        finally:
            server.stop()
    for name, value in figures.items():
        print(f"  {name.removesuffix('_ms'):8} {value:7.1f} ms")
    print(f"  from start to ready: {started:.1f} s")
    print_figures(
        "fleet_page",
        devices=count,
        store="postgresql" if options.postgresql else "sqlite",
        start_s=round(started, 1),
        **{name: round(value, 1) for name, value in figures.items()},
    )


if __name__ == "__main__":
    main()
