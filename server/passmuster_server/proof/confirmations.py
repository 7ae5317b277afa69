"""A browser that can't reach its laptop shows a number; the worker confirms it at the laptop.

The browser's number and the laptop's signature meet here. A laptop is never asked: its worker comes
with a number, or nothing happens. So there is nothing that somebody could be pestered with, and
whoever wants to use another person's laptop has to talk them into typing.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row
from starlette.requests import Request

from passmuster_collectors.contract.confirmation import (
    CONFIRMATION_TYPE,
    DIGITS,
    LIFETIME_S,
    QUESTION_TYPE,
    VERSION,
    BrowserAsking,
    Confirmation,
    Confirmed,
    NumberQuestion,
)
from passmuster_server.database import Transaction
from passmuster_server.devices.addresses import Addresses, address_of, are_same
from passmuster_server.devices.limits import AddressLimit
from passmuster_server.gate.decision import Proof
from passmuster_server.proof import store
from passmuster_server.proof.refusals import refusal
from passmuster_server.proof.service import Proofs, Visit, is_same, new_challenge
from passmuster_server.proof.signed import read_signed
from passmuster_server.services import Services
from passmuster_server.web.problems import RefusalError

LIFETIME = timedelta(seconds=LIFETIME_S)
UNKNOWN = "unknown_number"
TOO_MANY = "Too many numbers that no browser shows. Wait some minutes."
MISTAKES, WITHIN_S = 5, 600.0
"""Of one laptop: with numbers that no browser shows, or not for its owner."""


class Confirmations:
    """Numbers of one organisation. Any number of servers may work on one database."""

    def __init__(self, services: Services, proofs: Proofs, organisation: str) -> None:
        self._database = services.database
        self._clock = services.clock
        self._origins = frozenset(services.config.addresses)
        self._addresses = Addresses(services.config)
        self._proofs = proofs
        self._organisation = organisation
        self._mistakes = AddressLimit(MISTAKES, WITHIN_S)

    async def show(self, request: Request, visit: Visit) -> str:
        """Return a new number for the visit's browser; the one before counts no more.

        Raises `RefusalError` 403 and 429, and `StoreUnavailableError`.
        """
        self._proofs.count(address_of(request))
        challenge, now = new_challenge(), self._clock()

        def work(transaction: Transaction) -> str:
            connection = transaction.connection
            row = store.find_visit(connection, visit.organisation, visit.visit, now)
            if row is None or row.address != address_of(request):
                raise refusal("another_address", "This browser has changed its address.")
            number = _new_number()
            while store.find_number(connection, visit.organisation, number, now) is not None:
                number = _new_number()
            store.put_challenge(connection, visit.organisation, visit.visit, challenge, now, number)
            return number

        return await self._database.write(work)

    async def question(self, request: Request, body: bytes) -> BrowserAsking:
        """Return what a number stands for, to a laptop whose worker has typed it.

        Raises `RefusalError` 403 and 429, `ContractError`, and `StoreUnavailableError`.
        """
        device, asked = await read_signed(
            self._database, self._organisation, self._origins, body, QUESTION_TYPE, NumberQuestion
        )
        now = self._clock()
        with self._counted(device.device_id):
            row = await self._database.read(
                lambda connection: store.find_number(
                    connection, self._organisation, asked.number, now
                )
            )
            if row is None or not _is_for(row, device.owner, now):
                raise _unknown()
        browser = row.address if row.address_known else None
        return BrowserAsking(
            VERSION,
            asked.number,
            row.challenge,
            row.session_id,
            row.application,
            row.person or "",
            row.address,
            are_same(browser, self._addresses.known(request)),
            int((now - row.put_at).total_seconds()),
        )

    async def confirm(self, request: Request, body: bytes) -> Confirmed:
        """Let the browser of a number go on, as one that is at the laptop. Raises as `question`."""
        device, signed = await read_signed(
            self._database, self._organisation, self._origins, body, CONFIRMATION_TYPE, Confirmation
        )
        now = self._clock()

        def work(transaction: Transaction) -> RefusalError | None:
            connection = transaction.connection
            row = store.find_number(connection, self._organisation, signed.number, now)
            if (
                row is None
                or not _is_for(row, device.owner, now)
                or not is_same(row.challenge, signed.challenge)
                or not is_same(row.session_id, signed.session)
                or not store.use_challenge(connection, self._organisation, row.challenge, now)
            ):
                return _unknown()
            return self._proofs.save(
                transaction,
                row,
                device.device_id,
                signed.sequence,
                Proof.NUMBER,
                now,
                heard_from=self._addresses.known(request),
            )

        with self._counted(device.device_id):
            refused = await self._database.write(work)
            if refused is not None:
                raise refused
        return Confirmed(VERSION, signed.number)

    @contextmanager
    def _counted(self, device: str) -> Iterator[None]:
        """Count a mistake of the laptop's at once, and take it back where it was none.

        However many come together, no more are looked up. Raises `RefusalError` 429.
        """
        wait_s = self._mistakes.wait_s(device)
        if wait_s > 0:
            raise RefusalError(
                429,
                "too_many_tries",
                TOO_MANY,
                headers={"Retry-After": str(int(wait_s) + 1)},
            )
        self._mistakes.count(device)
        is_mistake = False
        try:
            yield
        except RefusalError as refused:
            is_mistake = refused.problem.code == UNKNOWN
            raise
        finally:
            if not is_mistake:
                self._mistakes.take_back(device)


def _unknown() -> RefusalError:
    """Return one refusal for all that is wrong: numbers of other people can't be searched."""
    return refusal(UNKNOWN, "No browser of this laptop's owner shows this number, or not any more.")


def _is_for(row: Row[Any], owner: str, now: datetime) -> bool:
    """Whether a number still waits, and for the laptop's owner if for anybody in particular."""
    is_theirs = row.person is None or row.person.casefold() == owner.casefold()
    is_fresh = timedelta(0) <= now - row.put_at <= LIFETIME
    return is_theirs and is_fresh and row.used_at is None


def _new_number() -> str:
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
