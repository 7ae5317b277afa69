"""One page of the fleet, in order, whatever its size."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.database import Database, Transaction
from passmuster_server.devices.tables import devices
from passmuster_server.fleet.store import ORDER, PAGE_SIZE, FleetQuery, Group, counts_of, page_of
from passmuster_server.fleet.view import cursor_of
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.policy.tables import verdicts
from passmuster_server.reports.tables import contacts
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database
from tests.support.example_standings import MAX_AGE_S, NO_LOCK, NOW, standing

QUERY = FleetQuery(DEFAULT_ORGANISATION, NOW, MAX_AGE_S)


def put(transaction: Transaction, item: Standing, fingerprint: str) -> None:
    key = {"organisation_id": item.organisation, "device_id": item.device}
    connection = transaction.connection
    connection.execute(
        devices.insert().values(
            **key,
            owner=item.owner,
            computer_name=item.computer_name,
            platform=item.platform.value,
            system="Debian GNU/Linux 12",
            agent_version="0.1.0",
            public_key=b"key",
            thumbprint=item.device,
            fingerprint=fingerprint,
            tier="file",
            status=item.status.value,
            enrolled_at=NOW,
        )
    )
    if item.last_seen is not None:
        filled = {
            column.name: 0 if column.type.python_type is int else ""
            for column in contacts.columns
            if column.name not in {*key, "last_seen"} and not column.nullable
        }
        connection.execute(contacts.insert().values(**key, last_seen=item.last_seen, **filled))
        optional = {"basis": b""} if "basis" in verdicts.c else {}
        connection.execute(
            verdicts.insert().values(
                **key,
                verdict=item.verdict.value,
                since=item.since,
                judged_at=item.judged_at,
                policy_version=1,
                grace_until=item.grace_until,
                signals=b'{"signals":[]}',
                **optional,
            )
        )


def fill(folder: Path, *items: Standing) -> Database:
    database = example_database.create(folder)

    def fill_all(transaction: Transaction) -> None:
        for number, item in enumerate(items):
            put(transaction, item, f"ABCD-EFGH-{number:04}")

    database.write_now(fill_all)
    return database


GROUPED = {
    "fails": (standing(Verdict.NON_COMPLIANT), Group.NON_COMPLIANT),
    "grace-over": (standing(Verdict.GRACE, NO_LOCK, grace_until=NOW), Group.NON_COMPLIANT),
    "grace-unset": (standing(Verdict.GRACE, NO_LOCK), Group.NON_COMPLIANT),
    "old": (standing(last_seen=NOW - timedelta(seconds=MAX_AGE_S + 1)), Group.UNKNOWN),
    "future": (standing(last_seen=NOW + timedelta(hours=1)), Group.UNKNOWN),
    "silent": (standing(last_seen=None), Group.UNKNOWN),
    "unknown": (standing(Verdict.UNKNOWN), Group.UNKNOWN),
    "conflict": (standing(status=DeviceStatus.CONFLICT), Group.UNKNOWN),
    "grace": (
        standing(Verdict.GRACE, NO_LOCK, grace_until=NOW + timedelta(seconds=1)),
        Group.GRACE,
    ),
    "passes": (standing(last_seen=NOW - timedelta(seconds=MAX_AGE_S)), Group.COMPLIANT),
    "revoked": (standing(status=DeviceStatus.REVOKED), Group.OUT_OF_SERVICE),
    "retired": (standing(status=DeviceStatus.RETIRED), Group.OUT_OF_SERVICE),
}


def named(name: str, item: Standing) -> Standing:
    return dataclasses.replace(item, device=name, owner=f"{name}@example.com", computer_name=name)


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Database:
    items = [named(name, item) for name, (item, _) in GROUPED.items()]
    return fill(tmp_path_factory.mktemp("grouped"), *items)


def test_the_database_groups_as_the_gate_decides(grouped: Database) -> None:
    rows = shown(grouped, QUERY)
    found = {row.device_id: ORDER[row.rank] for row in rows}
    assert found == {name: group for name, (_, group) in GROUPED.items()}
    for name, (item, group) in GROUPED.items():
        if group is not Group.OUT_OF_SERVICE:
            assert group.value == item.verdict_at(NOW).value, f"{name}: page and gate disagree"


def test_the_worst_come_first_then_by_owner(grouped: Database) -> None:
    rows = shown(grouped, QUERY)
    keys = [(row.rank, row.owner) for row in rows]
    assert keys == sorted(keys)


def counted(database: Database, query: FleetQuery) -> Mapping[Group, int]:
    return database.read_now(lambda connection: counts_of(connection, query))


def shown(database: Database, query: FleetQuery) -> Sequence[Row[Any]]:
    return database.read_now(lambda connection: page_of(connection, query))


def test_counts_cover_everything_whatever_is_shown(grouped: Database) -> None:
    expected = dict.fromkeys(Group, 0)
    for _, each in GROUPED.values():
        expected[each] += 1
    for group in (None, Group.GRACE):
        query = dataclasses.replace(QUERY, group=group)
        assert counted(grouped, query) == expected


def search(database: Database, text: str) -> set[str]:
    query = dataclasses.replace(QUERY, search=text)
    return {row.device_id for row in database.read_now(lambda c: page_of(c, query))}


def test_search_finds_owners_computers_and_fingerprints(grouped: Database) -> None:
    assert search(grouped, "GRACE-") == {"grace-over", "grace-unset"}
    assert search(grouped, "silent@") == {"silent"}
    assert search(grouped, "abcd-efgh-0000") == {"fails"}


@pytest.mark.parametrize("text", ["%", "_", "' OR 1=1 --", "\\", "'; DROP TABLE devices; --"])
def test_signs_of_sql_are_searched_for_as_they_are(grouped: Database, text: str) -> None:
    assert search(grouped, text) == set()


def test_pages_follow_one_another_without_gaps_or_repeats(tmp_path: Path) -> None:
    verdict = [Verdict.NON_COMPLIANT, Verdict.COMPLIANT, Verdict.COMPLIANT]
    items = [
        # Several laptops of one owner: the order must not depend on the owner alone.
        dataclasses.replace(
            standing(verdict[number % 3]),
            device=f"device-{number:03}",
            owner=f"worker{number % 7}@example.com",
        )
        for number in range(2 * PAGE_SIZE + 17)
    ]
    database = fill(tmp_path, *items)
    seen: list[str] = []
    query = QUERY
    for _ in range(5):
        rows = shown(database, query)
        seen += [row.device_id for row in rows[:PAGE_SIZE]]
        if len(rows) <= PAGE_SIZE:
            break
        query = dataclasses.replace(query, after=cursor_of(rows[PAGE_SIZE - 1]))
    assert sorted(seen) == [item.device for item in items]
    assert len(set(seen)) == len(seen)
