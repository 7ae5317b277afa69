"""The command `fix`: the exact changes that put a signal right."""

import argparse
from typing import TYPE_CHECKING

from passmuster_agent.commands import terminal
from passmuster_agent.errors import AgentError, ExitCode

if TYPE_CHECKING:
    from passmuster_agent.config import State


def fix(state: "State", options: argparse.Namespace) -> ExitCode:
    """Show the changes, ask, and make them. Raises `AgentError`."""
    import secrets  # noqa: PLC0415 - see the package

    from passmuster_agent import fix as fixing  # noqa: PLC0415 - see the package
    from passmuster_agent.companion.sight import look  # noqa: PLC0415 - see the package
    from passmuster_agent.session_language import session_language  # noqa: PLC0415 - see the package
    from passmuster_agent.status import allowed_s  # noqa: PLC0415 - see the package
    from passmuster_agent.terminal_text import printable  # noqa: PLC0415 - see the package
    from passmuster_collectors.host import this_host  # noqa: PLC0415 - see the package
    from passmuster_collectors.signals import CATALOG  # noqa: PLC0415 - see the package

    language = session_language()
    signal = next((each for each in CATALOG if each.id == options.signal), None)
    if signal is None:
        known = ", ".join(each.id for each in CATALOG)
        problem = language.say("There is no such signal. The signals are: {known}.", known=known)
        raise AgentError(problem, "", ExitCode.USAGE)
    host = this_host(secrets.token_bytes(32))
    try:
        told_s = allowed_s(state, signal.id, look)
    except AgentError as error:
        unknown = language.say("What your organisation allows is not known now.")
        print(unknown, printable(language.rendered(error.problem)))
        told_s = None
    aim = fixing.Aim(options.within, told_s)
    return fixing.fix(host, signal, aim, lambda text: options.yes or _agrees(text), print, language)


def _agrees(question: str) -> bool:
    return terminal.ask(question).lower() in ("y", "yes")
