"""What every URL that somebody gives us has to be."""

from urllib.parse import SplitResult, urlsplit

from passmuster_server.loopback import is_loopback


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
