"""Who an ID token is about: OpenID Connect Core 1.0, section 3.1.3.7, and what we ask beyond it."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from passmuster_collectors.contract.canonical import digest
from passmuster_server.accounts.roles import Role
from passmuster_server.config_openid import OpenIdSettings
from passmuster_server.openid.provider import ProviderError

CLOCK_STEP = timedelta(minutes=2)
MAX_SUBJECT = 255
MAX_ADDRESS = 254
MAX_GROUPS = 1000
NEVER = datetime.fromtimestamp(0, UTC)
MULTIPLE_FACTORS = "mfa"
"""RFC 8176, section 2."""


@dataclass(frozen=True)
class Person:
    """Who logged in at the provider, and how.

    `identity` is the hash of issuer and subject: addresses are given to other people one day, a
    subject never (section 8). `email` is empty where the provider does not vouch for one.
    `logged_in_at` is when the person last did something to prove who they are.
    """

    identity: str
    email: str
    groups: frozenset[str]
    second_factor: bool
    logged_in_at: datetime


def check_token(
    claims: Mapping[str, Any], settings: OpenIdSettings, nonce: str, now: datetime
) -> str:
    """Return the subject of a token that is for us, now, and of this login.

    Raises `ProviderError` naming the claim that is wrong.
    """
    if claims.get("iss") != settings.issuer:
        raise ProviderError("id_token: iss is another issuer's")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    # Whoever else a token is for could hand it on to us (section 3.1.3.7, steps 3 to 5).
    if audiences != [settings.client_id]:
        raise ProviderError("id_token: aud is not this client alone")
    if claims.get("azp", settings.client_id) != settings.client_id:
        raise ProviderError("id_token: azp is another client")
    if _moment(claims, "exp") <= now - CLOCK_STEP:
        raise ProviderError("id_token: exp has passed")
    if _moment(claims, "iat") > now + CLOCK_STEP:
        raise ProviderError("id_token: iat is to come; compare the clocks")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise ProviderError("id_token: nonce is of another login")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
        raise ProviderError("id_token: no sub")
    return subject


def is_complete(claims: Mapping[str, Any], settings: OpenIdSettings) -> bool:
    """Return whether a token says of its subject all that is asked, whatever that is."""
    wanted = {settings.email_claim}
    if not settings.email_always_verified:
        wanted |= {"email", "email_verified"}
    if settings.roles:
        wanted.add(settings.groups_claim)
    return wanted <= claims.keys()


def completed(
    claims: Mapping[str, Any], more: Mapping[str, Any], settings: OpenIdSettings
) -> Mapping[str, Any]:
    """Return a token's claims and, where they leave it out, who `more` says that its subject is.

    How the person logged in is the token's alone to say. `email_verified` is about the address
    that it stands beside (section 5.1), and about no other.
    """
    told, other = (claims, more) if "email" in claims else (more, claims)
    verified = told.get("email_verified")
    if verified is None and other.get("email") == told.get("email"):
        verified = other.get("email_verified")
    wanted = {"email", settings.email_claim, settings.groups_claim}
    added = {name: value for name, value in more.items() if name in wanted}
    return {**added, **claims, "email_verified": verified}


def person_of(claims: Mapping[str, Any], settings: OpenIdSettings) -> Person:
    """Return the person that checked claims are about. Raises `ProviderError`."""
    return Person(
        identity=digest(f"{settings.issuer}\0{claims['sub']}".encode()),
        email=_email(claims, settings),
        groups=_groups(claims.get(settings.groups_claim)),
        second_factor=_shows_second_factor(claims, settings),
        # Without auth_time the login may be as old as the provider's own session.
        logged_in_at=_moment(claims, "auth_time") if "auth_time" in claims else NEVER,
    )


def role_of(person: Person, settings: OpenIdSettings) -> str | None:
    """Return the role that the settings give to the person's groups, of several the last in `Role`.

    None: they give none.
    """
    given = {settings.roles[group] for group in person.groups & settings.roles.keys()}
    return next((role.value for role in reversed(Role) if role in given), None)


def _email(claims: Mapping[str, Any], settings: OpenIdSettings) -> str:
    address = claims.get(settings.email_claim)
    if not isinstance(address, str) or not 0 < len(address) <= MAX_ADDRESS:
        return ""
    is_about_it = claims.get("email") == address and claims.get("email_verified") is True
    verified = settings.email_always_verified or is_about_it
    return address.strip() if verified and address.isprintable() else ""


def _groups(listed: object) -> frozenset[str]:
    if isinstance(listed, str):
        return frozenset({listed})
    if not isinstance(listed, list):
        return frozenset()
    return frozenset(each for each in listed[:MAX_GROUPS] if isinstance(each, str))


def _shows_second_factor(claims: Mapping[str, Any], settings: OpenIdSettings) -> bool:
    methods = claims.get("amr")
    told = isinstance(methods, list) and MULTIPLE_FACTORS in methods
    return settings.second_factor_by_provider or told or claims.get("acr") in settings.acr_values


def _moment(claims: Mapping[str, Any], name: str) -> datetime:
    seconds = claims.get(name)
    try:
        if type(seconds) not in {int, float}:
            raise ProviderError(f"id_token: no {name}")
        return datetime.fromtimestamp(float(seconds), UTC)  # type: ignore[arg-type] # seen above
    except (OverflowError, ValueError, OSError):
        raise ProviderError(f"id_token: {name} is no time") from None
