"""After a new policy, or new rules that came with an update, every device is judged again.

From what it last reported, so nobody has to report for it. What is left to do is in the database: a
verdict that rests on another basis. So a server that was stopped half-way goes on where it was.
"""

import asyncio
import logging

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.background import BackgroundTask
from passmuster_server.database import Database, StoreUnavailableError, Transaction
from passmuster_server.policy import store
from passmuster_server.policy.service import Policies

AT_ONCE = 50
"""Devices in one write: reports wait for at most that many judgements."""
RETRY_S = 5.0

_log = logging.getLogger(__name__)


class Rejudging:
    """Judges again whatever was judged by another policy, or other rules."""

    def __init__(self, database: Database, policies: Policies) -> None:
        self._database = database
        self._policies = policies
        self._wanted = asyncio.Event()
        # Begins with what an update, or a policy published meanwhile, has left.
        self._wanted.set()
        self.task = BackgroundTask("rejudging", self._run)

    async def policy_published(self) -> None:
        """Put the newest policies in force, then judge by them."""
        try:
            await self._database.read(self._policies.read_policies)
        except ContractError as error:
            _log.error("the newest policy is not understood, so it is not in force: %s", error)
            return
        self._wanted.set()

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                for organisation in self._policies.organisations():
                    await self._judge_all(organisation)
            except StoreUnavailableError:
                self._wanted.set()
                await asyncio.sleep(RETRY_S)
            except Exception:
                self._wanted.set()
                raise

    async def _judge_all(self, organisation: str) -> None:
        after, judged = "", 0
        while True:
            basis, beyond = self._policies.current(organisation).basis, after
            found = await self._database.read(
                lambda connection: store.judged_by_another_basis(
                    connection,
                    organisation,
                    basis,  # noqa: B023 - called before the next round
                    beyond,  # noqa: B023
                    AT_ONCE,
                )
            )
            if not found:
                break

            def judge(transaction: Transaction, devices: list[str] = found) -> None:
                for device in devices:
                    self._policies.judge(transaction, organisation, device)

            await self._database.write(judge)
            after, judged = found[-1], judged + len(found)
        if judged:
            version = self._policies.current(organisation).version
            _log.info("%d devices were judged again by policy version %d", judged, version)
