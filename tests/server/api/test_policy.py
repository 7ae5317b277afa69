"""The policy over HTTP: read, tried on the fleet, published and put back."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from passmuster_server.api import policy as policy_api
from passmuster_server.console import group_policy_routes, policy_drafts
from passmuster_server.policy.simulation import Simulation, simulate
from tests.server.api.conftest import POLICY, Caller
from tests.support.clocked_server import ClockedServer
from tests.support.console import send, signed_in
from tests.support.console import wait_until as until
from tests.support.example_readings import USB
from tests.support.signing_device import SigningDevice

PATH = "/api/v1/policy"
WARNS = f'[signals.{USB}]\nseverity = "warn"\n'


def test_the_policy_is_told_as_it_was_published(reader: httpx.Client) -> None:
    found = reader.get("/api/v1/policy").json()
    assert found["document"] == POLICY
    assert found["version"] >= 1
    assert found["published_at"].endswith("Z")


def test_its_tag_changes_when_another_one_is_published(
    server: ClockedServer, reader: httpx.Client
) -> None:
    tag = {"If-None-Match": reader.get("/api/v1/policy").headers["ETag"]}
    assert reader.get("/api/v1/policy", headers=tag).status_code == 304
    server.publish_policy(f"{POLICY}\n# Another.\n")
    changed = reader.get("/api/v1/policy", headers=tag)
    assert changed.status_code == 200
    assert "# Another." in changed.json()["document"]


@pytest.fixture(scope="module")
def publisher(caller: Caller, fleet: dict[str, SigningDevice]) -> httpx.Client:
    assert fleet
    return caller("--scope", "policy.manage")


def tag(client: httpx.Client) -> dict[str, str]:
    return {"If-Match": client.get(PATH).headers["ETag"]}


def published(client: httpx.Client, document: str) -> Any:
    response = client.put(PATH, json={"document": document}, headers=tag(client))
    assert response.status_code == 200, response.text
    return response.json()


def verdict(client: httpx.Client, laptop: SigningDevice) -> str:
    return str(client.get(f"/api/v1/devices/{laptop.device}").json()["verdict"])


def test_what_is_published_is_in_force_and_on_record(
    server: ClockedServer,
    publisher: httpx.Client,
    reader: httpx.Client,
    fleet: dict[str, SigningDevice],
) -> None:
    before = publisher.get(PATH).json()["version"]
    new = published(publisher, f"{WARNS}# By a program.\n")
    assert new["version"] == before + 1
    assert new["published_by"].endswith("(API)")
    until(lambda: verdict(reader, fleet["olga1"]) == "compliant")
    published(publisher, POLICY)
    until(lambda: verdict(reader, fleet["olga1"]) == "non_compliant")
    actions = server.rows(
        "SELECT actor, subject FROM audit_entries WHERE action = 'policy.published' "
        "ORDER BY number DESC LIMIT 2"
    )
    assert [subject for _, subject in actions] == [str(before + 2), str(before + 1)]
    assert {actor.endswith("(API)") for actor, _ in actions} == {True}


def test_the_answer_has_the_tag_by_which_the_next_change_is_made(publisher: httpx.Client) -> None:
    first = publisher.put(PATH, json={"document": POLICY}, headers=tag(publisher))
    assert first.headers["ETag"] == publisher.get(PATH).headers["ETag"]
    weakened = {"If-Match": f"W/{first.headers['ETag']}"}
    assert publisher.put(PATH, json={"document": POLICY}, headers=weakened).status_code == 200


def test_nobody_undoes_what_another_has_just_published(publisher: httpx.Client) -> None:
    seen = tag(publisher)
    there = published(publisher, f"{POLICY}# Mine.\n")
    other = publisher.put(PATH, json={"document": POLICY}, headers=seen)
    back = publisher.post(f"{PATH}/rollbacks", json={"version": 1}, headers=seen)
    blind = publisher.put(PATH, json={"document": POLICY})
    told = [(each.status_code, each.json()["code"]) for each in (other, back, blind)]
    assert told == [(412, "changed"), (412, "changed"), (428, "if_match_needed")]
    assert publisher.get(PATH).json() == there


def test_a_document_is_tried_on_the_fleet_and_changes_nothing(
    publisher: httpx.Client, reader: httpx.Client, fleet: dict[str, SigningDevice]
) -> None:
    there = published(publisher, WARNS)
    until(lambda: verdict(reader, fleet["olga1"]) == "compliant")
    response = publisher.post(f"{PATH}/simulations", json={"document": POLICY})
    assert response.status_code == 200
    found = response.json()
    assert found["devices"] >= len(fleet)
    assert found["shut_out"]["count"] == 1
    (moved,) = found["shut_out"]["devices"]
    assert (moved["device"], moved["after"]) == (fleet["olga1"].device, "non_compliant")
    assert moved["reasons"][0].startswith(USB)
    assert publisher.get(PATH).json() == there


def test_a_document_that_shuts_out_too_many_is_not_published(
    publisher: httpx.Client, reader: httpx.Client, fleet: dict[str, SigningDevice]
) -> None:
    there = published(publisher, WARNS)
    until(lambda: verdict(reader, fleet["olga1"]) == "compliant")
    body = {"document": POLICY, "shuts_out_at_most": 0}
    refused = publisher.put(PATH, json=body, headers=tag(publisher))
    assert (refused.status_code, refused.json()["code"]) == (409, "shuts_out_too_many")
    assert publisher.get(PATH).json() == there
    body["shuts_out_at_most"] = 1
    assert publisher.put(PATH, json=body, headers=tag(publisher)).status_code == 200


def test_the_fleet_is_judged_for_one_question_at_a_time(
    server: ClockedServer, publisher: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging, together = threading.Lock(), threading.Event()
    judged: list[None] = []

    def observed(*arguments: Any) -> Simulation:
        if judging.acquire(blocking=False):
            # As long as another one would need to come in here too.
            together.wait(1)
            judging.release()
        else:
            together.set()
        judged.append(None)
        return simulate(*arguments)

    for module in (policy_api, policy_drafts, group_policy_routes):
        monkeypatch.setattr(module, "simulate", observed)
    body = {"document": WARNS}
    limited = {**body, "shuts_out_at_most": 1_000}
    stricter = f'[signals.{USB}]\nseverity = "block"\n'
    match = tag(publisher)
    with (
        signed_in(server) as it,
        signed_in(server, "--group", "Manila", "--role", "administrator") as supplier,
        ThreadPoolExecutor() as pool,
    ):
        asked: tuple[Callable[[], httpx.Response], ...] = (
            lambda: publisher.post(f"{PATH}/simulations", json=body),
            lambda: publisher.put(PATH, json=limited, headers=match),
            lambda: send(it, "/policy", "/policy/check", document=WARNS),
            lambda: send(supplier, "/policy/group", "/policy/group", tables=stricter),
        )
        answers = [each.result() for each in [pool.submit(each) for each in asked]]
    assert [each.status_code for each in answers] == [200] * 4
    assert len(judged) == 4
    assert not together.is_set(), "expected one simulation after the other"


@pytest.mark.parametrize(
    ("document", "field", "detail"),
    [
        ("max_age_s = 0\n", "max_age_s", "line 1: "),
        ("# Fine.\nmax_age_s = [\n", "", "not TOML"),
        ("\n[groups.Nowhere]\nmax_age_s = 1800\n", "groups.Nowhere", "line 2: "),
        (
            POLICY + f'[groups.Manila.signals.{USB}]\nseverity = "warn"\n',
            f"groups.Manila.signals.{USB}.severity",
            "line 4: ",
        ),
    ],
)
@pytest.mark.parametrize("how", ["simulate", "publish"])
def test_a_mistake_in_a_document_is_told_with_its_key_and_line(
    publisher: httpx.Client, document: str, field: str, detail: str, how: str
) -> None:
    body = {"document": document}
    if how == "simulate":
        refused = publisher.post(f"{PATH}/simulations", json=body)
    else:
        refused = publisher.put(PATH, json=body, headers=tag(publisher))
    problem = refused.json()
    assert (refused.status_code, problem["field"]) == (400, field)
    assert detail in problem["detail"]


def test_an_earlier_version_is_put_in_force_again(publisher: httpx.Client) -> None:
    first = published(publisher, f"{POLICY}# First.\n")
    published(publisher, f"{POLICY}# Second.\n")
    body = {"version": first["version"]}
    back = publisher.post(f"{PATH}/rollbacks", json=body, headers=tag(publisher))
    assert back.status_code == 200
    assert back.json()["document"] == first["document"]
    assert back.json()["version"] == first["version"] + 2
    assert back.json()["published_by"].endswith(f", version {first['version']} again")
    body = {"version": 10_000}
    absent = publisher.post(f"{PATH}/rollbacks", json=body, headers=tag(publisher))
    assert absent.status_code == 404


def test_every_version_is_listed_and_told(publisher: httpx.Client) -> None:
    newest = published(publisher, f"{POLICY}# Listed.\n")
    numbers, address = [], f"{PATH}/versions?limit=3"
    while address:
        page = publisher.get(address).json()
        numbers += [each["version"] for each in page["versions"]]
        address = page["next"]
    assert numbers == list(range(newest["version"], 0, -1))
    assert publisher.get(f"{PATH}/versions/{newest['version']}").json() == newest
    assert publisher.get(f"{PATH}/versions/10000").status_code == 404
    assert publisher.get(f"{PATH}/versions/first").status_code == 404


def test_a_document_may_be_as_large_as_for_a_command(publisher: httpx.Client) -> None:
    large = POLICY + "# a\n" * 16_000
    assert published(publisher, large)["document"] == large
    too_large = publisher.put(PATH, json={"document": "#" * 65_537}, headers=tag(publisher))
    assert (too_large.status_code, too_large.json()["field"]) == (400, "document")
    published(publisher, POLICY)


def test_publishing_needs_its_own_scope_and_is_not_for_one_group(
    caller: Caller, supplier: httpx.Client
) -> None:
    others = caller("--scope", "fleet.manage", "--scope", "groups.manage")
    confined = caller("--scope", "policy.manage", "--group", "Manila")
    told = []
    for client in (others, confined):
        any_policy = {"If-Match": "*"}
        tried = (
            client.put(PATH, json={"document": POLICY}, headers=any_policy),
            client.post(f"{PATH}/rollbacks", json={"version": 1}, headers=any_policy),
            client.post(f"{PATH}/simulations", json={"document": POLICY}),
        )
        told.append({(each.status_code, each.json()["code"]) for each in tried})
    assert told == [{(403, "insufficient_scope")}, {(403, "confined")}]
    assert supplier.get(f"{PATH}/versions").json()["code"] == "confined"
