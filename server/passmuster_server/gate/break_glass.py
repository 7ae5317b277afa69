"""Break-glass codes: into one application, once, without a laptop, when IT says so.

A code is made by a command or over the API, kept as a hash, good for one person and one application
until it expires or is revoked, and used once. Making, using and revoking it are in the audit
record, and a use is in the log.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select, update
from starlette.requests import Request
from starlette.responses import Response

from passmuster_server.addresses import is_address
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.clock import Clock
from passmuster_server.database import Database, Transaction
from passmuster_server.devices.addresses import address_of
from passmuster_server.devices.codes import code_hash, new_code
from passmuster_server.devices.limits import AddressLimit
from passmuster_server.gate.decision import Proof, Question
from passmuster_server.gate.service import GateService
from passmuster_server.gate.tables import break_glass_codes
from passmuster_server.gate.visits import BREAK_GLASS, GateVisits
from passmuster_server.proof.service import Proofs
from passmuster_server.web.forms import TOKEN_FIELD, form_token, read_form
from passmuster_server.web.problems import RefusalError
from passmuster_server.web.worker_pages import STYLE_HASH, WorkerPages

LONGEST = timedelta(hours=4)
LONGEST_VALID = timedelta(days=7)
MAX_REASON = 500
MAX_CODE = 64
TRIES, WITHIN_S = 10, 60.0
DOOR = "break-glass code"
"""In the record, in place of who: whose it was is what the entry is about, and can be erased."""

TOO_MANY = "Too many tries. Wait a minute."
NOT_GOOD = "This code is not good for this application, or was used, or is too old."

_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BreakGlass:
    """What a code lets in: whom, into what, how long, until when it may be used, and why."""

    person: str
    application: str
    lasts: timedelta
    expires_at: datetime
    reason: str


def create(
    transaction: Transaction, organisation: str, grant: BreakGlass, actor: str, now: datetime
) -> str:
    """Store a new code and return it; it is kept as a hash alone."""
    code = new_code()
    transaction.connection.execute(
        break_glass_codes.insert().values(
            organisation_id=organisation,
            code_hash=code_hash(code),
            person=grant.person,
            application=grant.application,
            lasts_s=int(grant.lasts.total_seconds()),
            reason=grant.reason,
            made_by=actor,
            made_at=now,
            expires_at=grant.expires_at,
        )
    )
    return code


def codes(connection: Connection, organisation: str) -> Sequence[Row[Any]]:
    """Return every code that there is, used or not, without what would let anybody find it."""
    told = ("person", "application", "lasts_s", "reason", "made_by", "made_at", "expires_at")
    return connection.execute(
        select(*(break_glass_codes.c[name] for name in (*told, "used_at"))).where(
            break_glass_codes.c.organisation_id == organisation
        )
    ).all()


def revoke(
    transaction: Transaction, organisation: str, person: str, application: str, now: datetime
) -> int:
    """Let no code that is left for the person and the application be used; return how many."""
    table = break_glass_codes
    return transaction.connection.execute(
        update(table)
        .where(
            table.c.organisation_id == organisation,
            is_address(table.c.person, person),
            table.c.application == application,
            table.c.used_at.is_(None),
            table.c.expires_at > now,
        )
        .values(expires_at=now)
    ).rowcount


def use(
    transaction: Transaction,
    organisation: str,
    code: str,
    application: str,
    person: str | None,
    now: datetime,
    may_enter: Callable[[str], bool],
) -> BreakGlass | None:
    """Use a code up and return what it lets in, on record; None for one that is not good here.

    `person` is who signed in, where that is known: the code has to be theirs. `may_enter` tells of
    a person whether they would get in by it: one that is of no use is not used up.
    """
    table, connection = break_glass_codes, transaction.connection
    own = (table.c.organisation_id == organisation, table.c.code_hash == code_hash(code))
    row = connection.execute(select(table).where(*own)).one_or_none()
    if row is None or row.application != application or row.expires_at <= now:
        return None
    if person is not None and person.casefold() != row.person.casefold():
        return None
    if not may_enter(row.person):
        return None
    used = connection.execute(
        update(table).where(*own, table.c.used_at.is_(None)).values(used_at=now)
    )
    if used.rowcount != 1:
        return None
    record(
        connection,
        organisation,
        Event(
            Action.BREAK_GLASS_USED,
            actor=DOOR,
            subject=application,
            person=row.person,
            details={"minutes": row.lasts_s // 60, "made_by": row.made_by},
        ),
        now,
    )
    lasts = timedelta(seconds=row.lasts_s)
    return BreakGlass(row.person, row.application, lasts, row.expires_at, row.reason)


class BreakGlassPage:
    """`/gate/break-glass?r=`: where a worker types the code that IT read out to them."""

    def __init__(
        self,
        visits: GateVisits,
        service: GateService,
        proofs: Proofs,
        database: Database,
        clock: Clock,
        *,
        public_url: str,
        contact: str,
        again: Callable[[Request, str], Response],
    ) -> None:
        self._visits = visits
        self._service = service
        self._proofs = proofs
        self._database = database
        self._clock = clock
        self._public_url = public_url
        self._again = again
        folder = Path(__file__).parent / "templates"
        self._pages = WorkerPages(folder, public_url=public_url, contact=contact)
        self._tries = AddressLimit(TRIES, WITHIN_S)

    async def ask(self, request: Request) -> Response:
        """Return the form."""
        try:
            _, begun, _ = await self._visits.begun(request)
        except RefusalError:
            return self._again(request, "")
        return self._form(request, begun.app)

    async def use(self, request: Request) -> Response:
        """Take a code; return the page that leads into the application."""
        try:
            _, begun, client = await self._visits.begun(request)
        except RefusalError:
            return self._again(request, "")
        session = self._proofs.browsers.session(request)
        try:
            fields = await read_form(request, secret=session, public_url=self._public_url)
        except RefusalError as error:
            if error.problem.status != 403:
                raise
            return self._form(request, begun.app, error.problem.detail, 403)
        address, now = address_of(request), self._clock()
        if self._tries.wait_s(address) > 0:
            return self._form(request, begun.app, TOO_MANY, 429)
        code = fields.get("code", "")[:MAX_CODE]

        def question_of(person: str) -> Question:
            return Question(client.organisation, person, begun.app, None, Proof.BREAK_GLASS)

        def work(transaction: Transaction) -> tuple[BreakGlass, str] | None:
            grant = use(
                transaction,
                client.organisation,
                code,
                begun.app,
                begun.sub,
                now,
                lambda person: self._service.may_ask(client, question_of(person)),
            )
            if grant is None:
                return None
            question = question_of(grant.person)
            back = self._visits.let_in(transaction, client, begun, question, grant.lasts, now)
            return grant, back

        # A code that is used up has opened its session, or is as good as before.
        opened = await self._database.write(work)
        if opened is None:
            self._tries.count(address)
            _log.warning("a break-glass code for %s was refused", begun.app)
            return self._form(request, begun.app, NOT_GOOD, 403)
        _log.warning("a break-glass code was used for %s", begun.app)
        grant, back = opened
        return self._pages.response(
            request,
            "break_glass.html",
            headers=_HEADERS,
            here="",
            application=begun.app,
            minutes=int(grant.lasts.total_seconds()) // 60,
            back=back,
            problem="",
            token="",
            token_field=TOKEN_FIELD,
        )

    def _form(
        self, request: Request, application: str, problem: str = "", status: int = 200
    ) -> Response:
        session = self._proofs.browsers.session(request)
        response = self._pages.response(
            request,
            "break_glass.html",
            status=status,
            headers=_HEADERS,
            application=application,
            minutes=0,
            back="",
            problem=problem,
            token=form_token(session) if session else "",
            token_field=TOKEN_FIELD,
        )
        if not session:
            # The form needs a session that it belongs to: once more, with the cookie.
            _, _ = self._proofs.browsers.start(response)
            response.status_code = 303
            response.headers["location"] = f"{BREAK_GLASS}?{request.url.query}"
        return response
