"""A report is taken in: verified, ratcheted, stored, judged and answered, in one write."""

import asyncio
import contextlib
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from joserfc.jwk import ECKey

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading, unavailable
from passmuster_collectors.contract.report import REPORT_TYPE
from passmuster_collectors.signals import CATALOG
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record_once
from passmuster_server.clock import Clock
from passmuster_server.database import Ahead, Database, OverloadedError, Transaction
from passmuster_server.devices import jws
from passmuster_server.devices import store as device_store
from passmuster_server.devices.addresses import address_code
from passmuster_server.devices.agent_versions import require
from passmuster_server.devices.conflicts import enter_conflict
from passmuster_server.devices.destination import check_destination
from passmuster_server.devices.lineage import Recovery, recovery_of
from passmuster_server.devices.ratchets import move_ratchet
from passmuster_server.policy.document import BrowserAddress
from passmuster_server.policy.judgement import NOT_REPORTED
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.policy.stored_devices import StoredDevice
from passmuster_server.reports import requests, store
from passmuster_server.reports.answer import answer_bytes, without_limits
from passmuster_server.reports.checked import checked_records, says
from passmuster_server.reports.nonces import Nonces
from passmuster_server.reports.ratchet import Step, moved_on, step_of
from passmuster_server.reports.upload import Received, canonical, read_upload, without_time
from passmuster_server.services import ReadingsListener
from passmuster_server.spans import Spans
from passmuster_server.web.problems import RETRY_AFTER_S, RefusalError

PATH = "/api/v1/reports"
METHOD = "POST"
MAX_KEYS = 50_000
MAX_SKEW_S = 2**31 - 1
LOST_AGAIN_AFTER = timedelta(minutes=15)
"""How often it is put on record that a lost device reports."""
MOST_UNDER_WAY = 2
"""Of one device: the one it waits for, and the same one again where it gave up waiting."""

_SIGNALS = frozenset(signal.id for signal in CATALOG)
_OUT_OF_SERVICE = (DeviceStatus.REVOKED, DeviceStatus.RETIRED)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Key:
    """The key that a device's reports are verified with, until it is rotated."""

    thumbprint: str
    key: ECKey


@dataclass(frozen=True)
class _Conflict:
    """Returned, not raised: that the device is in conflict has to be stored."""


Result = bytes | _Conflict
"""What becomes of an upload."""


@dataclass(slots=True)
class Sent:
    """A signed upload as it came.

    `limits`: the agent understands what policy allows in seconds. `sender`: the version of the
    agent that sends it, where that is told; else it counts who made the newest record. `address`:
    from where it came, where that is known and policy compares it.
    """

    body: bytes
    limits: bool
    sender: str | None
    address: str | None


class Reports:
    """Takes reports in for one organisation, at any of `urls`."""

    def __init__(
        self,
        database: Database,
        policies: Policies,
        clock: Clock,
        *,
        organisation: str,
        urls: frozenset[str],
        oldest_agent: str,
        spans: Spans,
        on_readings: Sequence[ReadingsListener] = (),
    ) -> None:
        self._database = database
        self._policies = policies
        self._clock = clock
        self._organisation = organisation
        self._urls = urls
        self._oldest_agent = oldest_agent
        self._server, self._hash_key = "", b""
        self._verify = spans.around_async("ingest verify", self._verified)
        self._judge_report = spans.around("ingest judge", policies.judge_report)
        # Keys by device, as a rebuilt key costs more than the verification.
        self._keys: OrderedDict[str, _Key] = OrderedDict()
        self._nonces = Nonces()
        self._under_way: Counter[str] = Counter()
        self._on_readings = on_readings

    @property
    def compares_addresses(self) -> bool:
        """Whether policy asks from where a report comes."""
        return self._policies.current(self._organisation).addresses is BrowserAddress.SAME

    async def take_in(self, sent: Sent) -> bytes:
        """Return the answer to a signed upload, once all it says is durable.

        Raises `RefusalError` and `ContractError` with what is wrong, and `StoreUnavailableError`.
        """
        unverified = jws.read_header(sent.body, REPORT_TYPE)
        key, payload = await self._verify(unverified)
        device = unverified.key_id
        work = self._checked(unverified, key, payload, sent)
        self._take_place(device)
        try:
            result = await self._database.write(work, self._ahead(device))
        finally:
            self._leave_place(device)
        return answer_of(result)

    def begin(self, sent: Sent) -> "asyncio.Future[Result] | None":
        """Return what becomes of a signed upload, for `answer_of`; None: `take_in` has to be asked.

        So it has where the device's key is not known yet. Raises `ContractError` for what is no
        signed upload, and `SignatureError` where its key may have been rotated since. Whatever else
        `take_in` would raise is the future's: nobody verifies the same again.
        """
        unverified = jws.read_header(sent.body, REPORT_TYPE)
        device = unverified.key_id
        key = self._keys.get(device)
        if key is None:
            return None
        payload = jws.verified_payload(unverified, key.key)
        try:
            work = self._checked(unverified, key, payload, sent)
            self._take_place(device)
            try:
                future = self._database.queue_write(work, self._ahead(device))
            except OverloadedError:
                self._leave_place(device)
                raise
        except (RefusalError, ContractError, OverloadedError) as error:
            future = asyncio.get_running_loop().create_future()
            future.set_exception(error)
        else:
            future.add_done_callback(lambda _: self._leave_place(device))
        return future

    def _checked(
        self, unverified: jws.Unverified, key: _Key, payload: bytes, sent: Sent
    ) -> Callable[[Transaction], Result]:
        """Return what is to be written for a verified upload. Raises as `take_in` does."""
        received = read_upload(payload, unverified.key_id)
        check_destination(received.upload, server=self._server, method=METHOD, urls=self._urls)
        require(sent.sender or received.newest.agent_version, self._oldest_agent)
        signed = unverified.digest()
        return lambda transaction: self._accept(transaction, key, received, signed, sent)

    def _ahead(self, device: str) -> Ahead:
        return Ahead(store.find_many_reporting, (self._organisation, device))

    def _take_place(self, device: str) -> None:
        """Let one laptop take no more of the queue than it has use for; its key has signed."""
        if self._under_way[device] >= MOST_UNDER_WAY:
            raise RefusalError(
                429,
                "too_many_reports",
                "Wait for the answer to the report before.",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        self._under_way[device] += 1

    def _leave_place(self, device: str) -> None:
        self._under_way[device] -= 1
        if not self._under_way[device]:
            del self._under_way[device]

    async def _verified(self, unverified: jws.Unverified) -> tuple[_Key, bytes]:
        """Return the payload and the key that has signed it, the newest one of the device."""
        device = unverified.key_id
        kept = self._keys.get(device)
        if kept is not None:
            with contextlib.suppress(jws.SignatureError):
                return kept, jws.verified_payload(unverified, kept.key)
        # A key that is not known yet, or was rotated since.
        key = await self._read_key(device)
        try:
            return key, jws.verified_payload(unverified, key.key)
        except jws.SignatureError:
            raise _bad_signature() from None

    async def _read_key(self, device: str) -> _Key:
        row, organisation = await self._database.read(
            lambda connection: (
                device_store.find_device(connection, self._organisation, device),
                device_store.organisation_of(connection, self._organisation),
            )
        )
        self._server, self._hash_key = organisation.server_id, bytes(organisation.hash_key)
        if row is None:
            raise _unknown_device()
        key = _Key(row.thumbprint, jws.import_key(device_store.public_key_of(row)))
        self._keys[device] = key
        if len(self._keys) > MAX_KEYS:
            self._keys.popitem(last=False)
        return key

    def _code_of(self, address: str | None) -> str | None:
        """Return what is kept of an address: nothing, unless policy compares it."""
        return (
            address_code(self._hash_key, address) if address and self.compares_addresses else None
        )

    def _accept(
        self,
        transaction: Transaction,
        key: _Key,
        received: Received,
        signed: str,
        sent: Sent,
    ) -> Result:
        organisation, now = self._organisation, self._clock()
        device = received.newest.device
        found = store.find_reporting(transaction, organisation, device)
        if found is None:
            raise _unknown_device()
        if found.device.status in _OUT_OF_SERVICE:
            raise RefusalError(401, "revoked", "This device has been taken out of service.")
        if found.device.status is DeviceStatus.CONFLICT:
            raise _conflict()
        if found.thumbprint != key.thumbprint:
            raise _bad_signature()
        upload, ratchet = received.upload, found.ratchet
        step = step_of(ratchet, upload.sequence, upload.nonce, signed)
        if step is Step.AGAIN and ratchet.answer is not None:
            return ratchet.answer if sent.limits else without_limits(ratchet.answer)
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
            newest = self._store_changes(transaction, device, received, sent.body, now)
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
            self._code_of(sent.address),
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
        allowed = policy.time_limits(found.device.subject) if sent.limits else ()
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
        raise _conflict()
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


def _unknown_device() -> RefusalError:
    return RefusalError(401, "unknown_device", "This device is not enrolled here.")


def _bad_signature() -> RefusalError:
    return RefusalError(401, "bad_signature", "The report is not signed by the device's key.")


def _conflict() -> RefusalError:
    return RefusalError(
        409, "identity_conflict", "Two laptops use this device's key. Enrol this one again."
    )
