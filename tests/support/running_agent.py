"""The real `passmuster-agent`, enrolled with a real server, in its own process."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.running_server import RunningServer

COMMAND = (sys.executable, "-m", "passmuster_agent.cli")
STOP_WITHIN_S = 15.0


def agent_command(
    *arguments: str, code: str = "", check: bool = True, program: Sequence[str] = COMMAND
) -> "subprocess.CompletedProcess[str]":
    """Run one command of the agent's, which is `program`; `code` goes in by standard input."""
    return subprocess.run(
        [*program, *arguments],
        input=code + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=check,
    )


def enroll(server: RunningServer, state: Path, owner: str = "ana@example.com") -> None:
    """Enrol this machine for `owner`."""
    agent_command(
        *("enroll", "--state", str(state), "--server", server.url, "--tier", "file"),
        code=server.enroll_code(owner),
    )


@contextlib.contextmanager
def running_agent(
    state: Path, *, within: Sequence[str] = (), program: Sequence[str] = COMMAND
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the daemon; `within` is a command line that ends where that of `program` begins."""
    with (state.parent / "agent.log").open("ab") as log:
        process = subprocess.Popen(
            [*within, *program, "run", "--state", str(state)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
