"""Several questions in one request (AuthZEN 1.0, section 7), callers' limits, readers' languages.

Names such as `c_3_2_1` are those of the specification's certification scenario.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from passmuster_server.gate.authzen import MAX_BATCH
from passmuster_server.gate.authzen_messages import MAX_EVALUATIONS
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.signing_device import SigningDevice

PATH = "/access/v1/evaluations"
LOGIN = {"name": "login"}
HELPDESK = {"type": "application", "id": "helpdesk"}


@dataclass
class Batches:
    server: ClockedServer
    client: httpx.Client
    token: str
    good: str = "good@example.com"
    bad: str = "bad@example.com"
    names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def post(self, body: dict[str, Any] | bytes, token: str = "", **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "Authorization": f"Bearer {token or self.token}",
            "Content-Type": "application/json",
            **headers,
        }
        return self.client.post(PATH, content=content, headers=sent)

    def decisions(self, body: dict[str, Any]) -> list[bool]:
        response = self.post(body)
        assert response.status_code == 200, response.text
        assert "decision" not in response.json(), "c_3_3_4: only the items have a decision"
        return [item["decision"] for item in response.json()["evaluations"]]

    def caller(self, *arguments: str) -> str:
        """Return the token of a new caller with these limits."""
        name = f"caller-{next(self.names)}"
        return self.server.command("gate-client", name, *arguments).stdout.split()[-1]


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batches]:
    folder = tmp_path_factory.mktemp("server")
    with clocked_server(folder, policy=ONLY_USB) as server, server.client() as client:
        made = Batches(server, client, server.gate_token())
        enrolled(server, client, made.good, healthy())
        enrolled(server, client, made.bad, with_usb_stick())
        yield made


def user(person: str, **more: Any) -> dict[str, Any]:
    return {"type": "user", "id": person, **more}


def of(*people: str, semantic: str | None = None) -> dict[str, Any]:
    """Return a request about these people, one after the other."""
    body: dict[str, Any] = {
        "action": LOGIN,
        "resource": HELPDESK,
        "evaluations": [{"subject": user(person)} for person in people],
    }
    return body if semantic is None else {**body, "options": {"evaluations_semantic": semantic}}


def test_c_3_2_1_every_question_is_answered_in_its_order(batches: Batches) -> None:
    good, bad = batches.good, batches.bad
    assert batches.decisions(of(good, bad, good)) == [True, False, True]
    assert batches.decisions(of(bad, good, bad, semantic="execute_all")) == [False, True, False]


def test_deny_on_first_deny_ends_with_the_denial(batches: Batches) -> None:
    asked = of(batches.good, batches.bad, batches.good, semantic="deny_on_first_deny")
    assert batches.decisions(asked) == [True, False]


def test_permit_on_first_permit_ends_with_the_permit(batches: Batches) -> None:
    asked = of(batches.bad, batches.good, batches.bad, semantic="permit_on_first_permit")
    assert batches.decisions(asked) == [False, True]


def test_each_answer_has_its_own_reasons_and_is_on_record(batches: Batches) -> None:
    answer = batches.post(of(batches.bad, "nobody@example.com")).json()["evaluations"]
    first, second = (item["context"] for item in answer)
    assert "IT has not approved" in first["reason_user"]["en"]
    assert second["reason_user"]["en"] == "No laptop is registered for you."
    assert first["id"] != second["id"]
    for context in (first, second):
        assert context["id"] in batches.client.get(context["remedy_url"]).text


def test_c_3_2_5_questions_may_share_nothing(batches: Batches) -> None:
    items = [
        {"subject": user(person), "action": LOGIN, "resource": HELPDESK}
        for person in (batches.good, batches.bad)
    ]
    assert batches.decisions({"evaluations": items}) == [True, False]


def test_an_item_takes_precedence_over_the_default(batches: Batches) -> None:
    body = of(batches.good) | {"subject": user(batches.bad)}
    body["evaluations"].append({})
    assert batches.decisions(body) == [True, False]


def test_c_3_2_7_an_entity_replaces_the_default_but_for_what_it_must_have(batches: Batches) -> None:
    body: dict[str, Any] = of() | {
        "subject": user(batches.bad, properties={"device_id": "somebody-elses"})
    }
    body |= {"evaluations": [{"subject": {"id": batches.good}}]}
    assert batches.decisions(body) == [True], "the default's device goes with the default's person"


def test_c_3_4_1_a_malformed_item_is_a_denial_that_says_so(batches: Batches) -> None:
    body = of(batches.good)
    del body["resource"]
    body["evaluations"][0]["resource"] = HELPDESK
    body["evaluations"] += [{"subject": user(batches.good)}, "not an object"]
    first, second, third = batches.post(body).json()["evaluations"]
    assert first["decision"] is True
    assert second == {
        "decision": False,
        "context": {"error": {"status": 400, "message": "resource: missing"}},
    }
    assert third["context"]["error"]["status"] == 400
    body["options"] = {"evaluations_semantic": "deny_on_first_deny"}
    assert batches.decisions(body) == [True, False], "a failure counts as a denial"


@pytest.mark.parametrize("evaluations", [None, []])
def test_c_3_4_2_and_3_without_items_it_is_a_single_question(
    batches: Batches, evaluations: list[Any] | None
) -> None:
    body: dict[str, Any] = {
        "subject": user(batches.good),
        "action": LOGIN,
        "resource": HELPDESK,
    }
    if evaluations is not None:
        body |= {"evaluations": evaluations}
    assert batches.post(body).json()["decision"] is True
    del body["subject"]
    assert batches.post(body).status_code == 400


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"evaluations": {"0": {}}}, "evaluations"),
        ({"evaluations": [{}] * (MAX_EVALUATIONS + 1)}, "evaluations"),
        ({"options": {"evaluations_semantic": "all"}}, "options.evaluations_semantic"),
        ({"options": {"evaluations_semantic": ["execute_all"]}}, "options.evaluations_semantic"),
        ({"options": []}, "options"),
        ({"subject": "ana"}, "subject"),
        ({"context": 7}, "context"),
    ],
)
def test_what_is_wrong_with_the_whole_request_is_400(
    batches: Batches, change: dict[str, Any], named: str
) -> None:
    response = batches.post(of(batches.good) | change)
    assert response.status_code == 400
    assert response.json()["field"] == named


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"\xff", b'{"a":' * 1000 + b"1" + b"}" * 1000])
def test_what_is_no_request_is_400(batches: Batches, body: bytes) -> None:
    assert batches.post(body).status_code == 400


def test_a_request_may_not_be_large(batches: Batches) -> None:
    assert batches.post(b" " * (MAX_BATCH + 1)).status_code == 413


def test_who_is_not_known_is_401_and_the_request_id_is_echoed(batches: Batches) -> None:
    response = batches.post(of(batches.good), token="wrong", **{"X-Request-ID": "r-1"})
    assert response.status_code == 401
    assert response.headers["X-Request-ID"] == "r-1"
    assert (
        batches.post(of(batches.good), **{"X-Request-ID": "r-2"}).headers["X-Request-ID"] == "r-2"
    )


def test_a_caller_asks_for_its_own_applications_alone(batches: Batches) -> None:
    token = batches.caller("--application", "payroll", "--application", "helpdesk")
    assert batches.post(of(batches.good), token).json()["evaluations"][0]["decision"] is True
    asked = of(batches.good) | {"resource": {"type": "application", "id": "vault"}}
    (refused,) = batches.post(asked, token).json()["evaluations"]
    assert refused["decision"] is False
    assert refused["context"]["error"]["status"] == 403
    single = {"subject": user(batches.good), "action": LOGIN, "resource": asked["resource"]}
    response = batches.post(single, token)
    assert (response.status_code, response.json()["field"]) == (403, "resource.id")


def test_a_caller_asks_for_its_own_people_alone(batches: Batches) -> None:
    token = batches.caller("--person", "*@EXAMPLE.com", "--person", "eve@supplier.example")
    one = {"action": LOGIN, "resource": HELPDESK}
    assert batches.post({**one, "subject": user(batches.good)}, token).json()["decision"] is True
    assert batches.post({**one, "subject": user("Eve@supplier.example")}, token).status_code == 200
    for stranger in ("bo@supplier.example", "x@sub.example.com", "example.com", "a@b@other.com"):
        response = batches.post({**one, "subject": user(stranger)}, token)
        assert (response.status_code, response.json()["field"]) == (403, "subject.id"), stranger
        assert "reason" not in response.text


def test_a_caller_asks_about_the_laptops_of_its_own_groups_alone(batches: Batches) -> None:
    server = batches.server
    server.command("group", "add", "Acme", "--kind", "supplier")
    laptops = {}
    for owner, group in (("acme@example.com", "Acme"), ("both@example.com", "Acme")):
        laptops[owner] = SigningDevice(server.url)
        laptops[owner].enroll(batches.client, server.enroll_code(owner, "--group", group))
        laptops[owner].report(batches.client, healthy())
    enrolled(server, batches.client, "both@example.com", healthy())
    token = batches.caller("--group", "Acme")
    one = {"action": LOGIN, "resource": HELPDESK}
    own = batches.post({**one, "subject": user("acme@example.com")}, token)
    assert own.json()["decision"] is True
    for other in (batches.good, "both@example.com", "nobody@example.com"):
        response = batches.post({**one, "subject": user(other)}, token)
        assert (response.status_code, response.json()["field"]) == (403, "subject.id"), other
    named = {"device_id": laptops["both@example.com"].device}
    asked = {**one, "subject": user("both@example.com", properties=named)}
    assert batches.post(asked, token).json()["decision"] is True
    done = server.command("gate-client", "x", "--group", "Nowhere", check=False)
    assert (done.returncode, "--group" in done.stderr) == (1, True)


def test_a_caller_without_the_gates_scope_may_not_ask(batches: Batches) -> None:
    response = batches.post(of(batches.good), batches.caller("--scope", "ssf.read"))
    assert response.status_code == 403
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]


def reasons(batches: Batches, locale: str | None = None, **headers: str) -> dict[str, str]:
    body: dict[str, Any] = of("nobody@example.com")
    if locale is not None:
        body["context"] = {"locale": locale}
    (item,) = batches.post(body, **headers).json()["evaluations"]
    told: dict[str, str] = item["context"]["reason_user"]
    return told


def test_the_reader_is_spoken_to_in_their_language(batches: Batches) -> None:
    assert set(reasons(batches)) == {"en"}
    german = reasons(batches, **{"Accept-Language": "fr;q=0.2, de-AT, en;q=0.5"})
    assert german["de"] == "Für Sie ist kein Laptop registriert."
    assert german["en"] == "No laptop is registered for you."
    assert reasons(batches, "de_CH", **{"Accept-Language": "en"}) == german
    assert set(reasons(batches, "tlh")) == {"en"}


def test_what_a_signal_says_is_said_in_their_language_too(batches: Batches) -> None:
    (item,) = batches.post(of(batches.bad), **{"Accept-Language": "de"}).json()["evaluations"]
    told = item["context"]["reason_user"]
    assert set(told) == {"en", "de"}
    assert told["de"] != told["en"]
