"""The figures of a period: of laptops and deeds in number, of no person by name."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select

from passmuster_collectors.contract.verdict import Outcome, Verdict
from passmuster_collectors.signals import CATALOG
from passmuster_server.audit import record
from passmuster_server.audit.record import BrokenChainError
from passmuster_server.audit.tables import audit_entries
from passmuster_server.clock import Clock
from passmuster_server.database import Database
from passmuster_server.devices.tables import devices, organisations
from passmuster_server.fleet import history_totals
from passmuster_server.fleet.history import Period
from passmuster_server.fleet.history_points import in_service
from passmuster_server.gate.tables import decisions
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.policy.standings import Standings
from passmuster_server.policy.tables import policies, waivers

LONGEST = timedelta(days=400)

_COUNTED: Mapping[Outcome, str] = {
    Outcome.PASS: "passed",
    Outcome.FAIL: "failed",
    Outcome.UNKNOWN: "unknown",
    # It passed and may not pass any more: nobody knows yet.
    Outcome.TRANSITIONING: "unknown",
    Outcome.NOT_APPLICABLE: "not_applicable",
}


@dataclass(frozen=True)
class Outcomes:
    """How many laptops pass a signal now, and how many do not; `excepted` by a waiver."""

    passed: int = 0
    failed: int = 0
    unknown: int = 0
    excepted: int = 0
    not_applicable: int = 0


@dataclass(frozen=True)
class PolicyVersion:
    """A version in force at some time of the period."""

    version: int
    published_at: datetime
    published_by: str


@dataclass(frozen=True)
class Chain:
    """What following the audit record found. `problem` is empty where it holds."""

    entries: int = 0
    erased: int = 0
    head: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Evidence:
    """All of it. `until` is not included; `seconds` are those that laptops had each verdict."""

    organisation: str
    since: datetime
    until: datetime
    made_at: datetime
    by_status: Mapping[str, int]
    by_verdict: Mapping[str, int]
    signals: Mapping[str, Outcomes]
    seconds: Mapping[str, int]
    let_in: int
    refused: int
    policies: tuple[PolicyVersion, ...]
    waivers_granted: int
    waivers_in_force: int
    deeds: Mapping[str, int]
    chain: Chain


class Gathering:
    """Gathers for people and for programs, one after the other.

    The audit record is followed to its end for it, which nobody may have done many times at once.
    It is counted anew each time: an auditor wants to see what is, not what was.
    """

    def __init__(self, database: Database, standings: Standings, clock: Clock) -> None:
        self._database = database
        self._standings = standings
        self._clock = clock
        self._one = asyncio.Lock()

    async def of(self, organisation: str, since: datetime, until: datetime) -> Evidence:
        """Return the evidence of a period, whose end is not yet to come."""
        async with self._one:
            now, standings = self._clock(), self._standings.all(organisation)
            return await self._database.read(
                lambda connection: gather(connection, organisation, standings, since, until, now)
            )


def gather(
    connection: Connection,
    organisation: str,
    standings: Iterable[Standing],
    since: datetime,
    until: datetime,
    now: datetime,
) -> Evidence:
    """Return the evidence of a period; what is counted "now" is as `standings` are at `now`."""
    own = devices.c.organisation_id == organisation
    by_status = _counts(
        connection, select(devices.c.status, func.count()).where(own).group_by(devices.c.status)
    )
    in_use = [each for each in standings if each.status is DeviceStatus.ACTIVE]
    among = in_service(devices.c.device_id, organisation, None)
    answered = _counts(
        connection,
        select(decisions.c.allowed, func.count())
        .where(
            decisions.c.organisation_id == organisation,
            decisions.c.decided_at >= since,
            decisions.c.decided_at < until,
        )
        .group_by(decisions.c.allowed),
    )
    return Evidence(
        organisation=str(
            connection.execute(
                select(organisations.c.name).where(organisations.c.organisation_id == organisation)
            ).scalar()
        ),
        since=since,
        until=until,
        made_at=now,
        by_status=by_status,
        by_verdict=Counter(each.verdict_at(now).value for each in in_use),
        signals=_signals(in_use, now),
        seconds={
            verdict.value: round(
                history_totals.seconds(
                    connection, Period(organisation, since, until, verdict), now, among
                )
            )
            for verdict in Verdict
        },
        let_in=answered.get(True, 0),
        refused=answered.get(False, 0),
        policies=_policies(connection, organisation, since, until),
        waivers_granted=_waivers(connection, organisation, since, until),
        waivers_in_force=int(
            connection.execute(
                select(func.count()).where(
                    waivers.c.organisation_id == organisation,
                    waivers.c.ended_at.is_(None),
                    waivers.c.expires_at > now,
                )
            ).scalar_one()
        ),
        deeds=_deeds(connection, organisation, since, until),
        chain=_chain(connection, organisation),
    )


def _signals(in_use: Iterable[Standing], now: datetime) -> dict[str, Outcomes]:
    """Count by signal.

    Of a laptop that is not heard of any more every signal is unknown of which policy demands
    anything; what is switched off is not counted, as of any other laptop.
    """
    counted = {signal.id: Counter[str]() for signal in CATALOG}
    for standing in in_use:
        if not standing.is_heard_of(now):
            for signal in standing.judged & counted.keys():
                counted[signal]["unknown"] += 1
            continue
        for each in standing.signals:
            excepted = each.waived_until is not None and now < each.waived_until
            if each.signal in counted:
                counted[each.signal]["excepted" if excepted else _COUNTED[each.outcome]] += 1
    return {signal: Outcomes(**found) for signal, found in counted.items()}


def _policies(
    connection: Connection, organisation: str, since: datetime, until: datetime
) -> tuple[PolicyVersion, ...]:
    """Return the versions of the period, and the one that was in force when it began."""
    rows = connection.execute(
        select(policies.c.version, policies.c.published_at, policies.c.published_by)
        .where(policies.c.organisation_id == organisation, policies.c.published_at < until)
        .order_by(policies.c.version)
    ).all()
    before = [row for row in rows if row.published_at < since][-1:]
    within = [row for row in rows if row.published_at >= since]
    return tuple(
        PolicyVersion(row.version, row.published_at, row.published_by) for row in (*before, *within)
    )


def _waivers(connection: Connection, organisation: str, since: datetime, until: datetime) -> int:
    return int(
        connection.execute(
            select(func.count()).where(
                waivers.c.organisation_id == organisation,
                waivers.c.granted_at >= since,
                waivers.c.granted_at < until,
            )
        ).scalar_one()
    )


def _deeds(
    connection: Connection, organisation: str, since: datetime, until: datetime
) -> dict[str, int]:
    return _counts(
        connection,
        select(audit_entries.c.action, func.count())
        .where(
            audit_entries.c.organisation_id == organisation,
            audit_entries.c.at >= since,
            audit_entries.c.at < until,
        )
        .group_by(audit_entries.c.action)
        .order_by(audit_entries.c.action),
    )


def _counts(connection: Connection, statement: Select[Any]) -> dict[Any, int]:
    """Return what a statement counts, by what it counts it by."""
    return {row[0]: row[1] for row in connection.execute(statement)}


def _chain(connection: Connection, organisation: str) -> Chain:
    try:
        found = record.verify(connection, organisation)
    except BrokenChainError as error:
        return Chain(problem=str(error))
    return Chain(found.entries, found.erased, found.head)
