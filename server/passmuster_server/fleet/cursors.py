"""The place in the fleet where a page begins, as an address carries it."""

import json

from passmuster_collectors.contract.canonical import base64url, from_base64url
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.fleet.index import Cursor, Group

MAX_CURSOR = 1_024


def written(cursor: Cursor) -> str:
    """Return a place as text of letters, digits, `-` and `_`."""
    text = json.dumps([cursor.group, cursor.owner, cursor.device])
    return base64url(text.encode("utf-8"))


def read(text: str) -> Cursor | None:
    """Return the place in an address, or None for one that we never made."""
    if not text or len(text) > MAX_CURSOR:
        return None
    try:
        group, owner, device = json.loads(from_base64url(text, "after"))
        if not f"{owner}{device}".isprintable():
            return None
        return Cursor(Group(group), str(owner), str(device))
    except (ContractError, ValueError, TypeError, RecursionError):
        return None
