"""What the API takes and answers about webhooks."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from passmuster_server.api.callers_messages import Name
from passmuster_server.gate.push_addresses import MAX_ADDRESS


class NewWebhook(Struct, forbid_unknown_fields=True):
    """Where events go: https alone."""

    name: Name
    url: Annotated[str, Meta(max_length=MAX_ADDRESS, pattern="^https://")]


class ShownWebhook(Struct):
    """The secret of its signatures: it is told this once."""

    name: str
    url: str
    secret: str


class Webhook(Struct):
    """One webhook: after how many failures in a row it is tried again, and when."""

    name: str
    url: str
    failures: int
    retry_at: datetime | None


class WebhookList(Struct):
    """One page of the webhooks, by name."""

    webhooks: list[Webhook]
    next: str | None


class WebhookToRemove(Struct, forbid_unknown_fields=True):
    """Which one is to hear no more."""

    name: Name
