"""The third door: a person approves the laptop after the organisation's own sign-in.

It has the shape of RFC 8628. The laptop gets a long code, by which it asks, and a short one, which
its owner reads there and types after signing in. Only hashes of both are kept, for ten minutes.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, tuple_, update

from passmuster_collectors.contract.canonical import digest
from passmuster_collectors.contract.enrolment import EnrolmentFinish, EnrolmentStart
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.devices import codes, store
from passmuster_server.devices.doors import Opened, Refused
from passmuster_server.devices.tables import enrolment_approvals
from passmuster_server.policy.standing import DeviceStatus

LIFETIME = timedelta(minutes=10)
INTERVAL_S = 5
TOLERANCE = timedelta(seconds=1)
"""An agent's five seconds may be a little shorter than ours."""

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""RFC 8628, section 6.1: no vowels, which make words, and no digits; twenty of them."""
LENGTH = 8
"""34 bits, which is enough for ten wrong tries in five minutes."""
DEVICE_CODE_LENGTH = 32

DOOR = "sign-in approval"
"""In the record, the door by which a laptop was enrolled."""

_PENDING = Refused(
    403, "authorization_pending", "Nobody has approved this laptop yet.", counts=False
)
_SLOW_DOWN = Refused(429, "slow_down", "Ask less often.", counts=False)
_DENIED = Refused(403, "access_denied", "This laptop was turned down.")
_EXPIRED = Refused(403, "expired_token", "The code has expired. Start again.")
WAITING = _PENDING.code
"""The refusal that is no wrong guess, and comes as often as it should."""


@dataclass(frozen=True)
class Asked:
    """The two codes of one laptop, which are not kept."""

    device_code: str
    user_code: str


@dataclass(frozen=True)
class Laptop:
    """A laptop that asks: what it says of itself, since when, and from which network.

    `network` is None where that is not known. `owner` is whom it says it belongs to, if anyone.
    """

    enrolment: str
    start: EnrolmentStart
    asked_at: datetime
    network: str | None
    owner: str | None


def ask(
    connection: Connection,
    organisation: str,
    enrolment: str,
    *,
    network: str | None,
    owner: str | None,
    now: datetime,
) -> Asked:
    """Store that the laptop of a challenge asks to be approved, and return its codes.

    Asked again, only the newest codes count.
    """
    forget(connection, organisation, enrolment)
    connection.execute(delete(enrolment_approvals).where(enrolment_approvals.c.expires_at <= now))
    asked = Asked(codes.new_code(DEVICE_CODE_LENGTH), new_user_code())
    connection.execute(
        enrolment_approvals.insert().values(
            organisation_id=organisation,
            enrolment_id=enrolment,
            device_code_hash=codes.code_hash(asked.device_code),
            user_code_hash=_hash(asked.user_code),
            network=network or "",
            owner=owner,
            asked_at=now,
            expires_at=now + LIFETIME,
        )
    )
    return asked


def find_laptop(
    connection: Connection, organisation: str, user_code: str, now: datetime
) -> Laptop | None:
    """Return the laptop that shows this code and has no answer yet."""
    row = connection.execute(
        select(enrolment_approvals).where(
            enrolment_approvals.c.organisation_id == organisation,
            enrolment_approvals.c.user_code_hash == _hash(user_code),
            enrolment_approvals.c.expires_at > now,
            enrolment_approvals.c.decided_at.is_(None),
        )
    ).one_or_none()
    found = row and store.find_challenge(connection, organisation, row.enrolment_id, now)
    if row is None or not found:
        return None
    return Laptop(row.enrolment_id, found[1], row.asked_at, row.network or None, row.owner)


def decide(
    connection: Connection,
    organisation: str,
    laptop: Laptop,
    person: str,
    status: DeviceStatus | None,
    now: datetime,
) -> bool:
    """Answer the laptop: it will be the person's in that status, or (None) nobody's.

    False where another was faster.
    """
    changed = connection.execute(
        update(enrolment_approvals)
        .where(
            enrolment_approvals.c.organisation_id == organisation,
            enrolment_approvals.c.enrolment_id == laptop.enrolment,
            enrolment_approvals.c.decided_at.is_(None),
        )
        .values(decided_at=now, person=person, status=status)
    )
    if changed.rowcount != 1:
        return False
    event = Event(
        Action.ENROLMENT_DENIED if status is None else Action.ENROLMENT_APPROVED,
        actor=DOOR,
        person=person,
        details={
            "computer_name": laptop.start.computer_name,
            "fingerprint": laptop.start.public_key.fingerprint(),
            "status": status and status.value,
        },
    )
    record(connection, organisation, event, now)
    return True


def too_soon(
    connection: Connection, organisation: str, finish: EnrolmentFinish, now: datetime
) -> Refused | None:
    """Return the refusal for a laptop that has no answer and asked a moment ago; None elsewhere.

    It writes nothing, so that who asks without a pause takes no place among the writes.
    """
    row = connection.execute(
        select(enrolment_approvals).where(
            enrolment_approvals.c.organisation_id == organisation,
            enrolment_approvals.c.enrolment_id == finish.enrolment,
            enrolment_approvals.c.device_code_hash == codes.code_hash(finish.code),
            enrolment_approvals.c.decided_at.is_(None),
            enrolment_approvals.c.expires_at > now,
        )
    ).one_or_none()
    if row is None or row.polled_at is None:
        return None
    pause = timedelta(seconds=INTERVAL_S) - TOLERANCE
    return _SLOW_DOWN if now - row.polled_at < pause else None


def open_by_approval(
    connection: Connection, organisation: str, finish: EnrolmentFinish, now: datetime
) -> Opened | Refused | None:
    """Return whose laptop it is that asks by its long code, or why it is nobody's so far.

    None where the code is no such one, or of another enrolment.
    """
    row = connection.execute(
        select(enrolment_approvals).where(
            enrolment_approvals.c.organisation_id == organisation,
            enrolment_approvals.c.enrolment_id == finish.enrolment,
            enrolment_approvals.c.device_code_hash == codes.code_hash(finish.code),
        )
    ).one_or_none()
    if row is None:
        return None
    if row.expires_at <= now:
        return _EXPIRED
    if row.decided_at is None:
        return _not_yet(connection, organisation, finish, now)
    if row.status is None:
        return _DENIED
    return Opened(
        row.person,
        DeviceStatus(row.status),
        DOOR,
        None,
        None,
        None,
        lambda _: forget(connection, organisation, finish.enrolment),
    )


def forget(connection: Connection, organisation: str, enrolment: str) -> bool:
    """Forget that a laptop asks; False where it does not."""
    forgotten = connection.execute(
        delete(enrolment_approvals).where(
            enrolment_approvals.c.organisation_id == organisation,
            enrolment_approvals.c.enrolment_id == enrolment,
        )
    )
    return forgotten.rowcount == 1


def forget_expired(connection: Connection, before: datetime, most: int) -> int:
    """Forget up to `most` laptops whose codes had expired by then; return how many."""
    expired = (
        select(enrolment_approvals.c.organisation_id, enrolment_approvals.c.enrolment_id)
        .where(enrolment_approvals.c.expires_at <= before)
        .limit(most)
    )
    key = tuple_(enrolment_approvals.c.organisation_id, enrolment_approvals.c.enrolment_id)
    return connection.execute(delete(enrolment_approvals).where(key.in_(expired))).rowcount


def new_user_code() -> str:
    """Return a short code: `WDJB-MJHT`."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


def _hash(user_code: str) -> str:
    plain = "".join(letter for letter in user_code.upper() if letter in LETTERS)
    return digest(plain.encode("ascii"))


def _not_yet(
    connection: Connection, organisation: str, finish: EnrolmentFinish, now: datetime
) -> Refused:
    """Note that the laptop has asked; of several at once one alone was not too soon."""
    if refused := too_soon(connection, organisation, finish, now):
        return refused
    connection.execute(
        update(enrolment_approvals)
        .where(
            enrolment_approvals.c.organisation_id == organisation,
            enrolment_approvals.c.enrolment_id == finish.enrolment,
        )
        .values(polled_at=now)
    )
    return _PENDING
