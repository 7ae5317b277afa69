"""`confirm`: let a browser go on that shows a number, because its person is at this laptop."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
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
from passmuster_agent.session_language import session_language
from passmuster_agent.terminal_text import printable
from passmuster_collectors.contract.confirmation import digits_of
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.languages import Language

ANSWER_WITHIN_S = 90.0
"""The agent first sends what waits, and before it signs it reads everything anew."""

OTHER_VERSION = ("The agent is of another version.", "Log out and in again.")
NOTHING = "Nothing was confirmed."
AGAIN = "Nothing was confirmed; try again in a minute."
NOT_KNOWN = "Whether the browser was let in is not known: look at it."
YES = "yes"
PLACES = {
    True: "That is the same address as this laptop's.",
    False: "That is NOT the address of this laptop.",
    None: "Whether that is this laptop's address is not known.",
}

Answer = TypeVar("Answer", Browser, LetIn)


class _UnansweredError(AgentError):
    """The server is not known to have said anything."""


def confirm(
    agents: Sequence[Connect],
    ask: Callable[[str], str],
    tell: Callable[[str], None],
    language: Language | None = None,
) -> ExitCode:
    """Ask for the number, show what it stands for, and confirm it where the person agrees.

    `agents` are tried in order. It speaks the session's language, unless one is named. Raises
    `AgentError`.
    """
    language = language or session_language()
    try:
        return _confirm(agents, ask, tell, language)
    except AgentError as error:
        problem, remedy = (language.rendered_each(each) for each in (error.problem, error.remedy))
        raise AgentError(problem, remedy, error.exit_code) from None


def _confirm(
    agents: Sequence[Connect],
    ask: Callable[[str], str],
    tell: Callable[[str], None],
    language: Language,
) -> ExitCode:
    channel = _reach(agents)
    try:
        number = digits_of(ask(f"{language.say('Number that the browser shows:')} "))
        if not number:
            raise AgentError(
                "That is not a number that a browser shows.", "It has eight digits.", ExitCode.USAGE
            )
        browser = _answered(channel, Typed(number), Browser)
        for line in lines_of(browser, language):
            tell(line)
        agreed = ask(f"{language.say('Are you at that browser? Type {word}:', word=YES)} ")
        if agreed.strip().lower() != YES:
            tell(language.say(NOTHING))
            return ExitCode.FAILED
        try:
            _answered(channel, Agreed(), LetIn)
        except _UnansweredError as error:
            # The agent may have passed it on, and the server may have taken it.
            raise AgentError(error.problem, NOT_KNOWN) from None
    finally:
        channel.close()
    tell(language.say("Confirmed. The browser goes on by itself."))
    return ExitCode.DONE


def lines_of(browser: Browser, language: Language) -> Sequence[str]:
    """Return what a person reads before they agree."""
    application, person = printable(browser.application), printable(browser.person)
    now = datetime.now(UTC)
    return (
        language.say(
            "A browser signs in to {application} as {person}.",
            application=application,
            person=person,
        )
        if person
        else language.say("A browser signs in to {application}.", application=application),
        language.say(
            "It comes from {address} and got its number {when}.",
            address=printable(browser.address),
            when=language.ago(now - timedelta(seconds=browser.age_s), now),
        ),
        language.say(PLACES[browser.same_address]),
        language.say(
            "If somebody gave you this number, they want to get in as you: don't, and tell IT."
        ),
    )


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
        raise AgentError(printable(answer.reason), NOTHING, ExitCode.REFUSED)
    if isinstance(answer, Goodbye):
        raise _UnansweredError(printable(answer.reason), AGAIN)
    if not isinstance(answer, kind):
        raise _UnansweredError(*OTHER_VERSION)
    return answer
