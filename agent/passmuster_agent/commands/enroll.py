"""The command `enroll`: this laptop becomes one of the organisation's, in its person's language."""

import argparse
import sys
from typing import TYPE_CHECKING

from passmuster_agent.commands import terminal
from passmuster_agent.errors import ExitCode

if TYPE_CHECKING:
    from passmuster_agent.config import State
    from passmuster_collectors.languages import Language

CODE_TRIES = 3


def enroll(state: "State", options: argparse.Namespace) -> ExitCode:
    """Enrol this laptop, with a code from IT or after a sign-in. Raises `AgentError`."""
    from passmuster_agent import enrolment  # noqa: PLC0415 - see the package
    from passmuster_agent.commands import spoken  # noqa: PLC0415 - see the package
    from passmuster_agent.session_language import session_language  # noqa: PLC0415 - see the package

    language = session_language()

    def say(text: str) -> None:
        # A person waits for the code, also where another program passes it on.
        print(spoken.in_language(language, text), flush=True)

    with spoken.errors_in(language):
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
            lambda: _ask_code(language),
            say,
            tries=CODE_TRIES if sys.stdin.isatty() else 1,
        )
    say(f"Enrolled for {device.owner}. The key is kept in tier {device.tier}.")
    say("Report once with: passmuster-agent once   Keep reporting with: passmuster-agent run")
    return ExitCode.DONE


def _ask_code(language: "Language") -> str:
    """Return the code that is typed on a terminal or comes as the first line of a pipe."""
    question = f"{language.say('Code from IT:')} " if sys.stdin.isatty() else ""
    return terminal.ask(question)
