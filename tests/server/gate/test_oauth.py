"""The client credentials grant (RFC 6749, section 4.4) over real HTTP."""

import base64
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from passmuster_server.gate.client_store import (
    LIFETIME,
    MAX_TOKENS,
)
from tests.support.clocked_server import ClockedServer, clocked_server

PATH = "/oauth2/token"
GRANT = {"grant_type": "client_credentials"}
Credentials = tuple[str, str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def new_caller(server: ClockedServer, name: str, *arguments: str) -> Credentials:
    printed = server.command("gate-client", name, "--oauth", *arguments).stdout.split()
    return printed[-2], printed[-1]


@pytest.fixture(scope="module")
def caller(server: ClockedServer) -> Credentials:
    return new_caller(server, "sso", "--scope", "gate", "--scope", "ssf.read")


def token(client: httpx.Client, caller: Credentials, **form: str) -> dict[str, Any]:
    response = client.post(PATH, auth=caller, data=GRANT | form)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def asks(client: httpx.Client, access_token: str) -> int:
    question = {
        "subject": {"type": "user", "id": "nobody@example.com"},
        "action": {"name": "login"},
        "resource": {"type": "application", "id": "helpdesk"},
    }
    headers = {"Authorization": f"Bearer {access_token}"}
    return client.post("/access/v1/evaluation", json=question, headers=headers).status_code


def test_a_token_opens_the_gate_at_once_and_for_minutes(
    server: ClockedServer, client: httpx.Client, caller: Credentials
) -> None:
    response = client.post(PATH, auth=caller, data=GRANT)
    answer = response.json()
    assert response.headers["Cache-Control"] == "no-store"
    assert answer.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", LIFETIME.total_seconds())
    assert answer["scope"] == "gate ssf.read"
    assert asks(client, answer["access_token"]) == 200
    with server.later(LIFETIME + timedelta(seconds=1)):
        assert asks(client, answer["access_token"]) == 401


def test_the_secret_may_come_in_the_form(client: httpx.Client, caller: Credentials) -> None:
    form = {"client_id": caller[0], "client_secret": caller[1]}
    response = client.post(PATH, data=GRANT | form)
    assert asks(client, response.json()["access_token"]) == 200


def test_a_narrower_scope_can_be_asked_for(client: httpx.Client, caller: Credentials) -> None:
    narrow = token(client, caller, scope="ssf.read")
    assert narrow["scope"] == "ssf.read"
    assert asks(client, narrow["access_token"]) == 403
    wider = client.post(PATH, auth=caller, data=GRANT | {"scope": "gate ssf.manage"})
    assert (wider.status_code, wider.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        (GRANT | {"client_secret": "twice"}, "invalid_request"),
    ],
)
def test_another_grant_is_refused(
    client: httpx.Client, caller: Credentials, form: dict[str, str], error: str
) -> None:
    response = client.post(PATH, auth=caller, data=form or {"x": "y"})
    assert (response.status_code, response.json()["error"]) == (400, error)


def test_a_parameter_given_twice_is_refused(client: httpx.Client, caller: Credentials) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"grant_type=client_credentials&scope=gate&scope=ssf.read"
    response = client.post(PATH, auth=caller, content=body, headers=headers)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("body", [b"\xff=1", b"a=1&" * 20, b"x" * 5_000, b""])
def test_a_form_that_can_not_be_read_is_refused(
    client: httpx.Client, caller: Credentials, body: bytes
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = client.post(PATH, auth=caller, content=body, headers=headers)
    assert response.status_code in (400, 413)
    assert response.json()["error"] == "invalid_request"


def test_who_is_not_known_learns_nothing(client: httpx.Client, caller: Credentials) -> None:
    wrong: list[dict[str, Any]] = [
        {"auth": (caller[0], "wrong")},
        {"auth": ("nobody", caller[1])},
        {"auth": ("", "")},
        {"headers": {"Authorization": "Basic ?"}},
        {"headers": {"Authorization": "Bearer " + caller[1]}},
        {"headers": {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()}},
        {},
    ]
    bodies = set()
    for given in wrong:
        response = client.post(PATH, data=GRANT, **given)
        assert response.status_code == 401, given
        assert response.headers["WWW-Authenticate"].startswith("Basic ")
        bodies.add(response.text)
    assert len(bodies) == 1, "a known id with a wrong secret looks like an unknown one"
    assert "invalid_client" in bodies.pop()


def test_a_secret_is_no_token_and_a_token_no_secret(
    server: ClockedServer, client: httpx.Client, caller: Credentials
) -> None:
    assert asks(client, caller[1]) == 401
    bearer = server.gate_token("bearer-only")
    assert client.post(PATH, auth=("bearer-only", bearer), data=GRANT).status_code == 401


def test_nothing_that_opens_a_door_is_stored(
    server: ClockedServer, client: httpx.Client, caller: Credentials
) -> None:
    access_token = token(client, caller)["access_token"]
    stored = server.stored()
    assert caller[1].encode() not in stored
    assert access_token.encode() not in stored


def test_a_revoked_client_has_no_tokens_left(server: ClockedServer, client: httpx.Client) -> None:
    credentials = new_caller(server, "short-lived")
    access_token = token(client, credentials)["access_token"]
    assert asks(client, access_token) == 200
    server.command("gate-client", "short-lived", "--revoke")
    deadline = time.monotonic() + 30
    while asks(client, access_token) != 401:
        assert time.monotonic() < deadline, "a revoked client's token still works after 30 s"
        time.sleep(0.1)
    assert client.post(PATH, auth=credentials, data=GRANT).status_code == 401


def test_a_client_has_a_limited_number_of_tokens(
    server: ClockedServer, client: httpx.Client
) -> None:
    credentials = new_caller(server, "greedy")
    first = token(client, credentials)["access_token"]
    for _ in range(MAX_TOKENS + 1):
        token(client, credentials)
    ((count,),) = server.rows(
        "SELECT count(*) FROM gate_access_tokens WHERE client_id = ?", credentials[0]
    )
    assert count == MAX_TOKENS
    assert asks(client, token(client, credentials)["access_token"]) == 200
    assert asks(client, first) == 401, "the oldest has given way"


def test_the_metadata_say_where_and_how(server: ClockedServer, client: httpx.Client) -> None:
    found = client.get("/.well-known/oauth-authorization-server").json()
    assert found["issuer"] == server.url
    assert found["token_endpoint"] == server.url + PATH
    assert found["grant_types_supported"] == ["client_credentials"]
    assert {"client_secret_basic", "client_secret_post"} == set(
        found["token_endpoint_auth_methods_supported"]
    )
    of_the_gate = {"gate", "ssf.read", "ssf.manage"}
    of_the_api = {
        *("fleet.read", "fleet.manage", "audit.read"),
        *("enrolment.manage", "policy.manage", "policy.tighten", "groups.manage"),
        *("privacy.manage", "alerts.manage"),
        *("callers.manage", "break-glass.manage"),
        *("oidc.manage", "webhooks.manage", "administrators.limit"),
    }
    assert of_the_gate | of_the_api == set(found["scopes_supported"])
