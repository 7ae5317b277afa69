"""A verified report is accepted: ratcheted, stored, judged and answered, in one write."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading, unavailable
from passmuster_collectors.signals import CATALOG
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record_once
from passmuster_server.clock import Clock
from passmuster_server.database import Transaction
from passmuster_server.devices import store as device_store
from passmuster_server.devices.conflicts import enter_conflict
from passmuster_server.devices.lineage import Recovery, recovery_of
from passmuster_server.devices.ratchets import move_ratchet
from passmuster_server.policy.judgement import NOT_REPORTED
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.policy.stored_devices import StoredDevice
from passmuster_server.reports import requests, store
from passmuster_server.reports.answer import answer_bytes, without_limits
from passmuster_server.reports.checked import checked_records, says
from passmuster_server.reports.nonces import Nonces
from passmuster_server.reports.ratchet import Step, moved_on, step_of
from passmuster_server.reports.refusals import bad_signature, in_conflict, unknown_device
from passmuster_server.reports.upload import Received, canonical, without_time
from passmuster_server.services import ReadingsListener
from passmuster_server.spans import Spans
from passmuster_server.web.problems import RefusalError

MAX_SKEW_S = 2**31 - 1
LOST_AGAIN_AFTER = timedelta(minutes=15)
"""How often it is put on record that a lost device reports."""

_SIGNALS = frozenset(signal.id for signal in CATALOG)
_OUT_OF_SERVICE = (DeviceStatus.REVOKED, DeviceStatus.RETIRED)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Conflict:
    """Returned, not raised: that the device is in conflict has to be stored."""


Result = bytes | _Conflict
"""What becomes of an upload."""


@dataclass(slots=True)
class Told:
    """A verified upload. `signed` is the digest of what `thumbprint`'s key has signed in `body`.

    `limits`: the agent understands what policy allows in seconds. `address_code` is what is kept of
    the address that it came from.
    """

    received: Received
    signed: str
    thumbprint: str
    body: bytes
    limits: bool
    address_code: str | None


class Acceptance:
    """Accepts reports of one organisation's devices."""

    def __init__(
        self,
        policies: Policies,
        clock: Clock,
        *,
        organisation: str,
        spans: Spans,
        on_readings: Sequence[ReadingsListener],
    ) -> None:
        self._policies = policies
        self._clock = clock
        self._organisation = organisation
        self._judge_report = spans.around("ingest judge", policies.judge_report)
        self._on_readings = on_readings
        self._nonces = Nonces()

    def accept(self, transaction: Transaction, told: Told) -> Result:
        """Return the answer, for `answer_of`.

        Raises `RefusalError` and `ContractError` with what is wrong.
        """
        organisation, now = self._organisation, self._clock()
        received, signed = told.received, told.signed
        device = received.newest.device
        found = store.find_reporting(transaction, organisation, device)
        if found is None:
            raise unknown_device()
        if found.device.status in _OUT_OF_SERVICE:
            raise RefusalError(401, "revoked", "This device has been taken out of service.")
        if found.device.status is DeviceStatus.CONFLICT:
            raise in_conflict()
        if found.thumbprint != told.thumbprint:
            raise bad_signature()
        upload, ratchet = received.upload, found.ratchet
        step = step_of(ratchet, upload.sequence, upload.nonce, signed)
        if step is Step.AGAIN and ratchet.answer is not None:
            return ratchet.answer if told.limits else without_limits(ratchet.answer)
        if step is Step.REPLAYED:
            _log.warning("device %s: an older report was sent again", device)
            raise RefusalError(409, "replayed", "This report was taken in before.")
        recovery: Recovery | None = None
        if step is not Step.NEXT:
            if upload.sequence > ratchet.sequence:
                recovery = recovery_of(transaction, organisation, device, now)
            if recovery is None:
                self._enter_conflict(transaction, found.device)
                return _Conflict()
            _log.warning("device %s: goes on after a restore", device)
        if found.device.status is DeviceStatus.LOST:
            self._note_lost(transaction, found.device, now)
        heard_at = now if recovery is None else recovery.heard_at(upload.sent_at, now)
        _check_records(found, received)
        newest: Mapping[str, Reading] | None = None
        if received.findings != found.findings or len(upload.records) > 1:
            newest = self._store_changes(transaction, device, received, told.body, now)
        # What lies between went to the database that was lost.
        missing = 0 if recovery else received.missing_after(ratchet.record_sequence)
        if missing:
            _log.warning("device %s: %d records were never sent", device, missing)
        skew_s = int((upload.sent_at - now).total_seconds())
        contact = store.Contact(
            heard_at,
            recovery.clock_skew_s if recovery else max(-MAX_SKEW_S, min(MAX_SKEW_S, skew_s)),
            received.findings,
            found.missing_records + missing,
            told.address_code,
        )
        store.move_contact(transaction, organisation, device, contact)
        if found.agent_version != received.newest.agent_version:
            device_store.set_agent_version(
                transaction.connection, organisation, device, received.newest.agent_version
            )
        standing = self._judge_report(
            transaction,
            msgspec.structs.replace(found.device, sequence=upload.sequence, last_seen=heard_at),
            lambda: newest or _complete(received.readings(-1), now),
            now,
            changed=newest is not None or recovery is not None,
        )
        nonce = self._nonces.next()
        policy = self._policies.current(organisation)
        allowed = policy.time_limits(found.device.subject) if told.limits else ()
        within_s = requests.within_s(
            transaction, organisation, found.request, received, now, policy.report_within_s
        )
        answer = answer_bytes(standing, nonce, now, within_s, allowed)
        following = moved_on(
            ratchet,
            sequence=upload.sequence,
            carried=upload.nonce,
            digest=signed,
            nonce=nonce,
            answer=answer,
            record_sequence=received.newest.sequence,
            record_hash=received.hashes[-1],
        )
        move_ratchet(transaction, organisation, device, following)
        return answer

    def _note_lost(self, transaction: Transaction, stored: StoredDevice, now: datetime) -> None:
        """Put on record that a lost device is in use; its report opens nothing."""
        _log.warning("device %s: it was reported lost, and it reports", stored.device)
        event = Event(Action.LOST_DEVICE_HEARD, subject=stored.device, person=stored.owner)
        record_once(transaction.connection, stored.organisation, event, now, LOST_AGAIN_AFTER)

    def _enter_conflict(self, transaction: Transaction, stored: StoredDevice) -> None:
        _log.warning("device %s: two laptops use one key", stored.device)
        if stored.status is DeviceStatus.LOST:
            self._note_lost(transaction, stored, self._clock())
            return
        enter_conflict(
            transaction.connection,
            self._organisation,
            stored.device,
            stored.owner,
            self._clock(),
        )
        self._policies.judge(transaction, self._organisation, stored.device)

    def _store_changes(
        self,
        transaction: Transaction,
        device: str,
        received: Received,
        body: bytes,
        now: datetime,
    ) -> Mapping[str, Reading]:
        """Keep every reading that differs from the one before it; return the newest ones."""
        organisation = self._organisation
        before = dict(store.current_readings(transaction, organisation, device))
        evidence_id = 0
        newest: Mapping[str, Reading] = {}
        for told in checked_records(received):
            as_sent = {reading.signal: said for said, reading in told}
            newest = _complete((reading for _, reading in told), now)
            changed: dict[str, bytes] = {}
            for signal, reading in newest.items():
                stored = before.get(signal)
                if says(stored, as_sent.get(signal)):
                    continue
                plain = codec.encode(reading)
                if says(stored, canonical(without_time(plain))):
                    continue
                evidence_id = evidence_id or store.add_evidence(
                    transaction, organisation, device, now, body
                )
                changed[signal] = canonical(plain)
                store.put_reading(
                    transaction, organisation, device, reading, changed[signal], now, evidence_id
                )
            if changed:
                for listener in self._on_readings:
                    listener(transaction, organisation, device, before, newest)
                before |= changed
        return newest


def answer_of(result: Result) -> bytes:
    """Return the answer to an upload. Raises `RefusalError` for a device that is in conflict."""
    if isinstance(result, _Conflict):
        raise in_conflict()
    return result


def _complete(readings: Iterable[Reading], now: datetime) -> Mapping[str, Reading]:
    """Return a reading for each signal of the catalog: one that is not told is unknown."""
    told = {reading.signal: reading for reading in readings if reading.signal in _SIGNALS}
    missing = {
        signal.id: unavailable(signal.id, now, NOT_REPORTED, ())
        for signal in CATALOG
        if signal.id not in told
    }
    return told | missing


def _check_records(found: store.Reporting, received: Received) -> None:
    ratchet = found.ratchet
    first = received.upload.records[0]
    if first.sequence <= ratchet.record_sequence:
        raise ContractError("records[0].sequence", "was reported before")
    follows = first.sequence == ratchet.record_sequence + 1
    if follows and first.previous != ratchet.record_hash:
        raise ContractError("records[0].previous", "is not the hash of the last reported record")
    for index, record in enumerate(received.upload.records):
        if record.platform is not found.device.platform:
            raise ContractError(f"records[{index}].platform", "is not the system it enrolled with")
