"""From a USB stick in the laptop to a closed gate, and from pulling it out to an open one.

    .venv/bin/python benchmarks/change_to_gate.py [--quick]

The real `passmuster-agent run`, `passmuster-server serve` (SQLite) and AuthZEN over loopback. The
event reaches the agent through the kernel's netlink multicast, the stick through a USB bus in a
mount namespace of the agent's own; both need root. The gate is asked every 5 ms, so a figure is up
to 5 ms too high. The last line is JSON.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.last_line import percentile, print_figures
from passmuster_collectors.signals import CATALOG
from tests.support.running_agent import enroll, running_agent
from tests.support.running_server import running_server
from tests.support.usb_stage import STICK, on_stage, plug_in, pull_out

OWNER = "ana@example.com"
QUESTION = {
    "subject": {"type": "user", "id": OWNER},
    "action": {"name": "login"},
    "resource": {"type": "application", "id": "helpdesk"},
}
LOOK_EVERY_S = 0.005
GIVE_UP_S = 20.0


def only_usb() -> str:
    """Return a policy in which nothing but USB devices shuts the gate."""
    severities = ((each.id, "block" if each.id == "usb_devices" else "warn") for each in CATALOG)
    return "".join(f'[signals.{name}]\nseverity = "{severity}"\n' for name, severity in severities)


class Gate:
    """The helpdesk's side of the gate."""

    def __init__(self, client: httpx.Client, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

    def is_open(self) -> bool:
        """Ask whether the laptop's owner may sign in."""
        response = self._client.post("/access/v1/evaluation", json=QUESTION, headers=self._headers)
        return bool(response.json()["decision"])

    def wait(self, *, until_open: bool) -> float:
        """Return the milliseconds until the gate answers as wanted."""
        began = time.perf_counter()
        while time.perf_counter() - began < GIVE_UP_S:
            if self.is_open() is until_open:
                return (time.perf_counter() - began) * 1000
            time.sleep(LOOK_EVERY_S)
        raise SystemExit(f"the gate did not answer as expected within {GIVE_UP_S} s")


def measure(rounds: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds to the closed and to the open gate, one each a round."""
    closed: list[float] = []
    opened: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with (
            running_server(base / "server", policy=only_usb()) as server,
            server.client() as client,
        ):
            gate = Gate(client, server.gate_token())
            enroll(server, base / "agent", OWNER)
            with running_agent(base / "agent", within=on_stage([])) as agent:
                gate.wait(until_open=True)
                for _ in range(rounds):
                    # Past the burst of looks that follows an event, at no fixed phase of it.
                    time.sleep(random.uniform(1.0, 1.5))  # noqa: S311 - not a secret
                    plug_in(agent.pid, STICK)
                    closed.append(gate.wait(until_open=False))
                    time.sleep(random.uniform(1.0, 1.5))  # noqa: S311 - not a secret
                    pull_out(agent.pid, STICK)
                    opened.append(gate.wait(until_open=True))
    return closed, opened


def main() -> None:
    """Measure, explain, and end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 rounds instead of 60")
    rounds = 10 if parser.parse_args().quick else 60
    closed, opened = measure(rounds)
    print(f"{rounds} rounds; milliseconds from the event to the gate's other answer")
    for name, times in (("closed", closed), ("opened", opened)):
        print(
            f"  {name}: min {min(times):.0f}, median {statistics.median(times):.0f}, "
            f"max {max(times):.0f}"
        )
    print_figures(
        "change_to_gate",
        rounds=rounds,
        median_ms=round(statistics.median(closed), 1),
        p99_ms=round(percentile(closed, 99), 1),
        open_median_ms=round(statistics.median(opened), 1),
        store="sqlite",
        replicas=1,
    )


if __name__ == "__main__":
    main()
