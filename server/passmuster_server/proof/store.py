"""Reads and writes of visits and of browser sessions."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from passmuster_server.addresses import is_address
from passmuster_server.devices.tables import devices, ratchets
from passmuster_server.proof.tables import browser_sessions, proof_visits
from passmuster_server.reports.tables import contacts


def insert_visit(connection: Connection, now: datetime, **values: Any) -> None:
    """Store a visit, and forget those that have expired."""
    connection.execute(delete(proof_visits).where(proof_visits.c.expires_at <= now))
    connection.execute(proof_visits.insert().values(**values))


def count_visits(connection: Connection, now: datetime) -> int:
    """Return how many browsers are on their way."""
    waiting = select(func.count()).where(proof_visits.c.expires_at > now)
    return int(connection.execute(waiting).scalar_one())


def find_visit(
    connection: Connection, organisation: str, visit: str, now: datetime
) -> Row[Any] | None:
    """Return the visit, unless it has expired."""
    return connection.execute(
        select(proof_visits).where(
            proof_visits.c.organisation_id == organisation,
            proof_visits.c.visit_id == visit,
            proof_visits.c.expires_at > now,
        )
    ).one_or_none()


def find_challenge(
    connection: Connection, organisation: str, challenge: str, now: datetime
) -> Row[Any] | None:
    """Return the visit to which this challenge was put last."""
    return connection.execute(
        select(proof_visits).where(
            proof_visits.c.organisation_id == organisation,
            proof_visits.c.challenge == challenge,
            proof_visits.c.expires_at > now,
        )
    ).one_or_none()


def find_number(
    connection: Connection, organisation: str, number: str, now: datetime
) -> Row[Any] | None:
    """Return the visit whose browser shows this number."""
    return connection.execute(
        select(proof_visits).where(
            proof_visits.c.organisation_id == organisation,
            proof_visits.c.number == number,
            proof_visits.c.expires_at > now,
        )
    ).one_or_none()


def put_challenge(
    connection: Connection,
    organisation: str,
    visit: str,
    challenge: str,
    now: datetime,
    number: str | None = None,
) -> None:
    """Put a new challenge to a visit, with the `number` that its browser is to show, if any.

    The one before counts no more.
    """
    connection.execute(
        update(proof_visits)
        .where(proof_visits.c.organisation_id == organisation, proof_visits.c.visit_id == visit)
        .values(challenge=challenge, port=0, put_at=now, used_at=None, number=number)
    )


def use_challenge(connection: Connection, organisation: str, challenge: str, now: datetime) -> bool:
    """Use the challenge up and return True, or return False where that was done before."""
    used = connection.execute(
        update(proof_visits)
        .where(
            proof_visits.c.organisation_id == organisation,
            proof_visits.c.challenge == challenge,
            proof_visits.c.used_at.is_(None),
        )
        .values(used_at=now)
    )
    return used.rowcount == 1


def reported_since(
    connection: Connection, organisation: str, device: str, sequence: int, since: datetime
) -> Row[Any] | None:
    """Return the device's contact if its upload of that number was taken in after `since`."""
    return connection.execute(
        select(contacts.c.address_code)
        .select_from(ratchets)
        .join(
            contacts,
            (contacts.c.organisation_id == ratchets.c.organisation_id)
            & (contacts.c.device_id == ratchets.c.device_id),
        )
        .where(
            ratchets.c.organisation_id == organisation,
            ratchets.c.device_id == device,
            ratchets.c.sequence >= sequence,
            contacts.c.last_seen >= since,
        )
    ).first()


def save_session(connection: Connection, now: datetime, **values: Any) -> None:
    """Store what a browser has proven, in place of what it had before; forget what is over."""
    connection.execute(
        delete(browser_sessions).where(
            (browser_sessions.c.expires_at <= now)
            | (
                (browser_sessions.c.organisation_id == values["organisation_id"])
                & (browser_sessions.c.session_id == values["session_id"])
            )
        )
    )
    connection.execute(browser_sessions.insert().values(**values))


def find_session(
    connection: Connection, organisation: str, session: str, now: datetime
) -> Row[Any] | None:
    """Return what a browser has proven, with its device's `owner`, unless that is over."""
    return connection.execute(
        select(browser_sessions, devices.c.owner)
        .join(
            devices,
            (devices.c.organisation_id == browser_sessions.c.organisation_id)
            & (devices.c.device_id == browser_sessions.c.device_id),
        )
        .where(
            browser_sessions.c.organisation_id == organisation,
            browser_sessions.c.session_id == session,
            browser_sessions.c.expires_at > now,
        )
    ).one_or_none()


def forget_device(connection: Connection, organisation: str, device: str) -> None:
    """Delete every proof that names the device."""
    connection.execute(
        delete(browser_sessions).where(
            browser_sessions.c.organisation_id == organisation,
            browser_sessions.c.device_id == device,
        )
    )


def forget_person(connection: Connection, organisation: str, person: str) -> None:
    """Delete every visit that was begun for the person."""
    connection.execute(
        delete(proof_visits).where(
            proof_visits.c.organisation_id == organisation,
            is_address(proof_visits.c.person, person),
        )
    )
