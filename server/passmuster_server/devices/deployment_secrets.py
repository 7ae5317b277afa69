"""Secrets by which an organisation's device management enrols many laptops."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from passmuster_server.devices import codes
from passmuster_server.devices.groups import Ownership, find_group
from passmuster_server.devices.tables import deployment_secrets

MAX_NAME = 64
MAX_USES = 100_000
LONGEST = timedelta(days=366)

_DOMAIN = re.compile(r"(?=.{1,189}\Z)[^\s@,;<>\".]+(\.[^\s@,;<>\".]+)+")


class SecretError(Exception):
    """A secret that can't be made or is not there; the message says why."""


class SecretExistsError(SecretError):
    """There is a secret of that name."""


@dataclass(frozen=True)
class NewSecret:
    """What a secret is good for: `uses` laptops, for as long as it `lasts`.

    `group` is a group's name. `owner_domain` is what every owner's address has to end in. With
    `at_once` its laptops wait for nobody's approval.
    """

    name: str
    uses: int
    lasts: timedelta
    at_once: bool = False
    owner_domain: str | None = None
    group: str | None = None
    ownership: Ownership | None = None


def create_secret(connection: Connection, organisation: str, new: NewSecret, now: datetime) -> str:
    """Store a new secret and return it, which is not kept. Raises `SecretError`, `GroupError`."""
    name = new.name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise SecretError(f"name: expected one line of 1 to {MAX_NAME} characters")
    if not 1 <= new.uses <= MAX_USES:
        raise SecretError(f"uses: expected 1 to {MAX_USES}")
    if not timedelta(days=1) <= new.lasts <= LONGEST:
        raise SecretError(f"days: expected 1 to {LONGEST.days}")
    domain = new.owner_domain and new.owner_domain.strip().removeprefix("@").casefold()
    if new.owner_domain is not None and not (domain and _DOMAIN.fullmatch(domain)):
        raise SecretError("owner domain: expected one such as example.com")
    if named(connection, organisation, name) is not None:
        raise SecretExistsError(f"name: there is a deployment secret {name!r} already")
    secret = codes.new_code(codes.REUSED_LENGTH)
    connection.execute(
        deployment_secrets.insert().values(
            organisation_id=organisation,
            name=name,
            secret_hash=codes.code_hash(secret),
            created_at=now,
            expires_at=now + new.lasts,
            uses=new.uses,
            used=0,
            at_once=new.at_once,
            owner_domain=domain,
            group_id=new.group and find_group(connection, organisation, new.group).group_id,
            ownership=new.ownership,
        )
    )
    return secret


def find_secret(connection: Connection, organisation: str, hashed: str) -> Row[Any] | None:
    """Return the secret's row, also where it is used up, expired or revoked."""
    return connection.execute(
        select(deployment_secrets).where(
            deployment_secrets.c.organisation_id == organisation,
            deployment_secrets.c.secret_hash == hashed,
        )
    ).one_or_none()


def use_secret(connection: Connection, organisation: str, name: str, now: datetime) -> bool:
    """Count one laptop and return True, or return False where the secret lets no more in."""
    used = connection.execute(
        update(deployment_secrets)
        .where(
            deployment_secrets.c.organisation_id == organisation,
            deployment_secrets.c.name == name,
            deployment_secrets.c.used < deployment_secrets.c.uses,
            deployment_secrets.c.revoked_at.is_(None),
            deployment_secrets.c.expires_at > now,
        )
        .values(used=deployment_secrets.c.used + 1)
    )
    return used.rowcount == 1


def revoke_secret(connection: Connection, organisation: str, name: str, now: datetime) -> None:
    """Let no more laptops in by this secret; those that are in stay. Raises `SecretError`."""
    found = named(connection, organisation, name.strip())
    if found is None:
        raise SecretError(f"there is no deployment secret {name[:MAX_NAME]!r}")
    if found.revoked_at is not None:
        raise SecretError("it is revoked already")
    connection.execute(
        update(deployment_secrets)
        .where(
            deployment_secrets.c.organisation_id == organisation,
            deployment_secrets.c.name == found.name,
        )
        .values(revoked_at=now)
    )


def secrets_of(connection: Connection, organisation: str) -> Sequence[Row[Any]]:
    """Return every secret, the newest last."""
    return connection.execute(
        select(deployment_secrets)
        .where(deployment_secrets.c.organisation_id == organisation)
        .order_by(deployment_secrets.c.created_at, deployment_secrets.c.name)
    ).all()


def named(connection: Connection, organisation: str, name: str) -> Row[Any] | None:
    """Return the secret of that name, also where it is over."""
    return connection.execute(
        select(deployment_secrets).where(
            deployment_secrets.c.organisation_id == organisation,
            deployment_secrets.c.name == name,
        )
    ).one_or_none()
