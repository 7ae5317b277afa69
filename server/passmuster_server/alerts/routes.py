"""Writes alerts with the verdicts they tell of, and sends them."""

import asyncio
import logging
from collections.abc import Mapping

from starlette.routing import Route

from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.signals import usb_devices
from passmuster_server.alerts import from_record, outbox
from passmuster_server.alerts.channels import SIDE_BY_SIDE, send
from passmuster_server.alerts.errors import NotSentError, RefusedError
from passmuster_server.alerts.news import alert_of, is_news, judged_before
from passmuster_server.alerts.rules import has_rules
from passmuster_server.alerts.suspicious_usb import put_suspicious
from passmuster_server.background import BackgroundTask
from passmuster_server.database import StoreUnavailableError, Transaction
from passmuster_server.pauses import pause_after
from passmuster_server.policy.standing import Standing
from passmuster_server.services import Services
from passmuster_server.ssf.push import Pusher

LOOK_EVERY_S = 2.0
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 1_800.0

_log = logging.getLogger(__name__)


class Alerts:
    """The task that sends what waits: of each rule one message after the other.

    A receiver that hangs holds up one of those who send, and no other rule.
    """

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock
        self._public_url = services.config.public_url
        self.task = BackgroundTask("alerts", self._run)

    async def _run(self) -> None:
        pusher = Pusher()
        try:
            async with asyncio.TaskGroup() as senders:
                senders.create_task(self._look())
                for _ in range(SIDE_BY_SIDE):
                    senders.create_task(self._send_all(pusher))
        finally:
            await pusher.close()

    async def _look(self) -> None:
        """Write alerts of what goes on record."""
        while True:
            try:
                while await self._database.read(from_record.is_behind):
                    await self._database.write(
                        lambda transaction: from_record.look(transaction.connection, self._clock())
                    )
            except StoreUnavailableError:
                _log.warning("what went on record meanwhile is told later")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _send_all(self, pusher: Pusher) -> None:
        while True:
            try:
                sent = await self._send_next(pusher)
            except StoreUnavailableError:
                sent = False
            if not sent:
                await asyncio.sleep(LOOK_EVERY_S)

    async def _send_next(self, pusher: Pusher) -> bool:
        # Writes wait for one another: what is to be sent later asks for none until then.
        if not await self._database.read(
            lambda connection: outbox.is_due(connection, self._clock())
        ):
            return False
        message = await self._database.write(
            lambda transaction: outbox.next_message(transaction.connection, self._clock())
        )
        if message is None:
            return False
        retry_at, problem = None, ""
        try:
            await send(
                pusher,
                message.rule,
                message.message_id,
                message.alerts,
                message.more,
                self._public_url,
                self._clock(),
            )
        except RefusedError:
            # What comes after it is not held up by what nobody will ever take.
            problem = "the receiver refused it"
            _log.warning("alert %s: %s", message.rule.name, problem)
        except NotSentError as error:
            problem = str(error)
            _log.warning("alert %s was not sent: %s", message.rule.name, problem)
            retry_at = self._clock() + pause_after(message.failures, FIRST_RETRY_S, LONGEST_RETRY_S)
        await self._database.write(
            lambda transaction: outbox.settle(
                transaction.connection, message, self._clock(), retry_at, problem
            )
        )
        return True


def routes(services: Services) -> list[Route]:
    """Begin to watch and to send; no address belongs to it."""
    services.run_beside(Alerts(services).task)

    def verdict_changed(transaction: Transaction, standing: Standing, _: Verdict | None) -> None:
        if not has_rules(transaction, standing.organisation):
            return
        whose = standing.organisation, standing.device
        if is_news(standing, judged_before(transaction, *whose)):
            now = services.clock()
            alert = alert_of(standing, now)
            outbox.put(transaction.connection, standing.organisation, standing.group, alert, now)

    def reported(
        transaction: Transaction,
        organisation: str,
        device: str,
        before: Mapping[str, bytes],
        after: Mapping[str, Reading],
    ) -> None:
        put_suspicious(
            transaction,
            services.policies.current(organisation),
            organisation,
            device,
            before.get(usb_devices.SIGNAL.id),
            after.get(usb_devices.SIGNAL.id),
            services.clock(),
        )

    services.policies.on_verdict(verdict_changed)
    services.on_readings(reported)
    return []
