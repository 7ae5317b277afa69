"""Reading an upload: what its records say, checked as far as one message can be checked."""

from dataclasses import dataclass
from typing import Any

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.report import Record, Upload
from passmuster_collectors.signals import CATALOG

_SIGNALS = {signal.id: signal for signal in CATALOG}


@dataclass(frozen=True)
class Received:
    """An upload and the hash of each of its records, in order."""

    upload: Upload
    hashes: tuple[str, ...]

    @property
    def newest(self) -> Record:
        """The record that the verdict rests on."""
        return self.upload.records[-1]


def read_upload(payload: bytes, device: str) -> Received:
    """Return the upload in a verified payload.

    Raises `ContractError` naming the field: of the envelope, of a record that is another device's
    or out of order, of a reading given twice, of a fact that is not the signal's.
    """
    value = strict_json.parse(payload)
    upload = codec.decode(Upload, value)
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
    return Received(upload, hashes)


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
