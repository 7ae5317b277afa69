"""Each device's ratchet: the last upload that was accepted, and what the next one must carry."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select

from passmuster_server.database import Transaction
from passmuster_server.devices.tables import ratchets
from passmuster_server.statements import RowStatement


class Ratchet(msgspec.Struct, frozen=True):
    """The last upload that was accepted of a device, and what the next one must carry.

    `recent` are the digests of the last uploads, newest last, with spaces between them: a replay is
    told from a second key by them.
    """

    sequence: int
    nonce: str
    previous_nonce: str
    digest: str
    answer: bytes | None
    record_sequence: int
    record_hash: str
    recent: str


RATCHET_COLUMNS = (
    "r.sequence, r.nonce, r.previous_nonce, r.digest, r.answer, r.record_sequence, r.record_hash, "
    "r.recent"
)
_MOVE_RATCHET = RowStatement(
    "UPDATE ratchets SET sequence = ?, nonce = ?, previous_nonce = ?, digest = ?, answer = ?, "
    "record_sequence = ?, record_hash = ?, recent = ? WHERE organisation_id = ? AND device_id = ?",
    "UPDATE ratchets AS r SET sequence = n.sequence, nonce = n.nonce, "
    "previous_nonce = n.previous_nonce, digest = n.digest, answer = n.answer, "
    "record_sequence = n.record_sequence, record_hash = n.record_hash, recent = n.recent "
    "FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %b::bytea[], %s::bigint[], "
    "%s::text[], %s::text[], %s::text[], %s::text[]) AS n (sequence, nonce, previous_nonce, "
    "digest, answer, record_sequence, record_hash, recent, organisation_id, device_id) "
    "WHERE r.organisation_id = n.organisation_id AND r.device_id = n.device_id",
)
"""Hand-written: each report reads its device's ratchet and moves it."""


def reset_ratchet(connection: Connection, organisation: str, device: str, nonce: str) -> None:
    """Begin the chain of uploads, anew where there was one.

    What was remembered of earlier uploads stays, so that they are still known when replayed.
    """
    key = (ratchets.c.organisation_id == organisation, ratchets.c.device_id == device)
    recent = connection.execute(select(ratchets.c.recent).where(*key)).scalar() or ""
    connection.execute(delete(ratchets).where(*key))
    connection.execute(
        ratchets.insert().values(
            organisation_id=organisation,
            device_id=device,
            sequence=0,
            nonce=nonce,
            previous_nonce="",
            digest="",
            answer=None,
            record_sequence=0,
            record_hash="",
            recent=recent,
        )
    )


def find_ratchet(connection: Connection, organisation: str, device: str) -> Ratchet | None:
    """Return the device's ratchet."""
    columns = [ratchets.c[name.strip().removeprefix("r.")] for name in RATCHET_COLUMNS.split(",")]
    row = connection.execute(
        select(*columns).where(
            ratchets.c.organisation_id == organisation, ratchets.c.device_id == device
        )
    ).one_or_none()
    return None if row is None else ratchet_of(row)


def ratchet_of(row: Sequence[Any]) -> Ratchet:
    """Return the ratchet in a row of `RATCHET_COLUMNS`."""
    sequence, nonce, previous_nonce, kept, answer, record_sequence, record_hash, recent = row
    return Ratchet(
        sequence,
        nonce,
        previous_nonce,
        kept,
        answer,
        record_sequence,
        record_hash,
        recent,
    )


def move_ratchet(
    transaction: Transaction, organisation: str, device: str, ratchet: Ratchet
) -> None:
    """Move the device's ratchet on."""
    transaction.put_off(
        _MOVE_RATCHET,
        (
            ratchet.sequence,
            ratchet.nonce,
            ratchet.previous_nonce,
            ratchet.digest,
            ratchet.answer,
            ratchet.record_sequence,
            ratchet.record_hash,
            ratchet.recent,
            organisation,
            device,
        ),
    )
