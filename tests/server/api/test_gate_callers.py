"""Programs that may ask, made over HTTP: never one that may do more than who makes it."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from passmuster_server.clock import utc_now
from passmuster_server.database import Database, Transaction
from passmuster_server.gate.client_store import revoke_client
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.server.api.conftest import Caller
from tests.support import postgresql
from tests.support.clocked_server import ClockedServer
from tests.support.running_server import free_port
from tests.support.signing_device import SigningDevice

CALLERS = "/api/v1/callers"
REVOCATIONS = f"{CALLERS}/revocations"
HOST = "helpdesk.example.com"
SCOPES = ("--scope", "callers.manage", "--scope", "fleet.read", "--scope", "gate")
Fleet = dict[str, SigningDevice]


@pytest.fixture(scope="module")
def maker(caller: Caller, fleet: Fleet) -> httpx.Client:
    assert fleet
    return caller(*SCOPES, "--host", HOST)


def made(client: httpx.Client, **body: Any) -> Any:
    response = client.post(CALLERS, json=body)
    assert response.status_code == 201, response.text
    return response.json()


def refused(response: httpx.Response) -> tuple[int, str, str]:
    problem = response.json()
    return response.status_code, problem["code"], problem["field"]


def asks(server: ClockedServer, token: str, address: str = "/api/v1/devices") -> httpx.Response:
    with server.client() as client:
        return client.get(address, headers={"Authorization": f"Bearer {token}"})


def test_a_new_caller_may_ask_at_once_for_what_it_was_given(
    server: ClockedServer, maker: httpx.Client, fleet: Fleet
) -> None:
    groups = dict(server.rows("SELECT name, group_id FROM groups"))
    shown = made(maker, name="report", scopes=["fleet.read"], groups=[groups["Manila"]])
    assert (shown["client"], shown["secret"]) == (None, None)
    devices = asks(server, shown["token"]).json()["devices"]
    assert [each["id"] for each in devices] == [fleet["mia"].device]
    assert shown["token"].encode() not in server.stored()
    ((actor, details),) = server.rows(
        "SELECT actor, details FROM audit_entries WHERE action = 'gate_client.created' "
        "AND subject = 'report'"
    )
    assert actor.endswith("(API)")
    assert b"fleet.read" in details


def test_in_front_of_which_hosts_a_new_caller_stands_is_on_record(
    server: ClockedServer, maker: httpx.Client
) -> None:
    made(maker, name="its proxy", scopes=["gate"], hosts=[HOST])
    ((details,),) = server.rows(
        "SELECT details FROM audit_entries WHERE action = 'gate_client.created' "
        "AND subject = 'its proxy'"
    )
    assert json.loads(details)["hosts"] == [HOST]


def test_one_with_a_secret_gets_tokens_that_are_short_lived(
    server: ClockedServer, maker: httpx.Client
) -> None:
    shown = made(maker, name="nightly", scopes=["fleet.read"], oauth=True)
    assert shown["token"] is None
    with server.client() as client:
        answer = client.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(shown["client"], shown["secret"]),
        )
    assert asks(server, answer.json()["access_token"]).status_code == 200


def test_none_may_do_more_than_who_makes_it(maker: httpx.Client, caller: Caller) -> None:
    for scopes in (["audit.read"], ["fleet.read", "fleet.manage"], ["policy.manage"]):
        response = maker.post(CALLERS, json={"name": "stronger", "scopes": scopes})
        assert refused(response) == (403, "scope_not_held", "scopes")
    strong = caller("--scope", "callers.manage", "--scope", "audit.read")
    made(strong, name="strong", scopes=["audit.read"])
    response = maker.post(REVOCATIONS, json={"name": "strong"})
    assert refused(response) == (403, "scope_not_held", "name")
    for bound in (
        ("--group", "Manila"),
        ("--person", "mia@example.com"),
        ("--application", "helpdesk"),
    ):
        confined = caller("--scope", "callers.manage", "--scope", "gate", *bound)
        assert refused(confined.post(CALLERS, json={"name": "x"}))[:2] == (403, "confined")
    other = caller("--scope", "fleet.manage")
    assert refused(other.get(CALLERS))[:2] == (403, "insufficient_scope")


def test_a_browser_is_sent_to_no_host_that_the_maker_does_not_stand_in_front_of(
    maker: httpx.Client, caller: Caller
) -> None:
    body = {"name": "elsewhere", "hosts": [HOST, "evil.example"]}
    assert refused(maker.post(CALLERS, json=body)) == (403, "host_not_held", "hosts")
    without = caller(*SCOPES)
    body = {"name": "elsewhere", "hosts": [HOST]}
    assert refused(without.post(CALLERS, json=body)) == (403, "host_not_held", "hosts")
    made(maker, name="in front", hosts=[HOST.upper()])
    response = without.post(REVOCATIONS, json={"name": "in front"})
    assert refused(response) == (403, "host_not_held", "name")
    assert maker.post(REVOCATIONS, json={"name": "in front"}).status_code == 204


def test_the_list_tells_what_each_may_do_and_no_credential(maker: httpx.Client) -> None:
    shown = made(maker, name="nginx", hosts=[HOST], people=["*@example.com"])
    seen: list[Any] = []
    address = f"{CALLERS}?limit=1"
    while address:
        page = maker.get(address)
        assert shown["token"] not in page.text
        seen += page.json()["callers"]
        address = page.json()["next"]
    names = [each["name"] for each in seen]
    assert names == sorted(names)
    (nginx,) = (each for each in seen if each["name"] == "nginx")
    assert (nginx["scopes"], nginx["hosts"]) == (["gate"], [HOST])
    assert (nginx["people"], nginx["applications"]) == (["*@example.com"], None)


def test_a_revoked_caller_is_refused_within_seconds(
    server: ClockedServer, maker: httpx.Client
) -> None:
    token = made(maker, name="leaked", scopes=["fleet.read"])["token"]
    assert asks(server, token).status_code == 200
    assert maker.post(REVOCATIONS, json={"name": "leaked"}).status_code == 204
    deadline = time.monotonic() + 20
    while asks(server, token).status_code != 401:
        assert time.monotonic() < deadline, "a revoked token still works"
        time.sleep(0.1)
    assert maker.post(REVOCATIONS, json={"name": "leaked"}).status_code == 404


def test_none_shuts_itself_out_by_mistake(server: ClockedServer, maker: httpx.Client) -> None:
    token = made(maker, name="lonely", scopes=["callers.manage"])["token"]
    with server.client() as client:
        response = client.post(
            REVOCATIONS, json={"name": "lonely"}, headers={"Authorization": f"Bearer {token}"}
        )
    assert refused(response)[:2] == (409, "own_credentials")
    assert asks(server, token, CALLERS).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["everything"]}, "scopes"),
        ({"name": "x", "people": ["nobody"]}, "people"),
        ({"name": "x", "hosts": ["a/b"]}, "hosts"),
        ({"name": "x", "applications": ["a\nb"]}, "applications"),
        ({"name": "x", "groups": ["none"]}, "groups"),
    ],
)
def test_what_is_wrong_is_named(maker: httpx.Client, body: dict[str, Any], field: str) -> None:
    response = maker.post(CALLERS, json=body)
    assert refused(response) == (400, "malformed", field)


@pytest.mark.parametrize("field", ["groups", "people", "applications", "hosts"])
def test_a_list_without_a_value_confines_to_nothing_and_is_refused(
    maker: httpx.Client, field: str
) -> None:
    response = maker.post(CALLERS, json={"name": f"empty {field}", field: []})
    assert refused(response) == (400, "malformed", field)
    names = [each["name"] for each in maker.get(CALLERS).json()["callers"]]
    assert f"empty {field}" not in names


def test_a_name_is_taken_once(maker: httpx.Client) -> None:
    made(maker, name="twice")
    assert refused(maker.post(CALLERS, json={"name": "twice"})) == (409, "exists", "name")


def test_one_that_is_revoked_elsewhere_at_the_same_moment_is_not_there_any_more(
    tmp_path: Path,
) -> None:
    url = postgresql.cluster().create_database()
    server = ClockedServer(tmp_path, free_port(), database=url)
    server.command("migrate")
    token = server.command("gate-client", "maker", *SCOPES).stdout.split()[-1]
    server.command("gate-client", "desk", "--scope", "gate")
    elsewhere = Database(url)
    answers: list[httpx.Response] = []

    def revoke() -> None:
        with server.client() as client:
            headers = {"Authorization": f"Bearer {token}"}
            answers.append(client.post(REVOCATIONS, json={"name": "desk"}, headers=headers))

    def work(transaction: Transaction) -> None:
        revoke_client(transaction, DEFAULT_ORGANISATION, "desk", utc_now())
        asking.start()
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        deadline = time.monotonic() + 60
        while not transaction.connection.execute(waits).scalar_one():
            assert asking.is_alive(), f"expected it to wait: {answers}"
            assert time.monotonic() < deadline, "the other revocation does not wait"
            time.sleep(0.02)

    asking = threading.Thread(target=revoke)
    server.start()
    try:
        elsewhere.write_now(work)
        asking.join()
    finally:
        server.stop()
        elsewhere.dispose()
    (answer,) = answers
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["Content-Type"] == "application/problem+json"
