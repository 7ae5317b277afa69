"""The fleet as a whole, for programs: how it develops, and evidence of a period for auditors."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api.bounds import group_of
from passmuster_server.api.endpoint import PREFIX, Call, Operation
from passmuster_server.api.history import moment, past_verdict
from passmuster_server.api.messages import Nothing
from passmuster_server.api.overview_messages import (
    Evidence,
    EvidenceQuery,
    SignalNow,
    SilentDevice,
    Trends,
    TrendsQuery,
)
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.evidence.gathering import LONGEST
from passmuster_server.gate.callers import AUDIT_READ, FLEET_MANAGE, FLEET_READ
from passmuster_server.services import Services

AT_FIRST = timedelta(days=90)


class Overview:
    """Counts. What is of a group that the caller may not see is not there."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._trends = services.trends
        self._evidence = services.evidence

    async def trends(self, call: Call[Nothing, TrendsQuery, Nothing]) -> Trends:
        """Return how the fleet, or one group, develops. Raises `ContractError`."""
        given = call.query
        group = await self._database.read(
            lambda connection: group_of(call, connection, given.group)
        )
        found = await self._trends.of(
            call.organisation, given.days, None if group is None else group.group_id
        )
        return Trends(
            found.at,
            list(found.moments),
            {verdict: list(numbers) for verdict, numbers in found.verdicts.items()},
            [msgspec.convert(each, SignalNow, from_attributes=True) for each in found.signals],
            [past_verdict(each) for each in found.offenders],
            [
                SilentDevice(each.device, each.owner, each.computer_name, each.last_seen)
                for each in found.silent
            ],
            found.silent_number,
        )

    async def evidence(self, call: Call[Nothing, EvidenceQuery, Nothing]) -> Evidence:
        """Return the evidence; that it was handed out goes on record. Raises `ContractError`."""
        given = call.query
        until = min(moment("until", given.until, call.now), call.now)
        try:
            since = moment("since", given.since, until - AT_FIRST)
        except OverflowError:
            raise ContractError("until", "too early") from None
        if not since < until <= since + LONGEST:
            raise ContractError(
                "since", f"expected a time before until, {LONGEST.days} days at most"
            )
        found = await self._evidence.of(call.organisation, since, until)
        event = Event(Action.AUDIT_EXPORTED, call.actor, details={"format": "evidence"})
        await self._database.write(
            lambda transaction: record(transaction.connection, call.organisation, event, call.now)
        )
        return msgspec.convert(found, Evidence, from_attributes=True)


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    overview = Overview(services)
    return (
        Operation(
            "getTrends",
            f"{PREFIX}/trends",
            "How verdicts develop over days, how each signal is judged, the worst and the silent",
            (FLEET_READ, FLEET_MANAGE),
            Nothing,
            TrendsQuery,
            Nothing,
            Trends,
            overview.trends,
        ),
        Operation(
            "getEvidence",
            f"{PREFIX}/audit/evidence",
            "The figures of a period for auditors, with what following the audit record found",
            (AUDIT_READ,),
            Nothing,
            EvidenceQuery,
            Nothing,
            Evidence,
            overview.evidence,
            of_everyone=True,
        ),
    )
