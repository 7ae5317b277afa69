"""The command `doctor` on the command line. What it needs is imported when it runs."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passmuster_agent.errors import ExitCode

if TYPE_CHECKING:
    from passmuster_agent.config import State


def add_doctor(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the command to argparse's sub-commands; `parents` have `--state` and `--json`."""
    parser = commands.add_parser(
        "doctor",
        parents=parents,
        help="say why something can't be read or sent, and what mends it",
        description="Exit code 0: nothing is wrong; 1: something is.",
        allow_abbrev=False,
    )
    parser.add_argument("signal", nargs="?", metavar="SIGNAL", help="look at this signal alone")
    parser.add_argument(
        "--record",
        type=Path,
        metavar="DIR",
        help="write this laptop down for the project's tests, without names and serials",
    )
    parser.set_defaults(command=doctor)


def doctor(state: "State", options: argparse.Namespace) -> ExitCode:
    """Print the diagnosis, or write a recording. Raises `AgentError`."""
    from passmuster_agent import status_text  # noqa: PLC0415 - see the top
    from passmuster_agent.doctor import diagnose, text  # noqa: PLC0415 - see the top
    from passmuster_collectors.contract import codec  # noqa: PLC0415 - see the top

    host = diagnose.own_host()
    if options.record is not None:
        from passmuster_agent.recording.record import record  # noqa: PLC0415 - see the top

        folder, asked = record(host, options.record)
        print(f"Recorded {asked} answers of this laptop in {folder}.")
        print("Names, addresses and serial numbers in it are made up. Look through machine.json")
        print("before you hand it on: not every name is known as one.")
        return ExitCode.DONE
    found = diagnose.diagnose(state, host, diagnose.chosen(options.signal))
    if options.json:
        print(json.dumps(codec.encode(found), indent=2, ensure_ascii=False))
    else:
        print(text.render(found, colour=status_text.wants_colour(sys.stdout)), end="")
    return ExitCode.FAILED if found.wrong else ExitCode.DONE
