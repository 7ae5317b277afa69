"""Forgets in saved views whom they are about."""

from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Connection, delete, select

from passmuster_server.addresses import fold
from passmuster_server.console.tables import saved_views


def forget_person(connection: Connection, organisation: str, person: str) -> None:
    """Delete the views that search for this address, whoever saved them.

    Those that search for another one with this one in it are about somebody else.
    """
    rows = connection.execute(
        select(saved_views.c.view_id, saved_views.c.link).where(
            saved_views.c.organisation_id == organisation
        )
    )
    about = [row.view_id for row in rows if fold(person) in _searched(row.link)]
    connection.execute(
        delete(saved_views).where(
            saved_views.c.organisation_id == organisation, saved_views.c.view_id.in_(about)
        )
    )


def _searched(link: str) -> frozenset[str]:
    """Return the words that a view searches for: escaped in its link, and in any letters there."""
    searches = parse_qs(urlsplit(link).query).get("search", ())
    return frozenset(word.casefold() for search in searches for word in search.split())
