import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.gate.decision import Decision, Proof, Question
from passmuster_server.gate.recorder import DecisionRecorder, Record
from passmuster_server.gate.tables import decisions
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
QUESTION = Question(DEFAULT_ORGANISATION, "ana@example.com", "helpdesk", "device-1", Proof.CALLER)


def record(name: str, *, allowed: bool = True) -> Record:
    return Record(name, NOW, "client-1", QUESTION, 12, Decision(allowed, None, (), None))


def stored(database: Database) -> list[Any]:
    return list(database.read_now(lambda connection: connection.execute(select(decisions)).all()))


def run(folder: Path, story: Callable[[Database], Awaitable[None]]) -> None:
    async def told() -> None:
        async with example_database.running(folder) as database:
            await story(database)

    asyncio.run(told())


async def until(condition: Callable[[], bool], what: str) -> None:
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"did not happen within 4 s: {what}")


def test_every_decision_is_stored_with_what_it_rests_on(tmp_path: Path) -> None:
    async def story(database: Database) -> None:
        recorder = DecisionRecorder(database)
        recorder.task.start()
        for number in range(1_200):
            recorder.put(record(f"decision-{number}", allowed=number % 2 == 0))
        await recorder.task.stop()
        rows = stored(database)
        assert len({row.decision_id for row in rows}) == 1_200
        row = next(row for row in rows if row.decision_id == "decision-7")
        assert (row.subject, row.application, row.device_id, row.proof) == (
            "ana@example.com",
            "helpdesk",
            "device-1",
            "caller",
        )
        assert (row.allowed, row.policy_version, row.decided_at) == (False, 12, NOW)
        assert json.loads(row.reasons) == {"devices": []}

    run(tmp_path, story)


def test_a_decision_is_found_before_and_after_it_is_stored(tmp_path: Path) -> None:
    async def story(database: Database) -> None:
        recorder = DecisionRecorder(database)
        recorder.put(record("decision-1", allowed=False))
        assert await recorder.question_of("decision-1") == (QUESTION, NOW)
        recorder.task.start()
        await recorder.task.stop()
        assert stored(database)
        assert await recorder.question_of("decision-1") == (QUESTION, NOW)
        assert await recorder.question_of("decision-2") is None

    run(tmp_path, story)


def test_an_allow_without_room_is_not_given_and_a_denial_leaves(tmp_path: Path) -> None:
    async def story(database: Database) -> None:
        recorder = DecisionRecorder(database, max_waiting=2)
        recorder.put(record("1"))
        recorder.put(record("2"))
        with pytest.raises(StoreUnavailableError):
            recorder.put(record("3"))
        recorder.put(record("4", allowed=False))
        assert recorder.unrecorded_denials == 1
        recorder.task.start()
        await until(lambda: len(stored(database)) == 2, "two records stored")
        recorder.put(record("5"))
        await recorder.task.stop()
        assert {row.decision_id for row in stored(database)} == {"1", "2", "5"}

    run(tmp_path, story)


def test_decisions_survive_a_database_that_is_away_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(database: Database) -> None:
        write = database.write
        tries = 0

        async def away_twice(work: Any, *others: Any) -> Any:
            nonlocal tries
            tries += 1
            if tries <= 2:
                raise StoreUnavailableError("the database can't be written")
            return await write(work, *others)

        monkeypatch.setattr(database, "write", away_twice)
        recorder = DecisionRecorder(database)
        recorder.task.start()
        recorder.put(record("1"))
        await until(lambda: len(stored(database)) == 1, "stored at the third try")
        await recorder.task.stop()

    run(tmp_path, story)


def test_stopping_does_not_hang_on_a_database_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(database: Database) -> None:
        async def away(*_: Any) -> Any:
            raise StoreUnavailableError("the database can't be written")

        monkeypatch.setattr(database, "write", away)
        recorder = DecisionRecorder(database)
        recorder.task.start()
        recorder.put(record("1"))
        await asyncio.sleep(0.1)
        async with asyncio.timeout(3):
            await recorder.task.stop()
        assert "1 decisions could not be recorded" in caplog.text

    run(tmp_path, story)
