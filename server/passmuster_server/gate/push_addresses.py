"""Addresses that events may be pushed to."""

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.urls import is_private, parts_of

MAX_ADDRESS = 512


def check_push_address(url: str, field: str = "") -> None:
    """Raise `ContractError` unless it is https, or http to this machine itself.

    Parts that another reader of the URL may understand otherwise are not taken.
    """
    parts = parts_of(url)
    if len(url) > MAX_ADDRESS or parts is None:
        raise ContractError(field, f"not a URL of at most {MAX_ADDRESS} characters")
    odd = {"\\", "#", " "} & set(url) or "/.." in url or "/./" in url
    if odd or "@" in parts.netloc or not (url.isascii() and url.isprintable()):
        raise ContractError(field, "has a user, a fragment, dots for a path or odd characters")
    if not is_private(parts):
        raise ContractError(field, "expected https")
