"""Who has come back from the provider: signed by this server, kept by the browser for minutes.

The provider's page leads to ours, and so the strict cookies of whoever was signed in before stay
behind on that one request. What was found out on it waits here for the next one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from passmuster_server.clock import Clock
from passmuster_server.openid.login import Purpose
from passmuster_server.openid.person import Person
from passmuster_server.signing.service import SigningKeys, UntrustedTokenError

KIND = "passmuster-arrival+jwt"
LIFETIME = timedelta(minutes=5)
MAX_TOKEN = 4096


@dataclass(frozen=True)
class Arrival:
    """A person who has logged in at the provider for `purpose`, and where they are led in the end.

    `role` is the strongest role of the console that the settings give to the person's groups.
    `token` is the cookie, to which forms can be bound.
    """

    purpose: Purpose
    back: str
    identity: str
    email: str
    role: str | None
    second_factor: bool
    logged_in_at: datetime
    token: str = ""


class Arrivals:
    """Keeps and finds them."""

    def __init__(self, signing: SigningKeys, clock: Clock, public_url: str) -> None:
        self._signing = signing
        self._clock = clock
        self._issuer = public_url
        self._secure = public_url.startswith("https://")
        self._name = f"{'__Host-' if self._secure else ''}passmuster_arrival"

    async def keep(
        self, response: Response, purpose: Purpose, back: str, person: Person, role: str | None
    ) -> None:
        """Let the browser keep who has come."""
        claims = {
            "iss": self._issuer,
            "aud": purpose.value,
            "exp": int((self._clock() + LIFETIME).timestamp()),
            "sub": person.identity,
            "email": person.email,
            "role": role,
            "second_factor": person.second_factor,
            "logged_in_at": int(person.logged_in_at.timestamp()),
            "back": back,
        }
        response.set_cookie(
            self._name,
            await self._signing.sign(KIND, claims),
            max_age=int(LIFETIME.total_seconds()),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )

    async def of(self, request: Request, *purposes: Purpose) -> Arrival | None:
        """Return who has come for one of the purposes and not too long ago, or None."""
        token = request.cookies.get(self._name, "")
        if not token or len(token) > MAX_TOKEN:
            return None
        try:
            claims = await self._signing.own_claims(token, kind=KIND)
        except UntrustedTokenError:
            return None
        if claims["iss"] != self._issuer or claims["exp"] <= self._clock().timestamp():
            return None
        arrival = _arrival(claims, token)
        return arrival if arrival.purpose in purposes else None

    def forget(self, response: Response) -> None:
        """Let the browser forget it: it has served its purpose."""
        response.delete_cookie(
            self._name, path="/", secure=self._secure, httponly=True, samesite="strict"
        )


def _arrival(claims: Mapping[str, Any], token: str) -> Arrival:
    return Arrival(
        Purpose(claims["aud"]),
        claims["back"],
        claims["sub"],
        claims["email"],
        claims["role"],
        claims["second_factor"],
        datetime.fromtimestamp(claims["logged_in_at"], UTC),
        token,
    )
