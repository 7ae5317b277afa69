"""Codes and access tokens: random, stored as hashes, given once and dead within minutes.

RFC 6749, sections 4.1.2 and 10.5: a code that comes twice takes back what it gave.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select, update

from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_server.gate.decision import Proof, Question
from passmuster_server.gate.oidc.clients import Client
from passmuster_server.gate.oidc.tables import oidc_access_tokens, oidc_codes

CODE_LIFETIME = timedelta(seconds=60)
TOKEN_LIFETIME = timedelta(minutes=5)
SECRET_BYTES = 32
MAX_CODE = 128
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""RFC 7636, section 4.1."""


class GrantError(Exception):
    """The code is not good: `invalid_grant`. What is wrong with it is nobody's to know."""


@dataclass(frozen=True)
class Granted:
    """What a code gave: an access token, and the claims of the ID token.

    `question` is the one that was answered by an allow when the code was given.
    """

    question: Question
    access_token: str
    claims: dict[str, Any]


def give_code(
    connection: Connection,
    client: Client,
    *,
    redirect_uri: str,
    challenge: str | None,
    question: Question,
    claims: dict[str, Any],
    now: datetime,
) -> str:
    """Store a new code and return it. `question` has been answered by an allow."""
    _forget(connection, now)
    code = secrets.token_urlsafe(SECRET_BYTES)
    connection.execute(
        oidc_codes.insert().values(
            organisation_id=client.organisation,
            code_hash=_hash(code),
            client_id=client.client,
            redirect_uri=redirect_uri,
            challenge=challenge,
            person=question.person,
            device_id=question.device,
            proof=question.proof.value,
            claims=canonical_bytes(claims),
            given_at=now,
        )
    )
    return code


def redeem(
    connection: Connection,
    client: Client,
    *,
    code: str,
    redirect_uri: str,
    verifier: str,
    now: datetime,
) -> Granted | GrantError:
    """Use a code up.

    Returns the error rather than raising it, so that what a second use takes back stays so.
    """
    row = connection.execute(
        select(oidc_codes).where(oidc_codes.c.code_hash == _hash(code))
    ).one_or_none()
    if row is None or len(code) > MAX_CODE or row.client_id != client.client:
        return GrantError("unknown")
    used = connection.execute(
        update(oidc_codes)
        .where(oidc_codes.c.code_hash == row.code_hash, oidc_codes.c.used_at.is_(None))
        .values(used_at=now)
    )
    if used.rowcount == 0:
        connection.execute(
            delete(oidc_access_tokens).where(
                oidc_access_tokens.c.organisation_id == row.organisation_id,
                oidc_access_tokens.c.code_hash == row.code_hash,
            )
        )
        return GrantError("used before")
    if not timedelta(0) <= now - row.given_at <= CODE_LIFETIME:
        return GrantError("expired")
    if row.redirect_uri != redirect_uri or not _proves(row.challenge, verifier):
        return GrantError("not whom it was given to")
    token = secrets.token_urlsafe(SECRET_BYTES)
    connection.execute(
        oidc_access_tokens.insert().values(
            organisation_id=row.organisation_id,
            token_hash=_hash(token),
            code_hash=row.code_hash,
            claims=row.claims,
            expires_at=now + TOKEN_LIFETIME,
        )
    )
    proof = Proof(row.proof)
    question = Question(client.organisation, row.person, client.name, row.device_id, proof)
    return Granted(question, token, json.loads(row.claims))


def claims_of(connection: Connection, token: str, now: datetime) -> dict[str, Any] | None:
    """Return the claims behind an access token, or None."""
    row = connection.execute(
        select(oidc_access_tokens.c.claims).where(
            oidc_access_tokens.c.token_hash == _hash(token), oidc_access_tokens.c.expires_at > now
        )
    ).one_or_none()
    return None if row is None else dict(json.loads(row.claims))


def _proves(challenge: str | None, verifier: str) -> bool:
    """Whether the verifier is the challenge's (RFC 7636, section 4.6); none where none was given.

    A verifier without a challenge is refused as well: somebody took the challenge away.
    """
    if challenge is None or not verifier:
        return challenge is None and not verifier
    hashed = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
    derived = base64.urlsafe_b64encode(hashed).rstrip(b"=")
    return VERIFIER.fullmatch(verifier) is not None and hmac.compare_digest(
        derived, challenge.encode("ascii")
    )


def _forget(connection: Connection, now: datetime) -> None:
    # A code is remembered as long as what it gave may live, to be able to take that back.
    connection.execute(
        delete(oidc_codes).where(oidc_codes.c.given_at < now - CODE_LIFETIME - TOKEN_LIFETIME)
    )
    connection.execute(delete(oidc_access_tokens).where(oidc_access_tokens.c.expires_at <= now))


def _hash(secret: str) -> str:
    return digest(secret.encode("utf-8", "surrogatepass"))
