"""Who was not compliant when, and for how long, over any period."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server import migrations
from passmuster_server.database import Database, Transaction
from passmuster_server.devices.ratchets import reset_ratchet
from passmuster_server.devices.tables import devices
from passmuster_server.fleet.history import Episode, Period, episodes
from passmuster_server.fleet.history_points import verdicts_at
from passmuster_server.fleet.history_totals import Total, totals
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.policy.store import save_verdict
from passmuster_server.policy.stored_devices import stored_device
from passmuster_server.policy.tables import ENDLESS
from passmuster_server.schema import DEFAULT_ORGANISATION, to_microseconds
from tests.server.conftest import quick_code
from tests.support import example_database
from tests.support.clocked_server import clocked_server
from tests.support.example_devices import insert_device
from tests.support.example_readings import healthy, with_stick
from tests.support.example_standings import standing
from tests.support.signing_device import SigningDevice
from tests.support.store import new_store

History = Callable[..., str]

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + 30 * DAY
BAD, GOOD, UNSURE = Verdict.NON_COMPLIANT, Verdict.COMPLIANT, Verdict.UNKNOWN

LIVES = {
    "ana": [(0, GOOD), (5, BAD), (7, GOOD), (20, BAD), (21, UNSURE), (22, GOOD)],
    "ben": [(0, GOOD), (28, BAD)],
    "cleo": [(0, GOOD)],
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    created = example_database.create(tmp_path)
    created.write_now(live)
    yield created
    created.dispose()


def live(transaction: Transaction) -> None:
    """Let each laptop's verdicts follow one another, as judgements do."""
    connection = transaction.connection
    for name, life in LIVES.items():
        insert_device(transaction, name, enrolled_at=START)
        reset_ratchet(connection, DEFAULT_ORGANISATION, name, "nonce")
        for day, verdict in life:
            stored = stored_device(connection, DEFAULT_ORGANISATION, name)
            assert stored is not None
            save_verdict(transaction, stored.verdict, judged(name, day, verdict), "basis", ())


def judged(name: str, day: int, verdict: Verdict) -> Standing:
    moment = START + day * DAY
    return standing(verdict, device=name, since=moment, judged_at=moment)


def asked(database: Database, first: float, last: float, **changed: Any) -> dict[str, Total]:
    period = Period(
        DEFAULT_ORGANISATION,
        START + first * DAY,
        START + last * DAY,
        **changed,
    )
    found = database.read_now(lambda connection: totals(connection, period, NOW))
    return {each.device: each for each in found}


def days(total: Total | Episode) -> float:
    return total.seconds / DAY.total_seconds()


def test_the_whole_time_is_told_with_the_longest_first(database: Database) -> None:
    found = asked(database, 0, 30)
    assert list(found) == ["ana", "ben"]
    assert (found["ana"].episodes, days(found["ana"]), found["ana"].lasts) == (2, 3, False)
    assert (found["ben"].episodes, days(found["ben"]), found["ben"].lasts) == (1, 2, True)
    assert found["ana"].first == START + 5 * DAY
    assert found["ana"].owner == "Ana@example.com"


def test_only_what_lies_within_the_period_counts(database: Database) -> None:
    assert days(asked(database, 6, 20.5)["ana"]) == 1.5
    assert days(asked(database, 5.5, 6)["ana"]) == 0.5, "the whole period lies within"
    assert asked(database, 7, 20) == {}, "what ends as it begins does not touch it"


def at_each(database: Database, first: float, step: timedelta, number: int) -> dict[str, list[int]]:
    begin = START + first * DAY
    found = database.read_now(
        lambda connection: verdicts_at(connection, DEFAULT_ORGANISATION, begin, step, number)
    )
    return {verdict.value: list(numbers) for verdict, numbers in found.items()}


def expected_at(moment: datetime) -> dict[str, int]:
    """Count by hand: who had what at a moment."""
    counts = dict.fromkeys((verdict.value for verdict in Verdict), 0)
    for life in LIVES.values():
        before = [verdict for day, verdict in life if START + day * DAY <= moment]
        if before:
            counts[before[-1].value] += 1
    return counts


@pytest.mark.parametrize(
    ("first", "step", "number"),
    [
        (-2, DAY, 33),
        (0, DAY, 31),
        (4.5, timedelta(hours=7), 90),
        (5, 2 * DAY, 2),
        (29, timedelta(minutes=1), 10),
    ],
)
def test_how_many_had_which_verdict_is_told_at_each_moment(
    database: Database, first: float, step: timedelta, number: int
) -> None:
    found = at_each(database, first, step, number)
    for place in range(number):
        moment = START + first * DAY + place * step
        assert {verdict: told[place] for verdict, told in found.items()} == expected_at(moment)


def test_laptops_out_of_service_or_of_another_group_are_not_among_them(database: Database) -> None:
    database.write_now(
        lambda transaction: transaction.connection.execute(
            devices.update()
            .where(devices.c.device_id == "ben")
            .values(status=DeviceStatus.RETIRED.value)
        )
    )
    assert at_each(database, 29, DAY, 1)["non_compliant"] == [0]
    found = database.read_now(
        lambda connection: verdicts_at(connection, DEFAULT_ORGANISATION, START, DAY, 3, "another")
    )
    assert {number for numbers in found.values() for number in numbers} == {0}


def test_what_lasts_ends_for_now_at_this_moment(database: Database) -> None:
    assert days(asked(database, 29, 365)["ben"]) == 1


def test_another_verdict_may_be_asked_for(database: Database) -> None:
    found = asked(database, 0, 30, verdict=UNSURE)
    assert list(found) == ["ana"]
    assert days(found["ana"]) == 1


def test_one_person_may_be_asked_for_in_any_case(database: Database) -> None:
    assert list(asked(database, 0, 30, owner="BEN@EXAMPLE.COM")) == ["ben"]
    assert asked(database, 0, 30, owner="cleo@example.com") == {}


def test_another_organisation_has_none_of_it(database: Database) -> None:
    period = Period("other", START, NOW)
    assert database.read_now(lambda connection: totals(connection, period, NOW)) == []


def test_each_time_is_told_in_order(database: Database) -> None:
    period = Period(DEFAULT_ORGANISATION, START + 6 * DAY, NOW)
    found = database.read_now(lambda connection: episodes(connection, period, NOW))
    assert [(each.device, (each.began - START) / DAY) for each in found] == [
        ("ana", 5),
        ("ana", 20),
        ("ben", 28),
    ]
    assert [days(each) for each in found] == [1, 1, 2]
    assert [each.ended for each in found] == [START + 7 * DAY, START + 21 * DAY, None]


def before_version(url: str, name: str) -> Database:
    """Return a database as the versions before the one of this name left it."""
    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    (before,) = [
        revision.down_revision
        for revision in ScriptDirectory.from_config(config).walk_revisions()
        if name in revision.path
    ]
    with database.writer_engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, str(before))
    return database


def test_history_from_before_it_knew_its_ends_is_told_them(tmp_path: Path) -> None:
    database = before_version(new_store(tmp_path), "verdicts_end")
    database.write_now(old_history)
    migrations.migrate(database)
    found = database.read_now(
        lambda connection: episodes(connection, Period(DEFAULT_ORGANISATION, START, NOW), NOW)
    )
    database.dispose()
    assert [(each.began - START) / DAY for each in found] == [5, 20, 28]
    assert [days(each) for each in found] == [2, 1, 2]


def test_history_from_before_it_knew_its_totals_is_told_them(tmp_path: Path) -> None:
    database = before_version(new_store(tmp_path), "verdict_totals")
    # More laptops than are counted at once.
    names = [f"{number:03}-{name}" for number in range(200) for name in LIVES]
    database.write_now(lambda transaction: old_history(transaction, names, ended=True))
    migrations.migrate(database)
    for first, last in ((0, 30), (6, 20.5), (-1, 6), (21, 29)):
        found = asked(database, first, last)
        assert {name: (each.episodes, days(each)) for name, each in found.items()} == {
            name: clipped for name in names if (clipped := by_hand(name[4:], first, last))
        }
    database.dispose()


def by_hand(name: str, first: float, last: float) -> tuple[int, float] | None:
    """Return how often and how many days the laptop was not compliant; None where it never was."""
    life = LIVES[name]
    ends = [day for day, _ in life[1:]] + [10_000]
    lengths = [
        min(end, last, 30) - max(day, first)
        for (day, verdict), end in zip(life, ends, strict=True)
        if verdict is BAD and end > first and day < last
    ]
    return (len(lengths), sum(lengths)) if lengths else None


OLD_ROW = (
    "INSERT INTO verdict_history "
    "(organisation_id, device_id, since, verdict, reasons, policy_version"
)


def old_history(
    transaction: Transaction, names: Sequence[str] = tuple(LIVES), *, ended: bool = False
) -> None:
    """Store the same lives as a server before that migration did; `ended`: with their ends."""
    organisation = "INSERT INTO organisations (organisation_id, name, server_id, hash_key) "
    transaction.run(
        organisation + "VALUES (?, 'Example', 'server-1', ?)", (DEFAULT_ORGANISATION, bytes(32))
    )
    for name in names:
        insert_device(transaction, name, enrolled_at=START)
        life = LIVES[name.rpartition("-")[2]]
        ends = [to_microseconds(START + day * DAY) for day, _ in life[1:]]
        for (day, verdict), end in zip(life, [*ends, to_microseconds(ENDLESS)], strict=True):
            began = to_microseconds(START + day * DAY)
            about = (DEFAULT_ORGANISATION, name, began, verdict.value, b"[]")
            if ended:
                transaction.run(f"{OLD_ROW}, ended_at) VALUES (?, ?, ?, ?, ?, 1, ?)", (*about, end))
            else:
                transaction.run(f"{OLD_ROW}) VALUES (?, ?, ?, ?, ?, 1)", about)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Return what the command prints of a laptop that failed twice and fails still."""
    with clocked_server(tmp_path_factory.mktemp("history")) as server:
        device = SigningDevice(server.url, computer_name="=1+1")
        with server.client() as client:
            device.enroll(client, quick_code(server))
            device.report(client, with_stick())
            device.report(client, healthy())
            device.report(client, with_stick())

        def history(*arguments: str, check: bool = True) -> str:
            done = server.command("history", *arguments, check=check)
            return done.stdout or done.stderr

        yield history


class TestCommand:
    """As an auditor asks for it, of a real server's history."""

    def test_json_has_each_laptop(self, told: History) -> None:
        (found,) = json.loads(told("--json"))
        assert (found["owner"], found["episodes"], found["lasts"]) == ("ana@example.com", 2, True)

    def test_csv_runs_nothing_in_a_spreadsheet(self, told: History) -> None:
        found = list(csv.DictReader(io.StringIO(told("--csv", "--episodes"))))
        assert [row["computer_name"] for row in found] == ["'=1+1", "'=1+1"]
        assert found[0]["ended"]
        assert found[1]["ended"] == ""

    def test_a_person_reads_lines(self, told: History) -> None:
        shown = told()
        assert "2 times, still  ana@example.com" in shown
        assert "nobody" in told("--since", "2020-01-01", "--until", "2020-02-01T12:00Z")

    def test_one_group_may_be_asked_for(self, told: History) -> None:
        assert "ana@example.com" in told("--group", "Default")
        assert "there is none called 'Nobody'" in told("--group", "Nobody", check=False)
