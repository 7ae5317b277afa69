"""OpenID AuthZEN Authorization API 1.0 over real HTTP.

Names such as `c_2_4_1` are those of its certification scenario.
"""

import itertools
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.signing_device import SigningDevice

PATH = "/access/v1/evaluation"
PATIENCE_S = 20.0


@dataclass
class Gate:
    server: ClockedServer
    client: httpx.Client
    token: str
    people: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def person(self) -> str:
        return f"worker{next(self.people)}@example.com"

    def laptop(self, owner: str, *, passes: bool = True) -> SigningDevice:
        readings = healthy() if passes else with_usb_stick()
        return enrolled(self.server, self.client, owner, readings)

    def post(self, content: bytes, **headers: str) -> httpx.Response:
        sent = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            **headers,
        }
        return self.client.post(
            PATH, content=content, headers={key: value for key, value in sent.items() if value}
        )

    def head(self, length: int, *lines: str) -> bytes:
        """Return the head of a question, for what httpx does not send."""
        wanted = [
            f"POST {PATH} HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {self.token}",
            "Content-Type: application/json",
            f"Content-Length: {length}",
            *lines,
        ]
        return "\r\n".join([*wanted, "", ""]).encode()

    def ask(self, person: str, device: str | None = None) -> dict[str, Any]:
        response = self.post(json.dumps(question(person, device)).encode())
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with (
        clocked_server(tmp_path_factory.mktemp("server"), policy=ONLY_USB) as server,
        server.client() as client,
    ):
        yield Gate(server, client, server.gate_token())


def question(person: str = "ana@example.com", device: str | None = None) -> dict[str, Any]:
    subject: dict[str, Any] = {"type": "user", "id": person}
    if device is not None:
        subject["properties"] = {"device_id": device}
    return {
        "subject": subject,
        "action": {"name": "login"},
        "resource": {"type": "application", "id": "helpdesk"},
    }


def answered(connection: socket.socket) -> bytes:
    """Return the next answer of a connection that is kept."""
    received = b""
    while True:
        piece = connection.recv(65_536)
        assert piece, f"the connection ends with {received!r}"
        received += piece
        head, separator, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", head)
        if separator and length is not None and len(body) >= int(length[1]):
            return received


def without(path: str) -> bytes:
    """Return a good question without the member at `path`."""
    value = question()
    *parents, last = path.split(".")
    inner = value
    for name in parents:
        inner = inner[name]
    del inner[last]
    return json.dumps(value).encode()


def with_value(path: str, given: Any) -> bytes:
    """Return a good question with another value at `path`."""
    value = question()
    *parents, last = path.split(".")
    inner = value
    for name in parents:
        inner = inner.setdefault(name, {})
    inner[last] = given
    return json.dumps(value).encode()


def test_a_laptop_that_passes_is_let_in(gate: Gate) -> None:
    ana = gate.person()
    laptop = gate.laptop(ana)
    for device in (None, laptop.device):
        answer = gate.ask(ana, device)
        assert answer["decision"] is True
        assert set(answer["context"]) == {"id", "grace_until"}
        assert answer["context"]["grace_until"] is None


@pytest.mark.parametrize("in_pieces", [False, True], ids=["one piece", "body behind its head"])
def test_most_questions_are_answered_before_asgi(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, *, in_pieces: bool
) -> None:
    reached = []
    behind = gate.server.services.doors[PATH]

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["path"])
        await behind(scope, receive, send)

    monkeypatch.setitem(gate.server.services.doors, PATH, counted)
    ana = gate.person()
    gate.laptop(ana)
    assert gate.post(b"{}").status_code == 400
    assert reached, "what is refused is refused in one place"
    body = json.dumps(question(ana)).encode()
    with socket.create_connection(("127.0.0.1", gate.server.port), PATIENCE_S) as connection:
        for _ in range(100):
            before = len(reached)
            whole = gate.head(len(body)) + body
            if in_pieces:
                connection.sendall(whole[: -len(body)])
                time.sleep(0.01)
                whole = body
            connection.sendall(whole)
            assert b'{"decision":true,' in answered(connection)
            # Callers are read anew each second, by whoever comes first then.
            if len(reached) == before:
                return
    pytest.fail("every question has gone through ASGI")


@pytest.mark.parametrize(
    ("header", "status"),
    [("Authorization: Bearer nobody's", 401), ("Content-Type: text/plain", 400)],
)
def test_what_is_wrong_with_the_head_is_told_before_the_body_comes(
    gate: Gate, header: str, status: int
) -> None:
    gate.ask("ana@example.com")
    with socket.create_connection(("127.0.0.1", gate.server.port), PATIENCE_S) as connection:
        name = header.partition(":")[0]
        lines = [line for line in gate.head(10).decode().split("\r\n") if name not in line]
        connection.sendall("\r\n".join([*lines[:-2], header, "", ""]).encode())
        assert answered(connection).startswith(b"HTTP/1.1 %d " % status)


def test_a_denial_is_an_answer_with_reasons_and_a_way_out(gate: Gate) -> None:
    ana = gate.person()
    laptop = gate.laptop(ana, passes=False)
    context = gate.ask(ana)["context"]
    assert gate.ask(ana)["decision"] is False
    assert "IT has not approved" in context["reason_user"]["en"]
    assert laptop.device in context["reason_admin"]["en"]
    assert laptop.device not in context["reason_user"]["en"], "ids mean nothing to a worker"
    assert context["remedy_url"] == f"{gate.server.url}/gate/blocked/{context['id']}"
    assert gate.client.get(context["remedy_url"]).status_code == 403, "as long as it is so"


def test_grace_lets_in_and_says_until_when(tmp_path_factory: pytest.TempPathFactory) -> None:
    policy = ONLY_USB.replace('severity = "block"', 'severity = "block"\ngrace_s = 3600')
    folder = tmp_path_factory.mktemp("grace")
    with clocked_server(folder, policy=policy) as server, server.client() as client:
        gate = Gate(server, client, server.gate_token())
        ana = gate.person()
        laptop = gate.laptop(ana, passes=False)
        answer = gate.ask(ana, laptop.device)
        assert answer["decision"] is True
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", answer["context"]["grace_until"])
        assert "Please put this right by" in answer["context"]["reason_user"]["en"]
        assert answer["context"]["remedy_url"]

        with server.later(timedelta(hours=1, minutes=1)):
            laptop.report(client, with_usb_stick())
            assert gate.ask(ana, laptop.device)["decision"] is False, "the grace is over"


def test_a_named_laptop_must_be_the_persons_own(gate: Gate) -> None:
    ana, bo = gate.person(), gate.person()
    laptop = gate.laptop(ana)
    answer = gate.ask(bo, laptop.device)
    assert answer["decision"] is False
    assert answer["context"]["reason_user"]["en"] == "This laptop is registered for somebody else."
    assert gate.ask(ana, "no-such-device")["decision"] is False


def test_a_laptop_that_was_revoked_is_kept_out_within_seconds(gate: Gate) -> None:
    ana = gate.person()
    laptop = gate.laptop(ana)
    assert gate.ask(ana)["decision"] is True
    gate.server.command("revoke", laptop.device)
    deadline = time.monotonic() + 30
    while gate.ask(ana)["decision"]:
        assert time.monotonic() < deadline, "a revoked laptop is still let in after 30 s"
        time.sleep(0.1)
    assert gate.ask(ana)["context"]["reason_user"]["en"] == "IT has blocked this laptop."


def test_a_verdict_grows_too_old(gate: Gate) -> None:
    ana = gate.person()
    gate.laptop(ana)
    assert gate.ask(ana)["decision"] is True
    with gate.server.later(timedelta(hours=1, seconds=5)):
        answer = gate.ask(ana)
    assert answer["decision"] is False
    assert "not been checked for a while" in answer["context"]["reason_user"]["en"]


def test_a_service_is_no_person(gate: Gate) -> None:
    ana = gate.person()
    gate.laptop(ana)
    response = gate.post(with_value("subject", {"type": "service", "id": ana}))
    assert response.json()["decision"] is False


def test_every_decision_is_on_record_with_the_report_it_rests_on(gate: Gate) -> None:
    ana = gate.person()
    laptop = gate.laptop(ana, passes=False)
    given = gate.ask(ana, laptop.device)["context"]["id"]
    ((*row, policy_version, reasons),) = gate.server.rows_in_time(
        1,
        "SELECT subject, application, device_id, proof, allowed, policy_version, reasons "
        "FROM decisions WHERE decision_id = ?",
        given,
    )
    assert row == [ana, "helpdesk", laptop.device, "caller", False]
    assert policy_version == 2, "expected: the one published after the default policy"
    (device,) = json.loads(reasons)["devices"]
    assert device["device"] == laptop.device
    assert (device["cause"], device["verdict"]) == ("non_compliant", "non_compliant")
    assert device["report_sequence"] == laptop.sequence
    assert device["reasons"][0]["signal"] == "usb_devices"


@pytest.mark.parametrize(
    "path",
    [
        "subject",
        "action",
        "resource",
        "subject.type",
        "subject.id",
        "action.name",
        "resource.type",
        "resource.id",
    ],
)
def test_c_2_4_1_and_2_a_missing_field_is_named(gate: Gate, path: str) -> None:
    response = gate.post(without(path))
    assert response.status_code == 400
    assert (response.json()["field"], response.json()["detail"]) == (path, "missing")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("subject", "alice"),
        ("action.name", 123),
        ("subject.id", ""),
        ("subject.id", "a" * 255),
        ("subject.id", "ana\u0000@example.com"),
        ("subject.id", "ana\r\nX-Evil: 1"),
        ("resource.id", "h" * 129),
        ("resource.id", "help\u202edesk"),
        ("subject.properties.device_id", 7),
        ("subject.properties.device_id", ""),
        ("context", []),
    ],
)
def test_c_2_4_6_a_field_of_the_wrong_kind_is_named(gate: Gate, path: str, value: Any) -> None:
    response = gate.post(with_value(path, value))
    assert response.status_code == 400
    assert response.json()["field"] == path
    if value and isinstance(value, str):
        assert value not in response.text, "the answer repeats what was sent"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"subject": NaN}',
        b'{"subject":' * 10_00 + b"1" + b"}" * 1_000,
        b'{"subject":{"type":"user","id":"\\ud800"}}',
    ],
    ids=["empty", "cut off", "null", "list", "not UTF-8", "NaN", "deep", "half a character"],
)
def test_c_2_4_4_and_5_what_is_not_a_question_is_refused(gate: Gate, body: bytes) -> None:
    assert gate.post(body).status_code == 400


def test_a_question_may_not_be_large(gate: Gate) -> None:
    response = gate.post(with_value("context.filler", "x" * 20_000))
    assert response.status_code == 413


def test_c_2_4_3_another_content_type_is_refused(gate: Gate) -> None:
    response = gate.post(json.dumps(question()).encode(), **{"Content-Type": "text/plain"})
    assert response.status_code == 400
    assert response.json()["field"] == "Content-Type"


def test_c_2_2_9_unknown_members_are_ignored(gate: Gate) -> None:
    ana = gate.person()
    gate.laptop(ana)
    asked = question(ana)
    asked["foo"] = {"nested": [True, 1.5, None]}
    asked["subject"]["properties"] = {"department": "Sales"}
    asked["context"] = {"time": "2025-06-27T18:03-07:00"}
    assert gate.post(json.dumps(asked).encode()).json()["decision"] is True


def test_c_2_5_1_the_request_id_is_echoed(gate: Gate) -> None:
    body = json.dumps(question()).encode()
    given = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"
    assert gate.post(body, **{"X-Request-ID": given}).headers["X-Request-ID"] == given
    refused = gate.post(b"{", **{"X-Request-ID": given})
    assert refused.status_code == 400
    assert refused.headers["X-Request-ID"] == given
    unknown = gate.post(body, **{"X-Request-ID": given, "Authorization": ""})
    assert unknown.status_code == 401
    assert unknown.headers["X-Request-ID"] == given
    assert "X-Request-ID" not in gate.post(body).headers


@pytest.mark.parametrize("value", [b"x" * 257, b"caf\xe9", b"a\tb"])
def test_a_request_id_that_could_do_harm_is_refused_and_not_echoed(
    gate: Gate, value: bytes
) -> None:
    response = gate.client.post(
        PATH,
        json=question(),
        headers=[
            (b"Authorization", f"Bearer {gate.token}".encode()),
            (b"X-Request-ID", value),
        ],
    )
    assert response.status_code == 400
    assert response.json()["field"] == "X-Request-ID"
    assert "X-Request-ID" not in response.headers


def test_a_request_id_can_not_add_a_header(gate: Gate) -> None:
    body = json.dumps(question()).encode()
    head = gate.head(len(body), "X-Request-ID: a\rSet-Cookie: stolen=1")
    with socket.create_connection(("127.0.0.1", gate.server.port), PATIENCE_S) as connection:
        connection.sendall(head + body)
        answer = connection.recv(65_536)
    assert b"set-cookie" not in answer.lower()
    assert answer.split(b" ", 2)[1] == b"400"


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic dXNlcjpwYXNz", "Bearer"])
def test_a_caller_without_a_token_of_ours_is_refused(gate: Gate, authorization: str) -> None:
    response = gate.post(json.dumps(question()).encode(), Authorization=authorization)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith('Bearer realm="passmuster"')


def test_who_may_not_ask_learns_nothing_about_the_question(gate: Gate) -> None:
    response = gate.post(b"{", Authorization="Bearer wrong")
    assert response.status_code == 401


def test_who_may_not_ask_is_told_before_the_question_has_come(gate: Gate) -> None:
    """Else a connection would be held for as long as somebody likes."""
    head = re.sub(rb"Authorization: [^\r]+\r\n", b"", gate.head(100))
    assert b"Authorization" not in head
    for sent in (b"", b"{"):
        with socket.create_connection(("127.0.0.1", gate.server.port), PATIENCE_S) as connection:
            connection.sendall(head + sent)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 401 "), sent


def test_only_post_is_taken(gate: Gate) -> None:
    assert gate.client.get(PATH).status_code == 405


def test_c_6_the_metadata_document_says_where_to_ask(gate: Gate) -> None:
    response = gate.client.get("/.well-known/authzen-configuration")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {
        "policy_decision_point": gate.server.url,
        "access_evaluation_endpoint": f"{gate.server.url}{PATH}",
        "access_evaluations_endpoint": f"{gate.server.url}{PATH}s",
    }


def test_the_tokens_of_callers_are_in_no_log(gate: Gate) -> None:
    gate.post(b"{")
    if gate.server.log.exists():
        assert gate.token not in gate.server.log.read_text()
