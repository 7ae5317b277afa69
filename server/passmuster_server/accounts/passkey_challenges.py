"""Challenges for passkeys (WebAuthn Level 3), and the answers of browsers to them.

A challenge is a token that this server signs for one visitor, one purpose and five minutes; nothing
is stored of it before it is used.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Row
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from passmuster_collectors.contract.canonical import digest, from_base64url
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.accounts.passkeys import PasskeyError, not_right
from passmuster_server.clock import Clock
from passmuster_server.signing.service import SigningKeys, UntrustedTokenError

KIND = "passmuster-passkey-challenge+jwt"
LIFETIME = timedelta(minutes=5)
MAX_CREDENTIAL = 16 * 1024
MAX_TOKEN = 2048


class Use(StrEnum):
    """What a passkey is asked for."""

    ADD = "add"
    SIGN_IN = "sign_in"
    PROVE = "prove"


@dataclass(frozen=True)
class Challenge:
    """What a page asks by: the token that comes back, and the library's options as JSON."""

    token: str
    options: str


@dataclass(frozen=True)
class Answered:
    """A token that is good: the bytes that were to be signed, and when it was given."""

    challenge: bytes
    given_at: datetime


class Challenges:
    """Gives and checks challenges. `visitor` is the secret of whoever's page it is."""

    def __init__(self, signing: SigningKeys, clock: Clock, public_url: str) -> None:
        parts = urlsplit(public_url)
        self.host = parts.hostname or ""
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._signing = signing
        self._clock = clock

    async def to_add(self, visitor: str, email: str, kept: list[Row[Any]]) -> Challenge:
        """Return a challenge for a new passkey beside those that the account has."""
        token = await self._token(visitor, Use.ADD)
        options = generate_registration_options(
            rp_id=self.host,
            rp_name="Passmuster",
            user_name=email,
            user_id=bytes.fromhex(digest(f"passkeys of {email}".encode())),
            challenge=_challenge(token),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=row.credential) for row in kept],
        )
        return Challenge(token, options_to_json(options))

    async def to_use(self, visitor: str, use: Use) -> Challenge:
        """Return a challenge for any passkey that the browser has of this server."""
        token = await self._token(visitor, use)
        options = generate_authentication_options(
            rp_id=self.host,
            challenge=_challenge(token),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return Challenge(token, options_to_json(options))

    async def answered(self, visitor: str, use: Use, token: str) -> Answered:
        """Return what the token was given for. Raises `PasskeyError`."""
        try:
            claims = await self._signing.own_claims(token[:MAX_TOKEN], kind=KIND)
        except UntrustedTokenError:
            raise PasskeyError("The page is out of date. Reload it and try again.") from None
        given_at = datetime.fromtimestamp(claims["given_at"] / 1_000_000, UTC)
        if (
            claims["aud"] != use.value
            or claims["visitor"] != digest(visitor.encode())
            or self._clock() - given_at >= LIFETIME
        ):
            raise PasskeyError("The page is out of date. Reload it and try again.")
        return Answered(_challenge(token), given_at)

    async def _token(self, visitor: str, use: Use) -> str:
        claims = {
            "aud": use.value,
            "visitor": digest(visitor.encode()),
            "given_at": int(self._clock().timestamp() * 1_000_000),
            "jti": token_hex(16),
        }
        return await self._signing.sign(KIND, claims)

    def verified(self, answered: Answered, credential: str) -> Mapping[str, Any]:
        """Return what is kept of a new passkey. Raises `PasskeyError`."""
        try:
            made = verify_registration_response(
                credential=_parsed(credential),
                expected_challenge=answered.challenge,
                expected_rp_id=self.host,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            raise PasskeyError("The passkey could not be checked. Try again.") from None
        return {
            "credential_hash": digest(made.credential_id),
            "credential": made.credential_id,
            "public_key": made.credential_public_key,
            "sign_count": made.sign_count,
            "answered_at": answered.given_at,
        }

    def check(self, answered: Answered, credential: str, kept: Row[Any]) -> int:
        """Return the count of a kept passkey that has signed the challenge.

        Raises `PasskeyError`.
        """
        try:
            return verify_authentication_response(
                credential=_parsed(credential),
                expected_challenge=answered.challenge,
                expected_rp_id=self.host,
                expected_origin=self.origin,
                credential_public_key=kept.public_key,
                credential_current_sign_count=kept.sign_count,
                require_user_verification=True,
            ).new_sign_count
        except (WebAuthnException, ValueError, KeyError, TypeError):
            raise not_right() from None


def are_possible(public_url: str) -> bool:
    """Whether browsers keep passkeys for this server: for a name, never for an address."""
    host = urlsplit(public_url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return bool(host)
    return False


def named(credential: str) -> bytes:
    """Return the id of the passkey that an answer names. Raises `PasskeyError`."""
    try:
        found = _parsed(credential).get("id")
        return from_base64url(found if isinstance(found, str) else "", "id")
    except (ValueError, ContractError):
        raise not_right() from None


def _challenge(token: str) -> bytes:
    return bytes.fromhex(digest(token.encode("ascii", "replace")))


def _parsed(credential: str) -> dict[str, Any]:
    if len(credential) > MAX_CREDENTIAL:
        raise ValueError("too long")
    try:
        found = json.loads(credential)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004 - whatever is wrong with it is one mistake
    return found
