"""What the agent costs a laptop, beside an inventory agent of Debian's on the same machine.

    .venv/bin/python benchmarks/agent.py [--quick] [--frozen FILE]

The real `passmuster-agent run` reports to the real `passmuster-server serve`. It finds a system bus
on which python-dbusmock plays systemd-logind with one desktop session, so that every library it
would need on a laptop is in its memory. `--frozen` is the executable of a PyInstaller folder to run
in place of the sources.

Memory is what /proc tells: `resident_mib` of the daemon after it has reported, `peak_mib` the most
that daemon and reporter have together (RSS, so that what they share counts twice; `peak_pss_mib`
counts it once). `idle_cpu_percent` is the daemon's time on a processor over ten minutes in which
nothing changes, what it started included. `collect_cpu_ms` is one warm reading of every signal.

The peer is the first of `fusioninventory-agent`, `ocsinventory-agent` and `lynis` that is
installed; install one by hand for the comparison. It is run once, writing to a file. The last line
is JSON.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.last_line import print_figures
from passmuster_agent.config import State
from passmuster_agent.outbox import Outbox
from tests.support.desktop_session import log_in
from tests.support.message_bus import Mocked, running_bus
from tests.support.running_agent import COMMAND, enroll
from tests.support.running_server import running_server

MIB = 1024 * 1024
SETTLE_S = 3.0
CHANGES = 6
SAMPLE_S = 0.004

COLLECT = """
import resource, statistics, sys, time
sys.modules["_hashlib"] = None
from passmuster_collectors.host import this_host
from passmuster_collectors.host.memory import use_one_arena
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG
def cpu():
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in uses)
use_one_arena()
host = this_host(bytes(32))
times = []
for _ in range(int(sys.argv[1])):
    began = cpu()
    collect(host, CATALOG)
    times.append((cpu() - began) * 1000)
print(times[0], statistics.median(times[1:]))
"""

PEERS = {
    "fusioninventory-agent": ("--local", "{folder}", "--tasks", "inventory", "--force"),
    "ocsinventory-agent": ("--local", "{folder}", "--force"),
    "lynis": ("audit", "system", "--quick", "--no-colors", "--logfile", "{folder}/log"),
}


@dataclass
class Peak:
    """The most memory that a process and its children have had, sampled in a thread."""

    process: psutil.Process
    rss: int = 0
    pss: int = 0
    child_s: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def sampled(self) -> Iterator[None]:
        """Look while the block runs."""
        thread = threading.Thread(target=self._sample)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _sample(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(SAMPLE_S):
            now = time.monotonic()
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                family = [self.process, *self.process.children()]
                self.rss = max(self.rss, sum(each.memory_info().rss for each in family))
                if len(family) > 1:
                    self.child_s += now - last
                    pss = sum(proportional(each.pid) for each in family)
                    self.pss = max(self.pss, pss)
            last = now


def proportional(pid: int) -> int:
    """Return the bytes of a process, what it shares divided among those that share it."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return (
        next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
    )


def cpu_s(process: psutil.Process) -> float:
    """Return the seconds that a process and those it waited for have had of a processor."""
    return float(sum(process.cpu_times()[:4]))


@contextlib.contextmanager
def running(command: tuple[str, ...], state: Path, log: Path) -> Iterator[psutil.Process]:
    """Run the daemon until the block ends."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            [*command, "run", "--state", str(state)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield psutil.Process(child.pid)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(15)


def wait_for_reports(outbox: Path, sequence: int) -> None:
    """Wait until the server has answered the record `sequence`."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with Outbox(outbox) as opened:
            seen = opened.overview()
        if seen.latest is not None and seen.latest.sequence >= sequence and seen.reported:
            return
        time.sleep(0.02)
    raise SystemExit("the agent did not report")


def wait_until_alone(process: psutil.Process) -> None:
    """Wait until the count of updates, which the first reading began, has ended: apt is no peer."""
    deadline = time.monotonic() + 120
    while process.children():
        if time.monotonic() > deadline:
            raise SystemExit("what the agent has started does not end")
        time.sleep(0.1)


@dataclass(frozen=True)
class Cost:
    """What the daemon was measured at."""

    resident: int
    resident_pss: int
    peak: int
    peak_pss: int
    reporter_s: float
    report_cpu_ms: float
    idle_percent: float


def measure(base: Path, command: tuple[str, ...], logind: Mocked, idle_s: float) -> Cost:
    """Return what the daemon costs; the session `logind` shows is locked and unlocked for it."""
    with running_server(base / "server") as server:
        enroll(server, base / "agent")
        state = State(base / "agent")
        outbox = state.outbox(state.device())
        session = log_in(logind)
        with running(command, base / "agent", base / "agent.log") as process:
            wait_for_reports(outbox, 1)
            wait_until_alone(process)
            time.sleep(SETTLE_S)
            peak = Peak(process)
            began = cpu_s(process)
            with peak.sampled():
                for number in range(CHANGES):
                    session.lock(locked=number % 2 == 0)
                    wait_for_reports(outbox, number + 2)
                    time.sleep(1.5)
            report_cpu_ms = (cpu_s(process) - began) / CHANGES * 1000
            time.sleep(SETTLE_S)
            began, started = cpu_s(process), time.monotonic()
            time.sleep(idle_s)
            idle = (cpu_s(process) - began) / (time.monotonic() - started) * 100
            return Cost(
                process.memory_info().rss,
                proportional(process.pid),
                peak.rss,
                peak.pss,
                peak.child_s / CHANGES,
                report_cpu_ms,
                idle,
            )


def collection(rounds: int) -> tuple[float, float]:
    """Return the processor's milliseconds of the first and of a later reading of all signals."""
    command = [sys.executable, "-c", COLLECT]
    subprocess.check_call([*command, "2"], stdout=subprocess.DEVNULL)  # so that all is compiled
    printed = subprocess.check_output([*command, str(rounds)], text=True)
    first, later = (float(word) for word in printed.split())
    return first, later


def peer() -> tuple[str, float, float] | None:
    """Return the name, milliseconds of processor and peak MiB of a peer, or None without one."""
    for name, arguments in PEERS.items():
        found = shutil.which(name)
        if found is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            words = [each.format(folder=folder) for each in arguments]
            child = subprocess.Popen(
                [found, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
            )
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            assert any(Path(folder).iterdir()), f"{name} wrote nothing (status {child.returncode})"
        return name, (used.ru_utime + used.ru_stime) * 1000, used.ru_maxrss / 1024
    return None


def main() -> None:
    """Measure, explain, and end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 idle seconds instead of 600")
    parser.add_argument("--frozen", type=Path, help="a frozen agent to run in place of the sources")
    options = parser.parse_args()
    idle_s = 20.0 if options.quick else 600.0
    command = (str(options.frozen.resolve()),) if options.frozen else COMMAND
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bus").mkdir()
        with running_bus(Path(folder) / "bus") as bus:
            os.environ.update(bus.environment())
            logind = bus.logind()
            cost = measure(Path(folder), command, logind, idle_s)
            first, later = collection(10 if options.quick else 50)
    other = peer()
    print(f"The agent {'frozen' if options.frozen else 'from source'}, {idle_s:.0f} idle seconds:")
    print(f"  resident {cost.resident / MIB:.1f} MiB (PSS {cost.resident_pss / MIB:.1f})")
    print(
        f"  peak {cost.peak / MIB:.1f} MiB (PSS {cost.peak_pss / MIB:.1f}) for "
        f"{cost.reporter_s * 1000:.0f} ms and {cost.report_cpu_ms:.0f} ms CPU a changed report"
    )
    print(f"  idle {cost.idle_percent:.3f} % of one core")
    print(f"  one collection {later:.1f} ms CPU, the first of a process {first:.1f} ms")
    if other is None:
        print(f"No peer to compare with: install one of {', '.join(PEERS)}.")
    else:
        print(f"Peer: {other[0]} on the same machine: {other[1]:.0f} ms CPU, {other[2]:.1f} MiB")
    print_figures(
        "agent",
        frozen=bool(options.frozen),
        idle_s=round(idle_s),
        resident_mib=round(cost.resident / MIB, 1),
        peak_mib=round(cost.peak / MIB, 1),
        peak_pss_mib=round(cost.peak_pss / MIB, 1),
        reporter_ms=round(cost.reporter_s * 1000),
        report_cpu_ms=round(cost.report_cpu_ms),
        idle_cpu_percent=round(cost.idle_percent, 3),
        collect_cpu_ms=round(later, 1),
        first_collect_cpu_ms=round(first, 1),
        peer=other[0] if other else None,
        peer_cpu_ms=round(other[1]) if other else None,
        peer_peak_mib=round(other[2], 1) if other else None,
    )


if __name__ == "__main__":
    main()
