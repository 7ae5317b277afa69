"""The provider as openid-client sees it, which checks every answer by the specifications."""

import base64
import itertools
import json
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from passmuster_server.clock import utc_now
from passmuster_server.gate.oidc.logins import LIFETIME
from passmuster_server.schema import to_microseconds
from tests.support.clocked_server import ClockedServer
from tests.support.example_laptops import enrolled, healthy, with_usb_stick
from tests.support.relying_party import RelyingParty, RelyingPartyError
from tests.support.signing_in import Arrival, Registered, Visitor, register

CALLBACK = "https://sso.example.com/callback"
COMPLIANT = "urn:passmuster:posture:compliant"

_people = itertools.count(1)


@pytest.fixture
def ana() -> str:
    return f"worker{next(_people)}@example.com"


@pytest.fixture(scope="module")
def helpdesk(provider: ClockedServer) -> Registered:
    return register(provider, CALLBACK, "--trust-login-hint")


def discover(
    sso: RelyingParty, client: Registered, method: str = "client_secret_basic", **more: bool
) -> dict[str, object]:
    return sso.do(
        "discover",
        issuer=client.issuer,
        id=client.client,
        secret=client.secret,
        method=method,
        **more,
    )


def start(sso: RelyingParty, client: Registered, **parameters: str) -> str:
    url = sso.do("start", parameters={"redirect_uri": client.redirect_uri, **parameters})["url"]
    assert isinstance(url, str)
    return url


def finish(sso: RelyingParty, arrival: Arrival | None, **more: object) -> dict[str, object]:
    assert arrival is not None, "the browser did not come back"
    form = {} if arrival.form is None else {"form": arrival.form}
    return sso.do("finish", url=arrival.url, **form, **more)


def claims_of(finished: dict[str, object]) -> dict[str, object]:
    claims = finished["claims"]
    assert isinstance(claims, dict)
    return claims


def on_record(provider: ClockedServer, person: str, number: int = 1) -> list[tuple[bool, str]]:
    """Return what is on record about a person: allowed or not, and how it was proven."""
    rows = provider.rows_in_time(
        number,
        "SELECT allowed, proof FROM decisions WHERE subject = ? ORDER BY decided_at",
        person,
    )
    return [(bool(allowed), proof) for allowed, proof in rows]


def test_discovery_tells_where_everything_is(
    sso: RelyingParty, helpdesk: Registered, provider: ClockedServer
) -> None:
    told = discover(sso, helpdesk)
    assert told["issuer"] == f"{provider.url}/oidc"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["id_token_signing_alg_values_supported"] == ["RS256"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_laptop_that_passes_is_let_through_at_once(
    sso: RelyingParty,
    helpdesk: Registered,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
    method: str,
) -> None:
    enrolled(provider, client, ana, healthy())
    discover(sso, helpdesk, method)
    arrival = visitor.open(start(sso, helpdesk, login_hint=ana, acr_values=COMPLIANT))
    assert arrival is not None
    assert arrival.values["iss"] == helpdesk.issuer, "RFC 9207"
    finished = finish(sso, arrival)
    claims = claims_of(finished)
    assert claims["sub"] == ana
    assert claims["email"] == ana
    assert claims["acr"] == COMPLIANT
    assert claims["passmuster_proof"] == "person"
    assert "amr" not in claims, "nothing was proven by a key"
    tokens = finished["tokens"]
    assert isinstance(tokens, dict)
    person = sso.do("person", token=tokens["access_token"], subject=ana)
    assert person["email"] == ana
    assert on_record(provider, ana) == [(True, "person")]


def test_a_public_client_proves_itself_by_its_verifier_alone(
    sso: RelyingParty,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
) -> None:
    public = register(provider, CALLBACK, "--public", "--trust-login-hint")
    assert not public.secret
    enrolled(provider, client, ana, healthy())
    discover(sso, public, "none")
    assert claims_of(finish(sso, visitor.open(start(sso, public, login_hint=ana))))["sub"] == ana


def test_an_answer_may_come_as_a_form(
    sso: RelyingParty,
    helpdesk: Registered,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
) -> None:
    enrolled(provider, client, ana, healthy())
    discover(sso, helpdesk)
    url = start(sso, helpdesk, login_hint=ana, response_mode="form_post")
    arrival = visitor.open(url)
    assert arrival is not None
    assert arrival.form is not None
    assert claims_of(finish(sso, arrival))["sub"] == ana


def test_a_laptop_that_proves_itself_says_who_is_at_it(
    sso: RelyingParty,
    helpdesk: Registered,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
) -> None:
    visitor.laptop = enrolled(provider, client, ana, healthy())
    discover(sso, helpdesk)
    claims = claims_of(finish(sso, visitor.open(start(sso, helpdesk))))
    assert visitor.proofs == 1
    assert claims["sub"] == ana, "nobody named her: the laptop did"
    assert claims["amr"] == ["swk"], "its key is kept in a file"
    assert claims["passmuster_proof"] == "loopback"
    assert on_record(provider, ana) == [(True, "loopback")]


def test_a_login_hint_that_a_visitor_wrote_himself_opens_nothing(
    sso: RelyingParty,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
) -> None:
    apache = register(provider, CALLBACK)
    enrolled(provider, client, ana, healthy())
    discover(sso, apache)
    url = start(sso, apache) + f"&login_hint={ana}"
    assert visitor.open(url) is None
    assert "/proof/" in visitor.url, "it would sign him in as her, by her laptop"
    visitor.laptop = enrolled(provider, client, "eve@example.com", healthy())
    assert visitor.open(url) is None
    assert "This laptop is registered for somebody else." in (
        visitor.page.text if visitor.page else ""
    )


def test_nobody_passes_by_a_colleagues_laptop(
    sso: RelyingParty,
    helpdesk: Registered,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
) -> None:
    visitor.laptop = enrolled(provider, client, "bo@example.com", healthy())
    enrolled(provider, client, ana, healthy())
    discover(sso, helpdesk)
    amr = '{"id_token":{"amr":{"essential":true}}}'
    assert visitor.open(start(sso, helpdesk, login_hint=ana, claims=amr)) is None
    assert visitor.page is not None
    assert "This laptop is registered for somebody else." in visitor.page.text
    assert on_record(provider, ana) == [(False, "loopback")]


def test_a_blocked_worker_puts_it_right_and_goes_on(
    sso: RelyingParty,
    helpdesk: Registered,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
) -> None:
    laptop = enrolled(provider, client, ana, with_usb_stick())
    discover(sso, helpdesk)
    assert visitor.open(start(sso, helpdesk, login_hint=ana)) is None
    assert visitor.page is not None
    assert visitor.page.status_code == 200
    assert "IT has not approved" in visitor.page.text
    assert not visitor.is_ready()
    assert visitor.check_again() is None
    laptop.report(client, healthy())
    assert visitor.is_ready()
    assert claims_of(finish(sso, visitor.check_again()))["sub"] == ana
    assert on_record(provider, ana, 2) == [(False, "person"), (True, "person")]


def test_whoever_gives_up_is_denied_at_the_sign_in(
    sso: RelyingParty,
    helpdesk: Registered,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
) -> None:
    enrolled(provider, client, ana, with_usb_stick())
    discover(sso, helpdesk)
    visitor.open(start(sso, helpdesk, login_hint=ana))
    step = visitor.url
    with pytest.raises(RelyingPartyError) as refused:
        finish(sso, visitor.leave())
    assert refused.value.oauth == "access_denied"
    assert visitor.open(step) is None
    assert "This sign-in is over" in (visitor.page.text if visitor.page else "")


def test_a_login_waits_for_half_an_hour_and_no_longer(
    sso: RelyingParty,
    helpdesk: Registered,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
) -> None:
    laptop = enrolled(provider, client, ana, with_usb_stick())
    discover(sso, helpdesk)
    visitor.open(start(sso, helpdesk, login_hint=ana))
    with provider.later(LIFETIME):
        laptop.report(client, healthy())
        assert visitor.check_again() is None
        assert visitor.page is not None
        assert visitor.page.status_code == 404


def test_another_browser_can_not_go_on_with_a_login(
    sso: RelyingParty,
    helpdesk: Registered,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    new_visitor: Callable[[], Visitor],
    ana: str,
) -> None:
    laptop = enrolled(provider, client, ana, with_usb_stick())
    discover(sso, helpdesk)
    visitor.open(start(sso, helpdesk, login_hint=ana))
    laptop.report(client, healthy())
    other = new_visitor()
    assert other.open(visitor.url) is None
    assert "begun in another browser" in (other.page.text if other.page else "")
    assert claims_of(finish(sso, visitor.check_again()))["sub"] == ana


def test_a_nonce_of_another_login_is_noticed(
    sso: RelyingParty,
    helpdesk: Registered,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
) -> None:
    enrolled(provider, client, ana, healthy())
    discover(sso, helpdesk)
    arrival = visitor.open(start(sso, helpdesk, login_hint=ana))
    with pytest.raises(RelyingPartyError, match="nonce"):
        finish(sso, arrival, checks={"expectedNonce": "another"})


def test_a_code_is_good_once_and_takes_back_what_it_gave(
    sso: RelyingParty,
    helpdesk: Registered,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
) -> None:
    enrolled(provider, client, ana, healthy())
    discover(sso, helpdesk)
    arrival = visitor.open(start(sso, helpdesk, login_hint=ana))
    tokens = finish(sso, arrival)["tokens"]
    assert isinstance(tokens, dict)
    with pytest.raises(RelyingPartyError) as refused:
        finish(sso, arrival)
    assert refused.value.oauth == "invalid_grant"
    with pytest.raises(RelyingPartyError):
        sso.do("person", token=tokens["access_token"], subject=ana)


def test_max_age_and_prompt_login_are_answered_with_a_time_that_holds(
    sso: RelyingParty,
    helpdesk: Registered,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
) -> None:
    visitor.laptop = enrolled(provider, client, ana, healthy())
    discover(sso, helpdesk)
    first = claims_of(finish(sso, visitor.open(start(sso, helpdesk))))
    again = claims_of(
        finish(sso, visitor.open(start(sso, helpdesk, max_age="300")), checks={"maxAge": 300})
    )
    assert visitor.proofs == 1, "a proof of a moment ago will do"
    assert again["auth_time"] == first["auth_time"]
    finish(sso, visitor.open(start(sso, helpdesk, prompt="login")))
    assert visitor.proofs == 2, "prompt=login wants a new one"
    finish(sso, visitor.open(start(sso, helpdesk, max_age="0")), checks={"maxAge": 0})
    assert visitor.proofs == 3


def test_a_rotation_of_our_keys_goes_unnoticed(
    sso: RelyingParty,
    helpdesk: Registered,
    provider: ClockedServer,
    client: httpx.Client,
    visitor: Visitor,
    ana: str,
) -> None:
    """The relying party keeps the keys that it has fetched."""
    enrolled(provider, client, ana, healthy())
    discover(sso, helpdesk)
    before = signer(finish(sso, visitor.open(start(sso, helpdesk, login_hint=ana))))
    ago = to_microseconds(utc_now() - timedelta(days=3))
    provider.change("UPDATE signing_keys SET published_at = ?", ago)
    provider.command("signing-keys", "--rotate")
    deadline = time.monotonic() + 60
    after = before
    while after == before:
        assert time.monotonic() < deadline, "the server signs with its old key after a minute"
        arrival = visitor.open(start(sso, helpdesk, login_hint=ana))
        finished = finish(sso, arrival)
        assert claims_of(finished)["sub"] == ana
        after = signer(finished)
        time.sleep(0.5)  # logins from one address are counted


def signer(finished: dict[str, object]) -> str:
    """Return the key by which the ID token is signed."""
    tokens = finished["tokens"]
    assert isinstance(tokens, dict)
    header = str(tokens["id_token"]).partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=="))["kid"])
