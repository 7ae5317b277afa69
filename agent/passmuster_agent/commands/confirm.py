"""The command `confirm`: a browser that can't reach this laptop, let in by a number."""

import argparse
from typing import TYPE_CHECKING

from passmuster_agent.commands import terminal
from passmuster_agent.errors import ExitCode

if TYPE_CHECKING:
    from passmuster_agent.config import State


def confirm(_: "State", options: argparse.Namespace) -> ExitCode:
    """Ask for the number, show what it stands for, and let the browser in. Raises `AgentError`."""
    from passmuster_agent import confirm as confirming  # noqa: PLC0415 - see the package
    from passmuster_agent.companion import meeting  # noqa: PLC0415 - see the package

    return confirming.confirm(meeting.counters(options.socket), terminal.ask, print)
