"""A report is taken in: verified, ratcheted, stored, judged and answered, in one write."""

import dataclasses
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from joserfc.jwk import ECKey
from sqlalchemy import Connection, Row

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import base64url, canonical_bytes, digest
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.report import REPORT_TYPE
from passmuster_collectors.contract.verdict import Answer, SignalVerdict
from passmuster_collectors.signals import CATALOG
from passmuster_server.clock import Clock
from passmuster_server.database import Database, Transaction
from passmuster_server.devices import jws
from passmuster_server.devices import store as device_store
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.reports import store
from passmuster_server.reports.ratchet import Step, moved_on, step_of
from passmuster_server.reports.upload import Received, read_upload
from passmuster_server.web.problems import RefusalError

PATH = "/api/v1/reports"
MAX_KEYS = 50_000
MAX_SKEW_S = 2**31 - 1
MAX_REASON = 512

_SIGNALS = frozenset(signal.id for signal in CATALOG)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Conflict:
    """Returned, not raised: that the device is in conflict has to be stored."""


class Reports:
    """Takes reports in for one organisation."""

    def __init__(
        self,
        database: Database,
        policies: Policies,
        clock: Clock,
        *,
        organisation: str,
        public_url: str,
    ) -> None:
        self._database = database
        self._policies = policies
        self._clock = clock
        self._organisation = organisation
        self._url = public_url + PATH
        # Keys by device, as a rebuilt key costs more than the verification; keys never change.
        self._keys: OrderedDict[str, ECKey] = OrderedDict()

    async def take_in(self, body: bytes) -> bytes:
        """Return the answer to a signed upload, once all it says is durable.

        Raises `RefusalError` and `ContractError` with what is wrong, and `StoreUnavailableError`.
        """
        unverified = jws.read_header(body, REPORT_TYPE)
        device = unverified.key_id
        key = self._keys.get(device) or await self._read_key(device)
        try:
            payload = jws.verified_payload(unverified, key)
        except jws.SignatureError:
            raise RefusalError(
                401, "bad_signature", "The report is not signed by the device's key."
            ) from None
        received = read_upload(payload, device)
        result = await self._database.write(
            lambda transaction: self._accept(transaction, device, received, body)
        )
        if isinstance(result, _Conflict):
            raise RefusalError(
                409,
                "identity_conflict",
                "Two laptops use this device's key. Enrol this one again.",
            )
        return result

    async def _read_key(self, device: str) -> ECKey:
        row = await self._database.read(
            lambda connection: device_store.find_device(connection, self._organisation, device)
        )
        if row is None:
            raise RefusalError(401, "unknown_device", "This device is not enrolled here.")
        key = jws.import_key(device_store.public_key_of(row))
        self._keys[device] = key
        if len(self._keys) > MAX_KEYS:
            self._keys.popitem(last=False)
        return key

    def _accept(
        self, transaction: Transaction, device: str, received: Received, body: bytes
    ) -> bytes | _Conflict:
        connection, now = transaction.connection, self._clock()
        row = device_store.find_device(connection, self._organisation, device)
        if row is None:
            raise RefusalError(401, "unknown_device", "This device is not enrolled here.")
        self._check_service(row)
        upload, body_digest = received.upload, digest(body)
        self._check_destination(connection, received)
        ratchet = device_store.find_ratchet(connection, self._organisation, device)
        step = step_of(ratchet, upload.sequence, upload.nonce, body_digest)
        if step is Step.AGAIN and ratchet.answer is not None:
            return ratchet.answer
        if step is Step.REPLAYED:
            raise RefusalError(409, "replayed", "This report was taken in before.")
        if step is not Step.NEXT or DeviceStatus(row.status) is DeviceStatus.CONFLICT:
            self._enter_conflict(transaction, row)
            return _Conflict()
        _check_chain(ratchet, received)
        self._store(connection, device, received, body, now)
        if row.agent_version != received.newest.agent_version:
            device_store.set_agent_version(
                connection, self._organisation, device, received.newest.agent_version
            )
        ratchet = dataclasses.replace(
            moved_on(ratchet, digest=body_digest, nonce=base64url(secrets.token_bytes(16))),
            record_sequence=received.newest.sequence,
            record_hash=received.hashes[-1],
        )
        # Twice: the standing names the report by the ratchet, and the answer tells the standing.
        device_store.save_ratchet(connection, self._organisation, device, ratchet)
        standing = self._policies.judge(transaction, self._organisation, device)
        answer = self._answer(standing, ratchet.nonce, now)
        device_store.save_ratchet(
            connection, self._organisation, device, dataclasses.replace(ratchet, answer=answer)
        )
        return answer

    def _check_service(self, row: Row[tuple[object, ...]]) -> None:
        if DeviceStatus(row.status) in (DeviceStatus.REVOKED, DeviceStatus.RETIRED):
            raise RefusalError(401, "revoked", "This device has been taken out of service.")

    def _check_destination(self, connection: Connection, received: Received) -> None:
        upload = received.upload
        server = device_store.organisation_of(connection, self._organisation).server_id
        expected = {"audience": server, "method": "POST", "url": self._url}
        for name, value in expected.items():
            if getattr(upload, name) != value:
                raise ContractError(name, "is not this server's; compare its public_url")

    def _enter_conflict(self, transaction: Transaction, row: Row[tuple[object, ...]]) -> None:
        if DeviceStatus(row.status) is DeviceStatus.CONFLICT:
            return
        _log.warning("device %s: two laptops use one key", row.device_id)
        connection = transaction.connection
        device_store.set_status(
            connection, self._organisation, row.device_id, DeviceStatus.CONFLICT
        )
        self._policies.judge(transaction, self._organisation, row.device_id)

    def _store(
        self, connection: Connection, device: str, received: Received, body: bytes, now: datetime
    ) -> None:
        organisation = self._organisation
        stored = dict(store.current_readings(connection, organisation, device))
        changed = False
        for record in received.upload.records:
            for reading in record.readings:
                if reading.signal not in _SIGNALS:
                    continue
                before = stored.get(reading.signal)
                if before is not None and store.compared(_reading(before)) == store.compared(
                    reading
                ):
                    continue
                store.put_reading(
                    connection, organisation, device, reading, now, body, known=before is not None
                )
                stored[reading.signal] = canonical_bytes(codec.encode(reading))
                changed = True
        reported = {reading.signal for reading in received.newest.readings}
        for signal in stored.keys() - reported:
            # What the newest record does not tell is unknown, not what it was.
            store.drop_reading(connection, organisation, device, signal)
        skew = int((received.upload.sent_at - now).total_seconds())
        store.move_contact(
            connection,
            organisation,
            device,
            now,
            max(-MAX_SKEW_S, min(MAX_SKEW_S, skew)),
            body if changed else None,
        )

    def _answer(self, standing: Standing, nonce: str, now: datetime) -> bytes:
        policy = self._policies.current(self._organisation)
        answer = Answer(
            version=1,
            verdict=standing.verdict,
            judged_at=now,
            policy_version=standing.policy_version,
            signals=tuple(
                SignalVerdict(
                    item.signal,
                    item.title,
                    item.outcome,
                    tuple(reason.worker[:MAX_REASON] for reason in item.reasons)[:64],
                    tuple(reason.remedy for reason in item.reasons if reason.remedy)[:64],
                )
                for item in standing.signals
            ),
            grace_until=standing.grace_until,
            nonce=nonce,
            report_within_s=policy.report_within_s,
        )
        return canonical_bytes(codec.encode(answer))


def _check_chain(ratchet: device_store.Ratchet, received: Received) -> None:
    first = received.upload.records[0]
    if first.sequence <= ratchet.record_sequence:
        raise ContractError("records[0].sequence", "was reported before")
    follows = first.sequence == ratchet.record_sequence + 1
    if follows and first.previous != ratchet.record_hash:
        raise ContractError("records[0].previous", "is not the hash of the last reported record")


def _same(one: Reading, other: Reading) -> bool:
    return store.compared(one) == store.compared(other)


def _reading(stored: bytes) -> Reading:
    return codec.decode(Reading, strict_json.parse(stored))
