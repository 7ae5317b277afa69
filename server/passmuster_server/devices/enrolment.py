"""The ceremony by which a laptop's key becomes a device, and the codes that open it."""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import base64url
from passmuster_collectors.contract.enrolment import (
    PROOF_TYPE,
    Enrolled,
    EnrolmentChallenge,
    EnrolmentFinish,
    EnrolmentProof,
    EnrolmentStart,
    KeyTier,
)
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.audit import record
from passmuster_server.audit.actions import Action
from passmuster_server.changes import announce
from passmuster_server.clock import Clock
from passmuster_server.database import Database, Transaction
from passmuster_server.devices import codes, jws, key_changes, store
from passmuster_server.devices.agent_versions import require
from passmuster_server.devices.groups import Ownership, find_group, place_device
from passmuster_server.devices.key_changes import KeyChange
from passmuster_server.devices.ratchets import reset_ratchet
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.web.problems import RefusalError

ACTOR = "one-time code"
"""In the record, the door by which a laptop was enrolled."""
CODE_LIFETIME = timedelta(minutes=15)
CHALLENGE_LIFETIME = timedelta(minutes=15)
MAX_TRIES = 5
MAX_CHALLENGES = 10_000
RETRY_AFTER_S = 60

_OWNER = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]{1,189}")


class OwnerError(ValueError):
    """The owner is not an e-mail address."""


class ReplacedDeviceError(LookupError):
    """The device that a code should replace is not enrolled."""


def create_code(
    connection: Connection,
    organisation: str,
    owner: str,
    now: datetime,
    replaces: str | None = None,
    *,
    group: str | None = None,
    ownership: Ownership | None = None,
) -> str:
    """Store a new code for one named person and return it, which is not kept.

    `replaces` is a device that is retired when the code is used; the new one takes over its group
    and ownership, unless `group`, a group's name, and `ownership` are given. Raises `OwnerError`,
    `ReplacedDeviceError` and `GroupError`.
    """
    owner = owner.strip()
    if not _OWNER.fullmatch(owner) or not owner.isprintable():
        raise OwnerError("the owner has to be an e-mail address")
    if replaces and store.find_device(connection, organisation, replaces) is None:
        raise ReplacedDeviceError("there is no such device to replace")
    code = codes.new_code()
    stands_for = store.NewCode(
        codes.code_hash(code),
        owner,
        replaces,
        group and find_group(connection, organisation, group).group_id,
        ownership,
    )
    store.insert_code(connection, organisation, stands_for, now, CODE_LIFETIME)
    return code


@dataclass(frozen=True)
class _Refused:
    """A wrong answer that must be counted: it is returned, not raised, so that the count stays."""

    status: int
    code: str
    detail: str

    def error(self) -> RefusalError:
        return RefusalError(self.status, self.code, self.detail)


_WRONG = _Refused(403, "code_wrong", "The code is not right.")
_USED = _Refused(403, "code_used", "The code has been used already.")
_EXPIRED = _Refused(403, "code_expired", "The code has expired.")
_TOO_MANY = _Refused(429, "too_many_tries", "The code was wrong too often. Start again.")
_REVOKED = _Refused(401, "revoked", "This key has been revoked.")
_OTHERS = _Refused(409, "identity_conflict", "This key is another person's laptop's.")


class Enrolment:
    """Both messages of the ceremony."""

    def __init__(
        self,
        database: Database,
        policies: Policies,
        clock: Clock,
        organisation: str,
        oldest_agent: str,
    ) -> None:
        self._database = database
        self._policies = policies
        self._clock = clock
        self._organisation = organisation
        self._oldest_agent = oldest_agent

    async def start(self, start: EnrolmentStart) -> EnrolmentChallenge:
        """Return a challenge for the key.

        Raises `ContractError` for a key that is none, `RefusalError` for an agent that is too old.
        """
        require(start.agent_version, self._oldest_agent)
        jws.import_key(start.public_key)
        _check_names(start)
        if start.tier is KeyTier.ATTESTED:
            raise ContractError("tier", "is not the agent's to claim")
        enrolment, challenge = secrets.token_hex(16), base64url(secrets.token_bytes(32))
        now = self._clock()

        def work(transaction: Transaction) -> str:
            connection = transaction.connection
            if store.count_challenges(connection, now) >= MAX_CHALLENGES:
                raise RefusalError(
                    503,
                    "overloaded",
                    "Too many laptops are enrolling. Wait.",
                    headers={"Retry-After": str(RETRY_AFTER_S)},
                )
            store.insert_challenge(
                connection,
                self._organisation,
                enrolment,
                challenge,
                start,
                now,
                CHALLENGE_LIFETIME,
            )
            server: str = store.organisation_of(connection, self._organisation).server_id
            return server

        return EnrolmentChallenge(enrolment, challenge, await self._database.write(work))

    async def finish(self, finish: EnrolmentFinish) -> Enrolled:
        """Return the device that the key now is.

        Raises `RefusalError` for the code, the key or the number of tries, and `ContractError` for
        a proof that does not fit.
        """
        result = await self._database.write(lambda transaction: self._finish(transaction, finish))
        if isinstance(result, _Refused):
            raise result.error()
        return result

    def _finish(self, transaction: Transaction, finish: EnrolmentFinish) -> Enrolled | _Refused:
        connection, now, organisation = transaction.connection, self._clock(), self._organisation
        found = store.find_challenge(connection, organisation, finish.enrolment, now)
        if found is None:
            raise ContractError("enrolment", "not known, or expired: start again")
        challenge, start = found
        if challenge.tries >= MAX_TRIES:
            return _TOO_MANY
        _check_proof(
            finish,
            start,
            challenge.challenge,
            store.organisation_of(connection, organisation).server_id,
        )
        hashed = codes.code_hash(finish.code)
        code = store.find_code(connection, organisation, hashed)
        if code is None or code.used_at is not None or code.expires_at <= now:
            store.count_try(connection, organisation, finish.enrolment)
            if code is None:
                return _WRONG
            return _USED if code.used_at is not None else _EXPIRED
        enrolled = self._bind(transaction, start, code.owner, now)
        if isinstance(enrolled, _Refused):
            return enrolled
        if not store.use_code(connection, organisation, hashed, enrolled.device, now):
            raise RefusalError(403, "code_used", "The code has been used already.")
        store.drop_challenge(connection, organisation, finish.enrolment)
        self._place(connection, code, enrolled.device)
        if code.replaces and code.replaces != enrolled.device:
            self._note_replaced(connection, start, enrolled.device, code.replaces, now)
            retire(connection, organisation, code.replaces, DeviceStatus.RETIRED)
            self._policies.judge(transaction, organisation, code.replaces)
        event = record.Event(
            Action.DEVICE_ENROLLED,
            actor=ACTOR,
            subject=enrolled.device,
            person=code.owner,
            details={"tier": start.tier.value, "replaces": code.replaces},
        )
        record.record(connection, organisation, event, now)
        self._policies.judge(transaction, organisation, enrolled.device)
        return enrolled

    def _bind(
        self, transaction: Transaction, start: EnrolmentStart, owner: str, now: datetime
    ) -> Enrolled | _Refused:
        connection, organisation = transaction.connection, self._organisation
        known = store.find_by_thumbprint(connection, organisation, start.public_key.thumbprint())
        if known is None:
            device = secrets.token_hex(16)
            store.insert_device(connection, organisation, device, owner, start, now)
        elif known.status in (DeviceStatus.REVOKED, DeviceStatus.RETIRED, DeviceStatus.LOST):
            return _REVOKED
        elif known.owner.casefold() != owner.casefold():
            # What is known of one person's laptop must not become another person's.
            return _OTHERS
        else:
            # The key has just been proven and the code says whose it is: the same laptop again.
            device = known.device_id
            if known.tier != start.tier:
                key_changes.add_change(
                    connection,
                    device,
                    KeyChange.ENROLLED_AGAIN,
                    now,
                    before=known,
                    key=start.public_key,
                    tier=start.tier,
                )
            store.rebind_device(connection, organisation, device, owner, start)
        nonce = base64url(secrets.token_bytes(16))
        reset_ratchet(connection, organisation, device, nonce)
        row = store.organisation_of(connection, organisation)
        return Enrolled(
            device=device,
            owner=owner,
            server=row.server_id,
            nonce=nonce,
            hash_key=base64url(row.hash_key),
            report_within_s=self._policies.current(organisation).report_within_s,
        )

    def _place(self, connection: Connection, code: Row[Any], device: str) -> None:
        """Put the device where the code says, or else where the one was that it replaces."""
        group, ownership = code.group_id, code.ownership
        old = code.replaces and store.find_device(connection, self._organisation, code.replaces)
        if old:
            group, ownership = group or old.group_id, ownership or old.ownership
        if group or ownership:
            place_device(
                connection,
                self._organisation,
                device,
                group=group,
                ownership=ownership and Ownership(ownership),
            )

    def _note_replaced(
        self,
        connection: Connection,
        start: EnrolmentStart,
        device: str,
        replaced: str,
        now: datetime,
    ) -> None:
        """Let the new device's history say whose place it took: its tier may be a weaker one."""
        before = store.find_device(connection, self._organisation, replaced)
        if before is not None:
            key_changes.add_change(
                connection,
                device,
                KeyChange.REPLACED,
                now,
                before=before,
                key=start.public_key,
                tier=start.tier,
            )


def retire(
    connection: Connection, organisation: str, device: str, status: DeviceStatus
) -> str | None:
    """Take a device out of service and tell running servers.

    Returns its owner, or None where there is no such device. A revoked device stays revoked, and
    only one that is in service, or in conflict, can get lost.
    """
    found = store.find_device(connection, organisation, device)
    if found is None:
        return None
    lasts = found.status == DeviceStatus.REVOKED
    if not lasts and (status is not DeviceStatus.LOST or found.status != DeviceStatus.RETIRED):
        store.set_status(connection, organisation, device, status)
    announce(connection, organisation, device)
    return str(found.owner)


def _check_names(start: EnrolmentStart) -> None:
    """Refuse names that could not be shown as they are, on IT's page and in its terminal."""
    for name in ("computer_name", "system", "agent_version"):
        if not getattr(start, name).isprintable():
            raise ContractError(name, "holds characters that can't be printed")


def _check_proof(
    finish: EnrolmentFinish, start: EnrolmentStart, challenge: str, server: str
) -> None:
    unverified = jws.read_header(finish.proof.encode("utf-8"), PROOF_TYPE)
    try:
        payload = jws.verified_payload(unverified, jws.import_key(start.public_key))
    except jws.SignatureError:
        raise RefusalError(401, "bad_signature", "The proof is not signed by the key.") from None
    proof = codec.decode(EnrolmentProof, strict_json.parse(payload), "proof")
    expected = EnrolmentProof(
        challenge, start.public_key.thumbprint(), codes.code_hash(finish.code), server
    )
    for name in ("challenge", "thumbprint", "credential", "server"):
        given, wanted = getattr(proof, name), getattr(expected, name)
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise ContractError(f"proof.{name}", "is not what was asked for")
