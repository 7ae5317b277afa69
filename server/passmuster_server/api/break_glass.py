"""Codes that let one person in once without a laptop, for programs."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api.break_glass_messages import (
    BreakGlassCode,
    BreakGlassList,
    BreakGlassToRevoke,
    NewBreakGlass,
    RevokedBreakGlass,
    ShownBreakGlass,
)
from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.messages import Nothing
from passmuster_server.api.pages import PageQuery, page_of
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Transaction
from passmuster_server.gate import break_glass
from passmuster_server.gate.break_glass import BreakGlass
from passmuster_server.gate.callers import BREAK_GLASS_MANAGE
from passmuster_server.schema import to_microseconds
from passmuster_server.services import Services

PATH = f"{PREFIX}/break-glass-codes"


class BreakGlassCodes:
    """Makes, lists and revokes them. Each change goes on record."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._public_url = services.config.public_url

    async def many(self, call: Call[Nothing, PageQuery, Nothing]) -> BreakGlassList:
        """Return one page of the codes, the newest first; never the codes themselves."""
        rows = await self._database.read(
            lambda connection: break_glass.codes(connection, call.organisation)
        )
        page, following = page_of(rows, _newest_first, call.query, self._public_url + PATH)
        return BreakGlassList([_told(row) for row in page], following)

    async def make(self, call: Call[Nothing, Nothing, NewBreakGlass]) -> ShownBreakGlass:
        """Return a new code, told this once. Raises `ContractError`."""
        given = call.body
        for name in ("person", "application", "reason"):
            text = getattr(given, name)
            if not text.strip() or not text.isprintable():
                raise ContractError(name, "expected one line")
        grant = BreakGlass(
            given.person.strip(),
            given.application,
            timedelta(minutes=given.minutes),
            call.now + timedelta(hours=given.valid_hours),
            given.reason,
        )

        def work(transaction: Transaction) -> str:
            event = Event(
                Action.BREAK_GLASS_CREATED,
                call.actor,
                subject=grant.application,
                person=grant.person,
                details={"minutes": given.minutes, "reason": grant.reason},
            )
            code = break_glass.create(transaction, call.organisation, grant, call.actor, call.now)
            record(transaction.connection, call.organisation, event, call.now)
            return code

        code = await self._database.write(work)
        return ShownBreakGlass(code, grant.person, grant.application, grant.expires_at)

    async def revoke(self, call: Call[Nothing, Nothing, BreakGlassToRevoke]) -> RevokedBreakGlass:
        """Let no code that is left for a person be used. Raises `RefusalError` 404."""
        given = call.body
        if not (given.person.isprintable() and given.application.isprintable()):
            raise not_found("code that is left")

        def work(transaction: Transaction) -> int:
            number = break_glass.revoke(
                transaction, call.organisation, given.person.strip(), given.application, call.now
            )
            if not number:
                raise not_found("code that is left")
            event = Event(
                Action.BREAK_GLASS_REVOKED,
                call.actor,
                subject=given.application,
                person=given.person.strip(),
                details={"codes": number},
            )
            record(transaction.connection, call.organisation, event, call.now)
            return number

        return RevokedBreakGlass(await self._database.write(work))


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    codes = BreakGlassCodes(services)
    scopes = (BREAK_GLASS_MANAGE,)
    return (
        Operation(
            "listBreakGlassCodes",
            PATH,
            "For whom there are codes, why, and which were used; never the codes",
            scopes,
            Nothing,
            PageQuery,
            Nothing,
            BreakGlassList,
            codes.many,
            of_everyone=True,
        ),
        Operation(
            "makeBreakGlassCode",
            PATH,
            "A code that lets one person into one application once, told this once",
            scopes,
            Nothing,
            Nothing,
            NewBreakGlass,
            ShownBreakGlass,
            codes.make,
            method="POST",
            of_everyone=True,
        ),
        Operation(
            "revokeBreakGlassCodes",
            f"{PATH}/revocations",
            "Let no code that is left for this person and application be used",
            scopes,
            Nothing,
            Nothing,
            BreakGlassToRevoke,
            RevokedBreakGlass,
            codes.revoke,
            method="POST",
            of_everyone=True,
            makes_nothing=True,
        ),
    )


def _newest_first(row: Row[Any]) -> str:
    return f"{2**63 - to_microseconds(row.made_at):020d}{row.person}\0{row.application}"


def _told(row: Row[Any]) -> BreakGlassCode:
    return BreakGlassCode(
        row.person,
        row.application,
        row.lasts_s // 60,
        row.reason,
        row.made_by,
        row.made_at,
        row.expires_at,
        row.used_at,
    )
