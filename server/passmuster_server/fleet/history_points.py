"""How many laptops had which verdict at each of a row of moments, from the history of verdicts.

One pass over what ended after the first moment or still lasts, however many moments there are: the
database counts by the first and the last moment that an entry covers.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, case, func, literal, select, type_coerce
from sqlalchemy.sql.elements import ColumnElement

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.devices.tables import devices
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.policy.tables import verdict_history
from passmuster_server.schema import to_microseconds

_OUT_OF_SERVICE = (DeviceStatus.REVOKED, DeviceStatus.RETIRED)
_MICROSECOND = timedelta(microseconds=1)


def verdicts_at(
    connection: Connection,
    organisation: str,
    first: datetime,
    step: timedelta,
    number: int,
    group: str | None = None,
) -> Mapping[Verdict, Sequence[int]]:
    """Return the laptops of each verdict at `first`, a `step` later, and so on: `number` moments.

    Of the laptops that are in service now, of one group unless `group` is None.
    """

    def place(moment: ColumnElement[int]) -> ColumnElement[int]:
        """Return the number of the first of the moments that is not before `moment`."""
        beginning, length = to_microseconds(first), step // _MICROSECOND
        return case(
            (moment <= beginning, 0),
            (moment > beginning + length * (number - 1), number),
            else_=(moment - literal(beginning, BigInteger) + (length - 1)) // length,
        )

    entry = verdict_history.c
    since, ended = type_coerce(entry.since, BigInteger), type_coerce(entry.ended_at, BigInteger)
    # A row counts from the first moment that is not before its beginning, to before its end.
    covered = (
        select(entry.verdict, place(since).label("begin_at"), place(ended).label("end_at"))
        .where(
            entry.organisation_id == organisation,
            # Named one by one, each is a range of the index.
            entry.verdict.in_([each.value for each in Verdict]),
            entry.ended_at > first,
            in_service(entry.device_id, organisation, group),
        )
        .subquery()
    )
    key = (covered.c.verdict, covered.c.begin_at, covered.c.end_at)
    wanted = select(*key, func.count().label("laptops")).group_by(*key)
    moves = {verdict: [0] * (number + 1) for verdict in Verdict}
    for row in connection.execute(wanted):
        moves[Verdict(row.verdict)][row.begin_at] += row.laptops
        moves[Verdict(row.verdict)][row.end_at] -= row.laptops
    return {verdict: _sums(found[:number]) for verdict, found in moves.items()}


def in_service(
    device: ColumnElement[str], organisation: str, group: str | None
) -> ColumnElement[bool]:
    """Return whether a device is in service, and of one group unless `group` is None."""
    own = select(devices.c.device_id).where(devices.c.organisation_id == organisation)
    if group is not None:
        return device.in_(
            own.where(devices.c.group_id == group, devices.c.status.not_in(_OUT_OF_SERVICE))
        )
    # The few that are not: each row is then looked up in a small set.
    return device.not_in(own.where(devices.c.status.in_(_OUT_OF_SERVICE)))


def _sums(moves: Sequence[int]) -> list[int]:
    found, number = [], 0
    for move in moves:
        number += move
        found.append(number)
    return found
