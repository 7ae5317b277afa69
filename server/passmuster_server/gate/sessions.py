"""Sessions of browsers with an application behind a proxy: begun by a proof, ended by a laptop.

The browser carries a signed cookie of some minutes that each answer may renew. No request looks
into the database: the cookie names device and person, and memory knows when a device fell out last.
"""

import asyncio
import hmac
import itertools
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, select, tuple_, update

from passmuster_collectors.contract.canonical import digest
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.addresses import is_address
from passmuster_server.background import BackgroundTask
from passmuster_server.clock import Clock
from passmuster_server.database import APART, Database, StoreUnavailableError, Transaction
from passmuster_server.devices.tables import organisations
from passmuster_server.gate.decision import Proof, Question
from passmuster_server.gate.tables import break_glass_codes, gate_sessions
from passmuster_server.policy.standing import CLOCK_STEP_S, DeviceStatus, Standing
from passmuster_server.policy.standings import Standings
from passmuster_server.policy.tables import verdict_history
from passmuster_server.schema import from_microseconds, to_microseconds
from passmuster_server.signing.service import SigningKeys, UntrustedTokenError

COOKIE_LIFETIME = timedelta(minutes=15)
RENEW_AFTER = timedelta(minutes=5)
SESSION_LIFETIME = timedelta(hours=8)
TICKET_LIFETIME = timedelta(seconds=60)
CLOCK_STEP = timedelta(seconds=CLOCK_STEP_S)
OLD_TICKETS = 500
"""Emptied at once, where there are any."""
USE = "gate-session"
TYPE = "passmuster-gate+jwt"
MAX_COOKIE = 4_096
REMEMBERED = 20_000
SOME_AT_ONCE = 200
"""Devices whose sessions are ended by one write."""
RETRY_S = 1.0

_PASSING = (Verdict.COMPLIANT, Verdict.GRACE)
_FAILING = tuple(each.value for each in Verdict if each not in _PASSING)
_NO_TICKET = {"ticket_hash": None, "path": ""}
_END_SESSIONS = (
    "UPDATE gate_sessions SET ended_at = ?, ticket_hash = NULL, path = '' "
    "WHERE organisation_id = ? AND device_id = ? AND ended_at IS NULL AND expires_at > ? "
    "AND started_at <= ?"
)
"""Hand-written: whenever a laptop falls out, it runs in a group of reports."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Session:
    """What a cookie says. `issued_at` is the cookie's, `until` the end of the whole session."""

    organisation: str
    session: str
    client: str
    person: str
    application: str
    host: str
    device: str | None
    proof: Proof
    address: str
    issued_at: datetime
    expires_at: datetime
    until: datetime

    @property
    def question(self) -> Question:
        """What the gate is asked for each of its requests."""
        return Question(self.organisation, self.person, self.application, self.device, self.proof)


@dataclass(frozen=True)
class Ticket:
    """A ticket that was good: the session that it opens, and the path first asked for."""

    session: Session
    path: str


class _Claims(msgspec.Struct):
    use: str
    org: str
    sid: str
    cli: str
    sub: str
    app: str
    aud: str
    dev: str | None
    prf: Proof
    adr: str
    issued: int
    expires: int
    until: int


class GateSessions:
    """All sessions. Every server on a database knows every session of it by the cookie alone."""

    def __init__(
        self, database: Database, standings: Standings, signing: SigningKeys, clock: Clock
    ) -> None:
        self._database = database
        self._signing = signing
        self._clock = clock
        self._fell_out: dict[tuple[str, str], datetime] = {}
        self._waiting: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        self._arrived = asyncio.Event()
        self._verified: OrderedDict[str, Session] = OrderedDict()
        self.task = BackgroundTask("gate sessions", self._run)
        standings.listen(self._on_change)

    def fell_out_at(self, organisation: str, device: str | None) -> datetime | None:
        """Return when the device last stopped to pass: what was opened before is closed."""
        return None if device is None else self._fell_out.get((organisation, device))

    async def redeem(
        self, ticket: str, *, client: str, host: str, address: str, begin: str
    ) -> Ticket | None:
        """Return the session of a ticket, which is used up, or None for one that is not good."""
        now, table = self._clock(), gate_sessions
        hashed = digest(ticket.encode("utf-8", "replace"))

        def work(transaction: Transaction) -> Any:
            connection = transaction.connection
            row = connection.execute(
                select(table).where(table.c.ticket_hash == hashed)
            ).one_or_none()
            if row is None or not hmac.compare_digest(row.begin_hash, begin):
                return None
            used = connection.execute(
                update(table).where(table.c.ticket_hash == hashed).values(_NO_TICKET)
            )
            is_good = (
                used.rowcount == 1
                and row.client_id == client
                and row.host == host
                and row.ended_at is None
                and timedelta(0) <= now - row.started_at <= TICKET_LIFETIME
            )
            return row if is_good else None

        row = await self._database.write(work)
        if row is None:
            return None
        return Ticket(
            Session(
                row.organisation_id,
                row.session_id,
                row.client_id,
                row.person,
                row.application,
                row.host,
                row.device_id,
                Proof(row.proof),
                address,
                row.started_at,
                min(now + COOKIE_LIFETIME, row.expires_at),
                row.expires_at,
            ),
            row.path,
        )

    async def cookie(self, session: Session) -> tuple[str, int]:
        """Return a cookie's value for the session from now on, and how many seconds it lasts."""
        now = self._clock()
        expires_at = min(now + COOKIE_LIFETIME, session.until)
        claims = _Claims(
            USE,
            session.organisation,
            session.session,
            session.client,
            session.person,
            session.application,
            session.host,
            session.device,
            session.proof,
            session.address,
            to_microseconds(now),
            to_microseconds(expires_at),
            to_microseconds(session.until),
        )
        value = await self._signing.sign(TYPE, msgspec.to_builtins(claims))
        return value, max(0, int((expires_at - now).total_seconds()))

    async def read(self, cookie: str) -> Session | None:
        """Return what a cookie of ours says, or None. Whether it still counts is not looked at.

        One of a time to come says nothing: no fall of its device would ever be later.
        """
        if not 0 < len(cookie) <= MAX_COOKIE:
            return None
        session = self._verified.get(cookie)
        if session is None:
            try:
                claims = msgspec.convert(await self._signing.own_claims(cookie), _Claims)
            except (UntrustedTokenError, msgspec.ValidationError):
                return None
            if claims.use != USE:
                return None
            session = _session(claims)
            self._verified[cookie] = session
            if len(self._verified) > REMEMBERED:
                self._verified.popitem(last=False)
        now = self._clock()
        return session if session.issued_at - CLOCK_STEP <= now < session.expires_at else None

    def is_closed(self, session: Session) -> bool:
        """Whether the session's device has fallen out since the cookie was issued."""
        fell_out = self.fell_out_at(session.organisation, session.device)
        return fell_out is not None and session.issued_at <= fell_out

    def should_renew(self, session: Session) -> bool:
        """Whether the answer to this request may bring the next cookie."""
        now = self._clock()
        return now - session.issued_at > RENEW_AFTER and now < session.until

    def load(
        self, connection: Connection, devices: Sequence[tuple[str, str]] | None = None
    ) -> None:
        """Remember what was closed while this server did not hear of it; None: of all devices.

        A session that another server has ended tells it, and so does a verdict that let nobody in:
        that is stored together with the change itself.
        """
        table, history, now = gate_sessions, verdict_history, self._clock()
        ended = (
            select(table.c.organisation_id, table.c.device_id, func.max(table.c.ended_at))
            .where(table.c.ended_at.is_not(None), table.c.expires_at > now)
            .where(table.c.device_id.is_not(None))
            .group_by(table.c.organisation_id, table.c.device_id)
        )
        failed = (
            select(history.c.organisation_id, history.c.device_id, func.max(history.c.since))
            .where(
                # In the order of the index.
                history.c.organisation_id.in_(select(organisations.c.organisation_id)),
                history.c.verdict.in_(_FAILING),
                history.c.ended_at > now - SESSION_LIFETIME,
                history.c.since > now - SESSION_LIFETIME,
            )
            .group_by(history.c.organisation_id, history.c.device_id)
        )
        if devices is not None:
            ended = ended.where(tuple_(table.c.organisation_id, table.c.device_id).in_(devices))
            failed = failed.where(
                tuple_(history.c.organisation_id, history.c.device_id).in_(devices)
            )
        for statement in (ended, failed):
            for organisation, device, at in connection.execute(statement):
                moment = from_microseconds(at) if isinstance(at, int) else at
                # A clock that ran ahead may have written it: later sessions are no older than that.
                moment = min(moment, now)
                known = self._fell_out.get((organisation, device), moment)
                self._fell_out[organisation, device] = max(known, moment)

    def _on_change(self, before: Standing | None, after: Standing) -> None:
        if before is None or not _passes(before):
            return  # it had nothing open
        at = self._clock()
        if _passes(after):
            if after.verdict is not before.verdict or after.since <= before.since:
                return
            # Of several changes a server may hear the last one alone: it fell out in between.
            at = after.since
        key = (after.organisation, after.device)
        self._fell_out[key] = at
        self._waiting[key] = at
        self._arrived.set()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                some = dict(itertools.islice(self._waiting.items(), SOME_AT_ONCE))
                try:
                    ended = await self._end(some)
                except StoreUnavailableError:
                    await asyncio.sleep(RETRY_S)
                    continue
                if ended:
                    _log.info("%d devices fell out: %d sessions are closed", len(some), ended)
                for key, at in some.items():
                    if self._waiting.get(key) == at:
                        del self._waiting[key]

    async def _end(self, fell_out: Mapping[tuple[str, str], datetime]) -> int:
        # In one order, so that no two servers wait for each other.
        rows = [
            (moment, organisation, device, moment, moment)
            for (organisation, device), at in sorted(fell_out.items())
            for moment in (to_microseconds(at),)
        ]

        def work(transaction: Transaction) -> int:
            return sum([transaction.run(_END_SESSIONS, row).rowcount for row in rows])

        return await self._database.write(work, APART)


def open_session(transaction: Transaction, session: Session, path: str, begin: str) -> str:
    """Store a session that a decision allowed; return the ticket that the browser gets it for.

    `begin` is the hash of the cookie that the browser got where it came from.
    """
    ticket = secrets.token_urlsafe(32)
    connection = transaction.connection
    forget_tickets(connection, session.issued_at - TICKET_LIFETIME, OLD_TICKETS)
    connection.execute(
        gate_sessions.insert().values(
            organisation_id=session.organisation,
            session_id=session.session,
            client_id=session.client,
            person=session.person,
            application=session.application,
            host=session.host,
            device_id=session.device,
            proof=session.proof.value,
            path=path,
            begin_hash=begin,
            ticket_hash=digest(ticket.encode("ascii")),
            started_at=session.issued_at,
            expires_at=session.until,
        )
    )
    return ticket


def forget_tickets(connection: Connection, before: datetime, limit: int) -> int:
    """Empty up to `limit` tickets from before a moment; return how many.

    Where somebody wanted to go is of no use any more once nobody can be sent there.
    """
    table = gate_sessions
    old = (
        select(table.c.ticket_hash)
        # A range, for which SQLite takes the index: it takes none for what is not NULL.
        .where(table.c.ticket_hash > "", table.c.started_at < before)
        .limit(limit)
    )
    return connection.execute(
        update(table).where(table.c.ticket_hash.in_(old)).values(_NO_TICKET)
    ).rowcount


def forget_sessions(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` sessions that were over before a moment; return how many."""
    table = gate_sessions
    old = select(table.c.session_id).where(table.c.expires_at < before).limit(limit)
    return connection.execute(
        delete(table).where(table.c.expires_at < before, table.c.session_id.in_(old))
    ).rowcount


def forget_sessions_of(connection: Connection, organisation: str, person: str) -> None:
    """Delete every session of the person, and every break-glass code."""
    for table in (gate_sessions, break_glass_codes):
        connection.execute(
            delete(table).where(
                table.c.organisation_id == organisation,
                is_address(table.c.person, person),
            )
        )


def _passes(standing: Standing) -> bool:
    """Whether its verdict lets it through the gate, as long as nothing changes."""
    is_active = standing.status is DeviceStatus.ACTIVE
    return is_active and standing.verdict in _PASSING


def _session(claims: _Claims) -> Session:
    as_claimed: Mapping[str, Any] = {
        "issued_at": from_microseconds(claims.issued),
        "expires_at": from_microseconds(claims.expires),
        "until": from_microseconds(claims.until),
    }
    return Session(
        claims.org,
        claims.sid,
        claims.cli,
        claims.sub,
        claims.app,
        claims.aud,
        claims.dev,
        claims.prf,
        claims.adr,
        **as_claimed,
    )
