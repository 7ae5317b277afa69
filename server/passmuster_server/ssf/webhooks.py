"""Webhooks: the same events as signed JSON, for software that knows no shared signals.

The signature is that of the Standard Webhooks specification 1.0.0 (standardwebhooks.com):
`webhook-signature: v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from passmuster_server.database import Transaction
from passmuster_server.gate.callers import Grants
from passmuster_server.gate.client_store import (
    UnknownGateClientError,
    create_oauth_client,
    revoke_client,
)
from passmuster_server.gate.tables import gate_clients
from passmuster_server.ssf.stream import Method, Settings
from passmuster_server.ssf.streams import insert_stream
from passmuster_server.ssf.subjects import SubjectFormat
from passmuster_server.ssf.tables import ssf_streams

SECRET_PREFIX = "whsec_"  # noqa: S105 - how the specification begins a secret
SECRET_BYTES = 32

NO_SCOPE = "webhook"
"""What is sent to may ask nothing."""


@dataclass(frozen=True)
class Webhook:
    """One webhook: after how many failures in a row it is tried again, and when."""

    name: str
    endpoint_url: str
    failures: int
    retry_at: datetime | None


def new_secret() -> str:
    """Return a secret for signatures, as the specification writes one."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def add_webhook(
    transaction: Transaction, organisation: str, name: str, url: str, now: datetime
) -> str:
    """Store a webhook and return the secret of its signatures. Raises `GateClientExistsError`."""
    grants = Grants(scopes=(NO_SCOPE,), push_endpoints=(url,))
    client, _ = create_oauth_client(transaction, organisation, name, now, grants)
    secret = new_secret()
    settings = Settings(Method.WEBHOOK, url, secret, None, SubjectFormat.COMPLEX, name)
    insert_stream(transaction.connection, organisation, client, settings, now)
    return secret


def remove_webhook(transaction: Transaction, organisation: str, name: str, now: datetime) -> None:
    """Send nothing any more. Raises `UnknownGateClientError`."""
    names = [row.name for row in webhooks(transaction.connection, organisation)]
    if name not in names:
        raise UnknownGateClientError(name)
    revoke_client(transaction, organisation, name, now)


def webhooks(connection: Connection, organisation: str) -> list[Webhook]:
    """Return the organisation's webhooks by name."""
    found = connection.execute(
        select(
            gate_clients.c.name,
            ssf_streams.c.endpoint_url,
            ssf_streams.c.failures,
            ssf_streams.c.retry_at,
        )
        .join(
            gate_clients,
            (gate_clients.c.organisation_id == ssf_streams.c.organisation_id)
            & (gate_clients.c.client_id == ssf_streams.c.client_id),
        )
        .where(
            ssf_streams.c.organisation_id == organisation,
            ssf_streams.c.method == Method.WEBHOOK.value,
            gate_clients.c.revoked_at.is_(None),
        )
        .order_by(gate_clients.c.name)
    )
    return [Webhook(*row) for row in found]


def signed(
    claims: Mapping[str, Any], secret: str | None, now: datetime
) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of one request. The time in them is that of this attempt."""
    body = msgspec.json.encode(claims)
    name, timestamp = claims["jti"], str(int(now.timestamp()))
    try:
        key = base64.b64decode((secret or "").removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("not a webhook's secret") from None
    content = f"{name}.{timestamp}.".encode("ascii") + body
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode("ascii")
    return body, {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
