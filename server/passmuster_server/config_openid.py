"""The settings of the organisation's own sign-in: the table `[openid]` of the settings' file."""

import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from passmuster_server.urls import is_private, parts_of

MAX_SECRET = 1024
MAX_TEXT = 256
MAX_ROLES = 64

TOLD = "told"
BY_PROVIDER = "by_provider"
"""The provider asks everybody for a second factor, and does not say so in its tokens."""

OFF = "off"
WAITS = "waits"
AT_ONCE = "at_once"

_KEYS = frozenset(
    {
        "enrolment",
        "issuer",
        "client_id",
        "client_secret_file",
        "email_claim",
        "email_always_verified",
        "groups_claim",
        "roles",
        "second_factor",
        "acr_values",
    }
)


@dataclass(frozen=True)
class OpenIdSettings:
    """The provider, and what is believed of what it says.

    `email_claim` names the claim with the person's address. It counts where it is the one of
    `email` and `email_verified` is true, or always where `email_always_verified`. `roles` maps what
    `groups_claim` lists to roles of the console. A second factor is shown by `mfa` in `amr`, or by
    an `acr` of `acr_values`.
    `enrolment`: whether people may approve laptops of their own, and whether these wait for IT.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    email_claim: str
    email_always_verified: bool
    groups_claim: str
    roles: Mapping[str, str]
    second_factor_by_provider: bool
    acr_values: tuple[str, ...]
    enrolment: str = OFF


def read(value: Any, roles: Collection[str], mistakes: list[str]) -> OpenIdSettings | None:
    """Return the settings in the table, None where there is none; `roles` are the console's.

    A mistake is noted with its key.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        mistakes.append("openid: expected a table")
        return None
    return _Table(value, roles, mistakes).settings()


class _Table:
    """Takes one key after the other."""

    def __init__(self, values: dict[str, Any], roles: Collection[str], mistakes: list[str]) -> None:
        self._values = values
        self._roles = roles
        self._mistakes = mistakes

    def settings(self) -> OpenIdSettings:
        for key in sorted(self._values.keys() - _KEYS):
            self._wrong(key if key.isidentifier() else repr(key), "there is no such setting")
        issuer = self._text("issuer")
        if issuer and not _is_issuer(issuer):
            self._wrong("issuer", "expected a URL such as https://login.example.com")
        second_factor = self._text("second_factor", TOLD)
        if second_factor not in (TOLD, BY_PROVIDER):
            self._wrong("second_factor", f'expected "{TOLD}" or "{BY_PROVIDER}"')
        enrolment = self._text("enrolment", OFF)
        if enrolment not in (OFF, WAITS, AT_ONCE):
            self._wrong("enrolment", f'expected "{OFF}", "{WAITS}" or "{AT_ONCE}"')
        return OpenIdSettings(
            issuer=issuer,
            client_id=self._text("client_id"),
            client_secret=self._secret(),
            email_claim=self._text("email_claim", "email"),
            email_always_verified=self._truth("email_always_verified"),
            groups_claim=self._text("groups_claim", "groups"),
            roles=self._role_of_group(),
            second_factor_by_provider=second_factor == BY_PROVIDER,
            acr_values=self._acr_values(),
            enrolment=enrolment,
        )

    def _wrong(self, key: str, problem: str) -> None:
        self._mistakes.append(f"openid.{key}: {problem}")

    def _text(self, key: str, default: str = "") -> str:
        value = self._values.get(key, default)
        if not _is_text(value):
            self._wrong(key, f"expected a text of 1 to {MAX_TEXT} characters")
            return default
        return str(value)

    def _truth(self, key: str) -> bool:
        value = self._values.get(key, False)
        if type(value) is not bool:
            self._wrong(key, "expected true or false")
        return value is True

    def _acr_values(self) -> tuple[str, ...]:
        value = self._values.get("acr_values", [])
        if not isinstance(value, list) or not all(
            _is_text(each) and " " not in each for each in value
        ):
            self._wrong("acr_values", "expected a list of texts without spaces")
            return ()
        return tuple(value)

    def _role_of_group(self) -> Mapping[str, str]:
        value = self._values.get("roles", {})
        if not isinstance(value, dict) or len(value) > MAX_ROLES:
            self._wrong("roles", "expected a table of groups and their roles")
            return {}
        for role in value.values():
            if role not in self._roles:
                self._wrong("roles", f"expected one of {', '.join(self._roles)}")
                return {}
        return value

    def _secret(self) -> str:
        """Return what the file holds; nobody but its owner, and the owner's group, may read it."""
        path = Path(self._text("client_secret_file")).expanduser().absolute()
        try:
            with path.open("rb") as file:
                others = os.fstat(file.fileno()).st_mode & stat.S_IRWXO
                secret = file.read(MAX_SECRET + 1).decode("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            self._wrong("client_secret_file", f"{path} is missing or can't be read")
            return ""
        if others:
            self._wrong("client_secret_file", f"{path} is open to every user; chmod o= {path}")
        if not 0 < len(secret) <= MAX_SECRET or not secret.isprintable():
            self._wrong("client_secret_file", f"{path} does not hold a secret on one line")
        return secret


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()


def _is_issuer(text: str) -> bool:
    parts = parts_of(text)
    if parts is None or parts.query or parts.fragment or parts.username is not None:
        return False
    return is_private(parts)
