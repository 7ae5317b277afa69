"""Saved views: filters of the fleet page under a name, one's own and those that are shared."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, or_, select

from passmuster_server.accounts.roles import Permission
from passmuster_server.accounts.sessions import Session
from passmuster_server.console.tables import saved_views

MAX_NAME = 64
MAX_LINK = 2048
MOST = 50
"""Views of one person, shared or not."""


class ViewError(Exception):
    """A view that can't be saved or deleted; the message says why."""


@dataclass(frozen=True)
class SavedView:
    """One view; `deletable` by who looks at it."""

    view: str
    name: str
    link: str
    shared: bool
    owner: str
    deletable: bool


def views_of(connection: Connection, session: Session) -> list[SavedView]:
    """Return what a visitor sees, by name: the own ones and, beyond one group, the shared ones."""
    own = saved_views.c.email == session.email
    seen = own if session.group is not None else or_(own, saved_views.c.shared)
    rows = connection.execute(
        select(saved_views).where(saved_views.c.organisation_id == session.organisation, seen)
    )
    found = [
        SavedView(
            row.view_id,
            row.name,
            row.link,
            row.shared,
            row.email,
            row.email == session.email or session.may(Permission.CHANGE_POLICY),
        )
        for row in rows
    ]
    return sorted(found, key=lambda each: (each.name.casefold(), each.view))


def save(
    connection: Connection, session: Session, name: str, link: str, now: datetime, *, shared: bool
) -> None:
    """Save a view, in place of the visitor's own of that name. Raises `ViewError`."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise ViewError(f"name: expected one line of 1 to {MAX_NAME} characters")
    if len(link) > MAX_LINK:
        raise ViewError("search: too long to be saved")
    if shared and session.group is not None:
        raise ViewError("A view of one group's administrator can't be shared.")
    own = and_(
        saved_views.c.organisation_id == session.organisation,
        saved_views.c.email == session.email,
    )
    connection.execute(delete(saved_views).where(own, saved_views.c.name == name))
    number = connection.execute(select(func.count()).select_from(saved_views).where(own)).scalar()
    if (number or 0) >= MOST:
        raise ViewError(f"You have {MOST} views already: delete one first.")
    connection.execute(
        saved_views.insert().values(
            organisation_id=session.organisation,
            view_id=secrets.token_hex(8),
            email=session.email,
            shared=shared,
            name=name,
            link=link,
            created_at=now,
        )
    )


def drop(connection: Connection, session: Session, view: str) -> None:
    """Delete a view that the visitor may delete. Raises `ViewError`."""
    if not any(each.view == view and each.deletable for each in views_of(connection, session)):
        raise ViewError("There is no such view of yours.")
    connection.execute(
        delete(saved_views).where(
            saved_views.c.organisation_id == session.organisation, saved_views.c.view_id == view
        )
    )
