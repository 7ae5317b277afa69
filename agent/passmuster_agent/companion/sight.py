"""What is seen through the window: made for who may look, and read by who does.

The daemon loads it when somebody looks for the first time.
"""

from passmuster_agent.companion import meeting
from passmuster_agent.companion.channel import Channel, ChannelClosedError, TooLongError, received
from passmuster_agent.companion.messages import MAX_BYTES, Goodbye
from passmuster_agent.companion.window import goodbye
from passmuster_agent.errors import AgentError
from passmuster_agent.status import AgentStatus
from passmuster_agent.told import Told, as_status, shortened
from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.errors import ContractError

ANSWER_WITHIN_S = 5.0
WORDS = ((64, 64), (4, 4), (2, 2), (1, 1), (1, 0), (0, 0))
"""How many reasons and remedies are told of each signal; the first that fit into one message."""

NOT_TOLD = "This laptop's agent does not tell what the server said ({why})."
NO_ANSWER = "no answer in {count} s"
HUNG_UP = "it has hung up"
OTHER_VERSION = "it is of another version"
TOO_MUCH = "it has more to tell than fits"


def fitting(told: Told) -> bytes:
    """Return the message of what is told, with as many of its words as fit."""
    for reasons, remedies in WORDS:
        value = {"told": codec.encode(shortened(told, reasons, remedies))}
        message = canonical_bytes(value)
        if len(message) <= MAX_BYTES:
            return message
    return goodbye(TOO_MUCH)


def look() -> AgentStatus | None:
    """Return what the agent of this laptop tells; None where no agent listens.

    Raises `AgentError` where one does and does not tell.
    """
    for connect in meeting.windows():
        try:
            channel = connect()
        except OSError:
            continue
        try:
            return _told_by(channel)
        finally:
            channel.close()
    return None


def _told_by(channel: Channel) -> AgentStatus:
    try:
        data = received(channel, ANSWER_WITHIN_S)
        if data is None:
            raise _silent(NO_ANSWER.format(count=round(ANSWER_WITHIN_S)))
        value = strict_json.parse(data, max_bytes=MAX_BYTES)
        if isinstance(value, dict) and set(value) == {"goodbye"}:
            raise _silent(codec.decode(Goodbye, value["goodbye"], "goodbye").reason)
        told = value.get("told") if isinstance(value, dict) else None
        return as_status(codec.decode(Told, told, "told"))
    except ChannelClosedError:
        raise _silent(HUNG_UP) from None
    except (ContractError, TooLongError):
        raise _silent(OTHER_VERSION) from None


def _silent(why: str) -> AgentError:
    return AgentError(
        NOT_TOLD.format(why=why),
        "Try again in a minute; if that does not help: passmuster-agent doctor",
    )
