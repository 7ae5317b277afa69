"""Puts on record that somebody tries too often to get into an account."""

from datetime import timedelta

from passmuster_server.accounts import service
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record_once
from passmuster_server.clock import Clock
from passmuster_server.database import Database, StoreUnavailableError, Transaction
from passmuster_server.devices.limits import AddressLimit
from passmuster_server.schema import DEFAULT_ORGANISATION

BLOCKED_AGAIN = timedelta(minutes=15)
"""How often it goes on record that the tries of one account are used up."""
LOOKED_UP_AGAIN_S = 60.0
"""How often tries that are refused may reach the writer, for one account."""


class BlockedSignIns:
    """Of accounts that are there alone; counted in this process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._looked_up = AddressLimit(1, LOOKED_UP_AGAIN_S)

    async def note(self, email: str) -> None:
        """Put it on record.

        No answer may wait for this: what is written tells whether there is such an account.
        """
        if self._looked_up.wait_s(email) > 0:
            return
        # Before the write: of many tries at once none but the first may reach the writer.
        self._looked_up.count(email)
        now = self._clock()

        def work(transaction: Transaction) -> None:
            connection = transaction.connection
            if service.is_enabled(connection, DEFAULT_ORGANISATION, email):
                event = Event(Action.SIGN_IN_BLOCKED, subject=email, person=email)
                record_once(connection, DEFAULT_ORGANISATION, event, now, BLOCKED_AGAIN)

        try:
            await self._database.write(work)
        except StoreUnavailableError:
            # Nothing was noted, so the next try has to.
            self._looked_up.take_back(email)
