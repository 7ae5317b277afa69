"""What it costs to save a verdict does not grow with the history of the fleet."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.database import Database, Transaction
from passmuster_server.policy.store import save_verdict
from passmuster_server.policy.stored_devices import StoredVerdict
from passmuster_server.policy.tables import verdict_history, verdicts
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database
from tests.support.example_devices import insert_device
from tests.support.example_standings import standing
from tests.support.store import sqlite_only

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
OTHERS = 20
EACH = 100


def save(transaction: Transaction, verdict: Verdict, before: StoredVerdict | None) -> StoredVerdict:
    """Save ana's verdict, an hour after or, where it stays the same, before the last one."""
    since = START
    if before is not None:
        since = before.since + (-HOUR if before.verdict is verdict else HOUR)
    judged = standing(verdict, device="ana", since=since, judged_at=since)
    save_verdict(transaction, before, judged, "basis", ())
    return StoredVerdict(verdict, since, since, 1, "basis", None, b"")


def steps_of(database: Database, last: Verdict) -> int:
    """Return the steps of SQLite's machine in which a verdict follows a compliant one."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def work(transaction: Transaction) -> None:
        for table in (verdict_history, verdicts):
            transaction.connection.execute(delete(table).where(table.c.device_id == "ana"))
        first = save(transaction, Verdict.COMPLIANT, None)
        driver = transaction.connection.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(count, 1)
        try:
            save(transaction, last, first)
        finally:
            driver.set_progress_handler(None, 1)

    database.write_now(work)
    return steps


def enrol(transaction: Transaction) -> None:
    for name in ("ana", *(f"other-{number}" for number in range(OTHERS))):
        insert_device(transaction, name, enrolled_at=START)


def fill_history(transaction: Transaction) -> None:
    transaction.connection.execute(
        verdict_history.insert(),
        [
            {
                "organisation_id": DEFAULT_ORGANISATION,
                "device_id": f"other-{number}",
                "since": START + place * HOUR,
                "verdict": tuple(Verdict)[place % 4].value,
                "policy_version": 1,
                "reasons": b"[]",
                "ended_at": START + (place + 1) * HOUR,
            }
            for number in range(OTHERS)
            for place in range(EACH)
        ],
    )


@sqlite_only
@pytest.mark.parametrize("last", [Verdict.NON_COMPLIANT, Verdict.COMPLIANT])
def test_a_verdict_is_saved_in_as_few_steps_however_long_the_fleets_history(
    tmp_path: Path, last: Verdict
) -> None:
    database = example_database.create(tmp_path)
    database.write_now(enrol)
    with_none = steps_of(database, last)
    database.write_now(fill_history)
    with_many = steps_of(database, last)
    assert with_many < with_none + OTHERS * EACH / 2, "it has looked at the others' verdicts"
