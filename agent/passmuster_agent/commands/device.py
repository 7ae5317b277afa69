"""The commands `rotate-key` and `leave`: being one of the organisation's laptops."""

import argparse
from typing import TYPE_CHECKING

from passmuster_agent.commands import terminal
from passmuster_agent.errors import ExitCode

if TYPE_CHECKING:
    from passmuster_agent.config import State


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
