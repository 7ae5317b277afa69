"""What reports and decisions wait for when a fleet offers both at once, at planned rates.

    .venv/bin/python benchmarks/offered.py [--quick] [--reports 2000] [--decisions 500]

The real `passmuster-server serve` on SQLite is pinned to one core; laptops and helpdesk have the
rest. Laptops take turns to report, one report in ten says something new; each latency counts from
the moment that was planned, so whatever the server makes wait is in it. The helpdesk asks about the
laptops' owners, and each answer is put on record. The last line is JSON.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.http_load import Load, paced, request
from benchmarks.last_line import percentile, print_figures
from benchmarks.measured_servers import command_of, product_commands, serving
from benchmarks.reporting_laptops import laptops_of, offered
from passmuster_server.gate.authzen import EVALUATION_PATH
from tests.support.running_server import free_port

LAPTOPS = 512
WARM_UP_S = 2.0


def questions(token: str, people: int) -> list[bytes]:
    """Return the helpdesk's requests, about one person each."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    bodies = (
        {
            "subject": {"type": "user", "id": f"worker{number}@example.com"},
            "action": {"name": "login"},
            "resource": {"type": "application", "id": "helpdesk"},
        }
        for number in range(people)
    )
    return [request("POST", EVALUATION_PATH, headers, json.dumps(body).encode()) for body in bodies]


def decided(port: int, requests: list[bytes], rate: float, seconds: float) -> Load:
    """Return what came back, all of it decisions."""
    answers = paced(port, requests, rate=rate, seconds=seconds)
    assert set(answers.statuses) == {200}, answers.statuses
    return answers


def main() -> None:
    """Offer both, and print what they waited."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under 40 seconds")
    parser.add_argument("--reports", type=int, default=2000, help="a second (2000)")
    parser.add_argument("--decisions", type=int, default=500, help="a second (500)")
    options = parser.parse_args()
    seconds = 5.0 if options.quick else 20.0
    cores = os.cpu_count() or 1
    if cores > 1:
        os.sched_setaffinity(0, set(range(1, cores)))
    with tempfile.TemporaryDirectory() as folder:
        directory, port = Path(folder), free_port()
        url = f"http://127.0.0.1:{port}"
        laptops = laptops_of(url, LAPTOPS)
        (command,) = product_commands(directory, url, [port], "", laptops)
        told = subprocess.run(
            [*command_of(directory, url, port, ""), "gate-client", "helpdesk"],
            check=True,
            capture_output=True,
            text=True,
        )
        asked = questions(told.stdout.split()[-1], LAPTOPS)
        # An interpreter of its own: laptops that sign would make the helpdesk wait.
        with (
            multiprocessing.get_context("spawn").Pool(1) as helpdesk,
            serving(command, port, directory / "log") as server,
        ):
            uvloop.run(offered(laptops, port, options.reports / 2, WARM_UP_S))
            before = sum(server.cpu_times()[:2])
            running = helpdesk.apply_async(decided, (port, asked, options.decisions, seconds))
            latencies = uvloop.run(offered(laptops, port, options.reports, seconds))
            answers = running.get(seconds + 60)
            used = sum(server.cpu_times()[:2]) - before
    figures = {
        "reports_per_s": options.reports,
        "median_ms": round(percentile(latencies, 50) * 1000, 2),
        "p99_ms": round(percentile(latencies, 99) * 1000, 2),
        "decisions_per_s": options.decisions,
        "decision_median_ms": round(answers.percentile_ms(0.5), 2),
        "decision_p99_ms": round(answers.percentile_ms(0.99), 2),
        "server_busy": round(used / seconds, 2),
    }
    print(
        f"{options.reports} reports a second: median {figures['median_ms']} ms, "
        f"p99 {figures['p99_ms']} ms\n"
        f"{options.decisions} decisions a second: median {figures['decision_median_ms']} ms, "
        f"p99 {figures['decision_p99_ms']} ms\n"
        f"the server's core was busy for {figures['server_busy']:.0%} of the time"
    )
    print_figures("offered", **figures, store="sqlite")


if __name__ == "__main__":
    main()
