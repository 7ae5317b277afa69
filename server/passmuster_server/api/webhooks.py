"""Webhooks that hear of changed verdicts, for programs."""

from collections.abc import Sequence
from typing import Any

from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.messages import Nothing
from passmuster_server.api.pages import PageQuery, page_of
from passmuster_server.api.webhooks_messages import (
    NewWebhook,
    ShownWebhook,
    Webhook,
    WebhookList,
    WebhookToRemove,
)
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Transaction
from passmuster_server.gate.callers import WEBHOOKS_MANAGE
from passmuster_server.gate.client_store import GateClientExistsError, UnknownGateClientError
from passmuster_server.gate.push_addresses import check_push_address
from passmuster_server.gate.registration import check_name
from passmuster_server.services import Services
from passmuster_server.ssf import webhooks
from passmuster_server.urls import check_elsewhere
from passmuster_server.web.problems import RefusalError

PATH = f"{PREFIX}/webhooks"


class Webhooks:
    """Adds, lists and removes them. Each change goes on record."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._public_url = services.config.public_url

    async def many(self, call: Call[Nothing, PageQuery, Nothing]) -> WebhookList:
        """Return one page of the webhooks by name, and how they do."""
        found = await self._database.read(
            lambda connection: webhooks.webhooks(connection, call.organisation)
        )
        page, following = page_of(
            found, lambda each: each.name, call.query, self._public_url + PATH
        )
        told = [
            Webhook(each.name, each.endpoint_url, each.failures, each.retry_at) for each in page
        ]
        return WebhookList(told, following)

    async def add(self, call: Call[Nothing, Nothing, NewWebhook]) -> ShownWebhook:
        """Return the secret of a new webhook. Raises `ContractError`, `RefusalError` 409."""
        name, url = call.body.name.strip(), call.body.url
        check_name(name)
        check_elsewhere(url, "url")
        check_push_address(url, "url")

        def work(transaction: Transaction) -> str:
            secret = webhooks.add_webhook(transaction, call.organisation, name, url, call.now)
            event = Event(Action.WEBHOOK_ADDED, call.actor, subject=name, details={"url": url})
            record(transaction.connection, call.organisation, event, call.now)
            return secret

        try:
            return ShownWebhook(name, url, await self._database.write(work))
        except GateClientExistsError:
            raise RefusalError(
                409, "exists", "There is a caller of that name.", field="name"
            ) from None

    async def remove(self, call: Call[Nothing, Nothing, WebhookToRemove]) -> None:
        """Send nothing to a webhook any more. Raises `RefusalError` 404."""
        name = call.body.name.strip()

        def work(transaction: Transaction) -> None:
            webhooks.remove_webhook(transaction, call.organisation, name, call.now)
            event = Event(Action.WEBHOOK_REMOVED, call.actor, subject=name)
            record(transaction.connection, call.organisation, event, call.now)

        try:
            await self._database.write(work)
        except UnknownGateClientError:
            raise not_found("webhook") from None


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    made = Webhooks(services)
    scopes = (WEBHOOKS_MANAGE,)
    return (
        Operation(
            "listWebhooks",
            PATH,
            "The addresses that hear of changed verdicts, and how they do",
            scopes,
            Nothing,
            PageQuery,
            Nothing,
            WebhookList,
            made.many,
            of_everyone=True,
        ),
        Operation(
            "addWebhook",
            PATH,
            "Tell changed verdicts to an address; the secret of the signatures is told this once",
            scopes,
            Nothing,
            Nothing,
            NewWebhook,
            ShownWebhook,
            made.add,
            method="POST",
            of_everyone=True,
        ),
        Operation(
            "removeWebhook",
            f"{PATH}/removals",
            "Send nothing to this webhook any more",
            scopes,
            Nothing,
            Nothing,
            WebhookToRemove,
            None,
            made.remove,
            method="POST",
            of_everyone=True,
        ),
    )
