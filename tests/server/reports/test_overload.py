"""More reports than the database keeps up with: 429, and nothing that was taken in is lost."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.contract.reading import Reading
from passmuster_server import database
from passmuster_server.database import Database
from passmuster_server.policy.stored_devices import hold_device
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.server.conftest import quick_code
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.signing_device import SigningDevice

ROOM = 3
PATIENCE_S = 8.0
"""Less than the database waits for a lock."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClockedServer]:
    monkeypatch.setattr(database, "MAX_WAITING", ROOM)
    with clocked_server(tmp_path) as running:
        yield running


def enrolled(server: ClockedServer) -> SigningDevice:
    device = SigningDevice(server.url)
    with server.client() as client:
        device.enroll(client, quick_code(server))
    return device


@contextlib.contextmanager
def held(server: ClockedServer, *devices: SigningDevice) -> Iterator[None]:
    """Let the server's writes wait: another transaction has what they need."""
    other = Database(server.database)
    try:
        with other.writer_engine.begin() as connection:
            for device in devices:
                hold_device(database.Transaction(connection), DEFAULT_ORGANISATION, device.device)
            yield
    finally:
        other.dispose()


def sent(server: ClockedServer, device: SigningDevice, body: bytes) -> httpx.Response:
    with server.client() as client:
        return device.send(client, body)


def wait_for_refusals(
    answers: "list[Future[httpx.Response]]", least: int
) -> "list[Future[httpx.Response]]":
    deadline = time.monotonic() + PATIENCE_S
    while sum(answer.done() for answer in answers) < least:
        assert time.monotonic() < deadline, f"expected {least} refusals while writes wait"
        time.sleep(0.02)
    return [answer for answer in answers if answer.done()]


def test_where_no_room_is_left_to_wait_the_answer_is_429_and_nothing_is_lost(
    server: ClockedServer, healthy: list[Reading]
) -> None:
    devices = [enrolled(server) for _ in range(ROOM + 4)]
    bodies = [each.signed_upload(each.upload(each.record(healthy))) for each in devices]
    with ThreadPoolExecutor(len(devices)) as pool:
        with held(server, *devices):
            first = pool.submit(sent, server, devices[0], bodies[0])
            time.sleep(0.2)
            answers = [first] + [
                pool.submit(sent, server, *each)
                for each in zip(devices[1:], bodies[1:], strict=True)
            ]
            refused = [each.result() for each in wait_for_refusals(answers, 1)]
        statuses = [answer.result().status_code for answer in answers]
    for response in refused:
        assert (response.status_code, response.json()["code"]) == (429, "overloaded")
        assert int(response.headers["Retry-After"]) > 0
    assert set(statuses) == {200, 429}
    again = [sent(server, *each) for each in zip(devices, bodies, strict=True)]
    assert [response.status_code for response in again] == [200] * len(devices)


def test_one_laptop_cant_fill_the_queue(server: ClockedServer, healthy: list[Reading]) -> None:
    device = enrolled(server)
    body = device.signed_upload(device.upload(device.record(healthy)))
    with ThreadPoolExecutor(5) as pool:
        with held(server, device):
            answers = [pool.submit(sent, server, device, body) for _ in range(5)]
            refused = [each.result() for each in wait_for_refusals(answers, 3)]
        statuses = sorted(answer.result().status_code for answer in answers)
    for response in refused:
        assert (response.status_code, response.json()["code"]) == (429, "too_many_reports")
        assert int(response.headers["Retry-After"]) > 0
    assert statuses == [200, 200, 429, 429, 429]


def test_a_forged_report_takes_nothing_of_a_laptops_room(
    server: ClockedServer, healthy: list[Reading]
) -> None:
    device = enrolled(server)
    body = device.signed_upload(device.upload(device.record(healthy)))
    forged = body[:-4] + (b"AAAA" if not body.endswith(b"AAAA") else b"BBBB")
    with ThreadPoolExecutor(4) as pool:
        with held(server, device):
            answers = [pool.submit(sent, server, device, forged) for _ in range(3)]
            assert {each.result().status_code for each in answers} == {401}
            own = pool.submit(sent, server, device, body)
            time.sleep(0.2)
        assert own.result().status_code == 200
