"""Entries of the audit record that name a person without being about them."""

from sqlalchemy import Connection, select

from passmuster_server.addresses import names_person
from passmuster_server.audit.actions import Action
from passmuster_server.audit.tables import audit_entries


def entries_naming(connection: Connection, organisation: str, person: str) -> list[int]:
    """Return the numbers of the entries on a thing whose name holds the person's address."""
    statement = (
        select(audit_entries.c.number, audit_entries.c.subject)
        .where(
            audit_entries.c.organisation_id == organisation,
            audit_entries.c.subject.is_not(None),
            # Its subject is a number, as somebody's name at the gate may be.
            audit_entries.c.action != Action.POLICY_PUBLISHED.value,
        )
        .order_by(audit_entries.c.number)
    )
    if "@" in person:
        statement = statement.where(audit_entries.c.subject.contains("@"))
    return [
        row.number for row in connection.execute(statement) if names_person(row.subject, person)
    ]
