"""Checks of passwords and codes: never faster for an account that is not there, nor too often."""

import asyncio
import time

from passmuster_server.accounts import credentials, service, sessions
from passmuster_server.clock import Clock
from passmuster_server.database import Database, Transaction
from passmuster_server.devices.limits import AddressLimit
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.web.problems import RefusalError

TRIES = 10
TRIES_WITHIN_S = 300.0
HASHES_AT_ONCE = 2
"""Each takes 64 MiB."""


class AccountTriesError(RefusalError):
    """The tries of an account are used up, whoever used them: not those of a network address."""


class Proofs:
    """Counts in this process.

    Whoever is not signed in is counted by account and by address. Whoever is, by session: nobody
    else can use those tries up.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._accounts = AddressLimit(TRIES, TRIES_WITHIN_S, time.monotonic)
        self._addresses = AddressLimit(TRIES * 3, TRIES_WITHIN_S, time.monotonic)
        self._visitors = AddressLimit(TRIES, TRIES_WITHIN_S, time.monotonic)
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)

    async def hashed(self, password: str, email: str) -> str:
        """Return a new password's hash. Raises `CredentialError`."""
        async with self._hashing:
            return await asyncio.to_thread(credentials.hashed, password, email)

    async def sign_in(self, email: str, password: str, code: str, address: str) -> bool:
        """Whether both are the account's; the code is used up.

        Raises `RefusalError` 429, for the account's own tries an `AccountTriesError`.
        """
        account = f"account {email}"
        _check((self._accounts, account), refusal=AccountTriesError)
        _count((self._accounts, account), (self._addresses, address))
        return await self._are_right(email, password, code)

    async def prove(self, session: sessions.Session, password: str, code: str) -> bool:
        """Whether both are those of whoever is signed in. Raises `RefusalError` 429."""
        _count((self._visitors, f"session {session.token_hash}"))
        return await self._are_right(session.email, password, code)

    async def second_step(self, email: str, identity: str, code: str) -> bool:
        """Whether the code is the account's, for whom another proof names.

        Raises `RefusalError` 429.
        """
        _count((self._visitors, f"identity {identity}"))
        return await self._use(email, code)

    async def _are_right(self, email: str, password: str, code: str) -> bool:
        row = await self._database.read(
            lambda connection: credentials.stored(connection, DEFAULT_ORGANISATION, email)
        )
        async with self._hashing:
            known = await asyncio.to_thread(credentials.check_password, row, password)
        return known and await self._use(email, code)

    async def _use(self, email: str, code: str) -> bool:
        def use(transaction: Transaction) -> bool:
            return service.is_enabled(
                transaction.connection, DEFAULT_ORGANISATION, email
            ) and credentials.use_code(
                transaction, DEFAULT_ORGANISATION, email, code, self._clock()
            )

        return await self._database.write(use)


def _count(*counted: tuple[AddressLimit, str]) -> None:
    _check(*counted)
    for limit, key in counted:
        limit.count(key)


def _check(*counted: tuple[AddressLimit, str], refusal: type[RefusalError] = RefusalError) -> None:
    wait_s = max(limit.wait_s(key) for limit, key in counted)
    if wait_s > 0:
        raise refusal(
            429,
            "too_many_tries",
            "Too many tries. Wait a few minutes.",
            headers={"Retry-After": str(int(wait_s) + 1)},
        )
