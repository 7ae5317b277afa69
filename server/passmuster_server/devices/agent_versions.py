"""Refuses agents that are too old to be understood, in words that they show."""

from passmuster_server.versions import is_behind
from passmuster_server.web.problems import RefusalError

TOO_OLD = "agent_too_old"


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
