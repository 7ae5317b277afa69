"""The audit record, for programs."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from msgspec import UNSET, structs

from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.messages import (
    AuditEntry,
    AuditPage,
    AuditQuery,
    Decision,
    DecisionPath,
    DecisiveDevice,
    Nothing,
    SignedReport,
)
from passmuster_server.audit import record, trail
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.audit.routes import SEEN_AGAIN_AFTER
from passmuster_server.gate.callers import AUDIT_READ
from passmuster_server.services import Services

PATH = f"{PREFIX}/audit"


class AuditRecord:
    """Reads the record."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._public_url = services.config.public_url

    async def page(self, call: Call[Nothing, AuditQuery, Nothing]) -> AuditPage:
        """Return one page, the newest entries first."""
        given = call.query
        found = await self._database.read(
            lambda connection: record.entries(
                connection,
                call.organisation,
                search=(given.search or "").strip(),
                before=None if given.before is UNSET else given.before,
                limit=given.limit + 1,
            )
        )
        entries = [
            AuditEntry(
                each.number,
                each.at,
                each.action,
                each.actor,
                each.person,
                each.subject,
                dict(each.details) if each.details is not None else None,
                each.entry_hash,
            )
            for each in found[: given.limit]
        ]
        following = None
        if len(found) > given.limit:
            values = {name: value for name, value in structs.asdict(given).items() if value}
            values["before"] = entries[-1].number
            following = f"{self._public_url}{PATH}?{urlencode(values)}"
        return AuditPage(entries, following)

    async def decision(self, call: Call[DecisionPath, Nothing, Nothing]) -> Decision:
        """Return what a decision rested on; a look goes on record. Raises `RefusalError` 404."""
        name = call.path.decision
        found = await self._database.read(
            lambda connection: trail.trail_of(connection, call.organisation, name)
        )
        if found is None:
            raise not_found("decision")
        row = found.decision
        event = Event(Action.DECISION_VIEWED, call.actor, subject=name, person=row.subject)
        await self._database.write(
            lambda transaction: record.record_once(
                transaction.connection, call.organisation, event, call.now, SEEN_AGAIN_AFTER
            )
        )
        return Decision(
            row.decision_id,
            row.decided_at,
            found.client,
            row.subject,
            row.application,
            row.proof,
            row.allowed,
            found.cause,
            row.policy_version,
            [_device(each) for each in found.devices],
        )


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    audit = AuditRecord(services)
    return (
        Operation(
            "listAudit",
            PATH,
            "One page of the audit record, the newest entries first",
            (AUDIT_READ,),
            Nothing,
            AuditQuery,
            Nothing,
            AuditPage,
            audit.page,
            of_everyone=True,
        ),
        Operation(
            "getDecision",
            f"{PATH}/decisions/{{decision}}",
            "One decision of the gate, followed back to the reports that laptops signed",
            (AUDIT_READ,),
            DecisionPath,
            Nothing,
            Nothing,
            Decision,
            audit.decision,
            of_everyone=True,
        ),
    )


def _device(found: trail.DeviceTrail) -> DecisiveDevice:
    reports = [
        SignedReport(each.received_at, list(each.signals), each.authentic, each.digest)
        for each in found.reports
    ]
    return DecisiveDevice(found.device, found.computer_name, dict(found.basis), reports)
