"""The demo's two laptops: the machine it runs on, and one that was recorded."""

import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

from demo.server import DemoError
from passmuster_agent import reporter
from passmuster_agent.collection import Collection
from passmuster_agent.config import State
from passmuster_agent.delivery import DeliveryKind
from passmuster_agent.enrolment import Request, enroll
from passmuster_agent.outbox import Outbox
from passmuster_agent.status import AgentStatus, describe
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.signals import CATALOG
from tests.support import recorded_host

AGENT = (sys.executable, "-m", "passmuster_agent.cli")
RECORDING = Path(__file__).resolve().parents[1] / "tests/recordings/linux/healthy_laptop"
RECORDED_NAME = "recorded-laptop"
FIRST_REPORT_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0


def enroll_this(state: Path, server_url: str, code: str) -> None:
    """Enrol this machine by the agent's own command; the code goes in by standard input."""
    done = subprocess.run(
        [*AGENT, "enroll", "--state", str(state), "--server", server_url, "--tier", "file"],
        input=code + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise DemoError(f"passmuster-agent enroll: {done.stderr.strip()}")


class Agent:
    """The real agent on this machine, as a process that keeps reporting."""

    def __init__(self, state: Path) -> None:
        self._state = State(state)
        self._log = state.parent / "agent.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*AGENT, "run", "--state", str(state)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def first_status(self) -> AgentStatus:
        """Return the status once the server has judged this machine."""
        deadline = time.monotonic() + FIRST_REPORT_WITHIN_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise DemoError(f"the agent ended:\n{self._log.read_text()}")
            status = self.status()
            if status is not None:
                return status
            time.sleep(0.05)
        raise DemoError(f"no verdict came:\n{self._log.read_text()}")

    def status(self) -> AgentStatus | None:
        """Return what was reported last and how the server judged it; None before that."""
        device = self._state.device()
        with Outbox(self._state.outbox(device)) as outbox:
            overview = outbox.overview()
        if overview.latest is None or overview.answer is None or not overview.reported:
            return None
        readings = {each.signal: each for each in overview.latest.readings}
        in_order = [readings[signal.id] for signal in CATALOG]
        return describe(device, overview, in_order, overview.latest.platform, running=True)

    def stop(self) -> None:
        """Stop the process."""
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def report_recorded(state: Path, server_url: str, code: str) -> AgentStatus:
    """Enrol the recorded laptop, report once what its recording holds, and return its status."""
    # The agent asks the real machine for its name; this laptop says what it is instead.
    with mock.patch("socket.gethostname", return_value=RECORDED_NAME):
        device = enroll(
            State(state),
            Request(server_url, None, "file", replace=False),
            ask=lambda: code,
            say=lambda _: None,
            tries=1,
        )
    here = State(state)
    with here.lock(), Outbox(here.outbox(device)) as outbox:
        host = recorded_host.load(RECORDING / "machine.json")
        collection = Collection(device, outbox, host, CATALOG)
        collection.read_all()
        delivered = reporter.deliver(here)
        if delivered.kind is not DeliveryKind.ACCEPTED:
            raise DemoError(f"the recorded laptop could not report: {delivered.problem}")
        return describe(
            device, outbox.overview(), collection.newest(), Platform.LINUX, running=False
        )
