"""Whether the database is a restored one, which laptops may have gone on without.

A laptop that reported after the backup was made carries a nonce that only the lost database knew,
which to the ratchet looks like a copied key. So the database remembers when it was restored, and a
laptop that was not heard since may go on from a later number (docs/it.md, "Disaster recovery").
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import DBAPIError

from passmuster_server.database import Transaction
from passmuster_server.devices.tables import organisations
from passmuster_server.engines import POSTGRESQL, run
from passmuster_server.schema import to_microseconds

_PLACE = (
    "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || "
    "(SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || "
    "left(pg_walfile_name(pg_current_wal_lsn()), 8)"
)
"""Cluster, database and timeline. One of them is another one after a dump was read in, after a
recovery to a point in time, and after a standby took over, which may lack the last commits:
https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES"""

_LINEAGE = "SELECT place, restored_at FROM organisations WHERE organisation_id = ?"
_MARK = "UPDATE organisations SET place = ?, restored_at = ? WHERE organisation_id = ?"
_CONTACT = (
    "SELECT last_seen, clock_skew_s FROM contacts WHERE organisation_id = ? AND device_id = ?"
)
_LONGEST_S = 10 * 366 * 86_400


@dataclass(frozen=True)
class Recovery:
    """That a device may go on. `clock_skew_s` is how far its clock was ahead at its last report."""

    clock_skew_s: int

    def heard_at(self, sent_at: datetime, now: datetime) -> datetime:
        """Return when the report counts as heard: when it was made, and never later than now.

        No nonce of ours is in it, so it may be an old one that somebody kept: it proves no more
        than its own time.
        """
        age_s = (now - sent_at).total_seconds() + self.clock_skew_s
        return now - timedelta(seconds=max(0.0, min(age_s, _LONGEST_S)))


def place_of(connection: Connection) -> str:
    """Return what tells this database from a restored copy of it; empty where nothing does."""
    if connection.dialect.name != POSTGRESQL:
        return ""
    try:
        with connection.begin_nested():
            return str(run(connection, _PLACE).scalar_one())
    except DBAPIError:
        # Another engine that speaks PostgreSQL's protocol; there the administrator has to say it.
        return ""


def note_place(connection: Connection) -> None:
    """Remember where the database is, unless it was told before."""
    connection.execute(
        update(organisations)
        .where(organisations.c.place.is_(None))
        .values(place=place_of(connection))
    )


def mark_restored(connection: Connection, now: datetime) -> None:
    """Let every laptop that was not heard since `now` go on where it is."""
    connection.execute(update(organisations).values(place=place_of(connection), restored_at=now))


def restored_at(connection: Connection, organisation: str) -> datetime | None:
    """Return when the database was last restored, as far as it was told."""
    moment: datetime | None = connection.execute(
        select(organisations.c.restored_at).where(organisations.c.organisation_id == organisation)
    ).scalar_one()
    return moment


def recovery_of(
    transaction: Transaction, organisation: str, device: str, now: datetime
) -> Recovery | None:
    """Return how the device goes on, or None where it was heard since any restore.

    Asked only of a device that would else be in conflict: no other report has to pay for it.
    """
    kept, moment = transaction.run(_LINEAGE, (organisation,)).fetchone()
    place = place_of(transaction.connection)
    if place and kept and kept != place:
        moment = to_microseconds(now)
        transaction.run(_MARK, (place, moment, organisation))
    if moment is None:
        return None
    contact = transaction.run(_CONTACT, (organisation, device)).fetchone()
    if contact is None:
        return Recovery(0)
    last_seen, clock_skew_s = contact
    return Recovery(clock_skew_s) if last_seen < moment else None
