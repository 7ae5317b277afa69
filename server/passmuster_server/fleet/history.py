"""Who was not compliant, when, and for how long: over any period, from the history of verdicts.

Each row of the history knows when it ended, so a period is a range of one index and of nothing
else, however much history there is before and after it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    and_,
    case,
    desc,
    func,
    select,
    true,
    type_coerce,
)
from sqlalchemy.sql.elements import ColumnElement

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.addresses import is_address
from passmuster_server.devices.tables import devices
from passmuster_server.policy.tables import ENDLESS, verdict_history
from passmuster_server.schema import to_microseconds


@dataclass(frozen=True)
class Period:
    """From `since` until before `until`, of one organisation; of one person where it is asked."""

    organisation: str
    since: datetime
    until: datetime
    verdict: Verdict = Verdict.NON_COMPLIANT
    owner: str = ""


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
class Episode:
    """One time that a laptop had the verdict. `ended` is None while it lasts.

    `seconds` is its length within the period; `began` may lie before.
    """

    device: str
    owner: str
    computer_name: str
    began: datetime
    ended: datetime | None
    seconds: float


_ROW = verdict_history.c
_BEGAN = type_coerce(_ROW.since, BigInteger)
_ENDED = type_coerce(_ROW.ended_at, BigInteger)


def totals(
    connection: Connection,
    period: Period,
    now: datetime,
    *,
    among: ColumnElement[bool] | None = None,
    most: int | None = None,
) -> list[Total]:
    """Return each laptop that had the verdict within the period, the longest first.

    Where asked, only those rows of the history that `among` lets pass, and so many laptops at most.
    """
    counted = (
        select(
            _ROW.device_id,
            func.count().label("episodes"),
            func.sum(_length(period, now)).label("length"),
            func.min(_ROW.since).label("first"),
            func.max(_ROW.ended_at).label("last"),
        )
        .where(_within(period), among if among is not None else true())
        .group_by(_ROW.device_id)
    )
    if most is not None:
        counted = counted.order_by(desc("length"), _ROW.device_id).limit(most)
    found = counted.subquery()
    rows = connection.execute(_named(select(found), found.c.device_id, period)).all()
    told = [
        Total(
            row.device_id,
            row.owner,
            row.computer_name,
            row.episodes,
            max(0.0, float(row.length) / 1_000_000),
            row.first,
            row.last == ENDLESS,
        )
        for row in rows
    ]
    return sorted(told, key=lambda each: (-each.seconds, each.owner, each.device))


def episodes(connection: Connection, period: Period, now: datetime) -> list[Episode]:
    """Return each time that a laptop had the verdict within the period, in order."""
    statement = select(
        _ROW.device_id, _ROW.since, _ROW.ended_at, _length(period, now).label("length")
    ).where(_within(period))
    rows = connection.execute(
        _named(statement, _ROW.device_id, period).order_by(_ROW.since, _ROW.device_id)
    ).all()
    return [
        Episode(
            row.device_id,
            row.owner,
            row.computer_name,
            row.since,
            None if row.ended_at == ENDLESS else row.ended_at,
            max(0.0, float(row.length) / 1_000_000),
        )
        for row in rows
    ]


def _within(period: Period) -> ColumnElement[bool]:
    """Return which rows of the history touch the period."""
    owned = select(devices.c.device_id).where(
        devices.c.organisation_id == period.organisation,
        is_address(devices.c.owner, period.owner),
    )
    return and_(
        _ROW.device_id.in_(owned) if period.owner else true(),
        _ROW.organisation_id == period.organisation,
        _ROW.verdict == period.verdict.value,
        _ROW.ended_at > period.since,
        _ROW.since < period.until,
    )


def _named(statement: Select[Any], device: ColumnElement[str], period: Period) -> Select[Any]:
    """Add whose laptop it is."""
    return statement.add_columns(devices.c.owner, devices.c.computer_name).join(
        devices,
        and_(devices.c.organisation_id == period.organisation, devices.c.device_id == device),
    )


def _length(period: Period, now: datetime) -> ColumnElement[int]:
    """Return the microseconds of a row that lie within the period, and not in the future."""
    begin, end = to_microseconds(period.since), to_microseconds(min(period.until, now))
    return case((end > _ENDED, _ENDED), else_=end) - case((begin < _BEGAN, _BEGAN), else_=begin)
