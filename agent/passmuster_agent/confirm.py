"""`confirm`: let a browser go on that shows a number, because its person is at this laptop."""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from passmuster_agent.companion.channel import (
    Channel,
    ChannelClosedError,
    Connect,
    TooLongError,
    readable,
)
from passmuster_agent.companion.messages import (
    TO_PERSON,
    Agreed,
    Browser,
    Goodbye,
    LetIn,
    Typed,
    from_bytes,
    to_bytes,
)
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.status_text import printable
from passmuster_collectors.contract.confirmation import digits_of
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.text import durations

ANSWER_WITHIN_S = 90.0
"""The agent first sends what waits, and before it signs it reads everything anew."""

Answer = TypeVar("Answer", Browser, LetIn)


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
        _answered(channel, Agreed(), LetIn)
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
    """Return the agent's answer of that kind, waiting for it."""
    deadline = time.monotonic() + ANSWER_WITHIN_S
    try:
        channel.send(to_bytes(message))
        while (data := channel.receive()) is None:
            left = deadline - time.monotonic()
            if left <= 0 or not readable([channel.fileno()], left):
                raise AgentError(
                    "The agent does not answer.", "Nothing was confirmed; try again in a minute."
                )
        answer: Any = from_bytes(data, TO_PERSON)
    except ChannelClosedError:
        raise AgentError("The agent has hung up.", "Try again in a minute.") from None
    except (ContractError, TooLongError):
        raise AgentError("The agent is of another version.", "Log out and in again.") from None
    if isinstance(answer, Goodbye):
        raise AgentError(f"Nothing was confirmed: {printable(answer.reason)}", "", ExitCode.REFUSED)
    if not isinstance(answer, kind):
        raise AgentError("The agent is of another version.", "Log out and in again.")
    return answer
