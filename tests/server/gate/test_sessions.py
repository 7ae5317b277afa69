"""Which sessions a start closes, and what it takes the only writer to open one."""

import asyncio
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, select, text

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server import migrations
from passmuster_server.clock import utc_now
from passmuster_server.database import Database, Transaction
from passmuster_server.gate.decision import Proof
from passmuster_server.gate.sessions import (
    SESSION_LIFETIME,
    GateSessions,
    Session,
    open_session,
)
from passmuster_server.gate.tables import gate_sessions
from passmuster_server.policy.standings import Standings
from passmuster_server.policy.store import save_verdict
from passmuster_server.policy.stored_devices import StoredVerdict
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.signing.service import SigningKeys
from tests.support import example_database
from tests.support.example_devices import insert_device
from tests.support.example_standings import standing
from tests.support.store import ON_POSTGRESQL, new_store


def plan_of(connection: Connection, statement: str, parameters: Any) -> str:
    """Return how the database would run it."""
    if ON_POSTGRESQL:
        # In a table without rows it would not ask an index.
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    explain = "EXPLAIN" if ON_POSTGRESQL else "EXPLAIN QUERY PLAN"
    rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)
    return "\n".join(str(row[-1]) for row in rows)


def session_of(device: str | None, now: datetime) -> Session:
    """Return a session whose cookie is issued now."""
    return Session(
        DEFAULT_ORGANISATION,
        "session",
        "proxy",
        "ana@example.com",
        "helpdesk",
        "helpdesk.example.com",
        device,
        Proof.LOOPBACK,
        "192.0.2.1",
        now,
        now + timedelta(minutes=15),
        now + SESSION_LIFETIME,
    )


def test_a_clock_that_ran_ahead_closes_no_session_that_is_opened_later(tmp_path: Path) -> None:
    """What it wrote lies years ahead; the time of day is right again when a server starts."""
    database, now = example_database.create(tmp_path), utc_now()
    ahead = now + timedelta(days=3_650)

    def live(transaction: Transaction) -> None:
        insert_device(transaction, "ana", enrolled_at=now)
        before: StoredVerdict | None = None
        for verdict in (Verdict.NON_COMPLIANT, Verdict.COMPLIANT):
            judged = standing(verdict, device="ana", since=ahead, judged_at=ahead)
            save_verdict(transaction, before, judged, "basis", ())
            before = StoredVerdict(verdict, ahead, ahead, 1, "basis", None, b"")

    database.write_now(live)
    time = now

    def clock() -> datetime:
        return time

    sessions = GateSessions(database, Standings(), SigningKeys(database, clock), clock)
    earlier = session_of("ana", now)
    time += timedelta(minutes=1)
    database.read_now(sessions.load)
    assert sessions.is_closed(earlier), "it may have fallen out since"
    time += timedelta(minutes=1)
    assert not sessions.is_closed(session_of("ana", time)), "the laptop passes"


def test_a_cookie_from_a_clock_that_ran_ahead_counts_no_more(tmp_path: Path) -> None:
    """It would seem to be younger than whatever its laptop falls out by, until that time comes."""
    now = time = utc_now()

    def clock() -> datetime:
        return time

    async def read_at(*moments: timedelta) -> list[bool]:
        nonlocal time
        async with example_database.running(tmp_path) as database:
            sessions = GateSessions(database, Standings(), SigningKeys(database, clock), clock)
            cookie, _ = await sessions.cookie(session_of("ana", now))
            found = []
            for moment in moments:
                time = now + moment
                found.append(await sessions.read(cookie) is not None)
            return found

    counts = asyncio.run(
        read_at(timedelta(0), -timedelta(seconds=30), -timedelta(hours=1), timedelta(minutes=14))
    )
    assert counts == [True, True, False, True], "clocks are corrected by seconds, too"


def test_to_open_a_session_never_looks_at_all_that_are_kept(tmp_path: Path) -> None:
    database, now = Database(new_store(tmp_path)), utc_now()
    migrations.migrate(database)
    session = session_of(None, now)
    updates: list[tuple[str, Any]] = []

    @event.listens_for(database.writer_engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("UPDATE"):
            updates.append((statement, parameters))

    def work(transaction: Transaction) -> list[str]:
        open_session(transaction, session, "/", "begin")
        return [plan_of(transaction.connection, *each) for each in list(updates)]

    try:
        plans = database.write_now(work)
    finally:
        database.dispose()
    assert plans, "nothing was cleared"
    for plan in plans:
        assert "uq_gate_sessions_ticket_hash" in plan, plan


def test_laptops_that_fall_out_together_end_their_own_sessions(tmp_path: Path) -> None:
    now = utc_now()
    names = ("ana", "bo", "cy")

    async def ended_with(*fallen: str) -> dict[str, bool]:
        async with example_database.running(tmp_path) as database:
            standings = Standings()
            sessions = GateSessions(
                database, standings, SigningKeys(database, utc_now), lambda: now
            )

            def begin(transaction: Transaction) -> None:
                for name in names:
                    opened = replace(session_of(name, now), session=f"session of {name}")
                    open_session(transaction, opened, "/", "begin")

            def ended(connection: Connection) -> dict[str, bool]:
                table = gate_sessions
                found = connection.execute(select(table.c.device_id, table.c.ended_at))
                return {device: at == now for device, at in found}

            await database.write(begin)
            for name in names:
                standings.put(standing(device=name))
            for name in fallen:
                standings.put(standing(Verdict.NON_COMPLIANT, device=name, revision=2))
            sessions.task.start()
            deadline = time.monotonic() + 20
            while sum((await database.read(ended)).values()) < len(fallen):
                assert time.monotonic() < deadline, "their sessions are still open"
                await asyncio.sleep(0.01)
            await sessions.task.stop()
            return await database.read(ended)

    told = asyncio.run(ended_with("ana", "cy"))
    assert told == {"ana": True, "bo": False, "cy": True}
