"""What the frozen agent weighs, how long it takes to start, and what it keeps in memory.

    .venv/bin/python benchmarks/frozen_agent.py [--agent DIR]

`--agent` is what packaging/build_agent.py built; packages that lie beside it are weighed as well.
Starts are medians of `--version` and of `status` on an enrolled laptop. `resident_mib` is what the
daemon has (RSS) once it has reported to a real server and its reporter has ended. The last line is
JSON.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.last_line import print_figures
from tests.support.running_agent import agent_command, running_agent
from tests.support.running_server import running_server

MIB = 1024 * 1024
STARTS = 7
PATIENCE_S = 120.0
PACKAGES = {"deb_mib": "*.deb", "rpm_mib": "*.rpm", "tarball_mib": "passmuster-agent-*.tar.gz"}


def start_ms(*command: str) -> float:
    """Return the median of how long a command takes."""
    times = []
    for _ in range(STARTS):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def wait_for(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    dist = Path(__file__).resolve().parents[1] / "dist"
    parser.add_argument("--agent", type=Path, default=dist / "passmuster-agent")
    folder = parser.parse_args().agent.resolve()
    program = (str(folder / "passmuster-agent"),)
    files = [path for path in folder.rglob("*") if path.is_file()]
    figures = {"folder_mib": round(sum(each.stat().st_size for each in files) / MIB, 1)}
    for name, pattern in PACKAGES.items():
        for package in folder.parent.glob(pattern):
            figures[name] = round(package.stat().st_size / MIB, 1)
    with tempfile.TemporaryDirectory() as temporary:
        state = Path(temporary) / "agent"
        with running_server(Path(temporary) / "server") as server:
            enrol = ("enroll", "--state", str(state), "--server", server.url, "--tier", "file")
            agent_command(*enrol, code=server.enroll_code(), program=program)

            def reported() -> bool:
                told = agent_command("status", "--json", "--state", str(state), program=program)
                return bool(json.loads(told.stdout)["verdict"])

            with running_agent(state, program=program) as process:
                wait_for(reported, "no report")
                daemon = psutil.Process(process.pid)
                wait_for(lambda: not daemon.children(), "the reporter does not end")
                figures["resident_mib"] = round(daemon.memory_info().rss / MIB, 1)
            figures["start_ms"] = round(start_ms(*program, "--version"))
            figures["status_ms"] = round(start_ms(*program, "status", "--state", str(state)))
    for name, figure in figures.items():
        print(f"{name:>14} {figure}")
    print_figures("frozen_agent", **figures)


if __name__ == "__main__":
    main()
