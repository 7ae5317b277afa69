"""What it takes the only writer to open a session, however many are kept."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, text

from passmuster_server import migrations
from passmuster_server.clock import utc_now
from passmuster_server.database import Database, Transaction
from passmuster_server.gate.decision import Proof
from passmuster_server.gate.sessions import SESSION_LIFETIME, Session, open_session
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.store import ON_POSTGRESQL, new_store


def plan_of(connection: Connection, statement: str, parameters: Any) -> str:
    """Return how the database would run it."""
    if ON_POSTGRESQL:
        # In a table without rows it would not ask an index.
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    explain = "EXPLAIN" if ON_POSTGRESQL else "EXPLAIN QUERY PLAN"
    rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)
    return "\n".join(str(row[-1]) for row in rows)


def test_to_open_a_session_never_looks_at_all_that_are_kept(tmp_path: Path) -> None:
    database, now = Database(new_store(tmp_path)), utc_now()
    migrations.migrate(database)
    session = Session(
        DEFAULT_ORGANISATION,
        "session",
        "proxy",
        "ana@example.com",
        "helpdesk",
        "helpdesk.example.com",
        None,
        Proof.LOOPBACK,
        "192.0.2.1",
        now,
        now + timedelta(minutes=15),
        now + SESSION_LIFETIME,
    )
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
