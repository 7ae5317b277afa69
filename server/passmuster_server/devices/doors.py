"""What opens enrolment: a one-time code or a deployment secret, and how either is refused."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from passmuster_collectors.contract.enrolment import EnrolmentFinish
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.devices import codes, deployment_secrets, store
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.web.problems import RefusalError

CODE = "one-time code"
SECRET = "deployment secret"  # noqa: S105 - the name of a kind
"""In the record, the door by which a laptop was enrolled."""

_OWNER = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]{1,189}")


class OwnerError(ValueError):
    """The owner is not an e-mail address."""


@dataclass(frozen=True)
class Refused:
    """A refusal that is returned and not raised, so that what is noted of it stays.

    `counts`: the answer was wrong, and is counted as a try.
    """

    status: int
    code: str
    detail: str
    counts: bool = True

    def error(self) -> RefusalError:
        """Return it to be raised."""
        return RefusalError(self.status, self.code, self.detail)


_WRONG = Refused(403, "code_wrong", "The code is not right.")
USED = Refused(403, "code_used", "The code has been used already.")
_EXPIRED = Refused(403, "code_expired", "The code has expired.")
TOO_MANY = Refused(429, "too_many_tries", "The code was wrong too often. Start again.")
_NO_OWNER = Refused(403, "owner_needed", "This is for many laptops: say whose this one is.")
_OTHER_OWNER = Refused(403, "owner_refused", "The code is for another person.")
_OTHER_DOMAIN = Refused(403, "owner_refused", "The owner's address is of another organisation.")
REVOKED = Refused(401, "revoked", "This key has been revoked.")
OTHERS = Refused(409, "identity_conflict", "This key is another person's laptop's.")


@dataclass(frozen=True)
class Opened:
    """What a code or a secret stands for: whose laptop it will be, where, and in which status.

    `use` uses the code up, or returns False where another was faster.
    """

    owner: str
    status: DeviceStatus
    actor: str
    group_id: str | None
    ownership: str | None
    replaces: str | None
    use: Callable[[str], bool]


def open_door(
    connection: Connection, organisation: str, finish: EnrolmentFinish, now: datetime
) -> Opened | Refused:
    """Return what the code or secret stands for, which is not used up yet, or why it opens nothing.

    Raises `ContractError` for an owner that is no e-mail address.
    """
    by_code = _by_code(connection, organisation, finish, now)
    return by_code or _by_secret(connection, organisation, finish, now)


def checked_owner(owner: str) -> str:
    """Return the e-mail address as it is kept. Raises `OwnerError`."""
    owner = owner.strip()
    if not _OWNER.fullmatch(owner) or not owner.isprintable():
        raise OwnerError("the owner has to be an e-mail address")
    return owner


def _by_code(
    connection: Connection, organisation: str, finish: EnrolmentFinish, now: datetime
) -> Opened | Refused | None:
    """Return what a one-time code stands for, or None where it is none."""
    hashed = codes.code_hash(finish.code)
    code = store.find_code(connection, organisation, hashed)
    if code is None:
        return None
    if code.used_at is not None:
        return USED
    if code.expires_at <= now:
        return _EXPIRED
    if finish.owner is not None and finish.owner.strip().casefold() != code.owner.casefold():
        return _OTHER_OWNER
    return Opened(
        code.owner,
        DeviceStatus.ACTIVE,
        CODE,
        code.group_id,
        code.ownership,
        code.replaces,
        lambda device: store.use_code(connection, organisation, hashed, device, now),
    )


def _by_secret(
    connection: Connection, organisation: str, finish: EnrolmentFinish, now: datetime
) -> Opened | Refused:
    """Return what a deployment secret stands for."""
    hashed = codes.code_hash(finish.code)
    secret = deployment_secrets.find_secret(connection, organisation, hashed)
    if secret is None or secret.revoked_at is not None:
        return _WRONG
    if secret.expires_at <= now:
        return _EXPIRED
    if secret.used >= secret.uses:
        return USED
    if finish.owner is None:
        return _NO_OWNER
    try:
        owner = checked_owner(finish.owner)
    except OwnerError:
        raise ContractError("owner", "has to be an e-mail address") from None
    domain = owner.rpartition("@")[2].casefold()
    if secret.owner_domain is not None and domain != secret.owner_domain:
        return _OTHER_DOMAIN
    return Opened(
        owner,
        DeviceStatus.ACTIVE if secret.at_once else DeviceStatus.PENDING,
        f"{SECRET} {secret.name}",
        secret.group_id,
        secret.ownership,
        None,
        lambda _: deployment_secrets.use_secret(connection, organisation, secret.name, now),
    )
