"""Signed reports a second through the real server, against the least that a durable one can cost.

    .venv/bin/python benchmarks/ingest.py [--quick] [--store sqlite|postgresql] [--processes 1|2]

The real `passmuster-server serve` is pinned to one core, the laptops to the rest; two servers on
one PostgreSQL share all cores with the laptops. PostgreSQL's own work is in the rate, and not in
the processor time. Each laptop has its own key and connection and sends its next report when it has
the answer to the last one, because the answer holds the nonce it needs. One report in ten says
something new. The same laptops then report to `bare_ingest.py`, the ceiling. The last line is JSON.
"""

import argparse
import atexit
import contextlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.last_line import print_figures
from benchmarks.measured_servers import product_commands, serving
from benchmarks.reporting_laptops import CHANGE_EVERY, laptops_of, load
from tests.support import postgresql
from tests.support.running_server import free_port

LAPTOPS = 64


@dataclass
class Measured:
    """What one server did. Its processor time tells more than the clock on a busy machine."""

    reports_per_s: float
    p99_ms: float
    cpu_us: float


def measure(
    directory: Path, *, product: bool, seconds: float, database: str, processes: int
) -> Measured:
    """Return what the servers, or the ceiling, do with the laptops' reports.

    `database` is a PostgreSQL's URL; empty: a file of SQLite's.
    """
    ports = [free_port() for _ in range(processes)]
    url = f"http://127.0.0.1:{ports[0]}"
    laptops = laptops_of(url, LAPTOPS)
    keys = b""
    if product:
        commands = product_commands(directory, url, ports, database, laptops)
    else:
        program = str(Path(__file__).with_name("bare_ingest.py"))
        store = database or str(directory / "bare.db")
        commands = [[sys.executable, program, str(port), store] for port in ports]
        numbers = {each.device: each.key.public_key().public_numbers() for each in laptops}
        keys = json.dumps({device: (each.x, each.y) for device, each in numbers.items()}).encode()
    cores = "0" if processes == 1 else f"0-{(os.cpu_count() or 1) - 1}"
    with contextlib.ExitStack() as running:
        servers = [
            running.enter_context(serving(command, port, directory / f"log{port}", keys, cores))
            for command, port in zip(commands, ports, strict=True)
        ]
        uvloop.run(load(laptops, ports, min(3.0, seconds)))
        before = sum(sum(server.cpu_times()[:2]) for server in servers)
        latencies = sorted(uvloop.run(load(laptops, ports, seconds)))
        used = sum(sum(server.cpu_times()[:2]) for server in servers) - before
    return Measured(
        len(latencies) / seconds,
        latencies[int(len(latencies) * 0.99)] * 1000,
        used / len(latencies) * 1e6,
    )


def told(name: str, measured: Measured) -> str:
    """Return one line for a person."""
    return (
        f"{name:13} {measured.reports_per_s:7.0f} reports/s, p99 {measured.p99_ms:6.1f} ms, "
        f"{measured.cpu_us:5.0f} us of processor time a report"
    )


def main() -> None:
    """Measure both and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under 40 seconds")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=1)
    options = parser.parse_args()
    if options.processes > 1 and options.store == "sqlite":
        parser.error("one server holds SQLite's data; give --store postgresql")
    seconds = 5.0 if options.quick else 20.0
    cores = os.cpu_count() or 1
    if cores > 1 and options.processes == 1:
        os.sched_setaffinity(0, set(range(1, cores)))
    size = len(laptops_of("http://127.0.0.1:8463", 1)[0].report())
    print(f"{LAPTOPS} laptops, reports of {size} bytes, one in {CHANGE_EVERY} with a change")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        stores = ["", ""]
        if options.store == "postgresql":
            # Its own data survives a power failure, as SQLite's does here.
            cluster = postgresql.start(fsync="on", full_page_writes="on")
            atexit.register(cluster.stop)
            stores = [cluster.create_database() for _ in stores]
        ceiling = measure(
            Path(one),
            product=False,
            seconds=seconds,
            database=stores[0],
            processes=options.processes,
        )
        print(told("bare ceiling", ceiling))
        found = measure(
            Path(other),
            product=True,
            seconds=seconds,
            database=stores[1],
            processes=options.processes,
        )
        print(told("the product", found))
    print_figures(
        "ingest",
        reports_per_s=round(found.reports_per_s),
        ceiling_per_s=round(ceiling.reports_per_s),
        ratio=round(found.reports_per_s / ceiling.reports_per_s, 3),
        p99_ms=round(found.p99_ms, 2),
        cpu_us=round(found.cpu_us),
        ceiling_cpu_us=round(ceiling.cpu_us),
        cpu_ratio=round(ceiling.cpu_us / found.cpu_us, 3),
        store=options.store,
        processes=options.processes,
        report_bytes=size,
        changed_share=1 / CHANGE_EVERY,
    )


if __name__ == "__main__":
    main()
