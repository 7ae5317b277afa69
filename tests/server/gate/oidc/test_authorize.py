"""What the authorization endpoint refuses, and that it never sends anybody where it may not."""

import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from passmuster_server.database import Transaction
from passmuster_server.gate.decision import Question
from passmuster_server.gate.oidc.authorize import BEGINS
from passmuster_server.gate.oidc.clients import Client
from passmuster_server.gate.oidc.codes import give_code, redeem
from passmuster_server.gate.oidc.forgetting import forget_answers
from passmuster_server.policy.document import Devices
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database
from tests.support.clocked_server import ClockedServer
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.signing_in import Registered, Visitor, register
from tests.support.store import rows

CALLBACK = "https://sso.example.com/callback"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""Of RFC 7636, appendix B."""

_people = itertools.count(1)


@pytest.fixture
def bo() -> str:
    return f"bo{next(_people)}@example.com"


@pytest.fixture(scope="module")
def helpdesk(provider: ClockedServer) -> Registered:
    return register(provider, CALLBACK, "--trust-login-hint")


@pytest.fixture(scope="module")
def without_pkce(provider: ClockedServer) -> Registered:
    return register(provider, CALLBACK, "--without-pkce", "--trust-login-hint")


def asked(client: Registered, **changed: str | None) -> str:
    """Return the address of a request that is right, but for what is `changed` (None: left out)."""
    parameters = {
        "client_id": client.client,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid",
        "state": "a state",
        "nonce": "a nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "login_hint": "nobody@example.com",
        **changed,
    }
    left = {name: value for name, value in parameters.items() if value is not None}
    return "/oidc/authorize?" + urlencode(left)


def error_of(response: httpx.Response) -> str:
    """Return the error that the client is told of, after a look at how."""
    assert response.status_code == 303, response.text
    location = response.headers["location"]
    assert location.startswith(CALLBACK), location
    parts = urlsplit(location)
    told = dict(parse_qsl(parts.query or parts.fragment))
    assert told["state"] == "a state"
    assert told["iss"].endswith("/oidc")
    assert not {"code", "id_token"} & told.keys()
    return told["error"]


def publish(provider: ClockedServer, document: str, devices: Devices) -> None:
    """Put a policy in force and wait until the server has heard of it."""
    provider.publish_policy(document)
    deadline = time.monotonic() + 20
    while provider.services.policies.current(DEFAULT_ORGANISATION).devices is not devices:
        assert time.monotonic() < deadline, "the server has not heard of its policy after 20 s"
        time.sleep(0.05)


@pytest.mark.parametrize(
    "uri",
    [
        "https://sso.example.com/callback/",
        "https://sso.example.com/callback?more=1",
        "https://SSO.example.com/callback",
        "https://sso.example.com:443/callback",
        "https://evil.example.com/callback",
        "https://sso.example.com/callback/../elsewhere",
        "https://sso.example.com/callback#part",
        None,
    ],
)
def test_nobody_is_sent_to_an_address_that_was_not_registered(
    client: httpx.Client, helpdesk: Registered, uri: str | None
) -> None:
    response = client.get(asked(helpdesk, redirect_uri=uri))
    assert response.status_code == 400
    assert "location" not in response.headers
    assert "redirect_uri is not registered" in response.text
    assert "evil" not in response.text


@pytest.mark.parametrize("name", ["", "nobody", "a" * 65, "client\x00id"])
def test_an_unknown_client_gets_a_page(
    client: httpx.Client, helpdesk: Registered, name: str
) -> None:
    response = client.get(asked(helpdesk, client_id=name))
    assert response.status_code == 400
    assert "client_id is not known" in response.text


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "state", "response_type"])
def test_what_says_where_to_answer_stands_there_once(
    client: httpx.Client, helpdesk: Registered, name: str
) -> None:
    response = client.get(asked(helpdesk) + f"&{name}=another")
    assert response.status_code == 400
    assert "more than once" in response.text


def test_any_other_parameter_given_twice_is_told_to_the_client(
    client: httpx.Client, helpdesk: Registered
) -> None:
    assert error_of(client.get(asked(helpdesk) + "&nonce=another")) == "invalid_request"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unauthorized_client"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "email"}, "invalid_scope"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "too-short"}, "invalid_request"),
        ({"request": "e30"}, "request_not_supported"),
        ({"request_uri": "https://sso.example.com/r"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"login_hint": "a" * 255}, "invalid_request"),
        ({"nonce": "n" * 2049}, "invalid_request"),
        ({"claims": "not JSON"}, "invalid_request"),
        ({"claims": '{"id_token": {"acr": {"values": [1]}}}'}, "invalid_request"),
        ({"claims": '{"id_token": {"acr": {"essential": "yes"}}}'}, "invalid_request"),
        ({"claims": "[" * 4000}, "invalid_request"),
        ({"id_token_hint": "not.a.token"}, "invalid_request"),
    ],
    ids=str,
)
def test_a_request_that_is_wrong_is_told_to_the_client(
    client: httpx.Client, helpdesk: Registered, changed: dict[str, str | None], error: str
) -> None:
    assert error_of(client.get(asked(helpdesk, **changed))) == error


def test_a_client_without_pkce_has_to_send_a_nonce(
    client: httpx.Client, without_pkce: Registered
) -> None:
    bare: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
    assert error_of(client.get(asked(without_pkce, nonce=None, **bare))) == "invalid_request"
    assert client.get(asked(without_pkce, **bare)).headers["location"].startswith("/oidc/step/")


def test_a_request_may_come_as_a_form_from_another_site(
    client: httpx.Client, helpdesk: Registered
) -> None:
    path, _, form = asked(helpdesk).partition("?")
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": "https://sso.example.com",
        "Sec-Fetch-Site": "cross-site",
    }
    response = client.post(path, content=form, headers=headers)
    assert response.status_code == 303
    assert response.headers["location"].startswith("/oidc/step/")
    json = client.post(path, json={"client_id": helpdesk.client})
    assert json.status_code == 400
    large = client.post(path, content=form + "&more=" + "a" * 25_000, headers=headers)
    assert large.status_code == 400


def test_prompt_none_shows_no_page(
    provider: ClockedServer,
    client: httpx.Client,
    helpdesk: Registered,
    bo: str,
) -> None:
    nobody = client.get(asked(helpdesk, prompt="none", login_hint=None))
    assert error_of(nobody) == "login_required", "nobody said who it is"
    essential = '{"id_token":{"amr":{"essential":true}}}'
    unproven = client.get(asked(helpdesk, prompt="none", login_hint=bo, claims=essential))
    assert error_of(unproven) == "interaction_required", "the laptop has to prove itself"
    laptop = enrolled(provider, client, bo, with_usb_stick())
    blocked = client.get(asked(helpdesk, prompt="none", login_hint=bo))
    assert error_of(blocked) == "interaction_required", "something has to be put right"
    laptop.report(client, healthy())
    allowed = client.get(asked(helpdesk, prompt="none", login_hint=bo))
    assert "code=" in allowed.headers["location"]


def test_what_is_essential_and_not_the_case_is_told(
    provider: ClockedServer, client: httpx.Client, helpdesk: Registered, visitor: Visitor, bo: str
) -> None:
    enrolled(provider, client, bo, healthy())
    gold = '{"id_token":{"acr":{"essential":true,"values":["urn:example:gold"]}}}'
    arrival = visitor.open(asked(helpdesk, login_hint=bo, claims=gold))
    assert arrival is not None
    assert arrival.values["error"] == "unmet_authentication_requirements"
    other = '{"id_token":{"sub":{"value":"somebody@example.com"}}}'
    arrival = visitor.open(asked(helpdesk, login_hint=bo, claims=other))
    assert arrival is not None
    assert arrival.values["error"] == "unmet_authentication_requirements"
    voluntary = asked(helpdesk, login_hint=bo, acr_values="urn:example:gold")
    arrival = visitor.open(voluntary)
    assert arrival is not None
    assert "code" in arrival.values


def test_policy_that_wants_a_proven_laptop_gets_one(
    provider: ClockedServer,
    client: httpx.Client,
    helpdesk: Registered,
    visitor: Visitor,
    new_visitor: Callable[[], Visitor],
    bo: str,
) -> None:
    laptop = enrolled(provider, client, bo, healthy())
    publish(provider, 'devices = "proven"\n' + ONLY_USB, Devices.PROVEN)
    try:
        assert visitor.open(asked(helpdesk, login_hint=bo)) is None
        assert visitor.page is not None
        assert "/proof/" in visitor.url, "it is asked for"
        back = visitor.page.text.partition('data-back="')[2].partition('"')[0]
        assert visitor.open(back) is None
        assert "It is not clear which laptop you are at." in visitor.page.text
        other = new_visitor()
        other.laptop = laptop
        arrival = other.open(asked(helpdesk, login_hint=bo))
        assert arrival is not None
        assert "code" in arrival.values
        assert other.proofs == 1
    finally:
        publish(provider, ONLY_USB, Devices.ALL)


def test_too_many_logins_from_one_address_have_to_wait(
    provider: ClockedServer, client: httpx.Client, helpdesk: Registered
) -> None:
    """Comes last: afterwards this address waits for a minute."""
    answers = [client.get(asked(helpdesk)) for _ in range(BEGINS + 1)]
    response = answers[-1]
    assert error_of(response) == "temporarily_unavailable"
    assert provider.rows("SELECT count(*) FROM oidc_logins")[0][0] <= BEGINS + 100


def test_what_is_over_is_forgotten(tmp_path: Path) -> None:
    database = example_database.create(tmp_path)
    now = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
    party = Client(
        *(DEFAULT_ORGANISATION, "client-1", "helpdesk", None, (CALLBACK,)),
        id_token_alone=False,
        pkce=True,
        trusts_login_hint=False,
        hint=None,
    )

    def give(transaction: Transaction) -> None:
        for moment in (now, now - timedelta(minutes=7)):
            code = give_code(
                transaction.connection,
                party,
                redirect_uri=CALLBACK,
                challenge=None,
                question=Question(DEFAULT_ORGANISATION, "ana@example.com", "helpdesk"),
                claims={"sub": "ana@example.com"},
                now=moment,
            )
            redeem(
                transaction.connection,
                party,
                code=code,
                redirect_uri=CALLBACK,
                verifier="",
                now=moment,
            )

    database.write_now(give)
    database.write_now(lambda transaction: forget_answers(transaction.connection, now, 10))
    for table in ("oidc_codes", "oidc_access_tokens"):
        count = rows(str(database.url), f"SELECT count(*) FROM {table}")  # noqa: S608 - our own names
        assert count == [(1,)], table
