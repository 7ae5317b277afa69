"""The token and userinfo endpoints: who gets what for a code, and who gets nothing."""

import base64
import hashlib
import itertools
import json
from datetime import timedelta

import httpx
import pytest

from passmuster_server.gate.oidc.codes import CODE_LIFETIME, TOKEN_LIFETIME
from tests.server.gate.oidc.test_authorize import asked
from tests.support.clocked_server import ClockedServer
from tests.support.example_laptops import enrolled, healthy
from tests.support.signing_in import Registered, Visitor, register

CALLBACK = "https://sso.example.com/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""Of RFC 7636, appendix B, as is the challenge of the requests."""

_people = itertools.count(1)


@pytest.fixture(scope="module")
def helpdesk(provider: ClockedServer) -> Registered:
    return register(provider, CALLBACK, "--trust-login-hint")


@pytest.fixture(scope="module")
def public(provider: ClockedServer) -> Registered:
    return register(provider, CALLBACK, "--public", "--trust-login-hint")


@pytest.fixture
def person(provider: ClockedServer, client: httpx.Client) -> str:
    name = f"cleo{next(_people)}@example.com"
    enrolled(provider, client, name, healthy())
    return name


def code_for(visitor: Visitor, who: Registered, person: str, **changed: str | None) -> str:
    arrival = visitor.open(asked(who, login_hint=person, scope="openid email", **changed))
    assert arrival is not None
    return arrival.values["code"]


def redeem(client: httpx.Client, who: Registered, code: str, **changed: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": who.client,
        "client_secret": who.secret,
        **changed,
    }
    return client.post("/oidc/token", data={name: value for name, value in form.items() if value})


def refusal(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body.keys() == {"error", "error_description"}
    return response.status_code, body["error"]


def test_the_documented_pair_of_verifier_and_challenge_is_right() -> None:
    hashed = hashlib.sha256(VERIFIER.encode()).digest()
    challenge = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
    assert challenge in asked(Registered("", "", "", CALLBACK))


def test_a_code_is_exchanged_for_tokens(
    client: httpx.Client, visitor: Visitor, helpdesk: Registered, person: str
) -> None:
    response = redeem(client, helpdesk, code_for(visitor, helpdesk, person))
    assert response.status_code == 200
    tokens = response.json()
    assert tokens["token_type"] == "Bearer"
    header, payload, _ = tokens["id_token"].split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "=="))["alg"] == "RS256"
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert claims["aud"] == helpdesk.client
    assert claims["nonce"] == "a nonce"
    assert claims["exp"] - claims["iat"] == 300
    told = client.get(
        "/oidc/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert told.json() == {"sub": person, "email": person, "passmuster_proof": "person"}


def test_a_code_is_dead_after_a_minute(
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    helpdesk: Registered,
    person: str,
) -> None:
    code = code_for(visitor, helpdesk, person)
    with provider.later(CODE_LIFETIME + timedelta(seconds=1)):
        assert refusal(redeem(client, helpdesk, code)) == (400, "invalid_grant")


def test_a_code_is_nobody_elses(
    client: httpx.Client,
    visitor: Visitor,
    helpdesk: Registered,
    public: Registered,
    person: str,
) -> None:
    code = code_for(visitor, helpdesk, person)
    assert refusal(redeem(client, public, code)) == (400, "invalid_grant")
    assert redeem(client, helpdesk, code).status_code == 200, "another's try uses nothing up"


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": ""},
        {"code_verifier": VERIFIER[:-1] + "A"},
        {"code_verifier": "short"},
        {"code_verifier": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
        {"redirect_uri": CALLBACK + "/"},
        {"code": "made-up"},
        {"code": "a" * 200},
    ],
    ids=str,
)
def test_a_code_is_good_for_whom_it_was_given_to_alone(
    client: httpx.Client,
    visitor: Visitor,
    public: Registered,
    person: str,
    changed: dict[str, str],
) -> None:
    code = code_for(visitor, public, person)
    response = redeem(client, public, **{"code": code, **changed})
    assert refusal(response) == (400, "invalid_grant")


def test_a_verifier_for_a_code_without_a_challenge_is_a_downgrade(
    provider: ClockedServer, client: httpx.Client, visitor: Visitor, person: str
) -> None:
    plain = register(provider, CALLBACK, "--without-pkce", "--trust-login-hint")
    bare: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
    code = code_for(visitor, plain, person, **bare)
    assert refusal(redeem(client, plain, code)) == (400, "invalid_grant")
    code = code_for(visitor, plain, person, **bare)
    assert redeem(client, plain, code, code_verifier="").status_code == 200


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client")),
        ({"client_secret": ""}, (401, "invalid_client")),
        ({"client_id": "nobody"}, (401, "invalid_client")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"grant_type": ""}, (400, "invalid_request")),
        ({"code": ""}, (400, "invalid_request")),
        ({"redirect_uri": ""}, (400, "invalid_request")),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_in_the_words_of_oauth(
    client: httpx.Client,
    helpdesk: Registered,
    changed: dict[str, str],
    expected: tuple[int, str],
) -> None:
    response = redeem(client, helpdesk, **{"code": "a-code", **changed})
    assert refusal(response) == expected
    assert ("WWW-Authenticate" in response.headers) == (expected[0] == 401)


def test_a_client_authenticates_in_one_way_alone(
    client: httpx.Client, helpdesk: Registered, public: Registered
) -> None:
    form = {"grant_type": "authorization_code", "code": "c", "redirect_uri": CALLBACK}
    both = client.post(
        "/oidc/token",
        data={**form, "client_secret": helpdesk.secret},
        auth=(helpdesk.client, helpdesk.secret),
    )
    assert refusal(both) == (400, "invalid_request")
    two = client.post(
        "/oidc/token",
        data={**form, "client_id": public.client},
        auth=(helpdesk.client, helpdesk.secret),
    )
    assert refusal(two) == (400, "invalid_request")
    assert refusal(redeem(client, public, "c", client_secret="any")) == (401, "invalid_client")
    bearer = client.post("/oidc/token", data=form, headers={"Authorization": "Basic %%%"})
    assert refusal(bearer) == (401, "invalid_client")


def test_a_parameter_given_twice_is_refused(client: httpx.Client, helpdesk: Registered) -> None:
    response = client.post(
        "/oidc/token",
        content="grant_type=authorization_code&code=a&code=b",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        auth=(helpdesk.client, helpdesk.secret),
    )
    assert refusal(response) == (400, "invalid_request")
    assert refusal(client.post("/oidc/token", json={"code": "a"})) == (400, "invalid_request")


def test_an_access_token_lasts_minutes_and_nothing_else_is_one(
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    helpdesk: Registered,
    person: str,
) -> None:
    tokens = redeem(client, helpdesk, code_for(visitor, helpdesk, person)).json()
    for token in ("made-up", tokens["id_token"], "a" * 500):
        refused = client.get("/oidc/userinfo", headers={"Authorization": f"Bearer {token}"})
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/oidc/userinfo").status_code == 401
    with provider.later(TOKEN_LIFETIME):
        late = client.get(
            "/oidc/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
        )
        assert late.status_code == 401


def test_no_secret_no_code_and_no_token_is_stored_as_it_is(
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    helpdesk: Registered,
    person: str,
) -> None:
    code = code_for(visitor, helpdesk, person)
    tokens = redeem(client, helpdesk, code).json()
    stored = provider.stored()
    for secret in (code, tokens["access_token"], tokens["id_token"], helpdesk.secret):
        assert secret.encode() not in stored
