"""The ceremony by which a laptop's key becomes a device."""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from passmuster_collectors.contract.canonical import base64url
from passmuster_collectors.contract.enrolment import (
    Enrolled,
    EnrolmentChallenge,
    EnrolmentFinish,
    EnrolmentStart,
    KeyTier,
)
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.audit import record
from passmuster_server.audit.actions import Action
from passmuster_server.clock import Clock
from passmuster_server.database import Database, Transaction
from passmuster_server.devices import codes, jws, key_changes, store
from passmuster_server.devices.agent_versions import require
from passmuster_server.devices.approvals import open_by_approval, too_soon
from passmuster_server.devices.doors import (
    OTHERS,
    REVOKED,
    TOO_MANY,
    USED,
    Opened,
    Refused,
    open_door,
)
from passmuster_server.devices.enrolment_proof import check_names, check_proof
from passmuster_server.devices.groups import Ownership, place_device
from passmuster_server.devices.in_service import retire
from passmuster_server.devices.key_changes import KeyChange
from passmuster_server.devices.ratchets import find_ratchet, reset_ratchet
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.web.problems import RefusalError

CHALLENGE_LIFETIME = timedelta(minutes=15)
MAX_TRIES = 5
MAX_CHALLENGES = 10_000
RETRY_AFTER_S = 60
GONE = (DeviceStatus.REVOKED, DeviceStatus.RETIRED, DeviceStatus.LOST)


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
        jws.import_key(start.public_key)
        check_names(start)
        require(start.agent_version, self._oldest_agent)
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

        The same laptop with the same code gets the same answer until it reports or its challenge
        expires: the first one may not have reached it. Raises `RefusalError` for the code, the key
        or the number of tries, and `ContractError` for a proof that does not fit.
        """
        # What anybody can make up is refused before it takes a place among the writes.
        found, server, hasty = await self._database.read(
            lambda connection: (
                self._challenge(connection, finish),
                store.organisation_of(connection, self._organisation).server_id,
                too_soon(connection, self._organisation, finish, self._clock()),
            )
        )
        if hasty is not None:
            raise hasty.error()
        challenge, start = found
        if challenge.tries < MAX_TRIES:
            check_proof(finish, start, challenge.challenge, server)
        result = await self._database.write(lambda transaction: self._finish(transaction, finish))
        if isinstance(result, Refused):
            raise result.error()
        return result

    def _challenge(
        self, connection: Connection, finish: EnrolmentFinish
    ) -> tuple[Row[Any], EnrolmentStart]:
        found = store.find_challenge(
            connection, self._organisation, finish.enrolment, self._clock()
        )
        if found is None:
            raise _unknown()
        return found

    def _finish(self, transaction: Transaction, finish: EnrolmentFinish) -> Enrolled | Refused:
        connection, now, organisation = transaction.connection, self._clock(), self._organisation
        challenge, start = self._challenge(connection, finish)
        if challenge.code_hash is not None:
            return self._answered_before(connection, challenge, start, finish)
        if challenge.tries >= MAX_TRIES:
            return TOO_MANY
        opened = open_by_approval(connection, organisation, finish, now)
        opened = opened or open_door(connection, organisation, finish, now)
        if isinstance(opened, Refused):
            if opened.counts:
                store.count_try(connection, organisation, finish.enrolment)
            return opened
        enrolled = self._bind(transaction, start, opened, now)
        if isinstance(enrolled, Refused):
            return enrolled
        if not opened.use(enrolled.device):
            raise USED.error()
        code_hash = codes.code_hash(finish.code)
        store.mark_answered(connection, organisation, finish.enrolment, code_hash)
        self._place(connection, opened, enrolled.device)
        if opened.replaces and opened.replaces != enrolled.device:
            self._note_replaced(connection, start, enrolled.device, opened.replaces, now)
            retire(connection, organisation, opened.replaces, DeviceStatus.RETIRED)
            self._policies.judge(transaction, organisation, opened.replaces)
        event = record.Event(
            Action.DEVICE_ENROLLED,
            actor=opened.actor,
            subject=enrolled.device,
            person=opened.owner,
            details={
                "tier": start.tier.value,
                "replaces": opened.replaces,
                "status": opened.status.value,
            },
        )
        record.record(connection, organisation, event, now)
        self._policies.judge(transaction, organisation, enrolled.device)
        return enrolled

    def _bind(
        self, transaction: Transaction, start: EnrolmentStart, opened: Opened, now: datetime
    ) -> Enrolled | Refused:
        connection, organisation = transaction.connection, self._organisation
        owner, status = opened.owner, opened.status
        known = store.find_by_thumbprint(
            connection, organisation, start.public_key.thumbprint(), held=True
        )
        if known is None:
            device = secrets.token_hex(16)
            store.insert_device(connection, organisation, device, owner, start, status, now)
        elif known.status in GONE:
            return REVOKED
        elif known.owner.casefold() != owner.casefold():
            # What is known of one person's laptop must not become another person's.
            return OTHERS
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
            store.rebind_device(connection, organisation, device, owner, start, status)
        nonce = base64url(secrets.token_bytes(16))
        reset_ratchet(connection, organisation, device, nonce)
        return self._enrolled(connection, device, owner, status, nonce)

    def _answered_before(
        self,
        connection: Connection,
        challenge: Row[Any],
        start: EnrolmentStart,
        finish: EnrolmentFinish,
    ) -> Enrolled | Refused:
        """Return what this laptop was told before. Its proof was checked like the first one."""
        if not hmac.compare_digest(challenge.code_hash, codes.code_hash(finish.code)):
            raise _unknown()
        known = store.find_by_thumbprint(
            connection, self._organisation, start.public_key.thumbprint()
        )
        if known is None:
            raise _unknown()
        if known.status in GONE:
            return REVOKED
        ratchet = find_ratchet(connection, self._organisation, known.device_id)
        if ratchet is None or ratchet.sequence > 0:
            raise _unknown()
        return self._enrolled(
            connection, known.device_id, known.owner, DeviceStatus(known.status), ratchet.nonce
        )

    def _enrolled(
        self, connection: Connection, device: str, owner: str, status: DeviceStatus, nonce: str
    ) -> Enrolled:
        row = store.organisation_of(connection, self._organisation)
        return Enrolled(
            device=device,
            owner=owner,
            server=row.server_id,
            nonce=nonce,
            hash_key=base64url(row.hash_key),
            report_within_s=self._policies.current(self._organisation).report_within_s,
            waits=status is DeviceStatus.PENDING,
        )

    def _place(self, connection: Connection, opened: Opened, device: str) -> None:
        """Put the device where the code says, or else where the one was that it replaces."""
        group, ownership, replaces = opened.group_id, opened.ownership, opened.replaces
        old = replaces and store.find_device(connection, self._organisation, replaces)
        if old:
            group, ownership = group or old.group_id, ownership or old.ownership
        if group or ownership:
            place_device(
                connection,
                self._organisation,
                device,
                group=group,
                ownership=Ownership(ownership) if ownership else None,
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


def _unknown() -> ContractError:
    return ContractError("enrolment", "not known, or expired: start again")
