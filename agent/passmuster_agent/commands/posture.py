"""The commands `once`, `status` and `show`: what is read, judged and sent."""

import argparse
import sys
from typing import TYPE_CHECKING

from passmuster_agent.errors import ExitCode

if TYPE_CHECKING:
    from passmuster_agent.config import State


def once(state: "State", options: argparse.Namespace) -> ExitCode:
    """Read, report and print the verdict. Raises `AgentError`."""
    from passmuster_agent import once as reading  # noqa: PLC0415 - see the package
    from passmuster_agent import status_text  # noqa: PLC0415 - see the package

    outcome = reading.once(state)
    if options.json:
        _print_json(outcome.status)
    else:
        print(
            status_text.render(outcome.status, colour=status_text.wants_colour(sys.stdout)), end=""
        )
    problem = reading.explain(outcome)
    if problem is not None:
        raise problem
    return outcome.exit_code


def status(state: "State", options: argparse.Namespace) -> ExitCode:
    """Print what is found, how it is judged and how to fix it. Raises `AgentError`."""
    from passmuster_agent import status_text  # noqa: PLC0415 - see the package
    from passmuster_agent.companion.sight import look  # noqa: PLC0415 - see the package
    from passmuster_agent.status import status as status_of  # noqa: PLC0415 - see the package

    # Whoever names a state directory asks about that one.
    found = status_of(state, look if options.state is None else lambda: None)
    if options.json:
        _print_json(found)
    else:
        print(status_text.render(found, colour=status_text.wants_colour(sys.stdout)), end="")
    return ExitCode.DONE if found.enrolled else ExitCode.NOT_ENROLLED


def show(state: "State", options: argparse.Namespace) -> ExitCode:
    """Print what would leave this laptop, and why. Raises `AgentError`."""
    from passmuster_agent import disclosure, status_text  # noqa: PLC0415 - see the package

    found = disclosure.disclose(state)
    if options.json:
        print(disclosure.to_json(found), end="")
    else:
        print(disclosure.render(found, colour=status_text.wants_colour(sys.stdout)), end="")
    return ExitCode.DONE


def _print_json(value: object) -> None:
    import json  # noqa: PLC0415 - see the package

    from passmuster_collectors.contract import codec  # noqa: PLC0415 - see the package

    print(json.dumps(codec.encode(value), indent=2, ensure_ascii=False))
