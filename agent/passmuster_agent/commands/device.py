"""The commands `enroll`, `rotate-key` and `leave`: being one of the organisation's laptops."""

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from passmuster_agent.commands import terminal
from passmuster_agent.errors import ExitCode

if TYPE_CHECKING:
    from passmuster_agent.config import State

CODE_TRIES = 3


def enroll(state: "State", options: argparse.Namespace) -> ExitCode:
    """Enrol this laptop, with a code from IT or after a sign-in. Raises `AgentError`."""
    from passmuster_agent import enrolment  # noqa: PLC0415 - see the package

    person = sys.stdin.isatty()
    device = enrolment.enroll(
        state,
        enrolment.Request(
            options.server,
            options.ca,
            options.tier,
            options.replace,
            options.owner,
            options.sign_in,
        ),
        _ask_code,
        # A person waits for the code, also where another program passes it on.
        partial(print, flush=True),
        tries=CODE_TRIES if person else 1,
    )
    print(f"Enrolled for {device.owner}. The key is kept in tier {device.tier}.")
    print("Report once with: passmuster-agent once   Keep reporting with: passmuster-agent run")
    return ExitCode.DONE


def rotate_key(state: "State", options: argparse.Namespace) -> ExitCode:
    """Give this laptop a new key. Raises `AgentError`."""
    from passmuster_agent import keystore, rotate_key  # noqa: PLC0415 - see the package

    before = state.device()
    device = rotate_key.rotate_key(state, options.tier, print)
    print(f"This laptop's key is now {device.fingerprint}, kept in tier {device.tier}.")
    if device.tier is not before.tier:
        strength = "stronger" if keystore.is_weaker(device.tier, before.tier) else "weaker"
        print(f"It was in tier {before.tier} before, which is {strength}.")
    print("IT sees the change on this laptop's page.")
    return ExitCode.DONE


def leave(state: "State", options: argparse.Namespace) -> ExitCode:
    """Tell the server that this laptop is not used any more, and forget it. Raises `AgentError`."""
    from passmuster_agent import leave as leaving  # noqa: PLC0415 - see the package

    device = state.device()
    if not options.yes:
        print(f"This laptop is {device.owner}'s at {device.server_url}. It will open nothing more,")
        print(
            "and its key and what it has not sent yet are deleted. To enrol it anew takes a code."
        )
        if terminal.ask("Type yes to leave: ") != "yes":
            print("Nothing has changed.")
            return ExitCode.FAILED
    leaving.leave(state, print, force=options.force)
    print("This laptop is not enrolled any more.")
    return ExitCode.DONE


def _ask_code() -> str:
    """Return the code that is typed on a terminal or comes as the first line of a pipe."""
    return terminal.ask("Code from IT: " if sys.stdin.isatty() else "")
