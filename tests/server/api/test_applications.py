"""Logins that have Passmuster as a step, and webhooks, over HTTP."""

from typing import Any

import httpx
import pytest

from tests.server.api.conftest import Caller
from tests.support.clocked_server import ClockedServer
from tests.support.signing_device import SigningDevice

CLIENTS = "/api/v1/oidc-clients"
WEBHOOKS = "/api/v1/webhooks"
KEYCLOAK = {"name": "keycloak", "redirect_uris": ["https://sso.example.com/broker/endpoint"]}


@pytest.fixture(scope="module")
def integrator(caller: Caller) -> httpx.Client:
    return caller("--scope", "oidc.manage", "--scope", "webhooks.manage")


def made(client: httpx.Client, address: str, **body: Any) -> Any:
    response = client.post(address, json=body)
    assert response.status_code == 201, response.text
    return response.json()


def actions(server: ClockedServer, subject: str) -> list[str]:
    found = server.rows(
        "SELECT action, actor FROM audit_entries WHERE subject = ? ORDER BY number", subject
    )
    return [action for action, actor in found if actor.endswith("(API)")]


def test_a_login_is_added_listed_and_revoked(
    server: ClockedServer, integrator: httpx.Client
) -> None:
    shown = made(integrator, CLIENTS, **KEYCLOAK)
    assert shown["issuer"] == f"{server.url}/oidc"
    assert shown["secret"].encode() not in server.stored()
    with server.client() as client:
        asked = client.get(
            "/oidc/authorize",
            params={"client_id": shown["client"], "redirect_uri": "https://elsewhere.example"},
        )
    assert asked.status_code == 400, "answers go nowhere else"
    listed = integrator.get(CLIENTS)
    assert shown["secret"] not in listed.text
    (told,) = listed.json()["clients"]
    assert (told["client"], told["public"], told["pkce"]) == (shown["client"], False, True)
    assert told["redirect_uris"] == KEYCLOAK["redirect_uris"]
    taken = integrator.post(CLIENTS, json=KEYCLOAK)
    assert (taken.status_code, taken.json()["code"]) == (409, "exists")
    for status in (204, 404):
        revoked = integrator.post(f"{CLIENTS}/revocations", json={"name": "keycloak"})
        assert revoked.status_code == status
    assert integrator.get(CLIENTS).json()["clients"] == []
    assert actions(server, "keycloak") == ["oidc_client.created", "oidc_client.revoked"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"redirect_uris": ["http://sso.example.com/"]}, "redirect_uris"),
        ({"redirect_uris": ["https://sso.example.com/*"]}, "redirect_uris"),
        ({"public": True, "pkce": False}, "pkce"),
        ({"jwks_url": "https://sso.example.com/keys"}, "jwks_url"),
        *(
            ({"id_token_hint_issuer": "https://a.example", "jwks_url": f"{host}:1/"}, "jwks_url")
            for host in ("http://127.0.0.1", "https://127.0.0.1", "https://localhost")
        ),
        ({"trusts_login_hint": True}, ""),
    ],
)
def test_what_is_wrong_with_a_login_is_named(
    integrator: httpx.Client, changed: dict[str, Any], field: str
) -> None:
    refused = integrator.post(CLIENTS, json=KEYCLOAK | changed)
    assert (refused.status_code, refused.json()["field"]) == (400, field)


def test_a_webhook_is_added_listed_and_removed(
    server: ClockedServer, integrator: httpx.Client
) -> None:
    url = "https://soc.example.com/passmuster"
    shown = made(integrator, WEBHOOKS, name="soc", url=url)
    assert shown["secret"].startswith("whsec_")
    listed = integrator.get(WEBHOOKS)
    assert shown["secret"] not in listed.text
    (told,) = listed.json()["webhooks"]
    assert (told["name"], told["url"], told["failures"]) == ("soc", url, 0)
    taken = integrator.post(WEBHOOKS, json={"name": "soc", "url": url})
    assert (taken.status_code, taken.json()["code"]) == (409, "exists")
    for status in (204, 404):
        assert integrator.post(f"{WEBHOOKS}/removals", json={"name": "soc"}).status_code == status
    assert integrator.get(WEBHOOKS).json()["webhooks"] == []
    assert actions(server, "soc") == ["webhook.added", "webhook.removed"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/",
        "https://127.0.0.1:8443/",
        "https://localhost/",
        "https://[::1]/",
        "http://soc.example.com/",
        "https://u:p@soc.example.com/",
        "",
    ],
)
def test_events_go_by_https_to_another_machine_alone(integrator: httpx.Client, url: str) -> None:
    refused = integrator.post(WEBHOOKS, json={"name": "soc", "url": url})
    assert (refused.status_code, refused.json()["field"]) == (400, "url")


def test_other_scopes_and_confined_callers_get_neither(
    caller: Caller, fleet: dict[str, SigningDevice]
) -> None:
    assert fleet
    other = caller("--scope", "fleet.manage")
    scopes = ("--scope", "oidc.manage", "--scope", "webhooks.manage")
    confined = caller(*scopes, "--group", "Manila")
    for address in (CLIENTS, WEBHOOKS):
        assert other.get(address).json()["code"] == "insufficient_scope"
        assert confined.get(address).json()["code"] == "confined"
