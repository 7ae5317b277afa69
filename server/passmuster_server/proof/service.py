"""A browser proves on which device it is: for every door that wants to know.

A door sends a browser away with `begin` and gets it back at the path that it named. `find` then
says what the browser has proven, to whichever server of an organisation it comes.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from passmuster_collectors.contract.attestation import (
    ATTESTATION_TYPE,
    PATH,
    Attestation,
    Summons,
)
from passmuster_collectors.contract.canonical import base64url
from passmuster_server.database import Transaction
from passmuster_server.devices import store as device_store
from passmuster_server.devices.addresses import Addresses, address_code, address_of, are_same
from passmuster_server.devices.limits import AddressLimit
from passmuster_server.gate.decision import Proof
from passmuster_server.policy.document import BrowserAddress
from passmuster_server.policy.standing import CLOCK_STEP_S
from passmuster_server.proof import store
from passmuster_server.proof.browsers import SESSION_S, Browsers
from passmuster_server.proof.refusals import refusal
from passmuster_server.proof.signed import read_signed
from passmuster_server.services import Services
from passmuster_server.web.problems import RefusalError

CHALLENGE_LIFETIME = timedelta(seconds=60)
VISIT_LIFETIME = timedelta(minutes=10)
SESSION_LIFETIME = timedelta(seconds=SESSION_S)
CHALLENGE_BYTES = 32
VISIT_BYTES = 16
MAX_WAITING = 20_000
MAX_BACK = 4_096
SAME = BrowserAddress.SAME
CLOCK_STEP = timedelta(seconds=CLOCK_STEP_S)
BEGINS, WITHIN_S = 300, 60.0
"""Of one address: a whole office may share one."""


@dataclass(frozen=True)
class Proven:
    """What a browser has proven: on which device it was, when and how. `owner` is the device's."""

    device: str
    owner: str
    at: datetime
    proof: Proof


@dataclass(frozen=True)
class Visit:
    """A browser on its way through a proof. `session` is the browser's, `back` a path of ours."""

    organisation: str
    visit: str
    session: str
    person: str | None
    application: str
    back: str
    port: int


class Proofs:
    """Which device each browser is on. Any number of them may work on one database."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock
        self._policies = services.policies
        self._standings = services.standings
        self._origins = frozenset(services.config.addresses)
        self._addresses = Addresses(services.config)
        self._begins = AddressLimit(BEGINS, WITHIN_S)
        self.browsers = Browsers(services.config.public_url)

    async def find(
        self, request: Request, organisation: str, *, within: timedelta = SESSION_LIFETIME
    ) -> Proven | None:
        """Return what this browser has proven no longer ago than `within`; None: nothing.

        `Proof.ELSEWHERE` is one that policy does not take, for where the browser is.

        A browser that comes from another address than it proved from has to do so anew, and so has
        one whose proof is of a time to come: the clock was wrong then or is wrong now. The
        device's verdict is another question: ask the gate's decision function about the device.
        """
        session = self.browsers.session(request)
        if not session:
            return None
        now = self._clock()
        row = await self._database.read(
            lambda connection: store.find_session(connection, organisation, session, now)
        )
        if row is None or row.address != address_of(request):
            return None
        if not -CLOCK_STEP <= now - row.proven_at <= within:
            return None
        proof = Proof(row.proof)
        if not row.same_address and self._policies.current(organisation).addresses is SAME:
            proof = Proof.ELSEWHERE
        return Proven(row.device_id, row.owner, row.proven_at, proof)

    async def begin(
        self,
        request: Request,
        organisation: str,
        *,
        person: str | None,
        application: str,
        back: str,
    ) -> Response:
        """Return the redirect that sends this browser to prove its device, then to `back`.

        `back` is a path of this server's, query and all; the browser comes there whatever the
        outcome, which `find` tells. `person` is None where nobody knows yet who it is. Raises
        `RefusalError` 429 and 503, and `StoreUnavailableError`.
        """
        if not is_own_path(back):
            raise ValueError("expected a path of this server's own")
        self.count(address_of(request))
        address_known = self._addresses.known(request) is not None
        visit = secrets.token_urlsafe(VISIT_BYTES)
        port = self.browsers.port(request)
        session = self.browsers.session(request)
        response = RedirectResponse(f"/proof/{visit}", 303)
        if not session:
            _, session = self.browsers.start(response)
        challenge, now = new_challenge(), self._clock()

        def work(transaction: Transaction) -> bytes:
            connection = transaction.connection
            if store.count_visits(connection, now) >= MAX_WAITING:
                raise RefusalError(503, "overloaded", "Too many browsers are waiting. Try again.")
            store.insert_visit(
                connection,
                now,
                organisation_id=organisation,
                visit_id=visit,
                session_id=session,
                address=address_of(request),
                address_known=address_known,
                person=person,
                application=application,
                back=back,
                port=port,
                expires_at=now + VISIT_LIFETIME,
                challenge=challenge,
                put_at=now,
            )
            return _organisation_key(connection, organisation)

        key = await self._database.write(work)
        if port:
            # Straight to where this browser found its companion; should nobody be there any more,
            # the next visit starts at the page that helps.
            response.headers["location"] = loopback_url(port, Summons(challenge, session).text(key))
            self.browsers.remember_port(response, 0)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    async def visit_of(self, request: Request, organisation: str, visit: str) -> Visit | None:
        """Return the visit, to the very browser that makes it and to nobody else."""
        now, session = self._clock(), self.browsers.session(request)
        row = await self._database.read(
            lambda connection: store.find_visit(connection, organisation, visit, now)
        )
        if row is None or not is_same(row.session_id, session):
            return None
        return Visit(
            organisation,
            row.visit_id,
            row.session_id,
            row.person,
            row.application,
            row.back,
            row.port,
        )

    async def summon(self, visit: Visit) -> str:
        """Put a new challenge to the visit and return what the browser takes to the laptop."""
        challenge, now = new_challenge(), self._clock()

        def work(transaction: Transaction) -> bytes:
            connection = transaction.connection
            store.put_challenge(connection, visit.organisation, visit.visit, challenge, now)
            return _organisation_key(connection, visit.organisation)

        return Summons(challenge, visit.session).text(await self._database.write(work))

    async def proven_during(self, visit: Visit) -> bool:
        """Return whether the visit has come to its end: its last challenge was answered well."""
        now = self._clock()

        def read(connection: Connection) -> bool:
            row = store.find_visit(connection, visit.organisation, visit.visit, now)
            proven = store.find_session(connection, visit.organisation, visit.session, now)
            return (
                row is not None
                and row.used_at is not None
                and proven is not None
                and proven.proven_at >= row.put_at
            )

        return await self._database.read(read)

    async def take_in(self, request: Request, organisation: str, token: str) -> Visit:
        """Return the visit that an attestation has brought to its end, brought by its own browser.

        Raises `RefusalError` 403 with a code that says what is wrong, `ContractError`, and
        `StoreUnavailableError`. An answer that another browser brings uses nothing up.
        """
        session, address = self.browsers.session(request), address_of(request)
        row, attestation = await read_signed(
            self._database,
            organisation,
            self._origins,
            token.encode("utf-8", "replace"),
            ATTESTATION_TYPE,
            Attestation,
        )
        if not is_same(attestation.session, session):
            raise refusal(
                "another_browser", "This answer belongs to a browser that did not ask for it."
            )
        return await self.accept(organisation, row.device_id, attestation, address)

    async def accept(
        self, organisation: str, device: str, attestation: Attestation, address: str
    ) -> Visit:
        """Store what a verified attestation proves. Raises as `take_in` does."""
        now = self._clock()

        def work(transaction: Transaction) -> Visit | RefusalError:
            connection = transaction.connection
            row = store.find_challenge(connection, organisation, attestation.challenge, now)
            wrong = _wrong_with(row, attestation, address, now)
            if row is None or wrong is not None:
                raise wrong or refusal("unknown_challenge", "Nobody asked for this.")
            if not store.use_challenge(connection, organisation, attestation.challenge, now):
                return refusal("used", "This answer was given before.")
            wrong = self.save(transaction, row, device, attestation.sequence, Proof.LOOPBACK, now)
            if wrong is not None:
                return wrong
            return Visit(
                organisation,
                row.visit_id,
                row.session_id,
                row.person,
                row.application,
                row.back,
                row.port,
            )

        result = await self._database.write(work)
        if isinstance(result, RefusalError):
            raise result
        return result

    def save(
        self,
        transaction: Transaction,
        row: Row[Any],
        device: str,
        sequence: int,
        proof: Proof,
        now: datetime,
        *,
        heard_from: str | None = None,
    ) -> RefusalError | None:
        """Store what a visit's browser has proven by the report of that number.

        `heard_from` is where the laptop's confirmation came from, if one came and that is known;
        else it counts where the report did. Return why not, where the laptop has not reported
        since the visit's challenge was put.
        """
        connection, organisation = transaction.connection, row.organisation_id
        contact = store.reported_since(connection, organisation, device, sequence, row.put_at)
        if contact is None:
            return refusal("no_fresh_report", "The laptop has not reported since.")
        key = _organisation_key(connection, organisation)
        code = contact.address_code if heard_from is None else address_code(key, heard_from)
        browser = address_code(key, row.address) if row.address_known else None
        store.save_session(
            connection,
            now,
            same_address=are_same(browser, code),
            organisation_id=organisation,
            session_id=row.session_id,
            address=row.address,
            device_id=device,
            proof=proof.value,
            proven_at=now,
            report_sequence=sequence,
            expires_at=now + SESSION_LIFETIME,
        )
        # Another server may have taken the report in, and its notice be under way.
        for standing in self._policies.standings_of(connection, [(organisation, device)]):
            transaction.after_commit(partial(self._standings.put, standing))
        return None

    def count(self, address: str) -> None:
        """Count what a browser of that address asks for. Raises `RefusalError` 429."""
        wait_s = self._begins.wait_s(address)
        if wait_s > 0:
            raise RefusalError(
                429,
                "too_many_tries",
                "Too many browsers ask from this address. Wait a little.",
                headers={"Retry-After": str(int(wait_s) + 1)},
            )
        self._begins.count(address)


def is_own_path(path: str) -> bool:
    """Whether a path leads to this server alone, whatever a browser makes of it."""
    return (
        path.startswith("/")
        and not path.startswith(("//", "/\\"))
        and len(path) <= MAX_BACK
        and path.isascii()
        and path.isprintable()
        and "\\" not in path
        and " " not in path
    )


def new_challenge() -> str:
    """Return a challenge that nobody guesses."""
    return base64url(secrets.token_bytes(CHALLENGE_BYTES))


def loopback_url(port: int, summons: str) -> str:
    """Return the address of the companion at a port; a summons needs no escapes."""
    return f"http://127.0.0.1:{port}{PATH}?c={summons}"


def _wrong_with(
    row: Row[Any] | None, attestation: Attestation, address: str, now: datetime
) -> RefusalError | None:
    if row is None or row.number is not None:
        return refusal("unknown_challenge", "Nobody asked for this, or it was long ago.")
    if not is_same(row.session_id, attestation.session):
        return refusal("another_browser", "This answer belongs to another browser.")
    if row.used_at is not None:
        return refusal("used", "This answer was given before.")
    if not timedelta(0) <= now - row.put_at <= CHALLENGE_LIFETIME:
        return refusal("expired", "The answer took longer than a minute.")
    if row.address != address:
        return refusal("another_address", "This browser has changed its address.")
    return None


def _organisation_key(connection: Connection, organisation: str) -> bytes:
    return bytes(device_store.organisation_of(connection, organisation).hash_key)


def is_same(stored: str, given: str) -> bool:
    """Whether two texts are the same and not empty, in a time that tells nothing of them."""
    return bool(given) and hmac.compare_digest(stored.encode("utf-8"), given.encode("utf-8"))
