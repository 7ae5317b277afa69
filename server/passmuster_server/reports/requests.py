"""A fresh report that IT asks for: the answer to the laptop's next contact tells it to report now.

Nothing goes to the laptop by itself, and nothing new is said: the answer wants to hear again sooner
than any policy may ask for, which means one report, once (`LEAST_RHYTHM_S`). A laptop of an older
release keeps to that from its next full check on, which is at most 18 minutes away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, update

from passmuster_server.database import Transaction
from passmuster_server.reports.tables import contacts
from passmuster_server.reports.upload import Received
from passmuster_server.schema import from_microseconds, to_microseconds

AT_ONCE_S = 5
"""The least that an answer may say."""

REQUEST_COLUMNS = "c.fresh_asked_at, c.fresh_told_at, c.fresh_done_at"
_NOTE_TOLD = "UPDATE contacts SET fresh_told_at = ? WHERE organisation_id = ? AND device_id = ?"
_NOTE_DONE = "UPDATE contacts SET fresh_done_at = ? WHERE organisation_id = ? AND device_id = ?"
"""Hand-written, as those of the store are."""


@dataclass(frozen=True, slots=True)
class Request:
    """A fresh report that was asked for and has not come; `told` says whether the laptop knows."""

    asked_at: datetime
    told: bool


def request_of(row: Sequence[int | None]) -> Request | None:
    """Return what is waited for by a row of `REQUEST_COLUMNS`, or None."""
    asked_at, told_at, done_at = row
    if asked_at is None or done_at is not None:
        return None
    return Request(from_microseconds(asked_at), told_at is not None)


def ask(connection: Connection, organisation: str, device: str, now: datetime) -> bool:
    """Want a fresh report of the device; return False where it was never heard of."""
    asked = connection.execute(
        update(contacts)
        .where(contacts.c.organisation_id == organisation, contacts.c.device_id == device)
        .values(fresh_asked_at=now, fresh_told_at=None, fresh_done_at=None)
    )
    return asked.rowcount == 1


def within_s(
    transaction: Transaction,
    organisation: str,
    request: Request | None,
    received: Received,
    now: datetime,
    usual_s: int,
) -> int:
    """Return in how many seconds the answer to a report wants the next one; note what it changes.

    A request is told once: a laptop that loses the answer is sent the same one again.
    """
    if request is None:
        return usual_s
    named = (to_microseconds(now), organisation, received.newest.device)
    if _read_since(request.asked_at, received, now):
        transaction.run(_NOTE_DONE, named)
        return usual_s
    if request.told:
        return usual_s
    transaction.run(_NOTE_TOLD, named)
    return AT_ONCE_S


def _read_since(moment: datetime, received: Received, now: datetime) -> bool:
    """Whether all of the newest record was read after a moment, whatever the laptop's clock."""
    read = [each.collected_at for each in received.readings(-1)]
    return bool(read) and now - (received.upload.sent_at - min(read)) >= moment
