"""What the fleet pages read: one page of devices, their counts, and one device in full."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, or_, select, tuple_

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.devices.tables import devices, key_changes
from passmuster_server.policy.standing import CLOCK_STEP_S, DeviceStatus
from passmuster_server.policy.tables import verdict_history, verdicts, waivers
from passmuster_server.reports.tables import contacts, readings, transitions

PAGE_SIZE = 50
HISTORY = 50


class Group(StrEnum):
    """What the fleet page sorts and filters by, worst first."""

    NON_COMPLIANT = "non_compliant"
    UNKNOWN = "unknown"
    GRACE = "grace"
    COMPLIANT = "compliant"
    OUT_OF_SERVICE = "out_of_service"


ORDER = tuple(Group)


@dataclass(frozen=True)
class Cursor:
    """The last device of the page before: its group, owner and id."""

    group: Group
    owner: str
    device: str


@dataclass(frozen=True)
class FleetQuery:
    """Which devices are asked for. A report older than `max_age_s` counts as none.

    `of_group` is the group of the organisation that they are in (its id), None: any.
    """

    organisation: str
    now: datetime
    max_age_s: int
    group: Group | None = None
    search: str = ""
    after: Cursor | None = None
    of_group: str | None = None


def page_of(connection: Connection, query: FleetQuery) -> Sequence[Row[Any]]:
    """Return up to `PAGE_SIZE` + 1 devices in order; the one too many says there is a next page."""
    rank = _rank(query)
    key = tuple_(rank, devices.c.owner, devices.c.device_id)
    statement = _joined(
        select(
            devices.c.device_id,
            devices.c.owner,
            devices.c.computer_name,
            devices.c.system,
            devices.c.group_id,
            devices.c.ownership,
            rank.label("rank"),
        ),
        query,
    )
    if query.group is not None:
        statement = statement.where(rank == ORDER.index(query.group))
    if query.after is not None:
        after = query.after
        statement = statement.where(
            key > tuple_(ORDER.index(after.group), after.owner, after.device)
        )
    statement = statement.order_by(rank, devices.c.owner, devices.c.device_id)
    return connection.execute(statement.limit(PAGE_SIZE + 1)).all()


def counts_of(connection: Connection, query: FleetQuery) -> Mapping[Group, int]:
    """Return how many devices there are in each group, whatever group is asked for."""
    rank = _rank(query).label("rank")
    statement = _joined(select(rank, func.count().label("number")), query).group_by(rank)
    found = {ORDER[row.rank]: int(row.number) for row in connection.execute(statement)}
    return {group: found.get(group, 0) for group in ORDER}


@dataclass(frozen=True)
class StoredDevice:
    """Everything stored of one device; the newest `HISTORY` entries of each history."""

    device: Row[Any]
    contact: Row[Any] | None
    readings: Sequence[Row[Any]]
    waivers: Sequence[Row[Any]]
    history: Sequence[Row[Any]]
    transitions: Sequence[Row[Any]]
    key_changes: Sequence[Row[Any]]


def device_of(connection: Connection, organisation: str, device: str) -> StoredDevice | None:
    """Return the device, or None where there is none of that id."""
    found = connection.execute(
        select(devices).where(
            devices.c.organisation_id == organisation, devices.c.device_id == device
        )
    ).one_or_none()
    if found is None:
        return None

    def own(table: Any) -> tuple[ColumnElement[bool], ...]:
        return table.c.organisation_id == organisation, table.c.device_id == device

    return StoredDevice(
        found,
        connection.execute(select(contacts).where(*own(contacts))).one_or_none(),
        connection.execute(select(readings).where(*own(readings))).all(),
        connection.execute(
            select(waivers)
            .where(*own(waivers))
            .order_by(waivers.c.granted_at.desc())
            .limit(HISTORY)
        ).all(),
        connection.execute(
            select(verdict_history)
            .where(*own(verdict_history))
            .order_by(verdict_history.c.since.desc(), verdict_history.c.history_id.desc())
            .limit(HISTORY)
        ).all(),
        connection.execute(
            select(transitions)
            .where(*own(transitions))
            .order_by(transitions.c.received_at.desc(), transitions.c.transition_id.desc())
            .limit(HISTORY)
        ).all(),
        connection.execute(
            select(key_changes)
            .where(*own(key_changes))
            .order_by(key_changes.c.change_id.desc())
            .limit(HISTORY)
        ).all(),
    )


def _joined(statement: Any, query: FleetQuery) -> Any:
    statement = (
        statement.select_from(devices)
        .outerjoin(
            verdicts,
            (verdicts.c.organisation_id == devices.c.organisation_id)
            & (verdicts.c.device_id == devices.c.device_id),
        )
        .outerjoin(
            contacts,
            (contacts.c.organisation_id == devices.c.organisation_id)
            & (contacts.c.device_id == devices.c.device_id),
        )
        .where(devices.c.organisation_id == query.organisation)
    )
    if query.of_group is not None:
        statement = statement.where(devices.c.group_id == query.of_group)
    if not query.search:
        return statement
    # `icontains` binds the text and escapes LIKE's own signs in it.
    return statement.where(
        or_(
            devices.c.owner.icontains(query.search, autoescape=True),
            devices.c.computer_name.icontains(query.search, autoescape=True),
            devices.c.fingerprint == query.search.upper(),
        )
    )


def _rank(query: FleetQuery) -> ColumnElement[int]:
    """Return the index in `ORDER`: `Standing.verdict_at` in the database's words."""
    oldest = query.now - timedelta(seconds=query.max_age_s)
    newest = query.now + timedelta(seconds=CLOCK_STEP_S)
    unknown = ORDER.index(Group.UNKNOWN)
    over = or_(verdicts.c.grace_until.is_(None), verdicts.c.grace_until <= query.now)
    return case(
        (
            devices.c.status.in_((DeviceStatus.REVOKED.value, DeviceStatus.RETIRED.value)),
            ORDER.index(Group.OUT_OF_SERVICE),
        ),
        (devices.c.status != DeviceStatus.ACTIVE.value, unknown),
        (contacts.c.last_seen.is_(None), unknown),
        (contacts.c.last_seen < oldest, unknown),
        (contacts.c.last_seen > newest, unknown),
        (
            (verdicts.c.verdict == Verdict.GRACE.value) & over,
            ORDER.index(Group.NON_COMPLIANT),
        ),
        (verdicts.c.verdict == Verdict.GRACE.value, ORDER.index(Group.GRACE)),
        (verdicts.c.verdict == Verdict.COMPLIANT.value, ORDER.index(Group.COMPLIANT)),
        (verdicts.c.verdict == Verdict.NON_COMPLIANT.value, ORDER.index(Group.NON_COMPLIANT)),
        else_=unknown,
    )
