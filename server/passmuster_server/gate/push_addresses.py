"""Addresses that events may be pushed to."""

from urllib.parse import urlsplit

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.loopback import is_loopback

MAX_ADDRESS = 512


def check_push_address(url: str, field: str = "") -> None:
    """Raise `ContractError` unless it is https, or http to this machine itself.

    Parts that another reader of the URL may understand otherwise are not taken.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ContractError(field, "not a URL") from None
    if len(url) > MAX_ADDRESS or not host or port == 0:
        raise ContractError(field, f"not a URL of at most {MAX_ADDRESS} characters")
    odd = {"\\", "#", " "} & set(url) or "/.." in url or "/./" in url
    if odd or "@" in parts.netloc or not (url.isascii() and url.isprintable()):
        raise ContractError(field, "has a user, a fragment, dots for a path or odd characters")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ContractError(field, "expected https")
