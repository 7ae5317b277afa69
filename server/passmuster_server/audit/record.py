"""Writes the audit record, in the transaction of the action that it is about, and reads it."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select, update

from passmuster_collectors.contract import strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_server.audit.actions import Action
from passmuster_server.audit.chain import GENESIS, SALT_BYTES, content_hash, entry_hash
from passmuster_server.audit.tables import audit_entries, audit_heads
from passmuster_server.engines import run

MAX_DETAILS = 4 * 1024 * 1024
"""Bytes: the erasure of a person lists every entry that it emptied."""
PAGE_SIZE = 50
_READ_AT_ONCE = 1_000


@dataclass(frozen=True)
class Event:
    """What is to go on record.

    `actor` is who did it; `person` is the e-mail address of whom it is about, if anyone: by it the
    entry is found and erased. `subject` names the thing (a device, a policy version), `details`
    are plain JSON values. No secret belongs into any of them.
    """

    action: Action
    actor: str = ""
    subject: str = ""
    person: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One entry as it is stored; `details` is None where it was erased."""

    number: int
    at: datetime
    action: str
    actor: str
    person: str
    subject: str
    details: Mapping[str, Any] | None
    entry_hash: str


@dataclass(frozen=True)
class Verified:
    """A chain that holds: how many entries it has, how many of them were erased, and its head."""

    entries: int
    erased: int
    head: str


class BrokenChainError(Exception):
    """The record was tampered with. The message names the entry and what is wrong with it."""


def record(connection: Connection, organisation: str, event: Event, now: datetime) -> str:
    """Append an entry and return its hash."""
    details = canonical_bytes(event.details)
    if len(details) > MAX_DETAILS:
        raise ValueError(f"details: more than {MAX_DETAILS} bytes, which nobody could read back")
    before = _locked_head(connection, organisation)
    number = before.number + 1
    salt = secrets.token_bytes(SALT_BYTES)
    person = event.person.casefold()
    content = content_hash(salt, person, event.subject, event.details)
    found = entry_hash(before.entry_hash, number, now, event.action, event.actor, content)
    connection.execute(
        audit_entries.insert().values(
            organisation_id=organisation,
            number=number,
            at=now,
            action=event.action.value,
            actor=event.actor,
            person=person,
            subject=event.subject,
            details=details,
            salt=salt,
            content_hash=content,
            entry_hash=found,
        )
    )
    connection.execute(
        update(audit_heads)
        .where(audit_heads.c.organisation_id == organisation)
        .values(number=number, entry_hash=found)
    )
    return found


def record_once(
    connection: Connection, organisation: str, event: Event, now: datetime, within: timedelta
) -> None:
    """Append an entry unless the same actor did the same to the same subject shortly before."""
    last = connection.execute(
        select(func.max(audit_entries.c.at)).where(
            audit_entries.c.organisation_id == organisation,
            audit_entries.c.at > now - within,
            audit_entries.c.action == event.action.value,
            audit_entries.c.actor == event.actor,
            audit_entries.c.subject == event.subject,
        )
    ).scalar()
    if last is None:
        record(connection, organisation, event, now)


def entries(
    connection: Connection,
    organisation: str,
    *,
    search: str = "",
    before: int | None = None,
    limit: int = PAGE_SIZE,
) -> list[Entry]:
    """Return entries, the newest first: those below number `before` that `search` occurs in."""
    statement = (
        select(audit_entries)
        .where(audit_entries.c.organisation_id == organisation)
        .order_by(audit_entries.c.number.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(audit_entries.c.number < before)
    if search:
        columns = (
            audit_entries.c.action,
            audit_entries.c.actor,
            audit_entries.c.person,
            audit_entries.c.subject,
        )
        folded = search.casefold()
        statement = statement.where(
            or_(*(func.lower(column).contains(folded, autoescape=True) for column in columns))
        )
    return [_entry(row) for row in connection.execute(statement)]


def entries_after(
    connection: Connection, organisation: str, number: int, limit: int
) -> list[Entry]:
    """Return the entries beyond `number`, the oldest first."""
    statement = (
        select(audit_entries)
        .where(audit_entries.c.organisation_id == organisation, audit_entries.c.number > number)
        .order_by(audit_entries.c.number)
        .limit(limit)
    )
    return [_entry(row) for row in connection.execute(statement)]


def about(
    connection: Connection, organisation: str, person: str, also: Sequence[int] = ()
) -> list[Entry]:
    """Return every entry about a person, the oldest first, and those of the numbers `also`."""
    statement = (
        select(audit_entries)
        .where(*_about(organisation, person, also))
        .order_by(audit_entries.c.number)
    )
    return [_entry(row) for row in connection.execute(statement)]


def on_subject(
    connection: Connection, organisation: str, subject: str, *, without: Action, limit: int
) -> list[Entry]:
    """Return the newest entries on a thing, the newest first, but those of one action."""
    statement = (
        select(audit_entries)
        .where(
            audit_entries.c.organisation_id == organisation,
            audit_entries.c.subject == subject,
            audit_entries.c.action != without.value,
        )
        .order_by(audit_entries.c.at.desc(), audit_entries.c.number.desc())
        .limit(limit)
    )
    return [_entry(row) for row in connection.execute(statement)]


def erase(
    connection: Connection, organisation: str, person: str, also: Sequence[int] = ()
) -> tuple[tuple[int, int], ...]:
    """Take out what the entries say of a person; return their numbers: first and last of each row.

    `also`: numbers of entries that name the person otherwise. When, who and which action stays, and
    so does the chain. Whoever erases records it, with these numbers: `verify` accepts no other gap.
    """
    about_person = _about(organisation, person, also)
    numbers = list(
        connection.execute(
            select(audit_entries.c.number).where(*about_person).order_by(audit_entries.c.number)
        ).scalars()
    )
    connection.execute(
        update(audit_entries)
        .where(*about_person)
        .values(person=None, subject=None, details=None, salt=None)
    )
    rows: list[tuple[int, int]] = []
    for number in numbers:
        if rows and rows[-1][1] == number - 1:
            rows[-1] = (rows[-1][0], number)
        else:
            rows.append((number, number))
    return tuple(rows)


def verify(connection: Connection, organisation: str, known_head: str = "") -> Verified:
    """Return what the chain holds. Raises `BrokenChainError`.

    `known_head` is a hash that was noted before: it has to be in the chain, or its end was cut.
    """
    previous, number, seen = GENESIS, 0, not known_head
    erased: set[int] = set()
    accounted: set[int] = set()
    for row in _all(connection, organisation):
        number += 1
        if row.number != number:
            raise BrokenChainError(f"entry {number} is missing")
        if row.salt is None:
            erased.add(number)
        else:
            details = strict_json.parse(row.details, max_bytes=MAX_DETAILS)
            if content_hash(row.salt, row.person, row.subject, details) != row.content_hash:
                raise BrokenChainError(f"entry {number} was changed")
            if row.action == Action.PERSON_ERASED:
                for named in details.get("audit_entries", ()):
                    # The first version of this record named each entry by itself.
                    first, last = (named, named) if isinstance(named, int) else named
                    accounted.update(range(first, last + 1))
        expected = entry_hash(previous, number, row.at, row.action, row.actor, row.content_hash)
        if expected != row.entry_hash:
            raise BrokenChainError(f"entry {number} was changed, or one before it")
        previous = row.entry_hash
        seen = seen or previous == known_head
    _check_end(connection, organisation, number, previous)
    if not seen:
        raise BrokenChainError("the noted head is not in the record: its end was replaced")
    if unaccounted := sorted(erased - accounted):
        raise BrokenChainError(f"entry {unaccounted[0]} was emptied, and no erasure says so")
    return Verified(number, len(erased), previous)


def _about(
    organisation: str, person: str, also: Sequence[int]
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (
        audit_entries.c.organisation_id == organisation,
        or_(audit_entries.c.person == person.casefold(), audit_entries.c.number.in_(also)),
    )


def _locked_head(connection: Connection, organisation: str) -> Row[Any]:
    run(
        connection,
        "INSERT INTO audit_heads (organisation_id, number, entry_hash) VALUES (?, 0, ?) "
        "ON CONFLICT DO NOTHING",
        (organisation, GENESIS),
    )
    # Whoever appends at the same time waits here, so no two entries get one number.
    return connection.execute(
        select(audit_heads).where(audit_heads.c.organisation_id == organisation).with_for_update()
    ).one()


def _check_end(connection: Connection, organisation: str, number: int, last: str) -> None:
    head = connection.execute(
        select(audit_heads).where(audit_heads.c.organisation_id == organisation)
    ).one_or_none()
    told = (head.number, head.entry_hash) if head is not None else (0, GENESIS)
    if told != (number, last):
        raise BrokenChainError(f"the record ends at entry {number}; it had {told[0]}")


def _all(connection: Connection, organisation: str) -> Iterator[Row[Any]]:
    number = 0
    while True:
        rows = connection.execute(
            select(audit_entries)
            .where(audit_entries.c.organisation_id == organisation, audit_entries.c.number > number)
            .order_by(audit_entries.c.number)
            .limit(_READ_AT_ONCE)
        ).all()
        yield from rows
        if len(rows) < _READ_AT_ONCE:
            return
        number = rows[-1].number


def _entry(row: Row[Any]) -> Entry:
    details = None
    if row.details is not None:
        details = strict_json.parse(row.details, max_bytes=MAX_DETAILS)
    return Entry(
        row.number,
        row.at,
        row.action,
        row.actor,
        row.person or "",
        row.subject or "",
        details,
        row.entry_hash,
    )
