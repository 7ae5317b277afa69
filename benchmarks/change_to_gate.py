"""From a USB stick in the laptop to a closed gate, and from pulling it out to an open one.

    .venv/bin/python benchmarks/change_to_gate.py [--quick] [--store postgresql --replicas 2]

The real `passmuster-agent run`, `passmuster-server serve` and nginx over loopback: a request counts
as refused when nginx refuses it. With two replicas the agent reports to one server and nginx asks
the other. PostgreSQL runs with its own settings for safety, in a folder of the benchmark's own. The
event reaches the agent through the kernel's netlink multicast, the stick through a USB bus in a
mount namespace of the agent's own; both need root. The helpdesk is asked every 5 ms, so a figure is
up to 5 ms too high. The last line is JSON.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.last_line import percentile, print_figures
from passmuster_collectors.signals import CATALOG
from tests.support import postgresql
from tests.support.nginx import running_application, running_nginx
from tests.support.running_agent import enroll, running_agent
from tests.support.running_server import RunningServer, free_port
from tests.support.usb_stage import STICK, on_stage, plug_in, pull_out

OWNER = "ana@example.com"
PASSWORD = "a password"  # noqa: S105 - of a person made up for nginx
LOOK_EVERY_S = 0.005
GIVE_UP_S = 20.0


def only_usb() -> str:
    """Return a policy in which nothing but USB devices shuts the gate."""
    severities = ((each.id, "block" if each.id == "usb_devices" else "warn") for each in CATALOG)
    return "".join(f'[signals.{name}]\nseverity = "{severity}"\n' for name, severity in severities)


class Helpdesk:
    """The application as a browser meets it, behind nginx."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def is_open(self) -> bool:
        """Ask for a page as the laptop's owner."""
        return self._client.get("/").status_code == 200

    def wait(self, *, until_open: bool) -> float:
        """Return the milliseconds until the helpdesk answers as wanted."""
        began = time.perf_counter()
        while time.perf_counter() - began < GIVE_UP_S:
            if self.is_open() is until_open:
                return (time.perf_counter() - began) * 1000
            time.sleep(LOOK_EVERY_S)
        raise SystemExit(f"the helpdesk did not answer as expected within {GIVE_UP_S} s")


@contextmanager
def servers(base: Path, store: str, replicas: int) -> Iterator[list[RunningServer]]:
    """Run so many servers over one database."""
    with ExitStack() as stack:
        url = ""
        if store == "postgresql":
            cluster = postgresql.start(fsync="on", full_page_writes="on")
            stack.callback(cluster.stop)
            url = cluster.create_database()
        running: list[RunningServer] = []
        for number in range(replicas):
            folder = base / f"server{number}"
            folder.mkdir()
            server = RunningServer(folder, free_port(), database=url)
            if not running:
                server.command("migrate")
                server.publish_policy(only_usb())
            server.start()
            stack.callback(server.stop)
            running.append(server)
        yield running


def measure(rounds: int, store: str, replicas: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds to the closed and to the open gate, one each a round."""
    closed: list[float] = []
    opened: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        servers(Path(folder), store, replicas) as running,
        running_application() as application,
        running_nginx(
            Path(folder) / "nginx",
            passmuster=running[-1].port,
            application=application,
            token=running[0].gate_token(),
        ) as nginx,
        httpx.Client(base_url=nginx.url, auth=(OWNER, PASSWORD), trust_env=False) as client,
    ):
        nginx.add_person(OWNER, PASSWORD)
        helpdesk = Helpdesk(client)
        state = Path(folder) / "agent"
        enroll(running[0], state, OWNER)
        with running_agent(state, within=on_stage([])) as agent:
            helpdesk.wait(until_open=True)
            for _ in range(rounds):
                # Past the burst of looks that follows an event, at no fixed phase of it.
                time.sleep(random.uniform(1.0, 1.5))  # noqa: S311 - not a secret
                plug_in(agent.pid, STICK)
                closed.append(helpdesk.wait(until_open=False))
                time.sleep(random.uniform(1.0, 1.5))  # noqa: S311 - not a secret
                pull_out(agent.pid, STICK)
                opened.append(helpdesk.wait(until_open=True))
    return closed, opened


def main() -> None:
    """Measure, explain, and end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 rounds instead of 60")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--replicas", type=int, choices=(1, 2), default=1)
    options = parser.parse_args()
    if options.replicas > 1 and options.store == "sqlite":
        parser.error("several servers need --store postgresql")
    rounds = 10 if options.quick else 60
    closed, opened = measure(rounds, options.store, options.replicas)
    print(f"{rounds} rounds; milliseconds from the event to nginx's other answer")
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
        store=options.store,
        replicas=options.replicas,
    )


if __name__ == "__main__":
    main()
