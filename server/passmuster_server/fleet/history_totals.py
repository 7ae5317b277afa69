"""Who was not compliant how often and for how long: over any period, from the history of verdicts.

Each row of the history knows how long and how often its laptop had the same verdict before. So the
total of a period is the difference of two rows, however much lies before, after and between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    case,
    desc,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    type_coerce,
)

from passmuster_server.devices.tables import devices
from passmuster_server.fleet.history import Period
from passmuster_server.policy.tables import ENDLESS, verdict_history
from passmuster_server.schema import to_microseconds


@dataclass(frozen=True)
class Total:
    """How often and how long a laptop had the verdict within the period, and from when on."""

    device: str
    owner: str
    computer_name: str
    episodes: int
    seconds: float
    first: datetime
    lasts: bool


@dataclass(frozen=True)
class Place:
    """A laptop's place among the totals: its microseconds, and its id among equal ones."""

    length: int
    device: str


@dataclass(frozen=True)
class GroupTotal:
    """How many laptops of a group had the verdict within the period, and how long together."""

    group: str
    devices: int
    seconds: float


_ROW = verdict_history.c
_BEGAN = type_coerce(_ROW.since, BigInteger)
_ENDED = type_coerce(_ROW.ended_at, BigInteger)
_FORWARDS = (_ROW.ended_at, _ROW.since, _ROW.times)
_BACKWARDS = tuple(each.desc() for each in _FORWARDS)


def totals(
    connection: Connection,
    period: Period,
    now: datetime,
    *,
    among: ColumnElement[bool] | None = None,
    after: Place | None = None,
    most: int | None = None,
) -> list[Total]:
    """Return each laptop that had the verdict within the period, the longest first.

    Where asked, only those of `devices` that `among` lets pass, and from the one after a place on
    so many at most.
    """
    each = _lengths(period, now, among)
    ranked = (
        select(each)
        .where(each.c.length > 0)
        .order_by(each.c.length.desc(), each.c.device_id)
        .limit(most)
    )
    if after is not None:
        ranked = ranked.where(
            or_(
                each.c.length < after.length,
                and_(each.c.length == after.length, each.c.device_id > after.device),
            )
        )
    # First which ones, then what is told of those alone.
    found = ranked.subquery()
    wanted = select(found, *_about(period, found.c.device_id)).order_by(
        found.c.length.desc(), found.c.device_id
    )
    return [
        Total(
            row.device_id,
            row.owner,
            row.computer_name,
            row.last_time - row.first_time + 1,
            row.length / 1_000_000,
            row.first,
            bool(row.lasts),
        )
        for row in connection.execute(wanted)
    ]


def groups(connection: Connection, period: Period, now: datetime) -> list[GroupTotal]:
    """Return each group of which laptops had the verdict within the period, the longest first.

    A laptop counts for the group that it is in now.
    """
    each = _lengths(period, now)
    length, number = func.sum(each.c.length).label("length"), func.count().label("devices")
    wanted = (
        select(each.c.group_id, number, length)
        .where(each.c.length > 0)
        .group_by(each.c.group_id)
        .order_by(desc("length"), each.c.group_id)
    )
    return [
        GroupTotal(row.group_id, row.devices, float(row.length) / 1_000_000)
        for row in connection.execute(wanted)
    ]


def seconds(
    connection: Connection, period: Period, now: datetime, among: ColumnElement[bool]
) -> float:
    """Return how long those of `devices` had the verdict within the period, all together."""
    each = _lengths(period, now, among)
    whole = connection.execute(select(func.sum(each.c.length)).where(each.c.length > 0)).scalar()
    return float(whole or 0) / 1_000_000


def _lengths(period: Period, now: datetime, among: ColumnElement[bool] | None = None) -> Subquery:
    """Return each laptop that is asked about, with the microseconds that it had the verdict.

    That is the difference of what its history had counted at the end and at the beginning: three
    places of an index, however much history lies between.
    """
    begin, end = period.since, max(period.since, min(period.until, now))
    device = devices.c.device_id
    at_begin = _place(period, device, _had_at(begin)).where(_ROW.ended_at > begin)
    at_end = _place(period, device, _had_at(end)).where(_ROW.ended_at >= end)
    newest = _place(period, device, _had_at(end), newest=True)
    rows = (
        select(
            device,
            devices.c.owner,
            devices.c.computer_name,
            devices.c.group_id,
            at_begin.scalar_subquery().label("at_begin"),
            # Later ones may have followed, also of a clock that is ahead; one of them knows what
            # was before it.
            func.coalesce(at_end.scalar_subquery(), newest.scalar_subquery()).label("at_end"),
        )
        .where(period.owns(), among if among is not None else true())
        # In the order of the index, page after page of it.
        .order_by(device)
        # Neither database looks inside from here, which would seek each place once more for every
        # mention of it.
        .offset(0)
        .subquery()
    )
    return select(rows, (rows.c.at_end - rows.c.at_begin).label("length")).subquery()


def _about(period: Period, device: ColumnElement[str]) -> Sequence[ColumnElement[Any]]:
    """Return what the history tells of one laptop and the period, beside the length."""
    first = _ROW.ended_at > period.since
    begun_before = case((_ROW.since < period.until, _ROW.times), else_=_ROW.times - 1)
    followed = _place(period, device, begun_before).where(_ROW.ended_at >= period.until)
    lasting = _place(period, device, _ROW.times).where(
        _ROW.ended_at == ENDLESS, _ROW.since < period.until
    )
    return (
        _place(period, device, _ROW.since).where(first).scalar_subquery().label("first"),
        _place(period, device, _ROW.times).where(first).scalar_subquery().label("first_time"),
        func.coalesce(
            followed.scalar_subquery(),
            _place(period, device, _ROW.times, newest=True).scalar_subquery(),
        ).label("last_time"),
        exists(lasting).label("lasts"),
    )


def _place(
    period: Period, device: ColumnElement[str], value: ColumnElement[Any], *, newest: bool = False
) -> Select[Any]:
    """Return a value of the laptop's first time with the verdict, or of the newest one."""
    return (
        select(value)
        .where(
            _ROW.organisation_id == period.organisation,
            _ROW.verdict == period.verdict.value,
            _ROW.device_id == device,
        )
        .order_by(*(_BACKWARDS if newest else _FORWARDS))
        .limit(1)
        .correlate_except(verdict_history)
    )


def _had_at(moment: datetime) -> ColumnElement[int]:
    """Return the microseconds that the laptop had had the verdict at a moment.

    The row is one that had not ended then, or the newest.
    """
    at = to_microseconds(moment)
    until = case((at > _ENDED, _ENDED), else_=literal(at, BigInteger))
    return _ROW.had_before + case((until > _BEGAN, until - _BEGAN), else_=0)
