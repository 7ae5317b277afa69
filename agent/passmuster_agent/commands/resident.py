"""The commands `run` and `companion`: the processes that stay. The system starts both."""

import logging
import sys
from typing import TYPE_CHECKING

from passmuster_agent.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from passmuster_agent.config import State


def run(state: "State", *, verbose: bool = False) -> ExitCode:
    """Keep reporting until stopped. Raises `AgentError`."""
    from passmuster_agent import daemon  # noqa: PLC0415 - see the package

    _log(verbose=verbose)
    return daemon.run(state)


def companion(socket: "Path | None" = None, *, verbose: bool = False) -> ExitCode:
    """Be the companion of the user who runs this until stopped. Raises `AgentError`."""
    from passmuster_agent.companion import start  # noqa: PLC0415 - see the package

    _log(verbose=verbose)
    return start.run(socket)


def _log(*, verbose: bool) -> None:
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(message)s")
