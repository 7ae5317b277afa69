"""What counts for one device beside the policy.

Its statements are hand-written: each report that says something new is judged by them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from passmuster_server.database import Transaction
from passmuster_server.policy.allowances import Allowance, allowance_of
from passmuster_server.policy.stored_devices import StoredDevice
from passmuster_server.schema import from_microseconds, to_microseconds

_WAIVED = (
    "SELECT signal, expires_at FROM waivers WHERE organisation_id = ? AND device_id = ? "
    "AND expires_at > ? AND ended_at IS NULL ORDER BY expires_at"
)
_ALLOWED = (
    "SELECT kind, value, expires_at FROM allowances WHERE organisation_id = ? "
    "AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > ?) "
    "AND (device_id = ? OR (device_id IS NULL AND (group_id = ? OR group_id IS NULL)))"
)


@dataclass(frozen=True, slots=True)
class Exceptions:
    """Until when which signals are waived, and which allowances change the limits."""

    waived: Mapping[str, datetime]
    allowed: Sequence[Allowance]


def exceptions_of(transaction: Transaction, stored: StoredDevice, now: datetime) -> Exceptions:
    """Return what counts for the device at `now`."""
    organisation, device, at = stored.organisation, stored.device, to_microseconds(now)
    # Both are asked before either is read: on PostgreSQL that is one way there and back.
    waived = transaction.run(_WAIVED, (organisation, device, at))
    allowed = transaction.run(_ALLOWED, (organisation, at, device, stored.group))
    return Exceptions(
        {signal: from_microseconds(until) for signal, until in waived.fetchall()},
        [
            allowance_of(kind, value, None if until is None else from_microseconds(until))
            for kind, value, until in allowed.fetchall()
        ],
    )
