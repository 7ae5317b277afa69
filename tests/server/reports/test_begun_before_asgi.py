"""Reports whose signer is known begin before ASGI, and come to the same as all the others."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import LIMITS_TYPE
from passmuster_server.database import Database, OverloadedError, Transaction
from passmuster_server.devices.addresses import address_code
from passmuster_server.doors import BECOMES
from passmuster_server.policy.stored_devices import hold_device
from passmuster_server.reports import service, store
from passmuster_server.reports.routes import ReportDoor
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.server.conftest import quick_code
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB
from tests.support.raw_requests import answers, request, until
from tests.support.signing_device import JOSE, SigningDevice

JOSE_LINE = b"Content-Type: application/jose"
LINE = b"POST /api/v1/reports HTTP/1.1"
UNUSUAL = b"POST /api/v1/reports? HTTP/1.1"


class AskedByAsgi(list[str]):
    """How ASGI has asked the door: "begun", or "new"."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> AskedByAsgi:
    noted = AskedByAsgi()
    answer = ReportDoor.__call__

    async def noting(self: ReportDoor, scope: Any, receive: Any, send: Any) -> None:
        noted.append("begun" if BECOMES in scope else "new")
        await answer(self, scope, receive, send)

    monkeypatch.setattr(ReportDoor, "__call__", noting)
    return noted


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture
def device(server: ClockedServer, client: httpx.Client, healthy: list[Reading]) -> SigningDevice:
    """Return a laptop that has reported, so that the server knows its key."""
    enrolled = SigningDevice(server.url)
    enrolled.enroll(client, quick_code(server))
    enrolled.report(client, healthy)
    return enrolled


def upload(device: SigningDevice, readings: list[Reading]) -> bytes:
    return device.signed_upload(device.upload(device.record(readings)))


def counted(server: ClockedServer, outcome: str) -> float:
    registry = server.services.metrics.registry
    return registry.get_sample_value("passmuster_reports_total", {"outcome": outcome}) or 0.0


@contextlib.contextmanager
def connected(server: ClockedServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0)) as connection:
        yield connection


@contextlib.contextmanager
def held(server: ClockedServer, device: SigningDevice) -> Iterator[None]:
    """Let the server's writes wait: another transaction has what they need."""
    other = Database(server.database)
    try:
        with other.writer_engine.begin() as connection:
            hold_device(Transaction(connection), DEFAULT_ORGANISATION, device.device)
            yield
    finally:
        other.dispose()


def sent(server: ClockedServer, body: bytes, *headers: bytes, line: bytes = LINE) -> httpx.Response:
    """Return the answer to a report."""
    with connected(server) as connection:
        connection.sendall(request(body, JOSE_LINE, *headers, line=line))
        (answer,) = answers(connection, 1)
    head, _, content = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    fields = [line.split(b": ", 1) for line in lines]
    return httpx.Response(
        int(status.split()[1]), headers=[(name, value) for name, value in fields], content=content
    )


def all_but_the_date(response: httpx.Response) -> tuple[int, set[tuple[str, str]], bytes]:
    headers = {(name, value) for name, value in response.headers.items() if name != "date"}
    return response.status_code, headers, response.content


def test_only_the_first_report_of_a_laptop_needs_asgi(
    server: ClockedServer, client: httpx.Client, healthy: list[Reading], asked: AskedByAsgi
) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, quick_code(server))
    for _ in range(3):
        device.accept(sent(server, upload(device, healthy)))
    assert asked == ["new"]


def test_a_body_that_comes_behind_its_head_makes_no_difference(
    client: httpx.Client, device: SigningDevice, healthy: list[Reading], asked: AskedByAsgi
) -> None:
    """So this client sends it, and so do the agents."""
    asked.clear()
    for _ in range(3):
        device.report(client, healthy)
    assert asked == []


@pytest.mark.parametrize(
    ("header", "status"),
    [(b"Content-Type: text/plain", 415), (b"Content-Length: 262145", 413)],
    ids=["another type", "too long"],
)
def test_what_is_wrong_with_the_head_is_told_before_the_body_comes(
    server: ClockedServer, asked: AskedByAsgi, header: bytes, status: int
) -> None:
    lines = [LINE, b"Host: localhost", header, JOSE_LINE, b"Content-Length: 10"]
    if header.startswith(b"Content-Length"):
        lines.pop()
    with connected(server) as connection:
        connection.sendall(b"\r\n".join([*lines, b"", b""]))
        (answer,) = answers(connection, 1)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert asked == ["new"]


@pytest.mark.parametrize("accepted", [b"application/json", LIMITS_TYPE.encode()])
def test_the_answer_is_the_same_either_way(
    server: ClockedServer,
    device: SigningDevice,
    healthy: list[Reading],
    asked: AskedByAsgi,
    accepted: bytes,
) -> None:
    body, accepts = upload(device, healthy), b"Accept: " + accepted
    first = sent(server, body, accepts)
    assert asked == []
    again = sent(server, body, accepts, line=UNUSUAL)
    assert asked == ["new"]
    assert first.headers["content-type"].encode() == accepted
    assert (first.headers["vary"], first.headers["cache-control"]) == ("Accept", "no-store")
    assert all_but_the_date(first) == all_but_the_date(again)


@pytest.mark.parametrize("behind_proxy", [False, True])
def test_where_policy_compares_addresses_the_senders_own_is_kept(
    tmp_path: Path, healthy: list[Reading], asked: AskedByAsgi, *, behind_proxy: bool
) -> None:
    """Behind a proxy it is read on the way to ASGI."""
    policy = f'addresses = "same"\n{ONLY_USB}'
    named = {"behind_proxy": True, "public_url": "https://passmuster.test"} if behind_proxy else {}
    with clocked_server(tmp_path, policy=policy, **named) as server:
        device = SigningDevice("https://passmuster.test" if behind_proxy else server.url)
        with server.client() as client:
            device.enroll(client, quick_code(server))
            device.report(client, healthy)
        asked.clear()
        for _ in range(2):
            body = upload(device, healthy)
            device.accept(sent(server, body, b"X-Forwarded-For: 203.0.113.9"))
        assert asked == (["new", "new"] if behind_proxy else [])
        ((code, key),) = server.rows(
            "SELECT address_code, hash_key FROM contacts JOIN organisations "
            "ON organisations.organisation_id = contacts.organisation_id"
        )
        own = "203.0.113.9" if behind_proxy else "127.0.0.1"
        assert code == address_code(bytes(key), own)


def test_a_report_that_is_refused_within_the_write_is_written_and_counted_once(
    server: ClockedServer,
    client: httpx.Client,
    device: SigningDevice,
    healthy: list[Reading],
    asked: AskedByAsgi,
    caplog: pytest.LogCaptureFixture,
) -> None:
    old = upload(device, healthy)
    device.accept(device.send(client, old))
    device.report(client, healthy)
    before = counted(server, "accepted"), counted(server, "replayed")
    asked.clear()
    first = sent(server, old)
    assert asked == ["begun"]
    assert (counted(server, "accepted"), counted(server, "replayed")) == (before[0], before[1] + 1)
    said = [each for each in caplog.messages if "an older report was sent again" in each]
    assert len(said) == 1
    assert first.status_code == 409
    assert all_but_the_date(first) == all_but_the_date(sent(server, old, line=UNUSUAL))
    device.report(client, healthy)


def test_a_conflict_is_stored_counted_and_logged_once(
    server: ClockedServer,
    device: SigningDevice,
    healthy: list[Reading],
    asked: AskedByAsgi,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = counted(server, "identity_conflict")
    wrong = device.upload(device.record(healthy), nonce="A" * 22)
    response = sent(server, device.signed_upload(wrong))
    assert (response.status_code, response.json()["code"]) == (409, "identity_conflict")
    assert asked == ["begun"]
    assert counted(server, "identity_conflict") == before + 1
    assert len([each for each in caplog.messages if "two laptops use one key" in each]) == 1
    (row,) = server.rows("SELECT status FROM devices WHERE device_id = ?", device.device)
    assert row == ("conflict",)


def test_what_is_wrong_with_a_verified_report_is_found_once(
    server: ClockedServer,
    device: SigningDevice,
    healthy: list[Reading],
    asked: AskedByAsgi,
) -> None:
    before = counted(server, "malformed")
    elsewhere = device.upload(device.record(healthy), audience="another")
    response = sent(server, device.signed_upload(elsewhere))
    assert response.status_code == 400
    assert (response.json()["code"], response.json()["field"]) == ("malformed", "audience")
    assert asked == ["begun"]
    assert counted(server, "malformed") == before + 1


def test_a_signature_of_another_key_is_refused_by_asgi(
    server: ClockedServer,
    device: SigningDevice,
    healthy: list[Reading],
    asked: AskedByAsgi,
) -> None:
    before = counted(server, "bad_signature")
    body = upload(device, healthy)
    forged = body[:-4] + (b"AAAA" if not body.endswith(b"AAAA") else b"BBBB")
    assert sent(server, forged).json()["code"] == "bad_signature"
    assert asked == ["new"]
    assert counted(server, "bad_signature") == before + 1


def test_so_is_what_is_no_report_at_all(
    server: ClockedServer, client: httpx.Client, asked: AskedByAsgi
) -> None:
    before = counted(server, "malformed"), counted(server, "wrong_content_type")
    assert client.post("/api/v1/reports", content=b"nonsense", headers=JOSE).status_code == 400
    assert client.post("/api/v1/reports", content=b"nonsense").status_code == 415
    assert asked == ["new", "new"]
    after = counted(server, "malformed"), counted(server, "wrong_content_type")
    assert after == (before[0] + 1, before[1] + 1)


def test_where_no_room_is_left_it_is_refused_and_its_place_is_free_again(
    server: ClockedServer,
    device: SigningDevice,
    healthy: list[Reading],
    asked: AskedByAsgi,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = counted(server, "overloaded")
    body = upload(device, healthy)

    def full(*_: object) -> None:
        raise OverloadedError("too many writes are waiting")

    with monkeypatch.context() as crowded:
        crowded.setattr(server.services.database, "queue_write", full)
        for _ in range(service.MOST_UNDER_WAY + 1):
            response = sent(server, body)
            assert (response.status_code, response.json()["code"]) == (429, "overloaded")
            assert int(response.headers["Retry-After"]) > 0
    assert asked == ["begun"] * (service.MOST_UNDER_WAY + 1)
    assert counted(server, "overloaded") == before + service.MOST_UNDER_WAY + 1
    assert sent(server, body).status_code == 200


def test_a_mistake_in_the_write_is_told_once_and_stores_nothing(
    server: ClockedServer,
    device: SigningDevice,
    healthy: list[Reading],
    asked: AskedByAsgi,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = upload(device, healthy)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as mistaken:
        mistaken.setattr(store, "move_contact", broken)
        response = sent(server, body)
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert asked == ["begun"]
    assert caplog.messages.count("a request failed: ZeroDivisionError") == 1
    assert sent(server, body).status_code == 200


def test_a_laptop_that_goes_away_has_reported(
    server: ClockedServer, client: httpx.Client, device: SigningDevice, healthy: list[Reading]
) -> None:
    before = counted(server, "accepted")
    body = upload(device, healthy)
    with held(server, device):
        with connected(server) as connection:
            connection.sendall(request(body, JOSE_LINE, line=LINE))
            until(lambda: under_way(server) == 1, "the report is taken in")
        assert counted(server, "accepted") == before
    until(lambda: counted(server, "accepted") == before + 1, "it is stored and counted")
    assert under_way(server) == 0
    again = device.send(client, body)
    assert again.status_code == 200, "expected: the same answer again"
    device.accept(again)
    device.report(client, healthy)


def under_way(server: ClockedServer) -> int:
    door = server.services.doors["/api/v1/reports"]
    assert isinstance(door, ReportDoor)
    return len(door._reports._under_way)


def test_a_server_that_stops_answers_what_it_has_begun_with(
    tmp_path: Path, healthy: list[Reading]
) -> None:
    with clocked_server(tmp_path) as server:
        device = SigningDevice(server.url)
        with server.client() as client:
            device.enroll(client, quick_code(server))
            device.report(client, healthy)
        with connected(server) as connection:
            stopping = threading.Thread(target=server.stop)
            with held(server, device):
                connection.sendall(request(upload(device, healthy), JOSE_LINE, line=LINE))
                until(lambda: under_way(server) == 1, "the report is taken in")
                stopping.start()
                until(lambda: not is_listening(server), "the server stops listening")
            found = answers(connection, 2)
        stopping.join()
    assert [each.partition(b"\r\n")[0] for each in found] == [b"HTTP/1.1 200 OK"]
    assert b"\r\nconnection: close\r\n" in found[0]


def is_listening(server: ClockedServer) -> bool:
    try:
        with connected(server):
            return True
    except ConnectionRefusedError:
        return False
