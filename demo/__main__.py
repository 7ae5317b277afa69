"""Start a server, enrol this machine and a recorded one, show what is found, and keep watching."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from types import FrameType

from demo.laptops import RECORDED_NAME, Agent, enroll_this, report_recorded
from demo.server import OWNER, DemoError, DemoServer
from demo.table import table
from passmuster_agent.errors import AgentError
from passmuster_agent.status import AgentStatus
from passmuster_agent.status_text import paint, wants_colour
from passmuster_collectors.contract.verdict import Verdict

RECORDED_OWNER = "recorded@example.com"
LOOK_EVERY_S = 0.25
GREEN, RED, YELLOW, BOLD = "32", "31", "33", "1"
COLOURS = {
    Verdict.COMPLIANT: GREEN,
    Verdict.GRACE: YELLOW,
    Verdict.NON_COMPLIANT: RED,
    Verdict.UNKNOWN: YELLOW,
}


class Demo:
    """One run, in `directory`, which is deleted afterwards."""

    def __init__(self, directory: Path, *, colour: bool) -> None:
        self._directory = directory
        self._colour = colour
        self._began = time.monotonic()
        self._server = DemoServer(directory / "server")

    def run(self, *, once: bool) -> None:
        """Do all of it; without `once`, until somebody stops it."""
        with contextlib.ExitStack() as running:
            self._step("Starting a server on loopback, with a database of its own")
            running.callback(self._server.stop)
            self._server.start()
            self._step("Enrolling this machine with a one-time code")
            state = self._directory / "this-machine"
            enroll_this(state, self._server.url, self._server.enroll_code(OWNER))
            self._step("Reading its signals, signing them, reporting")
            agent = Agent(state)
            running.callback(agent.stop)
            status = agent.first_status()
            self._step(f"First verdict after {time.monotonic() - self._began:.1f} s")
            recorded = report_recorded(
                self._directory / "recorded",
                self._server.url,
                self._server.enroll_code(RECORDED_OWNER),
            )
            self._show(f"This machine ({os.uname().nodename})", status, OWNER)
            self._show(
                f"{RECORDED_NAME}: a RECORDED laptop, not a real one", recorded, RECORDED_OWNER
            )
            print(f"{self._bold('Fleet page')}  (the link signs in once, for 15 minutes)")
            print(f"  {self._server.sign_in_link()}\n")
            if not once:
                self._watch(agent, status)

    def _show(self, title: str, status: AgentStatus, owner: str) -> None:
        print(f"\n{self._bold(title)}\n")
        print(table(status.signals, colour=self._colour))
        print(f"  Verdict: {self._verdict(status)}")
        self._gate(owner)

    def _gate(self, owner: str) -> None:
        allowed, reason = self._server.may_sign_in(owner)
        said = paint("yes", GREEN, self._colour) if allowed else paint("no", RED, self._colour)
        print(f"  Gate (AuthZEN): may {owner} sign in to the helpdesk? {said}")
        if reason:
            print(f"    {reason}")
        print()

    def _watch(self, agent: Agent, shown: AgentStatus) -> None:
        print("Watching. Change something on this machine: plug in a USB stick, join another")
        print("network, change the screen lock. Ctrl-C ends the demo and deletes what it made.\n")
        while True:
            time.sleep(LOOK_EVERY_S)
            status = agent.status()
            if status is None or (status.verdict, status.signals) == (shown.verdict, shown.signals):
                continue
            earlier = {each.signal: each for each in shown.signals}
            changed = [each for each in status.signals if earlier.get(each.signal) != each]
            print(f"{datetime.now().astimezone():%H:%M:%S}  {self._bold('changed')}\n")
            if changed:
                print(table(changed, colour=self._colour))
            print(f"  Verdict: {self._verdict(status)}")
            self._gate(OWNER)
            shown = status

    def _verdict(self, status: AgentStatus) -> str:
        if status.verdict is None:
            return "none yet"
        return paint(status.verdict.value.replace("_", " "), COLOURS[status.verdict], self._colour)

    def _step(self, text: str) -> None:
        print(f"[{time.monotonic() - self._began:4.1f} s] {text}", flush=True)

    def _bold(self, text: str) -> str:
        return paint(text, BOLD, self._colour)


def main() -> int:
    """Run the demo and return its exit status: 0 whatever the verdict, 1 where it can't go on."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="show everything once, then end")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True, errors="replace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, _interrupt)
    with tempfile.TemporaryDirectory(prefix="passmuster-demo-") as directory:
        try:
            Demo(Path(directory), colour=wants_colour(sys.stdout)).run(once=arguments.once)
        except KeyboardInterrupt:
            print("\nEnding the demo.")
        except (DemoError, AgentError) as error:
            print(f"The demo can't go on: {error}", file=sys.stderr)
            return 1
    return 0


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
