"""Relying parties: which identity providers may send people here, and where answers may go."""

import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, select, update

from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_server.database import Transaction
from passmuster_server.gate.oidc.tables import oidc_clients
from passmuster_server.urls import is_private, parts_of

SECRET_PREFIX = "passmuster_oidc_"  # noqa: S105 - the part that secret scanners look for
SECRET_BYTES = 32
MAX_URL = 2048
MAX_REDIRECTS = 20
MAX_NAME = 128
HINT_CLAIM = "email"


class ClientExistsError(Exception):
    """A client of that name is there and not revoked."""


class UnknownClientError(Exception):
    """There is no such client, or it is revoked."""


class ClientError(ValueError):
    """A client can't be registered like that. The message names the option."""


@dataclass(frozen=True)
class HintIssuer:
    """Who signs the `id_token_hint` that a client sends, and with which keys.

    `claim` holds the person's address; `audience` is the client there, if not the one here.
    """

    issuer: str
    keys_url: str
    audience: str | None
    claim: str = HINT_CLAIM


@dataclass(frozen=True)
class Client:
    """A relying party. `name` is the application that decisions are about.

    `id_token_alone` lets it ask for `response_type=id_token`, `pkce` makes it prove its codes.
    `trusts_login_hint`: it compares our `sub` with the person whom it knows already, so that a
    `login_hint`, which whoever sits at the browser can change, does no harm.
    """

    organisation: str
    client: str
    name: str
    secret_hash: str | None
    redirect_uris: tuple[str, ...]
    id_token_alone: bool
    pkce: bool
    trusts_login_hint: bool
    hint: HintIssuer | None

    def has_secret(self, secret: str) -> bool:
        """Whether `secret` is this client's; a public one has none."""
        given = digest(secret.encode("utf-8", "surrogatepass"))
        return self.secret_hash is not None and hmac.compare_digest(self.secret_hash, given)


@dataclass(frozen=True)
class Registration:
    """What an administrator says of a new client. Raises `ClientError` naming what is wrong."""

    name: str
    redirect_uris: tuple[str, ...]
    public: bool = False
    id_token_alone: bool = False
    pkce: bool = True
    trusts_login_hint: bool = False
    hint: HintIssuer | None = None

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > MAX_NAME or not self.name.isprintable():
            raise ClientError(f"NAME: expected one line of at most {MAX_NAME} characters")
        if not 1 <= len(self.redirect_uris) <= MAX_REDIRECTS:
            raise ClientError(f"--redirect-uri: expected 1 to {MAX_REDIRECTS} of them")
        for uri in self.redirect_uris:
            _check_url("--redirect-uri", uri)
        if self.public and not self.pkce:
            raise ClientError("--without-pkce: a public client has nothing else to prove itself by")
        if self.hint is not None:
            _check_url("--id-token-hint-issuer", self.hint.issuer)
            _check_url("--jwks-url", self.hint.keys_url)


def create_client(
    transaction: Transaction, organisation: str, wanted: Registration, now: datetime
) -> tuple[str, str | None]:
    """Store a new client; return its id, and its secret, which is not kept (None: public).

    Raises `ClientExistsError`.
    """
    connection = transaction.connection
    if _named(connection, organisation, wanted.name) is not None:
        raise ClientExistsError(wanted.name)
    client = secrets.token_hex(16)
    secret = None if wanted.public else SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    hint = wanted.hint
    connection.execute(
        oidc_clients.insert().values(
            organisation_id=organisation,
            client_id=client,
            name=wanted.name,
            secret_hash=None if secret is None else digest(secret.encode("ascii")),
            redirect_uris=canonical_bytes(list(wanted.redirect_uris)),
            id_token_alone=wanted.id_token_alone,
            pkce=wanted.pkce,
            trusts_login_hint=wanted.trusts_login_hint,
            hint_issuer=None if hint is None else hint.issuer,
            hint_keys_url=None if hint is None else hint.keys_url,
            hint_audience=None if hint is None else hint.audience,
            hint_claim=HINT_CLAIM if hint is None else hint.claim,
            created_at=now,
        )
    )
    return client, secret


def revoke_client(transaction: Transaction, organisation: str, name: str, now: datetime) -> None:
    """Take a client out of use. Raises `UnknownClientError`."""
    revoked = transaction.connection.execute(
        update(oidc_clients)
        .where(
            oidc_clients.c.organisation_id == organisation,
            oidc_clients.c.name == name,
            oidc_clients.c.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    if revoked.rowcount == 0:
        raise UnknownClientError(name)


def find_client(connection: Connection, client: str) -> Client | None:
    """Return the client of that id, unless it is revoked."""
    if not client or len(client) > 64:
        return None
    if not client.isprintable():
        return None  # PostgreSQL takes no text with a zero in it
    row = connection.execute(
        select(oidc_clients).where(
            oidc_clients.c.client_id == client, oidc_clients.c.revoked_at.is_(None)
        )
    ).one_or_none()
    return None if row is None else _client(row)


def active_clients(connection: Connection, organisation: str) -> tuple[Client, ...]:
    """Return the organisation's clients that are not revoked, by name."""
    found = connection.execute(
        select(oidc_clients)
        .where(oidc_clients.c.organisation_id == organisation, oidc_clients.c.revoked_at.is_(None))
        .order_by(oidc_clients.c.name)
    )
    return tuple(_client(row) for row in found)


def _named(connection: Connection, organisation: str, name: str) -> Client | None:
    return next(
        (each for each in active_clients(connection, organisation) if each.name == name), None
    )


def _client(row: "Row[tuple[object, ...]]") -> Client:
    hint = None
    if row.hint_issuer is not None:
        hint = HintIssuer(row.hint_issuer, row.hint_keys_url, row.hint_audience, row.hint_claim)
    return Client(
        row.organisation_id,
        row.client_id,
        row.name,
        row.secret_hash,
        tuple(json.loads(row.redirect_uris)),
        row.id_token_alone,
        row.pkce,
        row.trusts_login_hint,
        hint,
    )


def _check_url(option: str, url: str) -> None:
    """Section 3.1.2.1: https, or http on loopback alone; no fragment (RFC 6749, section 3.1.2)."""
    parts = parts_of(url)
    valid = parts is not None and is_private(parts) and not (parts.username or parts.password)
    valid = valid and "#" not in url and len(url) <= MAX_URL and "*" not in url
    valid = valid and url.isascii() and url.isprintable() and " " not in url
    if not valid:
        raise ClientError(
            f"{option}: expected an address such as https://sso.example.com/callback: https (http "
            "on loopback alone), whole, without wildcard or fragment"
        )
