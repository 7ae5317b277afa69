"""How the fleet develops: verdicts over time, each signal today, the worst and the silent."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from sqlalchemy import Connection

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.clock import Clock
from passmuster_server.console.signal_shares import SignalShare, shares_of
from passmuster_server.console.signal_tallies import Tally, tallies_at
from passmuster_server.database import Database
from passmuster_server.devices.tables import devices
from passmuster_server.fleet.history import Period
from passmuster_server.fleet.history_points import in_service, verdicts_at
from passmuster_server.fleet.history_totals import Total, totals
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.policy.standings import Standings


class Days(IntEnum):
    """The periods that may be asked for."""

    DAY = 1
    WEEK = 7
    MONTH = 30
    QUARTER = 90


PERIODS: Mapping[int, tuple[timedelta, int]] = {
    Days.DAY: (timedelta(hours=1), 25),
    Days.WEEK: (timedelta(hours=6), 29),
    Days.MONTH: (timedelta(days=1), 31),
    Days.QUARTER: (timedelta(days=3), 31),
}
"""Days: how far apart the moments are, and how many; the last one is now."""

FRESH_FOR = timedelta(minutes=5)
"""The whole history of the period is counted: not for every visit."""
MAX_KEPT = 64
MAX_LISTED = 10


@dataclass(frozen=True)
class Trends:
    """What the page shows, as it was at `at`; `silent` are the longest ones of `silent_number`.

    `over_time` tells by signal how it stood at those of the moments that are known.
    """

    at: datetime
    moments: Sequence[datetime]
    verdicts: Mapping[Verdict, Sequence[int]]
    signals: Sequence[SignalShare]
    over_time: Mapping[str, Mapping[datetime, Tally]]
    offenders: Sequence[Total]
    silent: Sequence[Standing]
    silent_number: int


class TrendsOfFleets:
    """Counts them at most once in a while for each period and group, one after the other."""

    def __init__(self, database: Database, standings: Standings, clock: Clock) -> None:
        self._database = database
        self._standings = standings
        self._clock = clock
        self._kept: dict[tuple[str, int, str | None], Trends] = {}
        self._counting = asyncio.Lock()

    async def of(self, organisation: str, days: int, group: str | None) -> Trends:
        """Return the trends of an organisation or of one of its groups; `days` is of `PERIODS`."""
        key = (organisation, days, group)
        async with self._counting:
            now = self._clock()
            kept = self._kept.get(key)
            if kept is not None and timedelta(0) <= now - kept.at < FRESH_FOR:
                return kept
            standings = [
                each
                for each in self._standings.all(organisation)
                if each.status is DeviceStatus.ACTIVE and group in (None, each.group)
            ]
            found = await self._database.read(
                lambda connection: _counted(connection, organisation, days, group, standings, now)
            )
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[key] = found
            return found


def _counted(
    connection: Connection,
    organisation: str,
    days: int,
    group: str | None,
    standings: Sequence[Standing],
    now: datetime,
) -> Trends:
    step, number = PERIODS[days]
    first = now - step * (number - 1)
    among = in_service(devices.c.device_id, organisation, group)
    period = Period(organisation, first, now)
    silent = silent_of(standings, now)
    moments = [first + step * place for place in range(number)]
    shares = shares_of(standings, now)
    return Trends(
        now,
        moments,
        verdicts_at(connection, organisation, first, step, number, group),
        shares,
        _up_to_now(tallies_at(connection, organisation, moments, group), shares, now),
        totals(connection, period, now, among=among, most=MAX_LISTED),
        silent[:MAX_LISTED],
        len(silent),
    )


def _up_to_now(
    before: Mapping[str, Mapping[datetime, Tally]], shares: Sequence[SignalShare], now: datetime
) -> Mapping[str, Mapping[datetime, Tally]]:
    """Return how each signal that is judged now stood, and stands."""
    return {
        each.signal: {
            **before.get(each.signal, {}),
            now: Tally(each.passing, each.failing, each.unknown),
        }
        for each in shares
    }


def silent_of(standings: Sequence[Standing], now: datetime) -> list[Standing]:
    """Return the laptops whose last report is too old to count, the longest silent first."""
    silent = [
        (each.last_seen, each.device, each)
        for each in standings
        if each.last_seen is not None and (now - each.last_seen).total_seconds() > each.max_age_s
    ]
    return [each for *_, each in sorted(silent, key=lambda found: found[:2])]
