"""The reporter as the daemon sees it: a child that sends what waits and ends."""

import contextlib
import select
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from passmuster_agent import delivery, errands
from passmuster_agent import delivery_words as words
from passmuster_agent.delivery import Delivery, DeliveryKind, Obstacle
from passmuster_agent.errands import Errand
from passmuster_agent.process_end import ProcessEnd
from passmuster_collectors.contract.errors import ContractError

LONGEST_RUN_S = 120.0
LONGEST_GOODBYE_S = 5.0
MAX_OUTPUT = 65_536
if sys.platform == "win32":
    FLAGS = subprocess.CREATE_NO_WINDOW
else:
    FLAGS = 0


def command(state: Path, *words: str) -> list[str]:
    """Return the command line of the reporter; frozen, the agent's one executable is both."""
    # -P: what lies in the working directory is not run as the agent.
    module = () if getattr(sys, "frozen", False) else ("-P", "-m", "passmuster_agent.cli")
    return [sys.executable, *module, "reporter", "--state", str(state), *words]


class ReporterProcess:
    """One running reporter, which does an `errand` besides, if there is one.

    Its output ends when it does, which makes the daemon's wait end.
    """

    def __init__(self, state: Path, errand: Errand | None = None) -> None:
        self.errand = errand
        self._child = subprocess.Popen(
            command(state, *(() if errand is None else ("--errand", errands.name_of(errand)))),
            stdin=subprocess.DEVNULL if errand is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            creationflags=FLAGS,
        )
        if errand is not None and self._child.stdin is not None:
            # Less than any pipe holds, so nothing waits.
            with contextlib.suppress(OSError), self._child.stdin as told:
                told.write(errands.to_bytes(errand))
            # `communicate` would flush it once more.
            self._child.stdin = None
        self._deadline = time.monotonic() + LONGEST_RUN_S
        self._end = ProcessEnd(self._child) if sys.platform == "win32" else None

    def descriptor(self) -> int:
        """Return what becomes readable when the reporter has ended."""
        if self._end is not None:
            return self._end.fileno()
        assert self._child.stdout is not None  # noqa: S101 - it was asked for above
        return self._child.stdout.fileno()

    def ended(self) -> bool:
        """Whether there is a result: it has said its last word, or has run for far too long."""
        ready, _, _ = select.select([self.descriptor()], [], [], 0.0)
        return bool(ready) or time.monotonic() > self._deadline

    def result(self) -> Delivery:
        """Return how it ended; one that has not ended by now is killed. It is gone afterwards."""
        if time.monotonic() > self._deadline:
            self._child.kill()
        try:
            output, _ = self._child.communicate(timeout=LONGEST_GOODBYE_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            output, _ = self._child.communicate()
        self._close_end()
        try:
            return delivery.from_bytes(output[:MAX_OUTPUT])
        except ContractError:
            return Delivery(
                DeliveryKind.LATER,
                datetime.now(UTC),
                obstacle=Obstacle.LAPTOP,
                problem=words.NO_LAST_WORD.format(status=self._child.returncode),
                remedy=words.READ_KEPT,
            )

    def stop(self) -> None:
        """Let it finish what it is at, then end it; whatever it has not done is done next time."""
        try:
            self._child.communicate(timeout=LONGEST_GOODBYE_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
        self._close_end()

    def _close_end(self) -> None:
        if self._end is not None:
            self._end.close()
