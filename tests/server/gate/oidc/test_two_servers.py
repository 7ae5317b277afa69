"""A login that is begun on one server, goes on at another, and is redeemed at the first."""

import base64
import json
import time
from collections.abc import Iterator

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.server.gate.oidc.test_authorize import asked
from tests.server.gate.oidc.test_token import VERIFIER
from tests.support.example_laptops import healthy
from tests.support.replicas import PUBLIC_URL, two_servers
from tests.support.running_server import RunningServer
from tests.support.signing_device import SigningDevice
from tests.support.signing_in import register

CALLBACK = "https://sso.example.com/callback"


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RunningServer, RunningServer]]:
    with two_servers(tmp_path_factory.mktemp("servers")) as pair:
        yield pair


def until_it_would_let_in(server: RunningServer, request: str) -> None:
    """Wait until the server has heard of what the laptop reported to the other one."""
    deadline = time.monotonic() + 40
    with httpx.Client(trust_env=False, timeout=20) as browser:
        while "code=" not in browser.get(server.url + request).headers["location"]:
            assert time.monotonic() < deadline, "the first server has not heard of the report"
            time.sleep(0.05)


def test_any_server_goes_on_where_another_began(
    servers: tuple[RunningServer, RunningServer],
) -> None:
    first, second = servers
    client = register(first, CALLBACK, "--trust-login-hint")
    with httpx.Client(trust_env=False, timeout=20) as browser, second.client() as reporting:
        laptop = SigningDevice(PUBLIC_URL)
        laptop.enroll(reporting, first.enroll_code("ana@example.com"))
        laptop.report(reporting, healthy())
        begun = browser.get(first.url + asked(client, login_hint="ana@example.com"))
        step = begun.headers["location"]
        until_it_would_let_in(first, asked(client, login_hint="ana@example.com", prompt="none"))
        kept = browser.get(second.url + step)
        answered = browser.get(second.url + kept.headers["location"])
        code = httpx.URL(answered.headers["location"]).params["code"]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            "client_id": client.client,
            "client_secret": client.secret,
        }
        tokens = browser.post(f"{first.url}/oidc/token", data=form).json()
        again = browser.post(f"{second.url}/oidc/token", data=form)
        assert again.json()["error"] == "invalid_grant", "a code is good once, wherever"
        published = browser.get(f"{second.url}/.well-known/jwks.json").json()
    keys = KeySet.import_key_set(published)
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    assert claims["iss"] == f"{PUBLIC_URL}/oidc"
    assert claims["aud"] == client.client
    header = tokens["id_token"].partition(".")[0]
    assert json.loads(base64.urlsafe_b64decode(header + "=="))["typ"] == "JWT"
