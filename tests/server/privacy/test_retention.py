"""What is older than it is kept is deleted, and nothing that still counts."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.database import Database
from passmuster_server.privacy import retention
from passmuster_server.privacy.retention import Retention
from passmuster_server.schema import DEFAULT_ORGANISATION, to_microseconds
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.signing_device import SigningDevice

POLICY = f'[signals.{USB}]\nseverity = "block"\n'
KEPT = timedelta(days=30)
NUMBERS = " UNION ALL ".join(f"SELECT {n} AS n" for n in range(400))
DECISIONS = (
    "INSERT INTO decisions (organisation_id, decision_id, decided_at, client_id, subject, "  # noqa: S608 - a constant
    "application, proof, allowed, policy_version, reasons) "
    f"SELECT 'default', ? || d.n, 0, 'c', 's', 'a', 'person', ?, 1, ? FROM ({NUMBERS}) AS d"
)


def asks(server: ClockedServer, token: str) -> int:
    headers = {
        "Authorization": f"Bearer {token}",
        "X-Passmuster-Subject": "ana@example.com",
        "X-Passmuster-Application": "helpdesk",
    }
    with server.client() as client:
        return client.get("/gate/nginx", headers=headers).status_code


def reported(server: ClockedServer, client: httpx.Client) -> SigningDevice:
    """Return a laptop with three changes, three verdicts, and decisions about it."""
    laptop = SigningDevice(server.url)
    laptop.enroll(client, server.enroll_code())
    token = server.gate_token()
    for readings in (healthy(), with_stick(), healthy()):
        laptop.report(client, readings)
        assert asks(server, token) in (204, 403)
    return laptop


def forget(server: ClockedServer, later: timedelta) -> int:
    async def scenario() -> int:
        database = Database(server.database)
        database.start()
        try:
            return await Retention(
                database,
                lambda: datetime.now(UTC) + later,
                history=KEPT,
                decisions=timedelta(days=10),
            ).forget()
        finally:
            await database.stop()

    return asyncio.run(scenario())


def counted(server: ClockedServer, *tables: str) -> list[int]:
    return [int(server.rows(f"SELECT COUNT(*) FROM {table}")[0][0]) for table in tables]  # noqa: S608 - the test's own


def test_nothing_is_deleted_before_its_time(tmp_path: Path) -> None:
    with clocked_server(tmp_path, policy=POLICY) as server, server.client() as client:
        reported(server, client)
        server.stop()
        tables = ("transitions", "evidence", "verdict_history", "decisions")
        before = counted(server, *tables)
        assert forget(server, timedelta(days=9)) == 0
        assert counted(server, *tables) == before


def test_what_is_older_is_deleted_and_what_counts_now_stays(tmp_path: Path) -> None:
    with clocked_server(tmp_path, policy=POLICY) as server, server.client() as client:
        laptop = reported(server, client)
        server.stop()
        readings = counted(server, "readings")
        assert forget(server, KEPT + timedelta(days=1)) > 0
        assert counted(server, "transitions", "evidence", "decisions") == [0, 0, 0]
        assert counted(server, "readings") == readings
        last = server.rows("SELECT verdict FROM verdict_history")
        assert last == [("compliant",)], "expected: the verdict that held at that moment"
        server.start()
        standing = server.services.standings.of_device(DEFAULT_ORGANISATION, laptop.device)
        assert standing is not None
        assert standing.verdict is Verdict.COMPLIANT
        assert laptop.report(client, with_stick()).verdict is Verdict.NON_COMPLIANT


def test_where_a_browser_wanted_to_go_is_forgotten_though_nobody_comes_after_it(
    tmp_path: Path,
) -> None:
    with clocked_server(tmp_path) as server:
        server.stop()
        now = to_microseconds(datetime.now(UTC))
        for name, began in (("old", now - 61_000_000), ("new", now)):
            server.change(
                "INSERT INTO gate_sessions (organisation_id, session_id, client_id, person, "
                "application, host, proof, path, begin_hash, ticket_hash, started_at, expires_at) "
                "VALUES ('default', ?, 'c', 'p', 'a', 'h', 'device', '/tickets/of/ben', '', ?, "
                "?, 9000000000000000)",
                name,
                name,
                began,
            )
        assert forget(server, timedelta(0)) == 1
        assert server.rows(
            "SELECT session_id, path, ticket_hash FROM gate_sessions ORDER BY started_at"
        ) == [
            ("old", "", None),
            ("new", "/tickets/of/ben", "new"),
        ]


def test_decisions_may_be_kept_for_less_than_history(tmp_path: Path) -> None:
    with clocked_server(tmp_path, policy=POLICY) as server, server.client() as client:
        reported(server, client)
        server.stop()
        changes = counted(server, "transitions")
        forget(server, timedelta(days=11))
        assert counted(server, "decisions") == [0]
        assert counted(server, "transitions") == changes


def test_a_signed_report_stays_as_long_as_a_change_rests_on_it(tmp_path: Path) -> None:
    with clocked_server(tmp_path, policy=POLICY) as server, server.client() as client:
        reported(server, client)
        server.stop()
        server.change("UPDATE evidence SET received_at = 0")
        assert forget(server, timedelta(0)) == 0


def test_many_rows_are_deleted_in_small_writes(tmp_path: Path) -> None:
    with clocked_server(tmp_path, policy=POLICY) as server:
        server.stop()
        for number in range(3):
            server.change(DECISIONS, f"{number}-", True, b"{}")
        assert counted(server, "decisions") == [1200]
        assert forget(server, timedelta(0)) == 1200 > 2 * retention.AT_ONCE
        assert counted(server, "decisions") == [0]


def test_a_running_server_does_it_by_itself(tmp_path: Path) -> None:
    with clocked_server(tmp_path, policy=POLICY) as server, server.client() as client:
        reported(server, client)
        server.stop()
        server.change("UPDATE decisions SET decided_at = 1")
        server.start()
        for _ in range(400):
            if counted(server, "decisions") == [0]:
                return
        raise AssertionError("the old decisions are still there")
