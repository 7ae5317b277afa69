"""What became of a device's key, in the words of its page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from passmuster_server.devices.key_changes import KeyChange
from passmuster_server.fleet.view import Badge
from passmuster_server.policy.key_tier import TIERS

_STRENGTH = tuple(TIERS)

_WORDS: Mapping[KeyChange, str] = {
    KeyChange.ROTATED: "Rotated: signed by the old key and by the new one",
    KeyChange.REPLACED: "Enrolled with a code that replaced an earlier device",
    KeyChange.ENROLLED_AGAIN: "The same key was enrolled again",
}


@dataclass(frozen=True)
class KeyChangeView:
    """One change. `badge` is there where the key is kept in another tier since."""

    at: datetime
    what: str
    fingerprints: tuple[str, str]
    tiers: tuple[str, str]
    badge: Badge | None


def key_changes_of(rows: Sequence[Row[Any]]) -> tuple[KeyChangeView, ...]:
    """Return the changes, newest first as the rows are."""
    return tuple(
        KeyChangeView(
            row.changed_at,
            _WORDS[KeyChange(row.kind)],
            (row.fingerprint_before, row.fingerprint_after),
            (
                TIERS.get(row.tier_before, row.tier_before),
                TIERS.get(row.tier_after, row.tier_after),
            ),
            _badge(row.tier_before, row.tier_after),
        )
        for row in rows
    )


def _badge(before: str, after: str) -> Badge | None:
    if before == after or before not in _STRENGTH or after not in _STRENGTH:
        return None
    if _STRENGTH.index(after) > _STRENGTH.index(before):
        return Badge("bad", "Weaker")
    return Badge("good", "Stronger")
