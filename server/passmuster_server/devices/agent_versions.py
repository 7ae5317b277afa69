"""Refuses agents that are too old to be understood, in words that they show."""

import re
from functools import lru_cache

from passmuster_server.versions import is_behind
from passmuster_server.web.problems import RefusalError

TOO_OLD = "agent_too_old"


_SENDER = re.compile(r"passmuster-agent/([0-9A-Za-z.+-]{1,32})")


@lru_cache(maxsize=256)
def version_of_sender(user_agent: str) -> str | None:
    """Return the version of the agent that sends a request by its `User-Agent`, None for others.

    What waits after an update was still made by the version before, and is as good as it was.
    """
    found = _SENDER.fullmatch(user_agent)
    return found[1] if found else None


def require(agent: str, oldest: str) -> None:
    """Raise `RefusalError` 403 for an agent older than `oldest`.

    Every agent shows the words; what waits there is kept until it was updated.
    """
    if is_behind(agent, oldest):
        raise RefusalError(
            403,
            TOO_OLD,
            f"This server accepts agents from version {oldest} on, and this laptop's is older. "
            "IT has to update it.",
        )
