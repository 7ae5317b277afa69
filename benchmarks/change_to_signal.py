"""From a report that changes a laptop's verdict to the signal that its receiver has verified.

    .venv/bin/python benchmarks/change_to_signal.py [--quick] [--postgresql]

The real `passmuster-server serve`, a laptop that signs and sends its reports, and a receiver of
shared signals, all on this machine over loopback. The time begins when the report is sent and ends
when the `device-compliance-change` was pushed and checked: signature, claims, subject. In it: the
report is verified, judged and stored with the event in one durable transaction, and the event is
signed (RS256) and pushed. The last line is JSON.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.last_line import percentile, print_figures
from tests.support import postgresql
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.running_server import RunningServer, free_port
from tests.support.signal_receiver import COMPLIANCE_CHANGE, Checker, Receiver, listening
from tests.support.signal_transmitter import subscriber

GIVE_UP_S = 30.0


def measure(directory: Path, rounds: int, database: str) -> list[float]:
    """Return the milliseconds from the report to the checked signal, one a round."""
    server = RunningServer(directory, free_port(), database=database)
    server.command("migrate")
    server.publish_policy(ONLY_USB)
    server.start()
    try:
        with server.client() as client, listening() as receiver:
            made = subscriber(server, client, "sso", "--push", receiver.url)
            receiver.checker = Checker(server.url, made.client_id)
            made.create_push(receiver.url, events_requested=[COMPLIANCE_CHANGE])
            laptop = enrolled(server, client, "ana@example.com", healthy())
            wait(receiver, 1)
            times: list[float] = []
            for number in range(rounds):
                readings = healthy() if number % 2 else with_usb_stick()
                body = laptop.signed_upload(laptop.upload(laptop.record(readings)))
                began = time.monotonic()
                laptop.accept(laptop.send(client, body))
                wait(receiver, number + 2)
                times.append((receiver.signals[-1].at - began) * 1000)
                time.sleep(0.05)
            expected = ["compliant", "not-compliant"] * (rounds // 2 + 1)
            assert receiver.statuses(laptop.device) == expected[: rounds + 1]
            return times
    finally:
        server.stop()


def wait(receiver: Receiver, signals: int) -> None:
    """Wait until so many have arrived."""
    receiver.wait_for(lambda: len(receiver.signals) >= signals, GIVE_UP_S)


def main() -> None:
    """Measure, explain, and end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="40 rounds instead of 400")
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL of its own")
    arguments = parser.parse_args()
    rounds = 40 if arguments.quick else 400
    database = postgresql.cluster().create_database() if arguments.postgresql else ""
    with tempfile.TemporaryDirectory() as folder:
        times = measure(Path(folder), rounds, database)
    print(
        f"{rounds} rounds; milliseconds from the report that is sent to the signal that is checked"
    )
    print(
        f"  min {min(times):.0f}, median {statistics.median(times):.0f}, "
        f"p99 {percentile(times, 99):.0f}, max {max(times):.0f}"
    )
    print_figures(
        "change_to_signal",
        rounds=rounds,
        median_ms=round(statistics.median(times), 1),
        p99_ms=round(percentile(times, 99), 1),
        store="postgresql" if arguments.postgresql else "sqlite",
    )


if __name__ == "__main__":
    main()
