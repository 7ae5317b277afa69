"""The stream management API (SSF 1.0, section 8.1) and the transmitter's metadata (7.1)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from passmuster_server.ssf.streams import MAX_STREAMS
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.signal_receiver import COMPLIANCE_CHANGE, POLL, PUSH, SESSION_REVOKED
from tests.support.signal_transmitter import Subscriber, subscriber

URL = "https://receiver.example.com/events"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def made(server: ClockedServer, client: httpx.Client) -> Subscriber:
    allowed = ("--push", URL, "--push", "https://below.example.com/hooks/")
    return subscriber(server, client, "receiver", *allowed)


@pytest.fixture
def stream(made: Subscriber) -> Iterator[dict[str, Any]]:
    created = made.create_push(URL, description="ours", events_requested=[SESSION_REVOKED, "urn:x"])
    yield created
    made.request("DELETE", f"/ssf/stream?stream_id={created['stream_id']}")


def test_the_metadata_are_what_the_interoperability_profile_wants(
    server: ClockedServer, client: httpx.Client
) -> None:
    response = client.get("/.well-known/ssf-configuration")
    assert response.headers["Content-Type"] == "application/json"
    found = response.json()
    assert found["spec_version"] == "1_0"
    assert found["issuer"] == server.url
    assert set(found["delivery_methods_supported"]) == {PUSH, POLL}
    assert found["authorization_schemes"] == [{"spec_urn": "urn:ietf:rfc:6749"}]
    assert found["default_subjects"] == "ALL"
    keys = client.get(found["jwks_uri"]).json()["keys"]
    assert all(key["kty"] == "RSA" and key["alg"] == "RS256" for key in keys)
    for name in ("configuration", "status", "add_subject", "remove_subject", "verification"):
        assert found[f"{name}_endpoint"].startswith(server.url + "/ssf/")


def test_a_stream_is_created_and_read(
    server: ClockedServer, made: Subscriber, stream: dict[str, Any]
) -> None:
    assert stream["iss"] == server.url
    assert stream["aud"] == made.client_id
    assert stream["delivery"] == {"method": PUSH, "endpoint_url": URL}
    assert stream["events_supported"] == [COMPLIANCE_CHANGE, SESSION_REVOKED]
    assert stream["events_requested"] == [SESSION_REVOKED, "urn:x"]
    assert stream["events_delivered"] == [SESSION_REVOKED], "what it does not know is ignored"
    assert stream["description"] == "ours"
    read = made.request("GET", f"/ssf/stream?stream_id={stream['stream_id']}")
    assert read.json() == stream
    assert read.headers["Cache-Control"] == "no-store"
    assert made.request("GET", "/ssf/stream").json() == [stream]


def test_without_a_delivery_method_it_is_polled(made: Subscriber) -> None:
    created = made.create()
    assert created["delivery"]["method"] == POLL
    assert created["delivery"]["endpoint_url"].endswith(created["stream_id"])
    assert created["events_delivered"] == [COMPLIANCE_CHANGE, SESSION_REVOKED]
    made.delete(created)
    assert made.request("GET", "/ssf/stream").json() == []


def test_an_update_changes_what_it_names_alone(made: Subscriber, stream: dict[str, Any]) -> None:
    change = {"stream_id": stream["stream_id"], "description": "theirs", "iss": stream["iss"]}
    response = made.request("PATCH", "/ssf/stream", json=change)
    assert response.status_code == 200
    assert response.json() == {**stream, "description": "theirs"}


def test_a_replacement_deletes_what_it_leaves_out(made: Subscriber, stream: dict[str, Any]) -> None:
    body = {"stream_id": stream["stream_id"], "delivery": stream["delivery"], "format": "email"}
    replaced = made.request("PUT", "/ssf/stream", json=body).json()
    assert "description" not in replaced
    assert "events_requested" not in replaced
    assert replaced["format"] == "email"
    assert replaced["delivery"] == stream["delivery"]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_what_the_transmitter_sets_can_not_be_changed(
    made: Subscriber, stream: dict[str, Any], method: str
) -> None:
    for name, value in (("iss", "https://other"), ("aud", "x"), ("events_delivered", [])):
        response = made.request(method, "/ssf/stream", json={**stream, name: value})
        assert (response.status_code, response.json()["field"]) == (400, name)
    assert made.request(method, "/ssf/stream", json=stream).status_code == 200


def test_a_deleted_stream_is_gone(made: Subscriber, stream: dict[str, Any]) -> None:
    name = stream["stream_id"]
    made.delete(stream)
    assert made.request("DELETE", f"/ssf/stream?stream_id={name}").status_code == 404
    for method, path, body in (
        ("GET", f"/ssf/stream?stream_id={name}", None),
        ("PATCH", "/ssf/stream", {"stream_id": name}),
        ("PUT", "/ssf/stream", {"stream_id": name}),
        ("GET", f"/ssf/status?stream_id={name}", None),
        ("POST", "/ssf/status", {"stream_id": name, "status": "paused"}),
        ("POST", "/ssf/verify", {"stream_id": name}),
        ("POST", "/ssf/subjects:add", {"stream_id": name, "subject": EMAIL}),
        ("POST", "/ssf/subjects:remove", {"stream_id": name, "subject": EMAIL}),
    ):
        assert made.request(method, path, json=body).status_code == 404, (method, path)


@pytest.mark.parametrize("place", ["stream", "status"])
def test_no_stream_has_a_nul_in_its_name(made: Subscriber, place: str) -> None:
    """PostgreSQL would fail over it, and the receiver be told to wait."""
    for method in ("GET", "DELETE") if place == "stream" else ("GET",):
        answer = made.request(method, f"/ssf/{place}?stream_id=a%00b")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_stream"), method


EMAIL = {"format": "email", "email": "ana@example.com"}


def test_the_status_is_read_and_changed(made: Subscriber, stream: dict[str, Any]) -> None:
    path = f"/ssf/status?stream_id={stream['stream_id']}"
    assert made.request("GET", path).json() == {
        "stream_id": stream["stream_id"],
        "status": "enabled",
    }
    change = {"stream_id": stream["stream_id"], "status": "paused", "reason": "maintenance"}
    assert made.request("POST", "/ssf/status", json=change).json() == change
    assert made.request("GET", path).json() == change
    change["status"] = "asleep"
    assert made.request("POST", "/ssf/status", json=change).json()["field"] == "status"


def test_who_may_only_read_can_change_nothing(
    server: ClockedServer, client: httpx.Client, stream: dict[str, Any]
) -> None:
    reader = subscriber(server, client, "reader", "--scope", "ssf.read", "--push", URL)
    assert reader.request("GET", "/ssf/stream").json() == [], "streams of others are not seen"
    name = stream["stream_id"]
    assert reader.request("GET", f"/ssf/stream?stream_id={name}").status_code == 404
    for method, path in (
        ("POST", "/ssf/stream"),
        ("PATCH", "/ssf/stream"),
        ("POST", "/ssf/status"),
    ):
        response = reader.request(method, path, json={"stream_id": name, "status": "disabled"})
        assert response.status_code == 403, (method, path)
        assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]
        assert 'scope="ssf.manage"' in response.headers["WWW-Authenticate"]
    stranger = subscriber(server, client, "stranger")
    for method in ("PATCH", "PUT"):
        assert stranger.request(method, "/ssf/stream", json={"stream_id": name}).status_code == 404
    assert stranger.request("DELETE", f"/ssf/stream?stream_id={name}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ssf/stream"),
        ("POST", "/ssf/stream"),
        ("PATCH", "/ssf/stream"),
        ("PUT", "/ssf/stream"),
        ("DELETE", "/ssf/stream?stream_id=x"),
        ("GET", "/ssf/status?stream_id=x"),
        ("POST", "/ssf/status"),
        ("POST", "/ssf/verify"),
        ("POST", "/ssf/subjects:add"),
        ("POST", "/ssf/subjects:remove"),
        ("POST", "/ssf/poll/x"),
    ],
)
def test_a_stranger_is_refused_everywhere(
    made: Subscriber, client: httpx.Client, method: str, path: str
) -> None:
    assert client.request(method, path, json={}).status_code == 401
    in_query = f"{path}{'&' if '?' in path else '?'}access_token={made.token}"
    assert client.request(method, in_query, json={}).status_code == 401, "RFC 6750, 2.3: never"


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example.com/other",
        "https://receiver.example.com/events/below",
        "https://receiver.example.com.evil.example/events",
        "https://evil.example/https://receiver.example.com/events",
        "https://below.example.com/hooks",
        "http://127.0.0.1/events",
    ],
)
def test_nothing_is_pushed_to_where_no_administrator_allowed(made: Subscriber, url: str) -> None:
    delivery = {"method": PUSH, "endpoint_url": url}
    response = made.request("POST", "/ssf/stream", json={"delivery": delivery})
    assert response.status_code == 403
    assert response.json()["field"] == "delivery.endpoint_url"


def test_an_address_below_an_allowed_one_will_do(made: Subscriber) -> None:
    made.delete(made.create_push("https://below.example.com/hooks/passmuster?x=1"))


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example.com/events",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://user:secret@receiver.example.com/events",
        "https://receiver.example.com/events#x",
        "https://below.example.com/hooks/../admin",
        "https://below.example.com/hooks/\\..\\admin",
        "https://below.example.com:99999/hooks/",
        "https://b\u00e9low.example.com/hooks/",
        "https://",
        "//receiver.example.com",
        "",
        "https://below.example.com/hooks/" + "x" * 600,
    ],
)
def test_an_address_that_could_be_understood_otherwise_is_refused(
    made: Subscriber, server: ClockedServer, url: str
) -> None:
    delivery = {"method": PUSH, "endpoint_url": url}
    response = made.request("POST", "/ssf/stream", json={"delivery": delivery})
    assert response.status_code == 400
    assert response.json()["field"] == "delivery.endpoint_url"
    if url:
        done = server.command("gate-client", "odd", "--push", url, check=False)
        assert done.returncode == 1
        assert "--push" in done.stderr


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"delivery": {"method": "carrier-pigeon"}}, "delivery.method"),
        ({"delivery": {"endpoint_url": URL}}, "delivery.method"),
        ({"delivery": {"method": PUSH}}, "delivery.endpoint_url"),
        (
            {
                "delivery": {
                    "method": PUSH,
                    "endpoint_url": URL,
                    "authorization_header": "x\r\nX-Evil: 1",
                }
            },
            "delivery.authorization_header",
        ),
        ({"events_requested": "all"}, "events_requested"),
        ({"events_requested": ["x"] * 65}, "events_requested"),
        ({"description": "x" * 300}, "description"),
        ({"format": "fax"}, "format"),
    ],
)
def test_what_is_wrong_with_a_stream_is_named(
    made: Subscriber, change: dict[str, Any], field: str
) -> None:
    response = made.request("POST", "/ssf/stream", json=change)
    assert response.status_code == 400
    assert response.json()["field"] == field


@pytest.mark.parametrize(
    ("subject", "field"),
    [
        ("ana@example.com", "subject"),
        ({"format": "email"}, "subject.email"),
        ({"format": "email", "email": ""}, "subject.email"),
        ({"format": "email", "email": "a@b.c", "more": 1}, "subject"),
        ({"format": "fax", "number": "1"}, "subject.format"),
        ({"format": ["email"]}, "subject.format"),
        ({"format": "complex"}, "subject"),
        ({"format": "complex", "user": "ana"}, "subject.user"),
        ({"format": "complex", "shoe": EMAIL}, "subject"),
        ({"format": "complex", "user": {"format": "complex", "user": EMAIL}}, "subject.user"),
    ],
)
def test_what_is_wrong_with_a_subject_is_named(
    made: Subscriber, stream: dict[str, Any], subject: Any, field: str
) -> None:
    body = {"stream_id": stream["stream_id"], "subject": subject}
    for path in ("/ssf/subjects:add", "/ssf/subjects:remove"):
        response = made.request("POST", path, json=body)
        assert response.status_code == 400
        assert response.json()["field"] == field


def test_a_receiver_has_a_limited_number_of_streams(
    server: ClockedServer, client: httpx.Client
) -> None:
    greedy = subscriber(server, client, "greedy")
    for _ in range(MAX_STREAMS):
        greedy.create_poll()
    response = greedy.request("POST", "/ssf/stream", json={})
    assert response.status_code == 409


def test_a_large_body_is_refused(made: Subscriber) -> None:
    response = made.request("POST", "/ssf/stream", json={"description": "x" * 600_000})
    assert response.status_code == 413
