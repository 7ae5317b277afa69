"""A device's key gives way to a new one: both have signed it, in one write."""

import hmac
import logging
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from joserfc.jwk import ECKey
from sqlalchemy import Row

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import base64url, canonical_bytes
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.rotation import (
    PROOF_TYPE,
    ROTATION_TYPE,
    VERSION,
    KeyRotated,
    KeyRotation,
    NewKeyProof,
)
from passmuster_server.clock import Clock
from passmuster_server.database import Database, Transaction
from passmuster_server.devices import jws, key_changes, store
from passmuster_server.devices.conflicts import enter_conflict
from passmuster_server.devices.destination import check_destination
from passmuster_server.devices.jws import Unverified
from passmuster_server.devices.key_changes import KeyChange
from passmuster_server.devices.lineage import recovery_of
from passmuster_server.devices.ratchets import Ratchet, find_ratchet, move_ratchet
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.policy.stored_devices import hold_device
from passmuster_server.reports.ratchet import Step, moved_on, step_of
from passmuster_server.web.problems import RefusalError

PATH = "/api/v1/keys"
METHOD = "POST"
NONCE_BYTES = 16
MOST = 20
WITHIN = timedelta(days=1)
"""Rotations of one device: each is kept for good, so they may not come without end."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Conflict:
    """Returned, not raised: that the device is in conflict has to be stored."""


@dataclass(frozen=True)
class _Signed:
    """A rotation whose signatures hold. `old` is the thumbprint of the key that gives way."""

    rotation: KeyRotation
    old: str
    digest: str
    message: bytes


class Rotation:
    """Takes rotations in for one organisation, at any of `urls`."""

    def __init__(
        self,
        database: Database,
        policies: Policies,
        clock: Clock,
        *,
        organisation: str,
        urls: frozenset[str],
    ) -> None:
        self._database = database
        self._policies = policies
        self._clock = clock
        self._organisation = organisation
        self._urls = urls

    async def take_in(self, body: bytes) -> bytes:
        """Return the answer (`KeyRotated`) once the new key is the device's.

        The same message again gets the same answer. Raises `RefusalError` and `ContractError` with
        what is wrong, and `StoreUnavailableError`.
        """
        unverified = jws.read_header(body, ROTATION_TYPE)
        device = unverified.key_id
        row, before, server = await self._database.read(
            lambda connection: (
                store.find_device(connection, self._organisation, device),
                key_changes.last_rotation(connection, self._organisation, device),
                store.organisation_of(connection, self._organisation).server_id,
            )
        )
        if row is None:
            raise RefusalError(401, "unknown_device", "This device is not enrolled here.")
        payload, old = _verified(unverified, row, before)
        value = strict_json.parse(payload)
        if canonical_bytes(value) != payload:
            raise ContractError("", "not in the canonical form")
        rotation = codec.decode(KeyRotation, value)
        check_destination(rotation, server=server, method=METHOD, urls=self._urls)
        _check_tier(rotation)
        _check_new_key(rotation, device, old)
        signed = _Signed(rotation, old.thumbprint(), unverified.digest(), body)
        result = await self._database.write(
            lambda transaction: self._accept(transaction, device, signed)
        )
        if isinstance(result, _Conflict):
            raise _conflict()
        return result

    def _accept(self, transaction: Transaction, device: str, signed: _Signed) -> bytes | _Conflict:
        connection, organisation = transaction.connection, self._organisation
        hold_device(transaction, organisation, device)
        row = store.find_device(connection, organisation, device)
        ratchet = find_ratchet(connection, organisation, device)
        if row is None or ratchet is None:
            raise RefusalError(401, "unknown_device", "This device is not enrolled here.")
        if row.status in (DeviceStatus.REVOKED, DeviceStatus.RETIRED, DeviceStatus.LOST):
            raise RefusalError(401, "revoked", "This device has been taken out of service.")
        if row.status == DeviceStatus.CONFLICT:
            raise _conflict()
        rotation = signed.rotation
        step = step_of(ratchet, rotation.sequence, rotation.nonce, signed.digest)
        if step is Step.AGAIN and ratchet.answer is not None:
            return ratchet.answer
        if step is Step.REPLAYED:
            _log.warning("device %s: an older rotation was sent again", device)
            raise RefusalError(409, "replayed", "This rotation was taken in before.")
        if row.thumbprint != signed.old:
            # Whoever holds a key that was given up can no longer do anything, nor any harm.
            raise _bad_signature()
        ahead = rotation.sequence > ratchet.sequence
        if step is not Step.NEXT and not (
            ahead and recovery_of(transaction, organisation, device, self._clock())
        ):
            _log.warning("device %s: two laptops use one key", device)
            enter_conflict(connection, organisation, device, row.owner, self._clock())
            self._policies.judge(transaction, organisation, device)
            return _Conflict()
        return self._rotate(transaction, row, ratchet, signed)

    def _rotate(
        self, transaction: Transaction, row: Row[Any], ratchet: Ratchet, signed: _Signed
    ) -> bytes:
        connection, organisation, now = transaction.connection, self._organisation, self._clock()
        device, key, tier = row.device_id, signed.rotation.public_key, signed.rotation.tier
        known = store.find_by_thumbprint(connection, organisation, key.thumbprint())
        if known is not None or key_changes.was_its_key(connection, organisation, device, key):
            raise ContractError("public_key", "has been a device's key before")
        lately = key_changes.count_rotations(connection, organisation, device, now, WITHIN)
        if lately >= MOST:
            raise RefusalError(
                429,
                "too_many_rotations",
                f"A key may be rotated {MOST} times a day.",
                headers={"Retry-After": "3600"},
            )
        key_changes.add_change(
            connection,
            device,
            KeyChange.ROTATED,
            now,
            before=row,
            key=key,
            tier=tier,
            message=signed.message,
        )
        key_changes.set_key(connection, organisation, device, key, tier)
        nonce = base64url(secrets.token_bytes(NONCE_BYTES))
        answer = canonical_bytes(codec.encode(KeyRotated(VERSION, device, key.thumbprint(), nonce)))
        following = moved_on(
            ratchet,
            sequence=signed.rotation.sequence,
            carried=signed.rotation.nonce,
            digest=signed.digest,
            nonce=nonce,
            answer=answer,
            record_sequence=ratchet.record_sequence,
            record_hash=ratchet.record_hash,
        )
        move_ratchet(transaction, organisation, device, following)
        if row.tier != tier.value:
            _log.warning("device %s: its key moved from %s to %s", device, row.tier, tier)
        self._policies.judge(transaction, organisation, device)
        return answer


def _verified(
    unverified: Unverified, row: Row[Any], before: Row[Any] | None
) -> tuple[bytes, PublicKey]:
    """Return the payload and the key that signed it: the device's, or the one it gave up last.

    An agent that lost the answer sends a rotation again which its old key has signed.
    """
    candidates = [store.public_key_of(row)]
    if before is not None:
        candidates.append(codec.decode(PublicKey, strict_json.parse(before.key_before)))
    for key in candidates:
        try:
            return jws.verified_payload(unverified, jws.import_key(key)), key
        except jws.SignatureError:
            continue
    raise _bad_signature()


def _check_tier(rotation: KeyRotation) -> None:
    if rotation.tier is KeyTier.ATTESTED:
        raise ContractError("tier", "is not the agent's to claim")


def _check_new_key(rotation: KeyRotation, device: str, old: PublicKey) -> None:
    """Refuse a proof that is not the new key's, or is about anything else than this rotation."""
    new: ECKey = jws.import_key(rotation.public_key)
    unverified = jws.read_header(rotation.proof.encode("utf-8"), PROOF_TYPE)
    try:
        payload = jws.verified_payload(unverified, new)
    except jws.SignatureError:
        raise ContractError("proof", "is not signed by the new key") from None
    proof = codec.decode(NewKeyProof, strict_json.parse(payload), "proof")
    thumbprint = rotation.public_key.thumbprint()
    expected = NewKeyProof(
        device, rotation.audience, thumbprint, old.thumbprint(), rotation.tier, rotation.nonce
    )
    for name in ("device", "server", "thumbprint", "replaces", "tier", "nonce"):
        given, wanted = str(getattr(proof, name)), str(getattr(expected, name))
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise ContractError(f"proof.{name}", "is not what the rotation says")
    if thumbprint == old.thumbprint():
        raise ContractError("public_key", "is the key that it should replace")


def _bad_signature() -> RefusalError:
    return RefusalError(401, "bad_signature", "The rotation is not signed by the device's key.")


def _conflict() -> RefusalError:
    return RefusalError(
        409, "identity_conflict", "Two laptops use this device's key. Enrol this one again."
    )
