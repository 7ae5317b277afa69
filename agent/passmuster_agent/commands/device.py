"""The commands `rotate-key` and `leave`: being one of the organisation's laptops.

They speak to a person, in the language of their session.
"""

import argparse
from typing import TYPE_CHECKING

from passmuster_agent.commands import terminal
from passmuster_agent.errors import ExitCode

if TYPE_CHECKING:
    from passmuster_agent.config import State

YES = "yes"


def rotate_key(state: "State", options: argparse.Namespace) -> ExitCode:
    """Give this laptop a new key. Raises `AgentError`."""
    from passmuster_agent import keystore, rotate_key  # noqa: PLC0415 - see the package
    from passmuster_agent.commands import spoken  # noqa: PLC0415 - see the package
    from passmuster_agent.session_language import session_language  # noqa: PLC0415 - see the package

    language = session_language()

    def say(text: str) -> None:
        print(spoken.in_language(language, text))

    with spoken.errors_in(language):
        tier_before = state.device().tier
        device = rotate_key.rotate_key(state, options.tier, say)
    say(f"This laptop's key is now {device.fingerprint}, kept in tier {device.tier}.")
    if keystore.is_weaker(device.tier, tier_before):
        say(f"It was in tier {tier_before} before, which is stronger.")
    elif device.tier is not tier_before:
        say(f"It was in tier {tier_before} before, which is weaker.")
    say("IT sees the change on this laptop's page.")
    return ExitCode.DONE


def leave(state: "State", options: argparse.Namespace) -> ExitCode:
    """Tell the server that this laptop is not used any more, and forget it. Raises `AgentError`."""
    from passmuster_agent import leave as leaving  # noqa: PLC0415 - see the package
    from passmuster_agent.commands import spoken  # noqa: PLC0415 - see the package
    from passmuster_agent.session_language import session_language  # noqa: PLC0415 - see the package

    language = session_language()

    def say(text: str) -> None:
        print(spoken.in_language(language, text))

    with spoken.errors_in(language):
        device = state.device()
        if not options.yes:
            say(f"This laptop is {device.owner}'s at {device.server_url}.")
            say("It will open nothing more, and its key and what it has not sent yet are deleted.")
            say("To enrol it anew takes a code.")
            if terminal.ask(f"{language.say('Type {word} to leave:', word=YES)} ") != YES:
                say("Nothing has changed.")
                return ExitCode.FAILED
        leaving.leave(state, say, force=options.force)
    say("This laptop is not enrolled any more.")
    return ExitCode.DONE
