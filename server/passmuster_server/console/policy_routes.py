"""`/policy`: the policy as text, what a change would do, publishing it, and every version."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.roles import Permission
from passmuster_server.accounts.sessions import Session
from passmuster_server.audit.record import Event
from passmuster_server.console.changing import Changing
from passmuster_server.console.policy_drafts import Draft, look_at, state
from passmuster_server.console.policy_forms import (
    UnsureError,
    check_sure,
    largest_form,
    number_of,
    text_of,
)
from passmuster_server.console.policy_view import DiffLine, difference
from passmuster_server.policy import publishing, store
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import MAX_DOCUMENT, DocumentError
from passmuster_server.policy.publishing import OvertakenError
from passmuster_server.services import Services
from passmuster_server.web.forms import TOKEN_FIELD
from passmuster_server.web.pages import Pages

PATH = "/policy"
PROVE = f"{PATH}/prove"
MAX_FORM = largest_form(MAX_DOCUMENT)
MAX_REASON = 512
NO_VERSION = "There is no such version of the policy."


class PolicyPages:
    """The pages."""

    def __init__(self, services: Services, guard: Guard, changing: Changing) -> None:
        self._services = services
        self._guard = guard
        self._changing = changing
        self._pages = Pages(Path(__file__).parent / "templates")

    async def show(self, request: Request, session: Session) -> Response:
        """Show the policy in force, in the editor of those who may change it."""
        return await self._response(request, session, "policy.html")

    async def version(self, request: Request, session: Session) -> Response:
        """Show one version and what it changed."""
        version = number_of(request.path_params["version"])

        def read(connection: Connection) -> tuple[Row[Any] | None, Row[Any] | None, list[DiffLine]]:
            organisation = session.organisation
            found = store.find_policy(connection, organisation, version)
            before = store.find_policy(connection, organisation, version - 1)
            document = before.document if before is not None else ""
            # Here, because the event loop has better things to do than to compare.
            diff = difference(document, found.document) if found is not None else []
            return found, before, diff

        found, before, diff = await self._services.database.read(read)
        if found is None:
            return self._changing.refused(request, session, PATH, NO_VERSION, 404)
        return await self._response(
            request,
            session,
            "policy_version.html",
            version=found,
            before=before,
            diff=diff,
        )

    async def check(self, request: Request, session: Session) -> Response:
        """Show what a document would change. Nothing is stored."""
        fields = await self._changing.fields(request, limit=MAX_FORM)
        found = await self._given(session, fields)
        if found is None:
            return self._changing.refused(request, session, PATH, NO_VERSION, 404)
        document, again = found
        base = number_of(fields.get("base", ""))
        if again is not None:
            base = await self._services.database.read(
                lambda connection: store.newest_version(connection, session.organisation)
            )
        draft = await self._looked_at(session, document, base, again)
        return await self._draft(request, session, draft)

    async def publish(self, request: Request, session: Session) -> Response:
        """Put a document in force."""
        fields = await self._changing.fields(request, limit=MAX_FORM)
        found = await self._given(session, fields)
        if found is None:
            return self._changing.refused(request, session, PATH, NO_VERSION, 404)
        document, again = found
        base = number_of(fields.get("base", ""))
        # What its page told may be long ago: the laptops, the groups, what is in force.
        draft = await self._looked_at(session, document, base, again)
        if draft.mistake is not None:
            return await self._draft(request, session, draft)
        if not session.is_fresh(self._services.clock()):
            # What was written must not be lost for want of a fresh sign-in.
            return await self._draft(request, session, draft, status=403)

        def change(connection: Connection, now: datetime) -> Event:
            publishing.checked(connection, session.organisation, document)
            _, event = publishing.publish(
                connection,
                session.organisation,
                document,
                session.email,
                now,
                note=publishing.again(again) if again is not None else "",
                reason=_reason(fields),
                instead_of=base,
            )
            # Last: whoever was overtaken is told that.
            check_sure(draft.effects[0], fields)
            return event

        try:
            return await self._changing.make(request, session, PATH, change)
        except OvertakenError:
            draft = await self._looked_at(session, document, base, again)
            return await self._draft(request, session, draft, status=409)
        except DocumentError:
            draft = await self._looked_at(session, document, base, again)
            return await self._draft(request, session, draft)
        except UnsureError as error:
            return await self._draft(request, session, draft, problem=str(error))

    async def _given(
        self, session: Session, fields: Mapping[str, str]
    ) -> tuple[str, int | None] | None:
        """Return the document of a form, and which version it is again, if it is one.

        That one's text is as it was published, whatever the form says. None: there is none such.
        """
        if not fields.get("again"):
            text = text_of(fields, "document")
            return text if text.endswith("\n") else f"{text}\n", None
        again = number_of(fields["again"])
        row = await self._services.database.read(
            lambda connection: store.find_policy(connection, session.organisation, again)
        )
        return None if row is None else (str(row.document), again)

    async def prove(self, request: Request, session: Session) -> Response:
        """Ask for a fresh sign-in in a window of its own, beside the editor's."""
        return await self._changing.prove(request, session, PATH)

    async def _looked_at(
        self, session: Session, document: str, base: int, again: int | None = None
    ) -> Draft:
        now = self._services.clock()
        async with self._services.simulating:
            return await self._services.database.read(
                lambda connection: look_at(
                    connection, session.organisation, document, base, again, now
                )
            )

    async def _draft(
        self,
        request: Request,
        session: Session,
        draft: Draft,
        *,
        status: int = 200,
        problem: str = "",
    ) -> Response:
        if draft.mistake is not None or problem:
            status = 400
        return await self._response(
            request,
            session,
            "policy_draft.html",
            status=status,
            draft=draft,
            problem=problem,
            max_reason=MAX_REASON,
            prove=PROVE,
        )

    async def _response(
        self,
        request: Request,
        session: Session,
        template: str,
        *,
        status: int = 200,
        **values: Any,
    ) -> Response:
        in_force, versions = await self._services.database.read(
            lambda connection: state(connection, session.organisation)
        )
        return self._pages.response(
            template,
            status=status,
            in_force=in_force,
            document=str(in_force.document) if in_force is not None else default_document(),
            base=int(in_force.version) if in_force is not None else 0,
            versions=versions,
            may_change=session.may(Permission.CHANGE_POLICY),
            max_document=MAX_DOCUMENT,
            **self._values(request, session),
            **values,
        )

    def _values(self, request: Request, session: Session) -> Mapping[str, Any]:
        now = self._services.clock()
        return {
            "here": "policy",
            "email": session.email,
            "token_field": TOKEN_FIELD,
            "token": self._guard.form_token(request),
            "now": now,
            "fresh": session.is_fresh(now),
        }


def routes(services: Services) -> list[Route]:
    """Return the routes."""
    guard = Guard(services.database, services.clock, services.config.public_url)
    pages = PolicyPages(services, guard, Changing(services))
    changes = Permission.CHANGE_POLICY
    return [
        Route(PATH, guard.protect(pages.show), methods=["GET"]),
        Route(f"{PATH}/versions/{{version}}", guard.protect(pages.version), methods=["GET"]),
        Route(f"{PATH}/check", guard.protect(pages.check, changes), methods=["POST"]),
        Route(f"{PATH}/publish", guard.protect(pages.publish, changes), methods=["POST"]),
        Route(PROVE, guard.protect(pages.prove, changes), methods=["GET"]),
    ]


def _reason(fields: Mapping[str, str]) -> str:
    reason = fields.get("reason", "").strip()
    if not 1 <= len(reason) <= MAX_REASON or not reason.isprintable():
        raise UnsureError(f"Say in one line of 1 to {MAX_REASON} characters what it is for.")
    return reason
