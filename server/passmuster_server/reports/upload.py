"""Reading an upload: what its records say, checked as far as one message can be checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.report import Record, Upload
from passmuster_collectors.signals import CATALOG

_SIGNALS = {signal.id: signal for signal in CATALOG}


@dataclass(frozen=True, slots=True)
class Received:
    """An upload, the hash of each of its records in order, and the digest of the newest findings.

    `findings` leaves out when they were read, so that it moves only when something did.
    """

    upload: Upload
    hashes: tuple[str, ...]
    findings: str

    @property
    def newest(self) -> Record:
        """The record that the verdict rests on."""
        return self.upload.records[-1]

    def missing_after(self, sequence: int) -> int:
        """Return how many records were made since the record `sequence` and are not in here."""
        return self.newest.sequence - sequence - len(self.upload.records)


def read_upload(payload: bytes, device: str) -> Received:
    """Return the upload in a verified payload.

    Raises `ContractError` naming the field: of the envelope, of a record that is another device's
    or out of order, of a reading given twice, of a fact that is not the signal's.
    """
    value = strict_json.parse(payload)
    upload = codec.decode(Upload, value)
    if canonical_bytes(value) != payload:
        raise ContractError("", "not in the canonical form")
    if not upload.records:
        raise ContractError("records", "empty")
    hashes = tuple(digest(canonical_bytes(raw)) for raw in value["records"])
    for index, record in enumerate(upload.records):
        field = f"records[{index}]"
        if record.device != device:
            raise ContractError(f"{field}.device", "is another device than the key's")
        if index:
            _check_order(upload.records[index - 1], record, hashes[index - 1], field)
        _check_readings(record, field)
    return Received(upload, hashes, _findings(value["records"][-1]["readings"]))


def _check_order(before: Record, record: Record, before_hash: str, field: str) -> None:
    if record.sequence <= before.sequence:
        raise ContractError(f"{field}.sequence", "is not after the record before it")
    # Records that were dropped for want of room leave a gap, which the numbers tell.
    if record.sequence == before.sequence + 1 and record.previous != before_hash:
        raise ContractError(f"{field}.previous", "is not the hash of the record before it")


def _check_readings(record: Record, field: str) -> None:
    seen: set[str] = set()
    for index, reading in enumerate(record.readings):
        path = f"{field}.readings[{index}]"
        if reading.signal in seen:
            raise ContractError(f"{path}.signal", "is reported twice")
        seen.add(reading.signal)
        signal = _SIGNALS.get(reading.signal)
        if signal is not None and reading.facts is not None:
            facts: Any = reading.facts
            codec.decode(signal.facts, facts, f"{path}.facts")


def _findings(readings: list[Mapping[str, Any]]) -> str:
    said = [
        {name: value for name, value in each.items() if name != "collected_at"} for each in readings
    ]
    return digest(canonical_bytes(said))
