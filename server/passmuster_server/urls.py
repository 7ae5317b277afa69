"""What every URL that somebody gives us has to be."""

from urllib.parse import SplitResult, urlsplit

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.loopback import is_loopback, may_be_loopback

HERE = "leads to the server itself: that is for its own shell"


def parts_of(url: str) -> SplitResult | None:
    """Return the parts of a URL that has a host and, if any, a port that there can be, or None."""
    try:
        parts = urlsplit(url)
        possible = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if possible else None


def is_private(parts: SplitResult) -> bool:
    """Whether nobody on the way reads what goes there: https, or http on this machine alone."""
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def check_elsewhere(url: str, field: str) -> None:
    """Raise `ContractError` unless it is https, and to another machine than this one.

    For what a program names: what listens on the server itself is for its own shell to name.
    """
    parts = parts_of(url)
    if parts is None or parts.scheme != "https":
        raise ContractError(field, "expected https")
    if may_be_loopback(parts.hostname or ""):
        raise ContractError(field, HERE)
