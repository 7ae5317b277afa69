"""Each time that somebody was not compliant within a period, from the history of verdicts.

Each row of the history knows when it ended, so a period is a range of one index and of nothing
else, however much history there is before and after it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, case, select, true, type_coerce

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.addresses import is_address
from passmuster_server.devices.tables import devices
from passmuster_server.policy.tables import ENDLESS, verdict_history
from passmuster_server.schema import to_microseconds


@dataclass(frozen=True)
class Period:
    """From `since` until before `until`, of one organisation.

    Where asked of one person, and of the laptops that are in some `groups` (their ids) now.
    """

    organisation: str
    since: datetime
    until: datetime
    verdict: Verdict = Verdict.NON_COMPLIANT
    owner: str = ""
    groups: frozenset[str] | None = None

    def owns(self) -> ColumnElement[bool]:
        """Return which of `devices` are asked about."""
        return and_(
            devices.c.organisation_id == self.organisation,
            is_address(devices.c.owner, self.owner) if self.owner else true(),
            devices.c.group_id.in_(self.groups) if self.groups is not None else true(),
        )


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


def episodes(connection: Connection, period: Period, now: datetime) -> list[Episode]:
    """Return each time that a laptop had the verdict within the period, in order."""
    begin, end = to_microseconds(period.since), to_microseconds(min(period.until, now))
    length = case((end > _ENDED, _ENDED), else_=end) - case((begin < _BEGAN, _BEGAN), else_=begin)
    about = (devices.c.owner, devices.c.computer_name)
    rows = connection.execute(
        select(_ROW.device_id, _ROW.since, _ROW.ended_at, *about, length.label("length"))
        .join(
            devices,
            and_(
                devices.c.organisation_id == _ROW.organisation_id,
                devices.c.device_id == _ROW.device_id,
            ),
        )
        .where(
            period.owns(),
            _ROW.organisation_id == period.organisation,
            _ROW.verdict == period.verdict.value,
            _ROW.ended_at > period.since,
            _ROW.since < period.until,
        )
        .order_by(_ROW.since, _ROW.device_id)
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
