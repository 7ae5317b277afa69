"""`confirm`: let a browser go on that shows a number, because its person is at this laptop."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from passmuster_agent.companion.channel import (
    Channel,
    ChannelClosedError,
    Connect,
    TooLongError,
    received,
)
from passmuster_agent.companion.messages import (
    TO_PERSON,
    Agreed,
    Browser,
    Goodbye,
    LetIn,
    Refused,
    Typed,
    from_bytes,
    to_bytes,
)
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.terminal_text import printable
from passmuster_collectors.contract.confirmation import digits_of
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.text import durations

ANSWER_WITHIN_S = 90.0
"""The agent first sends what waits, and before it signs it reads everything anew."""

OTHER_VERSION = ("The agent is of another version.", "Log out and in again.")
AGAIN = "Nothing was confirmed; try again in a minute."
NOT_KNOWN = "Whether the browser was let in is not known: look at it."

Answer = TypeVar("Answer", Browser, LetIn)


class _UnansweredError(AgentError):
    """The server is not known to have said anything."""


def confirm(
    agents: Sequence[Connect],
    ask: Callable[[str], str],
    say: Callable[[str], None],
) -> ExitCode:
    """Ask for the number, show what it stands for, and confirm it where the person agrees.

    `agents` are tried in order. Raises `AgentError`.
    """
    channel = _reach(agents)
    try:
        number = digits_of(ask("Number that the browser shows: "))
        if not number:
            raise AgentError(
                "That is not a number that a browser shows.", "It has eight digits.", ExitCode.USAGE
            )
        browser = _answered(channel, Typed(number), Browser)
        for line in lines_of(browser):
            say(line)
        if ask("Are you at that browser? Type yes: ").strip().lower() != "yes":
            say("Nothing was confirmed.")
            return ExitCode.FAILED
        try:
            _answered(channel, Agreed(), LetIn)
        except _UnansweredError as error:
            # The agent may have passed it on, and the server may have taken it.
            raise AgentError(error.problem, NOT_KNOWN) from None
    finally:
        channel.close()
    say("Confirmed. The browser goes on by itself.")
    return ExitCode.DONE


def lines_of(browser: Browser) -> Sequence[str]:
    """Return what a person reads before they agree."""
    who = f" as {printable(browser.person)}" if browser.person else ""
    age = durations.roughly(browser.age_s) if browser.age_s else "a moment"
    return (
        f"A browser signs in to {printable(browser.application)}{who}.",
        f"It comes from {printable(browser.address)} and got its number {age} ago.",
        _PLACES[browser.same_address],
        "If somebody gave you this number, they want to get in as you: don't, and tell IT.",
    )


_PLACES = {
    True: "That is the same address as this laptop's.",
    False: "That is NOT the address of this laptop.",
    None: "Whether that is this laptop's address is not known.",
}


def _reach(agents: Sequence[Connect]) -> Channel:
    for connect in agents:
        try:
            return connect()
        except OSError:
            continue
    raise AgentError(
        "No agent runs on this laptop, or it is an older one.",
        "What is in the way tells: passmuster-agent doctor",
    )


def _answered(channel: Channel, message: Typed | Agreed, kind: type[Answer]) -> Answer:
    """Return the agent's answer of that kind, waiting for it.

    Raises `AgentError` where the server said no, `_UnansweredError` where it may not have.
    """
    try:
        channel.send(to_bytes(message))
        data = received(channel, ANSWER_WITHIN_S)
        answer: Any = None if data is None else from_bytes(data, TO_PERSON)
    except ChannelClosedError:
        raise _UnansweredError("The agent has hung up.", AGAIN) from None
    except (ContractError, TooLongError):
        raise _UnansweredError(*OTHER_VERSION) from None
    if answer is None:
        raise _UnansweredError("The agent does not answer.", AGAIN)
    if isinstance(answer, Refused):
        raise AgentError(f"Nothing was confirmed: {printable(answer.reason)}", "", ExitCode.REFUSED)
    if isinstance(answer, Goodbye):
        raise _UnansweredError(f"The agent says: {printable(answer.reason)}", AGAIN)
    if not isinstance(answer, kind):
        raise _UnansweredError(*OTHER_VERSION)
    return answer
