"""The command `service`: the agent as a part of Windows or macOS. Linux has packages for that."""

import argparse
import logging
import socket
import sys
from typing import TYPE_CHECKING, Any

from passmuster_agent.errors import ExitCode

if TYPE_CHECKING:
    from passmuster_agent.config import State
    from passmuster_agent.supervisor import Supervisor
    from passmuster_collectors.host.events import Watch

LOG_BYTES = 262_144
LOG_FILES = 2


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to those of the agent."""
    service = commands.add_parser(
        "service",
        help="let the system start the agent by itself",
        description="Needs an administrator's rights, and a laptop that is enrolled.",
        allow_abbrev=False,
    )
    words = service.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, function, meaning in (
        ("install", install, "start the agent now and with every start of the computer"),
        ("uninstall", uninstall, "stop the agent and never start it again"),
    ):
        parser = words.add_parser(name, parents=[shared], help=meaning, allow_abbrev=False)
        parser.set_defaults(command=function)
    if sys.platform == "win32":
        # What the service manager starts; not a person's command.
        run = words.add_parser("run", parents=[shared], allow_abbrev=False)
        run.set_defaults(command=run_service)


def install(state: "State", _: argparse.Namespace) -> ExitCode:
    """Install the agent for the laptop that is enrolled in `state`. Raises `AgentError`."""
    device = state.device()
    if sys.platform == "win32":
        from passmuster_agent.service.windows_install import (  # noqa: PLC0415 - one a system
            installer,
        )

        installer().install(state.path)
    else:
        from passmuster_agent.service.launchd import launchd  # noqa: PLC0415 - one a system

        launchd().install(state.path)
    sys.stdout.write(f"The agent runs for {device.owner}, now and after every start.\n")
    if sys.platform == "win32":
        sys.stdout.write("Its companion starts with every sign-in from the next one on.\n")
    return ExitCode.DONE


def uninstall(_: "State", __: argparse.Namespace) -> ExitCode:
    """Stop the agent and remove it from the system; what it kept stays. Raises `AgentError`."""
    if sys.platform == "win32":
        from passmuster_agent.service.windows_install import (  # noqa: PLC0415 - one a system
            installer,
        )

        installer().uninstall()
    else:
        from passmuster_agent.service.launchd import launchd  # noqa: PLC0415 - one a system

        launchd().uninstall()
    sys.stdout.write("The agent is no longer started by the system.\n")
    return ExitCode.DONE


def run_service(state: "State", _: argparse.Namespace) -> ExitCode:
    """Be the service of Windows. A service has no terminal: its log is a file beside its state."""
    from logging.handlers import RotatingFileHandler  # noqa: PLC0415 - a service alone needs it

    from passmuster_agent.daemon import run  # noqa: PLC0415 - heavier than the other words need
    from passmuster_agent.service import windows  # noqa: PLC0415 - as above

    def work(interrupted: socket.socket, told: "Watch", supervisor: "Supervisor") -> ExitCode:
        state.prepare()
        logging.basicConfig(
            level=logging.INFO,
            format="%(asctime)s %(levelname)s %(message)s",
            handlers=[
                RotatingFileHandler(
                    state.path / "agent.log",
                    maxBytes=LOG_BYTES,
                    backupCount=LOG_FILES,
                    encoding="utf-8",
                )
            ],
        )
        return run(state, supervisor, interrupted, told)

    return windows.serve(work)
