"""Poll delivery (RFC 8936): pages, acknowledgements, errors, waiting."""

import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.signal_receiver import COMPLIANCE_CHANGE, Checker
from tests.support.signal_transmitter import Subscriber, subscriber
from tests.support.signing_device import SigningDevice


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("server"), policy=ONLY_USB) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def made(server: ClockedServer, client: httpx.Client) -> Subscriber:
    return subscriber(server, client, "poller")


@pytest.fixture(scope="module")
def checker(server: ClockedServer, made: Subscriber) -> Checker:
    return Checker(server.url, made.client_id)


def laptop_with_changes(server: ClockedServer, client: httpx.Client, changes: int) -> SigningDevice:
    """Return a laptop that was told compliant, then changed so many times."""
    laptop = enrolled(server, client, "ana@example.com", healthy())
    for number in range(changes):
        laptop.report(client, healthy() if number % 2 else with_usb_stick())
    return laptop


def test_a_receiver_pages_and_acknowledges(
    server: ClockedServer, client: httpx.Client, made: Subscriber, checker: Checker
) -> None:
    stream = made.create_poll(events_requested=[COMPLIANCE_CHANGE])
    assert stream["delivery"]["endpoint_url"] == f"{server.url}/ssf/poll/{stream['stream_id']}"
    laptop_with_changes(server, client, 4)
    told: list[str] = []
    done: list[str] = []
    pages = 0
    while True:
        answer = made.poll(stream, maxEvents=2, ack=done)
        page = [checker.check(token) for token in answer["sets"].values()]
        if not page:
            assert "moreAvailable" not in answer
            break
        assert list(answer["sets"]) == [each.jti for each in page]
        pages += 1
        told += [each.status for each in page]
        done = [each.jti for each in page]
        assert answer.get("moreAvailable", False) is (pages < 3)
    assert told == ["compliant", "not-compliant", "compliant", "not-compliant", "compliant"]
    assert made.poll(stream)["sets"] == {}
    made.delete(stream)


def test_what_is_not_acknowledged_comes_again(
    server: ClockedServer, client: httpx.Client, made: Subscriber
) -> None:
    stream = made.create_poll()
    laptop_with_changes(server, client, 1)
    first = made.poll(stream)["sets"]
    assert len(first) == 3
    assert list(made.poll(stream)["sets"]) == list(first)
    last = list(first)[-1]
    assert list(made.poll(stream, ack=[last])["sets"]) == list(first)[:-1]
    made.delete(stream)


def test_an_event_with_an_error_does_not_come_again(
    server: ClockedServer, client: httpx.Client, made: Subscriber
) -> None:
    stream = made.create_poll(events_requested=[COMPLIANCE_CHANGE])
    laptop_with_changes(server, client, 1)
    first, second = made.poll(stream)["sets"]
    error = {first: {"err": "invalid_audience", "description": "not us"}}
    assert list(made.poll(stream, setErrs=error)["sets"]) == [second]
    ((why,),) = server.rows("SELECT refusal FROM ssf_outbox WHERE jti = ?", first)
    assert why == "invalid_audience: not us"
    made.delete(stream)


def test_no_events_can_be_asked_for_to_acknowledge_alone(
    server: ClockedServer, client: httpx.Client, made: Subscriber
) -> None:
    stream = made.create_poll(events_requested=[COMPLIANCE_CHANGE])
    laptop_with_changes(server, client, 0)
    (jti,) = made.poll(stream)["sets"]
    answer = made.poll(stream, maxEvents=0, returnImmediately=False)
    assert answer == {"sets": {}, "moreAvailable": True}
    assert made.poll(stream, maxEvents=0, ack=[jti]) == {"sets": {}}
    made.delete(stream)


def test_a_poll_that_may_wait_is_answered_when_something_happens(
    server: ClockedServer, client: httpx.Client, made: Subscriber, checker: Checker
) -> None:
    stream = made.create_poll(events_requested=[COMPLIANCE_CHANGE])
    laptop = SigningDevice(server.url, computer_name="ana-laptop")
    laptop.enroll(client, server.enroll_code())

    def reports_soon() -> None:
        time.sleep(0.5)
        with server.client() as own:
            laptop.report(own, healthy())

    thread = threading.Thread(target=reports_soon)
    began = time.monotonic()
    thread.start()
    answer = made.poll(stream, returnImmediately=False)
    thread.join()
    (token,) = answer["sets"].values()
    assert checker.check(token).status == "compliant"
    assert 0.4 < time.monotonic() - began < 20, "it should wait for the event and no longer"
    made.delete(stream)


def test_a_stream_is_its_receivers_alone(
    server: ClockedServer, client: httpx.Client, made: Subscriber
) -> None:
    stream = made.create_poll()
    other = subscriber(server, client, "another")
    path = f"/ssf/poll/{stream['stream_id']}"
    assert other.request("POST", path, json={}).status_code == 404
    assert client.post(path, json={}).status_code == 401
    reader = subscriber(server, client, "gate-only", "--scope", "gate")
    assert reader.request("POST", path, json={}).status_code == 403
    made.delete(stream)
    assert made.request("POST", path, json={}).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"maxEvents": -1}, "maxEvents"),
        ({"maxEvents": "ten"}, "maxEvents"),
        ({"ack": "abc"}, "ack"),
        ({"ack": [7]}, "ack[0]"),
        ({"setErrs": {"x": {}}}, "setErrs[...].err"),
        ([], ""),
    ],
)
def test_a_malformed_poll_is_refused_by_field(made: Subscriber, body: object, field: str) -> None:
    stream = made.create_poll()
    response = made.request("POST", f"/ssf/poll/{stream['stream_id']}", json=body)
    assert response.status_code == 400
    assert response.json().get("field", "") == field
    made.delete(stream)


def test_the_server_stops_while_somebody_polls(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("stopping")
    with clocked_server(folder, policy=ONLY_USB) as server, server.client() as client:
        made = subscriber(server, client, "poller")
        stream = made.create_poll()
        thread = threading.Thread(
            target=made.poll, args=(stream,), kwargs={"returnImmediately": False}
        )
        thread.start()
        time.sleep(0.3)
        began = time.monotonic()
        server.services.closings[-1]()
        thread.join(15)
        assert not thread.is_alive()
        assert time.monotonic() - began < 15
