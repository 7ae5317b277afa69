"""The audit record, for programs."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from msgspec import UNSET, structs

from passmuster_server.api.endpoint import PREFIX, Call, Operation
from passmuster_server.api.messages import AuditEntry, AuditPage, AuditQuery, Nothing
from passmuster_server.audit import record
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


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
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
            AuditRecord(services).page,
            of_everyone=True,
        ),
    )
