"""How the entries are chained: pure, and all that an outside verifier needs to know.

An entry's hash is over the hash before it, so none can be changed, moved or taken out unseen.
What an entry says of a person goes into the chain as a salted hash only: the person can be erased,
salt and all, and the chain still holds.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_server.schema import to_microseconds

GENESIS = "0" * 64
"""What stands for the hash before the first entry."""
SALT_BYTES = 16


def content_hash(salt: bytes, person: str, subject: str, details: Mapping[str, Any]) -> str:
    """Return the hash of what may be erased: SHA-256 over the salt and the canonical JSON."""
    content = {"details": details, "person": person, "subject": subject}
    return digest(salt + canonical_bytes(content))


def entry_hash(
    before: str, number: int, at: datetime, action: str, actor: str, content: str
) -> str:
    """Return the hash of an entry: SHA-256 over the canonical JSON of these six values.

    `before` is the hash of the entry before it, `content` that of what may be erased; the time
    counts as whole microseconds since 1970.
    """
    return digest(canonical_bytes([before, number, to_microseconds(at), action, actor, content]))
