"""Deletes what laptops reported: what is too old, and all of one laptop."""

from datetime import datetime

from sqlalchemy import Connection, delete, exists, select

from passmuster_server.reports.tables import contacts, evidence, readings, transitions


def forget_transitions(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` changes that came before a moment; the current readings stay."""
    old = select(transitions.c.transition_id).where(transitions.c.received_at < before).limit(limit)
    return connection.execute(
        delete(transitions).where(transitions.c.transition_id.in_(old))
    ).rowcount


def forget_evidence(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` signed reports from before a moment that no change rests on any more."""
    rested_on = exists().where(transitions.c.evidence_id == evidence.c.evidence_id)
    old = (
        select(evidence.c.evidence_id)
        .where(evidence.c.received_at < before, ~rested_on)
        .limit(limit)
    )
    return connection.execute(delete(evidence).where(evidence.c.evidence_id.in_(old))).rowcount


def forget_device(connection: Connection, organisation: str, device: str) -> None:
    """Delete everything that a laptop ever reported."""
    for table in (transitions, evidence, readings, contacts):
        connection.execute(
            delete(table).where(
                table.c.organisation_id == organisation, table.c.device_id == device
            )
        )
