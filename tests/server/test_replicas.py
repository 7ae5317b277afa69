"""Two servers on one PostgreSQL: what one learns, the other's gate knows."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import ECKey

from passmuster_server import listening
from passmuster_server.policy import deadlines
from tests.support import postgresql, store
from tests.support.clocked_server import ClockedServer
from tests.support.example_laptops import ONLY_USB, healthy, with_usb_stick
from tests.support.replicas import PUBLIC_URL, two_servers
from tests.support.running_server import RunningServer, free_port
from tests.support.signing_device import JOSE, SigningDevice

SOON_S = 20.0
STOP_LISTENING = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = ?"
)


@dataclass
class Pair:
    first: RunningServer
    second: RunningServer
    clients: tuple[httpx.Client, httpx.Client]
    token: str

    def gate(self, number: int, owner: str) -> int:
        """Return the status by which a server's gate answers for a person's laptops."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "X-Passmuster-Subject": owner,
            "X-Passmuster-Application": "helpdesk",
        }
        return self.clients[number].get("/gate/nginx", headers=headers).status_code

    def enrolled(self, owner: str) -> SigningDevice:
        laptop = SigningDevice(PUBLIC_URL)
        laptop.enroll(self.clients[0], self.first.enroll_code(owner))
        return laptop


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("replicas")
    with two_servers(folder) as (first, second), ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for server in (first, second)]
        yield Pair(first, second, (clients[0], clients[1]), first.gate_token("helpdesk"))


def until(expected: int, asked: Callable[[], int]) -> float:
    """Return how long it took until `asked` gave what is expected."""
    began = time.monotonic()
    while (found := asked()) != expected:
        assert time.monotonic() - began < SOON_S, f"expected {expected}, still {found}"
        time.sleep(0.002)
    return time.monotonic() - began


def test_what_a_laptop_tells_one_server_moves_the_others_gate(pair: Pair) -> None:
    laptop = pair.enrolled("ana@example.com")
    laptop.report(pair.clients[0], healthy())
    until(204, lambda: pair.gate(1, "ana@example.com"))
    took = []
    for readings, expected in ((with_usb_stick(), 403), (healthy(), 204)) * 5:
        laptop.report(pair.clients[0], readings)
        took.append(until(expected, lambda: pair.gate(1, "ana@example.com")))
    print(f"from the answer of one to the gate of the other: at most {max(took) * 1000:.0f} ms")


def test_a_laptop_may_report_to_either_in_turn(pair: Pair) -> None:
    laptop = pair.enrolled("bo@example.com")
    for number in (0, 1, 1, 0, 1, 0):
        laptop.report(pair.clients[number], healthy() if number else with_usb_stick())
    assert pair.gate(0, "bo@example.com") == 403
    until(403, lambda: pair.gate(1, "bo@example.com"))


def test_the_same_upload_sent_to_both_at_once_is_taken_in_once(pair: Pair) -> None:
    laptop = pair.enrolled("cy@example.com")
    for _ in range(5):
        body = laptop.signed_upload(laptop.upload(laptop.record(healthy())))
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(laptop.send, pair.clients, (body, body)))
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].content == answers[1].content, "expected: the same answer twice"
        laptop.accept(answers[0])


def test_a_key_that_was_rotated_at_one_counts_at_both(pair: Pair) -> None:
    laptop = pair.enrolled("flo@example.com")
    for number in (0, 1):
        laptop.report(pair.clients[number], healthy())
    old = dataclasses.replace(laptop)
    laptop.rotate(pair.clients[0], ECKey.generate_key("P-256"))
    for number in (1, 0):
        body = old.signed_upload(old.upload(old.record(healthy())))
        assert old.send(pair.clients[number], body).status_code == 401
        laptop.report(pair.clients[number], healthy())


def test_the_same_rotation_sent_to_both_at_once_is_taken_in_once(pair: Pair) -> None:
    laptop = pair.enrolled("gil@example.com")
    body = laptop.signed_rotation(laptop.rotation(ECKey.generate_key("P-256")))
    with ThreadPoolExecutor() as pool:
        answers = list(
            pool.map(
                lambda client: client.post("/api/v1/keys", content=body, headers=JOSE),
                pair.clients,
            )
        )
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content, "expected: the same answer twice"
    statement = "SELECT COUNT(*) FROM key_changes WHERE device_id = ?"
    assert pair.first.rows(statement, laptop.device) == [(1,)]


def test_a_command_and_a_policy_reach_both(pair: Pair) -> None:
    laptop = pair.enrolled("di@example.com")
    laptop.report(pair.clients[1], with_usb_stick())
    for number in (0, 1):
        until(403, lambda number=number: pair.gate(number, "di@example.com"))  # type: ignore[misc]
    pair.second.publish_policy(ONLY_USB.replace('"block"', '"warn"'))
    for number in (0, 1):
        until(204, lambda number=number: pair.gate(number, "di@example.com"))  # type: ignore[misc]
    pair.second.publish_policy(ONLY_USB)
    laptop.report(pair.clients[1], healthy())
    for number in (0, 1):
        until(204, lambda number=number: pair.gate(number, "di@example.com"))  # type: ignore[misc]
    pair.first.command("revoke", laptop.device)
    for number in (0, 1):
        until(403, lambda number=number: pair.gate(number, "di@example.com"))  # type: ignore[misc]


def test_a_server_that_could_not_listen_for_a_while_reads_what_it_missed(pair: Pair) -> None:
    laptop = pair.enrolled("ed@example.com")
    laptop.report(pair.clients[0], healthy())
    until(204, lambda: pair.gate(1, "ed@example.com"))
    store.rows(pair.first.database, STOP_LISTENING, (listening.NAME,))
    laptop.report(pair.clients[0], with_usb_stick())
    until(403, lambda: pair.gate(1, "ed@example.com"))


def test_a_laptop_that_was_erased_while_nobody_was_heard_is_forgotten(pair: Pair) -> None:
    laptop = pair.enrolled("hal@example.com")
    laptop.report(pair.clients[0], healthy())
    until(204, lambda: pair.gate(1, "hal@example.com"))
    for table in ("readings", "transitions", "evidence", "contacts", "verdict_history", "verdicts"):
        pair.first.change(f"DELETE FROM {table} WHERE device_id = ?", laptop.device)  # noqa: S608 - the schema's own names
    for table in ("ratchets", "devices"):
        pair.first.change(f"DELETE FROM {table} WHERE device_id = ?", laptop.device)  # noqa: S608 - the same
    assert pair.gate(1, "hal@example.com") == 204, "nobody has told it"
    store.rows(pair.first.database, STOP_LISTENING, (listening.NAME,))
    until(403, lambda: pair.gate(1, "hal@example.com"))


def test_a_kill_of_one_loses_nothing_that_was_answered(pair: Pair) -> None:
    laptop = pair.enrolled("ira@example.com")
    for _ in range(3):
        laptop.report(pair.clients[1], healthy())
        pair.second.kill()
        laptop.report(pair.clients[0], with_usb_stick())
        pair.second.start()
        assert pair.gate(1, "ira@example.com") == 403, "it said it was ready"
    ((sequence,),) = pair.first.rows(
        "SELECT sequence FROM ratchets WHERE device_id = ?", laptop.device
    )
    assert sequence == laptop.sequence


@pytest.fixture
def clocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ClockedServer]]:
    monkeypatch.setattr(deadlines, "LONGEST_SLEEP_S", 0.02)
    url = postgresql.cluster().create_database()
    servers = [
        ClockedServer(
            tmp_path / name,
            free_port(),
            database=url,
            public_url=PUBLIC_URL,
            settings={"public_url": PUBLIC_URL},
        )
        for name in ("first", "second")
    ]
    servers[0].command("migrate")
    with ExitStack() as stack:
        for server in servers:
            server.start()
            stack.callback(server.stop)
        yield servers


def test_a_silent_laptop_becomes_unknown_on_both_and_once_on_record(
    clocked: list[ClockedServer],
) -> None:
    first, second = clocked
    laptop = SigningDevice(PUBLIC_URL)
    with first.client() as client:
        laptop.enroll(client, first.enroll_code())
        laptop.report(client, healthy())
    for server in clocked:
        server.ahead = timedelta(hours=1, seconds=5)
    history = "SELECT verdict FROM verdict_history WHERE device_id = ? ORDER BY history_id"
    deadline = time.monotonic() + SOON_S
    while len(first.rows(history, laptop.device)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    verdicts = [verdict for (verdict,) in second.rows(history, laptop.device)]
    assert verdicts == ["unknown", "compliant", "unknown"]


def test_a_gate_that_hears_of_no_changes_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "BLIND_AFTER_S", 1.0)
    own = postgresql.start()
    try:
        server = ClockedServer(tmp_path, free_port(), database=own.create_database())
        server.command("migrate")
        server.publish_policy(ONLY_USB)
        token = server.gate_token()
        server.start()
        try:
            laptop = SigningDevice(server.url)
            with server.client() as client:
                laptop.enroll(client, server.enroll_code())
                laptop.report(client, healthy())
                asking = Pair(server, server, (client, client), token)
                until(204, lambda: asking.gate(0, "ana@example.com"))
                own.stop()
                until(503, lambda: asking.gate(0, "ana@example.com"))
        finally:
            server.stop()
    finally:
        own.stop()
