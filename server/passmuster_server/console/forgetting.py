"""Forgets in saved views whom they are about."""

from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Connection, delete, select

from passmuster_server.console.tables import saved_views


def forget_person(connection: Connection, organisation: str, person: str) -> None:
    """Delete the views that search for this address, whoever saved them."""
    rows = connection.execute(
        select(saved_views.c.view_id, saved_views.c.link).where(
            saved_views.c.organisation_id == organisation
        )
    )
    # The address is escaped in a link, and may be written in any letters.
    about = [row.view_id for row in rows if person.lower() in _searched(row.link).lower()]
    connection.execute(
        delete(saved_views).where(
            saved_views.c.organisation_id == organisation, saved_views.c.view_id.in_(about)
        )
    )


def _searched(link: str) -> str:
    return " ".join(parse_qs(urlsplit(link).query).get("search", ()))
