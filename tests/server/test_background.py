"""Work beside the requests goes on after a mistake, and says when it can't."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from passmuster_server import background
from passmuster_server.background import FAILING_AFTER, BackgroundTask
from tests.support.clocked_server import clocked_server


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(background, "LONGEST_PAUSE_S", 0.001)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for knows of no event
            await asyncio.sleep(0.001)


class Mistaken:
    """Fails `times` times, then works on for good."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.begun = 0

    async def work(self) -> None:
        self.begun += 1
        if self.begun <= self.times:
            raise ValueError("ana@example.com")
        await asyncio.Event().wait()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scenario()

    asyncio.run(whole())


def test_work_that_ends_by_a_mistake_is_begun_again() -> None:
    async def scenario() -> None:
        mistaken = Mistaken(1)
        task = BackgroundTask("deadlines", mistaken.work)
        task.start()
        await until(lambda: mistaken.begun == 2)
        assert not task.failing, "one mistake is no trouble"
        await task.stop()

    run(scenario)


def test_work_that_fails_again_and_again_is_failing() -> None:
    async def scenario() -> None:
        mistaken = Mistaken(FAILING_AFTER)
        task = BackgroundTask("deadlines", mistaken.work)
        task.start()
        await until(lambda: task.failing)
        await task.stop()

    run(scenario)


def test_work_that_lasted_before_it_failed_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LASTED_S", 0.0)

    async def scenario() -> None:
        mistaken = Mistaken(5 * FAILING_AFTER)
        task = BackgroundTask("deadlines", mistaken.work)
        task.start()
        await until(lambda: mistaken.begun > 5 * FAILING_AFTER)
        assert not task.failing
        await task.stop()

    run(scenario)


def test_the_log_says_where_it_failed_and_not_with_what(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        mistaken = Mistaken(1)
        task = BackgroundTask("deadlines", mistaken.work)
        task.start()
        await until(lambda: mistaken.begun == 2)
        await task.stop()

    with caplog.at_level(logging.ERROR):
        run(scenario)
    assert "deadlines failed: ValueError at test_background.py:" in caplog.text
    assert "ana@example.com" not in caplog.text


def test_work_that_is_told_to_end_is_waited_for() -> None:
    async def scenario() -> None:
        told = asyncio.Event()
        done: list[str] = []

        async def work() -> None:
            await told.wait()
            done.append("the last of it")

        task = BackgroundTask("decisions", work, end=told.set)
        task.start()
        await asyncio.sleep(0)
        await task.stop()
        assert done == ["the last of it"]

    run(scenario)


def test_a_server_whose_work_beside_keeps_failing_is_not_ready(tmp_path: Path) -> None:
    with (
        clocked_server(tmp_path) as server,
        server.client() as client,
    ):
        assert client.get("/readyz").status_code == 200
        failing = BackgroundTask("deadlines", Mistaken(0).work)
        failing._in_a_row = FAILING_AFTER
        server.services.run_beside(failing)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "failing: deadlines\n")
        assert client.get("/healthz").status_code == 200, "the process itself is well"
