"""A laptop without its server or with a wrong clock: time is simulated, all else is real."""

import dataclasses
import random
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path

import pytest

from passmuster_agent import outbox as outbox_module
from passmuster_agent import outbox_caps, reporter
from passmuster_agent.config import Device, State
from passmuster_agent.delivery import DeliveryKind
from passmuster_agent.outbox import Outbox
from passmuster_agent.schedule import BACK_OFF_MOST_S, FULL_S, BackOff, FullCheck
from tests.support.agent_records import a_record
from tests.support.report_server import HANG_UP, ReportServer
from tests.support.running_agent import enroll
from tests.support.running_server import RunningServer, running_server

DAY_S = 86_400.0
MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def outbox(state: State, enrolled: Device) -> Iterator[Outbox]:
    with Outbox(state.outbox(enrolled)) as opened:
        yield opened


def sent(server: ReportServer) -> list[str]:
    return [record.readings[0].reason for record in server.records]


class TestAWeekOffline:
    """Eight days in which the server hangs up on every try; then it is back."""

    @pytest.fixture
    def tries(
        self, server: ReportServer, state: State, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> list[float]:
        """Live through the days; return when it was tried, in seconds since the first record."""
        chance = random.Random(7)
        at, tries = 0.0, []
        monkeypatch.setattr(outbox_module, "_now", lambda: MONDAY + timedelta(seconds=at))
        full, back_off = FullCheck(chance, 0.0, 0.0), BackOff(chance.uniform)
        changes = sorted(chance.uniform(0, 8 * DAY_S) for _ in range(60))
        while at < 8 * DAY_S:
            if full.due(at):
                full.done(at)
                outbox.append(a_record("heartbeat"), changed=False)
            while changes and changes[0] <= at:
                changes.pop(0)
                outbox.append(a_record(f"change {len(changes)}"), changed=True)
            if back_off.may_send(at):
                server.instead.append(HANG_UP)
                assert reporter.deliver(state).kind is DeliveryKind.LATER
                tries.append(at)
                back_off.failed(at)
            at = min(full.next_at(), back_off.next_at(), *changes[:1])
        return tries

    def test_keeps_every_change_within_the_caps_and_delivers_each_once(
        self, server: ReportServer, state: State, outbox: Outbox, tries: list[float]
    ) -> None:
        assert server.records == []
        size = stored_bytes(state.outbox(state.device()))
        assert size <= outbox_caps.MAX_BYTES
        assert outbox.overview().waiting <= outbox_caps.MAX_RECORDS
        assert outbox.overview().dropped > 0, "heartbeats had to go"
        assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED
        arrived = [each for each in sent(server) if each != "heartbeat"]
        assert arrived == [f"change {number}" for number in reversed(range(60))]
        sequences = [record.sequence for record in server.records]
        assert sequences == sorted(set(sequences)), "in order, and none twice"
        assert outbox.overview().waiting == 0
        newest = outbox.latest()
        assert newest is not None
        assert sequences[-1] == newest.sequence, "what holds now is among it"

    def test_sends_the_same_bytes_each_time(
        self, server: ReportServer, state: State, tries: list[float]
    ) -> None:
        assert len(server.bodies) == len(tries)
        assert len(set(server.bodies)) == 1

    def test_tries_seldom_and_at_no_fixed_time(self, tries: list[float]) -> None:
        pauses = [later - earlier for earlier, later in pairwise(tries)]
        later = pauses[20:]
        assert max(later) <= BACK_OFF_MOST_S
        mean = sum(later) / len(later)
        assert 0.4 * BACK_OFF_MOST_S < mean < 0.6 * BACK_OFF_MOST_S
        assert len({round(pause) for pause in later}) > 300, "full jitter"
        assert len(tries) < 8 * DAY_S / FULL_S * 3


def stored_bytes(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT SUM(LENGTH(body)) FROM records").fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize("years", [-30, 30])
def test_a_clock_that_jumps_loses_no_change_and_not_the_newest(
    server: ReportServer,
    state: State,
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
    years: int,
) -> None:
    outbox.append(a_record("before"), changed=True)
    jumped = datetime.now(UTC) + timedelta(days=365 * years)
    monkeypatch.setattr(outbox_module, "_now", lambda: jumped)
    outbox.append(a_record("after"), changed=True)
    outbox.append(a_record("heartbeat"), changed=False)
    monkeypatch.undo()
    outbox.append(a_record("back again"), changed=True)
    assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED
    assert [each for each in sent(server) if each != "heartbeat"] == [
        "before",
        "after",
        "back again",
    ]
    assert outbox.overview().answered_at is not None


def test_a_clock_that_jumps_back_and_forth_ends_in_no_more_than_the_caps(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(3)
    for _ in range(300):
        jumped = MONDAY + timedelta(days=chance.uniform(-4000, 4000))
        monkeypatch.setattr(outbox_module, "_now", lambda jumped=jumped: jumped)
        newest = outbox.append(a_record("record"), changed=chance.random() < 0.3)
        assert outbox.overview().waiting <= outbox_caps.MAX_RECORDS
        latest = outbox.latest()
        assert latest is not None
        assert latest.sequence == newest.sequence


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server")) as started:
        yield started


class TestTheRealServer:
    @pytest.mark.parametrize("days", [-9_000, -2, 2, 9_000])
    def test_takes_the_reports_of_a_laptop_with_a_wrong_clock(
        self, running: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int
    ) -> None:
        state = State(tmp_path / "agent")
        enroll(running, state.path)

        class Wrong(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> "Wrong":
                return cls.fromtimestamp(time.time() + days * DAY_S, tz)

        monkeypatch.setattr(reporter, "datetime", Wrong)
        monkeypatch.setattr(outbox_module, "datetime", Wrong)
        monkeypatch.setattr("tests.support.agent_records.datetime", Wrong)
        device = state.device()
        for count in (1, 2):
            with Outbox(state.outbox(device)) as outbox:
                record = a_record(f"report {count}")
                outbox.append(dataclasses.replace(record, device=device.device), changed=True)
            assert reporter.deliver(state).kind is DeliveryKind.ACCEPTED
        with Outbox(state.outbox(device)) as outbox:
            assert outbox.overview().waiting == 0
            assert outbox.overview().set_aside == ()

    def test_that_was_away_for_a_while_gets_everything_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with running_server(tmp_path / "server") as server:
            state = State(tmp_path / "agent")
            enroll(server, state.path)
            device = state.device()
            server.stop()
            for hour in range(24 * 8):
                at = MONDAY + timedelta(hours=hour)
                monkeypatch.setattr(outbox_module, "_now", lambda at=at: at)
                with Outbox(state.outbox(device)) as outbox:
                    record = dataclasses.replace(
                        a_record(f"hour {hour}", 2_500), device=device.device
                    )
                    outbox.append(record, changed=hour % 5 == 0)
                if hour % 24 == 0:
                    assert reporter.deliver(state).kind is DeliveryKind.LATER
            server.start()
            delivered = reporter.deliver(state)
            assert delivered.kind is DeliveryKind.ACCEPTED, delivered.problem
            assert reporter.deliver(state).uploads == 0
            with Outbox(state.outbox(device)) as outbox:
                seen = outbox.overview()
            assert (seen.waiting, seen.set_aside, seen.reported) == (0, (), True)
