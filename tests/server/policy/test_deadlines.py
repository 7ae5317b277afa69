"""Verdicts that time alone ends: once on record, heard by whoever listens, also after a restart."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import httpx
import pytest

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.clock import utc_now
from passmuster_server.database import Database
from passmuster_server.policy import deadlines
from passmuster_server.policy.deadlines import Deadlines
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standing import Standing
from passmuster_server.policy.standings import Standings
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.example_standings import NOW, standing
from tests.support.signing_device import SigningDevice

GRACE = f"[signals.{USB}]\ngrace_s = 1800\n"
HOUR = timedelta(hours=1, seconds=1)
AT_ONCE_S = 30.0


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClockedServer]:
    # It looks at its clock now and then, because clocks are set: here that is done by hand.
    monkeypatch.setattr(deadlines, "LONGEST_SLEEP_S", 0.02)
    with clocked_server(tmp_path, policy=GRACE) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture
def laptop(server: ClockedServer, client: httpx.Client) -> SigningDevice:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    return device


def history(server: ClockedServer) -> list[tuple[str, datetime]]:
    rows = server.rows("SELECT verdict, since FROM verdict_history ORDER BY history_id")
    return [(verdict, datetime.fromtimestamp(since / 1e6, UTC)) for verdict, since in rows]


def verdicts(server: ClockedServer) -> list[str]:
    return [verdict for verdict, _ in history(server)]


def wait_for(expected: list[str], server: ClockedServer) -> None:
    deadline = time.monotonic() + AT_ONCE_S
    while verdicts(server) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert verdicts(server) == expected


def test_a_device_that_falls_silent_is_unknown_once_on_record(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice
) -> None:
    laptop.report(client, healthy())
    reported_at = history(server)[-1][1]
    server.ahead = HOUR
    wait_for(["unknown", "compliant", "unknown"], server)
    assert history(server)[-1][1] == reported_at + timedelta(hours=1), "when it grew too old"
    server.ahead = 2 * HOUR
    time.sleep(0.3)
    assert verdicts(server) == ["unknown", "compliant", "unknown"], "said once is enough"


def test_one_that_reports_again_is_compliant_again(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice
) -> None:
    laptop.report(client, healthy())
    server.ahead = HOUR
    wait_for(["unknown", "compliant", "unknown"], server)
    assert laptop.report(client, healthy()).verdict is Verdict.COMPLIANT
    wait_for(["unknown", "compliant", "unknown", "compliant"], server)


def test_reports_in_time_keep_it_compliant(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice
) -> None:
    for half_hours in range(6):
        server.ahead = half_hours * timedelta(minutes=30)
        laptop.report(client, healthy())
    time.sleep(0.2)
    assert verdicts(server) == ["unknown", "compliant"]


def test_a_report_puts_off_the_look_and_nothing_is_judged_before(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice
) -> None:
    laptop.report(client, healthy())
    server.ahead = timedelta(minutes=30)
    laptop.report(client, healthy())
    judged = server.rows("SELECT revision FROM verdicts")
    server.ahead = timedelta(minutes=61)
    time.sleep(0.3)
    assert server.rows("SELECT revision FROM verdicts") == judged, "the first report's hour is over"
    server.ahead = timedelta(minutes=91)
    wait_for(["unknown", "compliant", "unknown"], server)


def test_the_end_of_grace_is_on_record_when_it_comes(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice
) -> None:
    answer = laptop.report(client, with_stick())
    assert answer.verdict is Verdict.GRACE
    assert answer.grace_until is not None
    server.ahead = timedelta(minutes=31)
    wait_for(["unknown", "grace", "non_compliant"], server)


def test_what_ran_out_while_the_server_was_down_is_on_record_after_its_start(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice
) -> None:
    laptop.report(client, healthy())
    reported_at = history(server)[-1][1]
    server.stop()
    server.ahead = 5 * HOUR
    server.start()
    wait_for(["unknown", "compliant", "unknown"], server)
    assert history(server)[-1][1] == reported_at + timedelta(hours=1)
    server.stop()
    server.start()
    time.sleep(0.3)
    assert verdicts(server) == ["unknown", "compliant", "unknown"]


def test_a_clock_that_ran_ahead_leaves_no_verdict_in_the_future(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice
) -> None:
    """Neither the one that holds when it is right again, nor any after it, nor what is counted."""
    laptop.report(client, healthy())
    # Not so far that retention would delete what is from before.
    with server.later(timedelta(days=30)):
        wait_for(["unknown", "compliant", "unknown"], server)
        laptop.report(client, healthy())
        laptop.report(client, with_stick())
    laptop.report(client, with_stick())
    device = server.services.standings.of_device(DEFAULT_ORGANISATION, laptop.device)
    assert device is not None
    assert device.since <= utc_now(), "the one that holds"
    laptop.report(client, healthy())
    laptop.report(client, with_stick())
    wait_for(
        ["unknown", "compliant", "unknown", "compliant", "grace", "compliant", "grace"], server
    )
    now = utc_now()
    assert all(since <= now for _, since in history(server))
    rows = server.rows(
        "SELECT since, ended_at, had_before FROM verdict_history ORDER BY history_id"
    )
    ends = [ended_at for _, ended_at, _ in rows]
    assert ends[:-1] == [since for since, _, _ in rows[1:]], "each ends where the next one begins"
    day = 24 * 3_600 * 1_000_000
    assert all(had_before < day for _, _, had_before in rows), "a month has passed for nobody"


def test_listeners_hear_of_it(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice
) -> None:
    heard: list[tuple[Verdict | None, Verdict]] = []

    def listener(before: Standing | None, after: Standing) -> None:
        heard.append((before.verdict if before else None, after.verdict))

    server.services.standings.listen(listener)
    laptop.report(client, healthy())
    server.ahead = HOUR
    wait_for(["unknown", "compliant", "unknown"], server)
    deadline = time.monotonic() + AT_ONCE_S
    while len(heard) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert heard == [
        (Verdict.UNKNOWN, Verdict.COMPLIANT),
        (Verdict.COMPLIANT, Verdict.UNKNOWN),
    ]


def test_what_is_waited_for_does_not_grow_with_the_reports() -> None:
    standings = Standings()
    waiting = Deadlines(cast("Database", None), standings, cast("Policies", None), utc_now)
    for minute in range(5_000):
        last_seen = NOW + timedelta(minutes=minute)
        standings.put(standing(last_seen=last_seen))
    assert len(waiting) < 100


def test_no_verdict_ends_before_it_began_where_the_clock_is_set_back(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice
) -> None:
    laptop.report(client, healthy())
    server.ahead = -timedelta(minutes=10)
    laptop.report(client, with_stick())
    server.ahead = timedelta(0)
    laptop.report(client, healthy())
    lengths = server.rows("SELECT ended_at - since FROM verdict_history WHERE had_before = 0")
    assert verdicts(server)[-1] == "compliant"
    assert min(length for (length,) in lengths) >= 0
