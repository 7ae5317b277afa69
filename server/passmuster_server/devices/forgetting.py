"""What deployment secrets hold of a person, by their name, and its end."""

import secrets
from typing import Any

from sqlalchemy import Connection, select, update

from passmuster_server.addresses import names_person
from passmuster_server.devices.tables import deployment_secrets


def secrets_called(connection: Connection, organisation: str, person: str) -> list[dict[str, Any]]:
    """Return the deployment secrets whose name holds the person's address, those over too."""
    columns = deployment_secrets.c
    rows = connection.execute(
        select(columns.name, columns.created_at, columns.expires_at, columns.revoked_at)
        .where(columns.organisation_id == organisation)
        .order_by(columns.name)
    )
    return [dict(row) for row in rows.mappings() if names_person(row["name"], person)]


def forget_person(connection: Connection, organisation: str, person: str) -> None:
    """Call each of these by a name of nobody's; it lets in whom it let in before."""
    for each in secrets_called(connection, organisation, person):
        connection.execute(
            update(deployment_secrets)
            .where(
                deployment_secrets.c.organisation_id == organisation,
                deployment_secrets.c.name == each["name"],
            )
            .values(name=secrets.token_hex(8))
        )
