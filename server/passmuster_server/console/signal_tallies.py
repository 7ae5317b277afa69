"""How each signal stood, hour by hour: counted once and kept, for pictures over time.

Readings are kept where they changed; to judge each of them again for a picture would cost the
more, the longer the history is. So once an hour it is counted how the signals stand, group by
group: some numbers that are about nobody. After eight days one count of each day is enough: of the
hour at which the fewest were unknown, for at night laptops are off.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select

from passmuster_server.background import BackgroundTask
from passmuster_server.clock import Clock
from passmuster_server.console.signal_shares import shares_of
from passmuster_server.console.tables import signal_tallies
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.engines import run
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.policy.standings import Standings
from passmuster_server.schema import to_microseconds

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EACH_HOUR_FOR = timedelta(days=8)
AGAIN_AFTER_S = 60.0

# Of several servers on one database the first one's count stands.
_ADD = (
    "INSERT INTO signal_tallies (organisation_id, taken_at, group_id, signal, passing, failing, "
    "unknown) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_TAKEN = signal_tallies.c


@dataclass(frozen=True)
class Tally:
    """How many laptops passed a signal, failed it, or could not tell."""

    passing: int
    failing: int
    unknown: int


class SignalTallies:
    """Counts at the beginning of each hour, and when the server starts in an hour without."""

    def __init__(
        self,
        database: Database,
        standings: Standings,
        clock: Clock,
        *,
        organisation: str,
        history: timedelta,
    ) -> None:
        self._database = database
        self._standings = standings
        self._clock = clock
        self._organisation = organisation
        self._history = history
        self.task = BackgroundTask("signal tallies", self._run)

    async def take(self) -> None:
        """Count now. Raises `StoreUnavailableError`."""
        now, organisation = self._clock(), self._organisation
        # A pass over every laptop: requests are answered meanwhile.
        found = await asyncio.to_thread(tallied, self._standings.all(organisation), now)

        def write(connection: Connection) -> None:
            add(connection, organisation, hour_of(now), found)
            thin_out(connection, organisation, now, self._history)

        await self._database.write(lambda transaction: write(transaction.connection))

    async def _run(self) -> None:
        while True:
            try:
                await self.take()
            except StoreUnavailableError:
                await asyncio.sleep(AGAIN_AFTER_S)
                continue
            now = self._clock()
            await asyncio.sleep((hour_of(now) + HOUR - now).total_seconds())


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of its hour."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def tallied(standings: Iterable[Standing], now: datetime) -> Mapping[tuple[str, str], Tally]:
    """Return the tally of each (group, signal) of the laptops that are in service."""
    groups: dict[str, list[Standing]] = defaultdict(list)
    for standing in standings:
        if standing.status is DeviceStatus.ACTIVE:
            groups[standing.group].append(standing)
    return {
        (group, each.signal): Tally(each.passing, each.failing, each.unknown)
        for group, own in groups.items()
        for each in shares_of(own, now)
    }


def add(
    connection: Connection,
    organisation: str,
    hour: datetime,
    found: Mapping[tuple[str, str], Tally],
) -> None:
    """Keep the tallies of an hour, where it has none yet."""
    taken = connection.execute(
        select(func.count()).where(_TAKEN.organisation_id == organisation, _TAKEN.taken_at == hour)
    ).scalar_one()
    if taken:
        return
    for (group, signal), each in found.items():
        numbers = (each.passing, each.failing, each.unknown)
        run(connection, _ADD, (organisation, to_microseconds(hour), group, signal, *numbers))


def thin_out(connection: Connection, organisation: str, now: datetime, history: timedelta) -> None:
    """Delete what is older than history is kept, and all but one hour of days gone by.

    Of a day (UTC) the hour is kept at which the fewest were unknown, the first of several.
    """
    own = _TAKEN.organisation_id == organisation
    connection.execute(delete(signal_tallies).where(own, _TAKEN.taken_at < now - history))
    days: dict[date, list[datetime]] = defaultdict(list)
    for hour in connection.execute(
        select(_TAKEN.taken_at).where(own, _TAKEN.taken_at < now - EACH_HOUR_FOR).distinct()
    ).scalars():
        days[hour.date()].append(hour)
    several = [hour for hours in days.values() if len(hours) > 1 for hour in hours]
    best: dict[date, tuple[int, datetime]] = {}
    for row in connection.execute(
        select(_TAKEN.taken_at, func.sum(_TAKEN.unknown).label("unknown"))
        .where(own, _TAKEN.taken_at.in_(several))
        .group_by(_TAKEN.taken_at)
    ):
        day, found = row.taken_at.date(), (row.unknown, row.taken_at)
        best[day] = min(best.get(day, found), found)
    dropped = set(several).difference(kept for _, kept in best.values())
    connection.execute(delete(signal_tallies).where(own, _TAKEN.taken_at.in_(dropped)))


def tallies_at(
    connection: Connection,
    organisation: str,
    moments: Sequence[datetime],
    group: str | None,
) -> Mapping[str, Mapping[datetime, Tally]]:
    """Return by signal how it stood at each of the moments, rising and as far apart.

    A moment has the newest count since the one before, or a day or more apart the one that is kept
    of its own day; without either it is left out. Of one group unless `group` is None. However
    large the fleet is, one row a moment, group and signal is read.
    """
    step = moments[1] - moments[0]
    hours = connection.execute(
        select(_TAKEN.taken_at)
        .where(
            _TAKEN.organisation_id == organisation,
            _TAKEN.taken_at > moments[0] - step,
            _TAKEN.taken_at <= moments[-1],
        )
        .distinct()
        .order_by(_TAKEN.taken_at)
    ).scalars()
    chosen: dict[datetime, datetime] = {}
    of_day: dict[date, datetime] = {}
    for hour in hours:
        place = -((moments[0] - hour) // step)
        chosen[moments[min(place, len(moments) - 1)]] = hour
        of_day[hour.date()] = hour
    if step >= DAY:
        # The hour that is kept of a day may be later than the moment, and the day's before earlier.
        for moment in moments:
            day = moment.astimezone(UTC).date()
            if moment not in chosen and day in of_day:
                chosen[moment] = of_day[day]
    shown: dict[datetime, list[datetime]] = defaultdict(list)
    for moment, hour in sorted(chosen.items()):
        shown[hour].append(moment)
    found: dict[str, dict[datetime, Tally]] = defaultdict(dict)
    for row in _sums(connection, organisation, shown, group):
        for moment in shown[row.taken_at]:
            found[row.signal][moment] = Tally(row.passing, row.failing, row.unknown)
    return found


def _sums(
    connection: Connection, organisation: str, hours: Iterable[datetime], group: str | None
) -> Sequence[Any]:
    own = () if group is None else (_TAKEN.group_id == group,)
    return connection.execute(
        select(
            _TAKEN.taken_at,
            _TAKEN.signal,
            func.sum(_TAKEN.passing).label("passing"),
            func.sum(_TAKEN.failing).label("failing"),
            func.sum(_TAKEN.unknown).label("unknown"),
        )
        .where(_TAKEN.organisation_id == organisation, _TAKEN.taken_at.in_(list(hours)), *own)
        .group_by(_TAKEN.taken_at, _TAKEN.signal)
        .order_by(_TAKEN.taken_at)
    ).all()
