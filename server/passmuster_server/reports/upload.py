"""Reading an upload: what its records say, checked as far as one message can be checked.

Most reports say what the one before said. Their readings are told to be the same by their digest
and were checked then, so readings are parsed and decoded only when somebody asks for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import digest
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.report import MAX_READINGS, Record, Upload
from passmuster_collectors.signals import CATALOG
from passmuster_server.reports.usual_upload import read_usual

DEPTH_OF_FACTS = 5
"""Upload, records, record, readings, reading."""

_SIGNALS = {signal.id: signal for signal in CATALOG}


@dataclass(frozen=True)
class Received:
    """An upload whose records still lack their readings, and the hash of each whole record.

    `findings` is the digest of the newest readings without the times when they were read, so it
    moves only when something else did. The signals that this server knows are a part of it: what
    an older one could not keep is then looked at again.
    """

    upload: Upload
    hashes: tuple[str, ...]
    findings: str
    payload: bytes

    @property
    def newest(self) -> Record:
        """The record that the verdict rests on."""
        return self.upload.records[-1]

    def missing_after(self, sequence: int) -> int:
        """Return how many records were made since the record `sequence` and are not in here."""
        return self.newest.sequence - sequence - len(self.upload.records)

    @cached_property
    def raw_readings(self) -> tuple[list[dict[str, Any]], ...]:
        """Each record's readings as they came.

        Raises `ContractError` for a payload with readings that are not in the canonical form.
        """
        return _raw_readings(_parsed(self.payload))

    def readings(self, index: int) -> tuple[Reading, ...]:
        """Return the readings of a record.

        Raises `ContractError` naming what is wrong: with the form of readings, with one of them,
        one given twice, or a fact that is not the signal's.
        """
        index = range(len(self.raw_readings))[index]
        field = f"records[{index}].readings"
        readings = [
            codec.decode(Reading, raw, f"{field}[{place}]")
            for place, raw in enumerate(self.raw_readings[index])
        ]
        seen: set[str] = set()
        for place, reading in enumerate(readings):
            if reading.signal in seen:
                raise ContractError(f"{field}[{place}].signal", "is reported twice")
            seen.add(reading.signal)
            check_facts(reading, f"{field}[{place}].facts")
        return tuple(readings)


def read_upload(payload: bytes, device: str) -> Received:
    """Return the upload in a verified payload.

    Raises `ContractError` naming the field: of the envelope, or of a record that is another
    device's or out of order. What is wrong with readings that are not known by their `findings` is
    told when they are asked for.
    """
    received = _read_quickly(payload) or _read_by_codec(payload)
    records, hashes = received.upload.records, received.hashes
    for index, record in enumerate(records):
        if record.device != device:
            raise ContractError(f"records[{index}].device", "is another device than the key's")
        if index:
            _check_order(records[index - 1], record, hashes[index - 1], f"records[{index}]")
    return received


def _read_quickly(payload: bytes) -> Received | None:
    usual = read_usual(payload)
    if usual is None:
        return None
    return Received(usual.upload, usual.hashes, _digest_of_said(usual.said), payload)


def _read_by_codec(payload: bytes) -> Received:
    """Return what any upload says, also one that no agent writes, by the contract's codec.

    Raises `ContractError` naming what is wrong with the form or the envelope.
    """
    value = _parsed(payload)
    raw = _raw_readings(value)
    bare = [{**record, "readings": []} for record in value["records"]]
    upload = codec.decode(Upload, {**value, "records": bare})
    hashes = tuple(digest(canonical(record)) for record in value["records"])
    return Received(upload, hashes, _findings(raw[-1], f"records[{len(raw) - 1}]"), payload)


def canonical(value: Any) -> bytes:
    """Return the same bytes as the contract's `canonical_bytes`, several times as fast."""
    return msgspec.json.encode(value, order="sorted")


def without_time(reading: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a reading differ from another: all but when it was taken."""
    return {name: value for name, value in reading.items() if name != "collected_at"}


def _parsed(payload: bytes) -> Any:
    """Return the JSON value; what is not in the canonical form is parsed again to say why not."""
    try:
        value = msgspec.json.decode(payload)
        if canonical(value) == payload:
            return value
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        pass
    strict_json.parse(payload)
    raise ContractError("", "not in the canonical form")


def _raw_readings(value: Any) -> tuple[list[dict[str, Any]], ...]:
    """Return each record's readings as they came. Raises `ContractError` where they are none."""
    try:
        found = tuple(record["readings"] for record in value["records"])
    except (TypeError, KeyError):
        found = ()
    shaped = all(
        isinstance(readings, list)
        and len(readings) <= MAX_READINGS
        and all(isinstance(reading, dict) for reading in readings)
        for readings in found
    )
    if not found or not shaped:
        codec.decode(Upload, value)
        raise ContractError("records", "empty")
    return found


def check_facts(reading: Reading, field: str) -> None:
    """Raise `ContractError` for a fact that is not the signal's; they stand at `field`."""
    signal = _SIGNALS.get(reading.signal)
    facts: Any = reading.facts
    if signal is None:
        # Nothing of ours describes them; they are held to the bounds of every message.
        strict_json.parse(canonical(facts), max_depth=strict_json.MAX_DEPTH - DEPTH_OF_FACTS)
    elif facts is not None:
        codec.decode(signal.facts, facts, field)


def _check_order(before: Record, record: Record, before_hash: str, field: str) -> None:
    if record.sequence <= before.sequence:
        raise ContractError(f"{field}.sequence", "is not after the record before it")
    # Records that were dropped for want of room leave a gap, which the numbers tell.
    if record.sequence == before.sequence + 1 and record.previous != before_hash:
        raise ContractError(f"{field}.previous", "is not the hash of the record before it")


def _findings(readings: list[dict[str, Any]], field: str) -> str:
    for place, reading in enumerate(readings):
        # All else is as it was when it was checked, or is about to be checked.
        codec.parse_time(reading.get("collected_at"), f"{field}.readings[{place}].collected_at")
    return _digest_of_said(b"".join(b"," + canonical(without_time(each)) for each in readings))


def _digest_of_said(said: bytes) -> str:
    return digest(canonical([*_SIGNALS]).removesuffix(b"]") + said + b"]")
