"""`passmuster-server` that a power failure ends at one step of the outbox.

    python -m tests.support.killed_server STEP ARGUMENTS...

It kills itself at the second event that comes to STEP: the product knows nothing of this.
"""

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from passmuster_server import cli, database
from passmuster_server.ssf import outbox, push

AT = 2

STEPS = (
    "before the event is written",
    "after it is written, before the commit",
    "after the commit, before the laptop is answered",
    "before it is sent",
    "after it is sent, before it is acknowledged",
    "after it is acknowledged, before that is committed",
    "after the acknowledgement is committed",
)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Steps:
    """Patches the product so that the process ends at one step."""

    def __init__(self, step: str) -> None:
        self._step = step
        self._times: Iterator[int] = itertools.count(1)
        self._committing = ""
        self._put, self._acknowledge = outbox.put, outbox.acknowledge
        self._push, self._commit = push.Pusher.push, database.Database._commit
        outbox.put = self.put  # type: ignore[assignment]
        outbox.acknowledge = self.acknowledge  # type: ignore[assignment]
        steps = self

        async def pushed(pusher: push.Pusher, *arguments: Any) -> push.Pushed:
            steps.reach("before it is sent")
            result = await steps._push(pusher, *arguments)
            steps.reach("after it is sent, before it is acknowledged")
            return result

        def commit(stored: database.Database, group: Any) -> None:
            steps._committing = ""
            steps._commit(stored, group)
            if steps._committing:
                steps.reach(steps._committing)

        push.Pusher.push = pushed  # type: ignore[method-assign,assignment]
        database.Database._commit = commit  # type: ignore[method-assign,assignment]

    def reach(self, step: str) -> None:
        if step == self._step and next(self._times) == AT:
            _kill()

    def put(self, *arguments: Any) -> bool:
        self.reach("before the event is written")
        written = self._put(*arguments)
        if written:
            self.reach("after it is written, before the commit")
            self._committing = "after the commit, before the laptop is answered"
        return written

    def acknowledge(self, *arguments: Any) -> None:
        self._acknowledge(*arguments)
        self.reach("after it is acknowledged, before that is committed")
        self._committing = "after the acknowledgement is committed"


def main() -> int:
    """Run the server's command line."""
    step, *arguments = sys.argv[1:]
    assert step in STEPS, f"expected one of {STEPS}"
    _Steps(step)
    run: Callable[[list[str]], int] = cli.main
    return run(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
