"""Uploads as an agent writes them, and the bytes of ones that no agent would write."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.report import Record, Upload
from tests.support.example_readings import healthy

DEVICE = "0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)


def record(
    sequence: int = 1, previous: str = "", readings: Sequence[Reading] | None = None
) -> Record:
    """Return a record, of a healthy laptop unless `readings` are given."""
    return Record(
        version=1,
        device=DEVICE,
        record_id=f"{sequence:032x}",
        sequence=sequence,
        previous=previous,
        collected_at=NOW,
        boot_id="4a3c6d1e-0000-4000-8000-000000000001",
        uptime_s=3600,
        platform=Platform.LINUX,
        agent_version="0.1.0",
        readings=tuple(healthy() if readings is None else readings),
    )


def chain(*readings: Sequence[Reading]) -> tuple[Record, ...]:
    """Return a record of each of these, one after the other."""
    records: list[Record] = []
    for index, each in enumerate(readings):
        before = digest(canonical_bytes(codec.encode(records[-1]))) if records else ""
        records.append(record(index + 1, before, each))
    return tuple(records)


def plain(*records: Record) -> dict[str, Any]:
    """Return the JSON value of an upload of these, or of one record of a healthy laptop."""
    upload = Upload(
        version=1,
        audience="f" * 32,
        method="POST",
        url="https://passmuster.example.com/api/v1/reports",
        sequence=7,
        nonce="a nonce",
        sent_at=NOW,
        records=records or (record(),),
    )
    value: dict[str, Any] = codec.encode(upload)
    return value


def written(value: Any) -> bytes:
    """Return the canonical form, also of what has none as UTF-8 can't say it."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")
