"""What callers of the gate hold of a person, by their confinement or their name, and its end."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, or_, select, update

from passmuster_server.addresses import is_address, names_person
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.gate.tables import gate_clients, gate_grants

_PERSON = "person"


def callers_naming(connection: Connection, organisation: str, person: str) -> list[dict[str, Any]]:
    """Return the callers that are confined to the person, alone or among others.

    Of those that are revoked it is kept too.
    """
    return _told(
        connection,
        organisation,
        gate_clients.c.client_id.in_(
            select(gate_grants.c.client_id).where(*_naming(organisation, person))
        ),
    )


def callers_called(connection: Connection, organisation: str, person: str) -> list[dict[str, Any]]:
    """Return the callers whose name holds the person's address, revoked ones too."""
    called = _called(connection, organisation, person)
    return _told(connection, organisation, gate_clients.c.client_id.in_(called))


def forget_person(
    connection: Connection, organisation: str, person: str, now: datetime
) -> tuple[str, ...]:
    """Delete the person from what callers are confined to; return which are revoked by that.

    One that is left with nobody would be confined no more, so its credentials end. One whose name
    holds the person's address is from then on called by its id, and may do what it might before.
    """
    called = _called(connection, organisation, person)
    # Held first: of two erasures at once each would see the other's person as one who is left.
    held = connection.execute(
        select(gate_clients.c.client_id, gate_clients.c.name, gate_clients.c.revoked_at)
        .where(
            gate_clients.c.organisation_id == organisation,
            or_(
                gate_clients.c.client_id.in_(called),
                gate_clients.c.client_id.in_(
                    select(gate_grants.c.client_id).where(*_naming(organisation, person))
                ),
            ),
        )
        .order_by(gate_clients.c.client_id)
        .with_for_update()
    ).all()
    confined = set(
        connection.execute(
            delete(gate_grants)
            .where(*_naming(organisation, person))
            .returning(gate_grants.c.client_id)
        ).scalars()
    )
    left = set(
        connection.execute(
            select(gate_grants.c.client_id).where(
                gate_grants.c.organisation_id == organisation, gate_grants.c.kind == _PERSON
            )
        ).scalars()
    )
    ended = [
        row
        for row in held
        if row.revoked_at is None and row.client_id in confined and row.client_id not in left
    ]
    connection.execute(
        update(gate_clients)
        .where(
            gate_clients.c.organisation_id == organisation,
            gate_clients.c.client_id.in_([row.client_id for row in ended]),
        )
        .values(revoked_at=now)
    )
    connection.execute(
        update(gate_clients)
        .where(gate_clients.c.organisation_id == organisation, gate_clients.c.client_id.in_(called))
        .values(name=gate_clients.c.client_id)
    )
    return tuple(row.client_id if row.client_id in called else row.name for row in ended)


def record_ended(
    connection: Connection, organisation: str, names: tuple[str, ...], by: str, now: datetime
) -> None:
    """Put on record which callers are revoked because nobody was left whom they may ask about."""
    for name in names:
        event = Event(Action.GATE_CLIENT_REVOKED, by, subject=name)
        record(connection, organisation, event, now)


def _told(
    connection: Connection, organisation: str, which: ColumnElement[bool]
) -> list[dict[str, Any]]:
    statement = (
        select(gate_clients.c.name, gate_clients.c.created_at, gate_clients.c.revoked_at)
        .where(gate_clients.c.organisation_id == organisation, which)
        .order_by(gate_clients.c.name, gate_clients.c.created_at)
    )
    return [dict(row) for row in connection.execute(statement).mappings()]


def _called(connection: Connection, organisation: str, person: str) -> list[str]:
    """Return the ids of the callers whose name holds the person's address."""
    rows = connection.execute(
        select(gate_clients.c.client_id, gate_clients.c.name).where(
            gate_clients.c.organisation_id == organisation
        )
    )
    return [row.client_id for row in rows if names_person(row.name, person)]


def _naming(organisation: str, person: str) -> tuple[ColumnElement[bool], ...]:
    return (
        gate_grants.c.organisation_id == organisation,
        gate_grants.c.kind == _PERSON,
        is_address(gate_grants.c.value, person),
    )
