"""Fills a server's database with a fleet that has reported, past the one-time codes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.database import Database
from passmuster_server.devices.tables import devices, ratchets
from passmuster_server.policy.document import Policy
from passmuster_server.policy.judgement import judge_device
from passmuster_server.policy.overlays import Subject
from passmuster_server.policy.store import write_signals
from passmuster_server.policy.tables import verdict_history, verdicts
from passmuster_server.reports.tables import contacts, readings
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.example_readings import healthy, with_stick

AT_ONCE = 2_000
FAILING_EVERY = 20


def populate(
    database: Database, policy: Policy, first: int, last: int, *, bare: bool = False
) -> None:
    """Enrol the laptops from number `first` to before `last`; one in twenty has a stick.

    A `bare` one has no readings and no history.
    """
    now = datetime.now(UTC)
    kinds = []
    for told in (healthy(), with_stick()):
        by_signal = {reading.signal: reading for reading in told}
        judged = judge_device(by_signal, policy, Subject(Platform.LINUX), (), now)
        stored = {each.signal: canonical_bytes(codec.encode(each)) for each in told}
        kinds.append((judged.verdict, write_signals(judged.signals), stored))
    for begin in range(first, last, AT_ONCE):
        numbers = range(begin, min(begin + AT_ONCE, last))
        database.write_now(
            lambda transaction, numbers=numbers: _insert(  # type: ignore[misc]
                transaction.connection, numbers, kinds, policy, now, bare=bare
            )
        )


def _insert(
    connection: Connection,
    numbers: range,
    kinds: list[tuple[Verdict, bytes, dict[str, bytes]]],
    policy: Policy,
    now: datetime,
    *,
    bare: bool,
) -> None:
    tables: dict[Table, list[dict[str, Any]]] = {}
    for number in numbers:
        verdict, signals, stored = kinds[number % FAILING_EVERY == 0]
        for table, row in _rows(number, verdict, signals, stored, policy, now):
            if bare and table in (readings, verdict_history):
                continue
            key = {"organisation_id": DEFAULT_ORGANISATION, "device_id": f"{number:032x}"}
            tables.setdefault(table, []).append(key | row)
    for table, rows in tables.items():
        connection.execute(table.insert(), rows)


def _rows(
    number: int,
    verdict: Verdict,
    signals: bytes,
    stored: dict[str, bytes],
    policy: Policy,
    now: datetime,
) -> Iterator[tuple[Table, dict[str, Any]]]:
    since = now - timedelta(seconds=number % 86_400)
    yield (
        devices,
        {
            "owner": f"worker{number}@example.com",
            "computer_name": f"laptop-{number}",
            "platform": "linux",
            "system": "Debian GNU/Linux 12",
            "agent_version": "0.1.0",
            "public_key": b"{}",
            "thumbprint": f"{number:064x}",
            "fingerprint": f"{number:014X}",
            "tier": "file",
            "status": "active",
            "enrolled_at": since,
        },
    )
    yield (
        ratchets,
        {
            "sequence": 1,
            "nonce": "nonce",
            "previous_nonce": "",
            "digest": "",
            "answer": None,
            "record_sequence": 1,
            "record_hash": "",
            "recent": "",
        },
    )
    yield (
        contacts,
        {"last_seen": now, "clock_skew_s": 0, "findings": "", "missing_records": 0},
    )
    yield (
        verdicts,
        {
            "verdict": verdict.value,
            "since": since,
            "judged_at": now,
            "policy_version": policy.version,
            "basis": policy.basis,
            "grace_until": None,
            "signals": signals,
            "revision": 1,
        },
    )
    yield (
        verdict_history,
        {
            "since": since,
            "verdict": verdict.value,
            "policy_version": policy.version,
            "reasons": b"[]",
        },
    )
    for signal, reading in stored.items():
        yield (
            readings,
            {"signal": signal, "reading": reading, "collected_at": now, "changed_at": since},
        )
