"""From a USB device that comes or goes to the report of it that the server has accepted.

    .venv/bin/python benchmarks/event_to_report.py [--quick]

The real `passmuster-agent run` and `passmuster-server serve` (SQLite) over loopback. The event
reaches the agent through the kernel's netlink multicast, the stick through a USB bus in a mount
namespace of the agent's own; both need root. A report counts as accepted when the server's answer
to it is on the laptop's disk, which is looked for every 2 ms. The last line is JSON.
"""

import argparse
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.last_line import percentile, print_figures
from passmuster_agent.config import State
from passmuster_agent.outbox import Outbox
from tests.support.running_agent import enroll, running_agent
from tests.support.running_server import running_server
from tests.support.usb_stage import STICK, on_stage, plug_in, pull_out

LOOK_EVERY_S = 0.002
GIVE_UP_S = 20.0


class Accepted:
    """Which of the laptop's records the server has accepted, by the outbox."""

    def __init__(self, state: State) -> None:
        self._path = state.outbox(state.device())
        self._connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)

    def newest(self) -> int:
        """Return the sequence of the newest accepted record."""
        return int(self._connection.execute("SELECT answered_record FROM state").fetchone()[0])

    def sticks(self) -> int:
        """Return how many sticks the newest record tells of."""
        with Outbox(self._path) as outbox:
            latest = outbox.latest()
        usb = [each for each in latest.readings if each.signal == "usb_devices"] if latest else []
        devices = usb[0].facts["devices"] if usb and usb[0].facts else []
        return sum(device["product_id"] == f"{STICK.product_id:04x}" for device in devices)

    def wait_after(self, known: int) -> None:
        """Return when a newer record than `known` is accepted."""
        deadline = time.perf_counter() + GIVE_UP_S
        while self.newest() <= known:
            if time.perf_counter() > deadline:
                raise SystemExit(f"no report was accepted within {GIVE_UP_S} s")
            time.sleep(LOOK_EVERY_S)


def measure(rounds: int) -> list[float]:
    """Return the milliseconds of each event, two a round."""
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with running_server(base / "server") as server:
            enroll(server, base / "agent")
            accepted = Accepted(State(base / "agent"))
            with running_agent(base / "agent", within=on_stage([])) as agent:
                accepted.wait_after(0)
                for _ in range(rounds):
                    for happens, sticks in ((plug_in, 1), (pull_out, 0)):
                        times.append(one(accepted, lambda: happens(agent.pid, STICK)))  # noqa: B023 - called at once
                        assert accepted.sticks() == sticks, "the report is not about the event"
    return times


def one(accepted: Accepted, happens: Callable[[], None]) -> float:
    """Return the milliseconds from an event to the accepted report."""
    # Past the burst of looks that follows an event, at no fixed phase of it.
    time.sleep(random.uniform(1.0, 1.5))  # noqa: S311 - not a secret
    known = accepted.newest()
    began = time.perf_counter()
    happens()
    accepted.wait_after(known)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure, explain, and end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 rounds instead of 100")
    rounds = 10 if parser.parse_args().quick else 100
    times = measure(rounds)
    median, p99 = statistics.median(times), percentile(times, 99)
    print(f"{len(times)} events; milliseconds to the accepted report")
    print(f"  min {min(times):.0f}, median {median:.0f}, p99 {p99:.0f}, max {max(times):.0f}")
    print_figures(
        "event_to_report",
        events=len(times),
        median_ms=round(median, 1),
        p99_ms=round(p99, 1),
        store="sqlite",
    )


if __name__ == "__main__":
    main()
