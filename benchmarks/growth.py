"""What a report costs as the fleet grows, from 1,000 to 1,000,000 enrolled laptops.

    .venv/bin/python benchmarks/growth.py [--quick] [--postgresql]

Puts so many laptops straight into the database (quick: up to 100,000), each with its ratchet, last
contact and verdict, starts the real server on it, and lets 128 of them, spread over the fleet,
report as fast as they are answered. Cost is the server's processor time for a report, which a busy
machine changes less than the clock. It also prints what the server's memory and its start cost, and
how large SQLite's log (WAL) had grown. The last line is JSON, with a figure for each size.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop
from sqlalchemy import update

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.large_fleet import populate
from benchmarks.last_line import print_figures
from benchmarks.measured_servers import serving
from benchmarks.reporting_laptops import Laptop, load
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_server import migrations
from passmuster_server.database import Database, Transaction
from passmuster_server.devices import store
from passmuster_server.devices.tables import devices
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import parse
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import postgresql
from tests.support.example_readings import healthy, with_stick
from tests.support.running_server import COMMAND, free_port

SIZES = (1_000, 10_000, 100_000, 1_000_000)
REPORTING = 128
SECONDS = 4.0
QUIET_WITHIN_S, QUIET_CPU_S = 120.0, 0.05
"""Processor time in two seconds below which a server waits for work."""


@dataclass
class Cost:
    """What one size costs."""

    cpu_us: float
    reports_per_s: float
    resident_mib: float
    start_s: float
    log_mib: float


def chosen(database: Database, size: int, url: str) -> list[Laptop]:
    """Give keys to laptops spread over the fleet, and return them."""
    readings = (codec.encode(healthy()), codec.encode(with_stick()))
    laptops = [
        Laptop(place * (size // REPORTING), url, "", readings, nonce="nonce", sequence=1)
        for place in range(REPORTING)
    ]

    def work(transaction: Transaction) -> str:
        for laptop in laptops:
            transaction.connection.execute(
                update(devices)
                .where(
                    devices.c.organisation_id == DEFAULT_ORGANISATION,
                    devices.c.device_id == laptop.device,
                )
                .values(public_key=canonical_bytes(codec.encode(laptop.public_key)))
            )
        found = store.organisation_of(transaction.connection, DEFAULT_ORGANISATION)
        return str(found.server_id)

    server_id = database.write_now(work)
    for laptop in laptops:
        laptop.server_id = server_id
    return laptops


def measure(folder: Path, store_url: str, laptops: list[Laptop], port: int) -> Cost:
    """Return what reports cost on a database that is filled."""
    settings = folder / "server.toml"
    settings.write_text(f'database = "{store_url}"\n', encoding="utf-8")
    command = [*COMMAND, "--data-directory", str(folder), "--config", str(settings)]
    command += ["--public-url", laptops[0].url, "serve", "--listen", f"127.0.0.1:{port}"]
    began = time.perf_counter()
    with serving(command, port, folder / "log", patience_s=900) as server:
        start_s = time.perf_counter() - began
        until_quiet(server)
        uvloop.run(load(laptops, [port], 2.0))
        before = sum(server.cpu_times()[:2])
        latencies = uvloop.run(load(laptops, [port], SECONDS))
        used = sum(server.cpu_times()[:2]) - before
        log = folder / "passmuster.db-wal"
        return Cost(
            used / len(latencies) * 1e6,
            len(latencies) / SECONDS,
            server.memory_info().rss / 2**20,
            start_s,
            log.stat().st_size / 2**20 if log.exists() else 0.0,
        )


def until_quiet(server: psutil.Process) -> None:
    """Wait until the server has done what comes once after a start: no report costs that."""
    deadline = time.monotonic() + QUIET_WITHIN_S
    while time.monotonic() < deadline:
        before = sum(server.cpu_times()[:2])
        time.sleep(2.0)
        if sum(server.cpu_times()[:2]) - before < QUIET_CPU_S:
            return


def main() -> None:
    """Measure each size, explain, and end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 100,000 laptops")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL")
    options = parser.parse_args()
    sizes = SIZES[:-1] if options.quick else SIZES
    policy = parse(default_document(), 1)
    costs: dict[int, Cost] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as opened:
        sqlite = f"sqlite:///{folder}/passmuster.db"
        url = postgresql.cluster().create_database() if options.postgresql else sqlite
        database = Database(url)
        opened.callback(database.dispose)
        migrations.migrate(database)
        enrolled = 0
        for size in sizes:
            populate(database, policy, enrolled, size, bare=True)
            enrolled = size
            port = free_port()
            laptops = chosen(database, size, f"http://127.0.0.1:{port}")
            database.dispose()
            cost = costs[size] = measure(Path(folder), url, laptops, port)
            ratio = cost.cpu_us / costs[sizes[0]].cpu_us
            print(
                f"{size:9,} laptops: {cost.cpu_us:6.0f} us a report ({ratio:.2f}), "
                f"{cost.reports_per_s:5.0f} reports/s, {cost.resident_mib:6.0f} MiB, "
                f"start {cost.start_s:6.1f} s, log {cost.log_mib:.0f} MiB",
                flush=True,
            )
            reset(database, laptops)
    first = costs[sizes[0]].cpu_us
    print_figures(
        "growth",
        store="postgresql" if options.postgresql else "sqlite",
        devices=list(costs),
        cost_ratio_vs_1000=[round(cost.cpu_us / first, 2) for cost in costs.values()],
        cpu_us=[round(cost.cpu_us) for cost in costs.values()],
        resident_mib=[round(cost.resident_mib) for cost in costs.values()],
        start_s=[round(cost.start_s, 1) for cost in costs.values()],
        log_mib=[round(cost.log_mib, 1) for cost in costs.values()],
    )


def reset(database: Database, laptops: list[Laptop]) -> None:
    """Let the chains of these laptops begin where the others' do: another run chooses others."""

    def work(transaction: Transaction) -> None:
        for laptop in laptops:
            transaction.run(
                "UPDATE ratchets SET sequence = 1, nonce = 'nonce', record_sequence = 1, "
                "record_hash = '' WHERE organisation_id = ? AND device_id = ?",
                (DEFAULT_ORGANISATION, laptop.device),
            )

    database.write_now(work)


if __name__ == "__main__":
    main()
