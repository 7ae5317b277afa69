"""Who is being logged in: `id_token_hint` by another issuer or by us, and Entra ID's way of asking.

Entra ID's request and what it takes for an answer are those of Microsoft's "external method
provider reference"; openid-client checks the answer.
"""

import base64
import hmac
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

from passmuster_server.gate.oidc import authorize
from tests.server.gate.oidc.test_authorize import asked
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import enrolled, healthy
from tests.support.identity_provider import IdentityProvider, identity_provider
from tests.support.relying_party import RelyingParty
from tests.support.signing_in import Arrival, Registered, Visitor, register

CALLBACK = "https://sso.example.com/callback"
ENTRA = "https://login.microsoftonline.com/common/federation/externalauthprovider"
ENTRA_CLAIMS = json.dumps(
    {
        "id_token": {
            "acr": {"essential": True, "values": ["possessionorinherence"]},
            "amr": {
                "essential": True,
                "values": ["face", "fido", "fpt", "hwk", "iris", "otp", "pop", "swk", "tel"],
            },
        }
    }
)

_people = itertools.count(1)


@pytest.fixture(scope="module")
def idp() -> Iterator[IdentityProvider]:
    with identity_provider() as running:
        yield running


@pytest.fixture(scope="module")
def helpdesk(provider: ClockedServer, idp: IdentityProvider) -> Registered:
    return register(provider, CALLBACK, *hint_options(idp))


@pytest.fixture(scope="module")
def entra(provider: ClockedServer, idp: IdentityProvider) -> Registered:
    return register(provider, ENTRA, "--public", "--id-token", *hint_options(idp))


@pytest.fixture
def dora(provider: ClockedServer, client: httpx.Client) -> str:
    name = f"dora{next(_people)}@example.com"
    enrolled(provider, client, name, healthy())
    return name


def hint_options(idp: IdentityProvider) -> tuple[str, ...]:
    return (
        *("--id-token-hint-issuer", idp.issuer, "--jwks-url", idp.keys_url),
        *("--id-token-hint-claim", "preferred_username"),
    )


def hinted(visitor: Visitor, client: Registered, hint: str, **more: str | None) -> Arrival:
    arrival = visitor.open(asked(client, id_token_hint=hint, **{"login_hint": None, **more}))
    assert arrival is not None, visitor.page.text if visitor.page else ""
    return arrival


def refused(visitor: Visitor, client: Registered, hint: str, **more: str | None) -> str:
    values = hinted(visitor, client, hint, **more).values
    assert values["error"] == "invalid_request"
    return values["error_description"]


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def test_a_signed_hint_names_the_person_though_it_has_expired(
    visitor: Visitor, helpdesk: Registered, idp: IdentityProvider, dora: str
) -> None:
    hint = idp.hint(helpdesk.client, preferred_username=dora)
    assert "code" in hinted(visitor, helpdesk, hint).values
    assert "code" in hinted(visitor, helpdesk, hint, login_hint=dora.upper()).values


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"aud": "another"}, "audience"),
        ({"aud": None}, "audience"),
        ({"iss": "https://evil.example.com"}, "vouches"),
        ({"iat": 1_600_000_000}, "too old"),
        ({"iat": 9_999_999_999}, "too old"),
        ({"iat": None}, "iat"),
        ({"iat": "now"}, "iat"),
        ({"sub": None}, "sub"),
        ({"preferred_username": None}, "preferred_username"),
        ({"preferred_username": ["ana@example.com"]}, "preferred_username"),
    ],
    ids=str,
)
def test_a_hint_that_says_something_else_is_not_believed(
    visitor: Visitor,
    helpdesk: Registered,
    idp: IdentityProvider,
    changed: dict[str, object],
    why: str,
) -> None:
    assert why in refused(visitor, helpdesk, idp.hint(helpdesk.client, **changed))


def test_a_hint_that_nobody_signed_is_not_believed(
    visitor: Visitor, helpdesk: Registered, idp: IdentityProvider, dora: str
) -> None:
    hint = idp.hint(helpdesk.client, preferred_username=dora)
    head, body, signature = hint.split(".")
    forged = encoded(json.dumps(idp.claims(helpdesk.client, preferred_username=dora)).encode())
    none = encoded(b'{"alg":"none"}')
    stranger = IdentityProvider(idp.issuer)
    # Algorithm confusion: the public key, which everybody knows, taken for a shared secret.
    shared = encoded(b'{"alg":"HS256","kid":"first"}')
    public = idp.key.as_pem(private=False)
    confused = encoded(hmac.digest(public, f"{shared}.{body}".encode(), "sha256"))
    published = encoded(b'{"alg":"HS256","kid":"secret"}')
    by_secret = encoded(hmac.digest(b"secret", f"{published}.{body}".encode(), "sha256"))
    for token in (
        f"{head}.{forged}.{signature}",
        f"{none}.{body}.",
        f"{head}.{body}.",
        f"{shared}.{body}.{confused}",
        f"{published}.{body}.{by_secret}",
        stranger.hint(helpdesk.client, preferred_username=dora),
    ):
        assert "not signed by its issuer" in refused(visitor, helpdesk, token)


def test_two_hints_that_name_two_people_are_refused(
    visitor: Visitor, helpdesk: Registered, idp: IdentityProvider, dora: str
) -> None:
    hint = idp.hint(helpdesk.client, preferred_username=dora)
    why = refused(visitor, helpdesk, hint, login_hint="bo@example.com")
    assert "two people" in why


def test_a_client_without_an_issuer_of_hints_has_nobody_to_vouch(
    provider: ClockedServer, visitor: Visitor, idp: IdentityProvider
) -> None:
    plain = register(provider, CALLBACK)
    assert "vouches" in refused(visitor, plain, idp.hint(plain.client))


def test_our_own_token_is_a_hint_too(
    provider: ClockedServer,
    sso: RelyingParty,
    visitor: Visitor,
    new_visitor: Callable[[], Visitor],
    dora: str,
) -> None:
    own = register(provider, CALLBACK, "--trust-login-hint")
    other = register(provider, CALLBACK, "--trust-login-hint")
    sso.do(
        "discover", issuer=own.issuer, id=own.client, secret=own.secret, method="client_secret_post"
    )
    started = sso.do("start", parameters={"redirect_uri": CALLBACK, "login_hint": dora})
    arrival = visitor.open(started["url"])
    assert arrival is not None
    token = sso.do("finish", url=arrival.url)["tokens"]["id_token"]
    assert "code" in hinted(new_visitor(), own, token).values
    assert "audience" in refused(new_visitor(), other, token)
    strict = register(provider, CALLBACK)
    assert "audience" in refused(new_visitor(), strict, token)
    head, body, signature = token.split(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    assert "not signed by us" in refused(new_visitor(), own, f"{head}.{body}.{flipped}")


def test_entra_asks_by_a_form_and_is_answered_by_one(
    provider: ClockedServer,
    client: httpx.Client,
    sso: RelyingParty,
    visitor: Visitor,
    entra: Registered,
    idp: IdentityProvider,
) -> None:
    ana = f"ana{next(_people)}@example.com"
    visitor.laptop = enrolled(provider, client, ana, healthy())
    sso.do("discover", issuer=entra.issuer, id=entra.client, secret="", method="none", idToken=True)
    started = sso.do("start", parameters={"redirect_uri": ENTRA})
    subject = "mBfcvuhSHkDWVgV72x2ruIYdSsPSvcj2R0qfc6mGEAA"
    arrival = visitor.send(
        "/oidc/authorize",
        {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "client_id": entra.client,
            "redirect_uri": ENTRA,
            "nonce": started["nonce"],
            "state": started["state"],
            "id_token_hint": idp.hint(entra.client, preferred_username=ana, sub=subject),
            "claims": ENTRA_CLAIMS,
            "client-request-id": "72826bb4-abb7-4221-b253-100f530b4b0a",
        },
    )
    assert arrival is not None
    assert arrival.url == ENTRA
    assert arrival.form is not None
    assert {"id_token", "state"} <= arrival.values.keys()
    told = sso.do("finishWithIdToken", url=arrival.url, form=arrival.form)["claims"]
    assert told["sub"] == subject, "it must be that of the hint"
    assert told["acr"] == "possessionorinherence"
    assert told["amr"] == ["swk"], "one method, and one of those that were asked for"


def test_entra_is_told_in_its_form_that_a_person_gave_up(
    visitor: Visitor, entra: Registered, idp: IdentityProvider, dora: str
) -> None:
    assert dora, "she has a laptop, but is not at it: it proves nothing"
    form = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "client_id": entra.client,
        "redirect_uri": ENTRA,
        "nonce": "n",
        "state": "s",
        "id_token_hint": idp.hint(entra.client, preferred_username=dora),
        "claims": ENTRA_CLAIMS,
    }
    assert visitor.send("/oidc/authorize", form) is None
    assert visitor.page is not None
    back = visitor.page.text.partition('data-back="')[2].partition('"')[0]
    assert visitor.open(back) is None
    assert "It is not clear which laptop you are at." in visitor.page.text
    arrival = visitor.leave()
    assert arrival is not None
    assert arrival.url == ENTRA
    assert arrival.values["error"] == "access_denied"
    assert arrival.values["state"] == "s"
    assert "id_token" not in arrival.values


def test_an_issuers_new_key_is_fetched_and_then_kept(
    provider: ClockedServer, client: httpx.Client, new_visitor: Callable[[], Visitor]
) -> None:
    name = f"elin{next(_people)}@example.com"
    enrolled(provider, client, name, healthy())
    with identity_provider() as idp:
        own = register(provider, CALLBACK, *hint_options(idp))
        hint = idp.hint(own.client, preferred_username=name)
        for _ in range(3):
            assert "code" in hinted(new_visitor(), own, hint).values
        assert idp.asked == 1, "the keys are kept"
        idp.rotate(ECKey.generate_key("P-256", {"kid": "second", "use": "sig"}))
        rotated = idp.hint(own.client, preferred_username=name)
        # Looked up anew once the keys are half a minute old: nobody makes us ask at their pace.
        assert "not signed" in refused(new_visitor(), own, rotated)
        assert idp.asked == 1
    with identity_provider() as late:
        own = register(provider, CALLBACK, *hint_options(late))
        late.key = RSAKey.generate_key(2048, {"kid": "third", "use": "sig"})
        late.publish()
        hint = late.hint(own.client, preferred_username=name)
    gone = hinted(new_visitor(), own, hint).values
    assert gone["error"] == "temporarily_unavailable", "its keys can't be had"


def test_whoever_sends_many_logins_makes_us_ask_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorize, "BEGINS", 2)
    with clocked_server(tmp_path) as own, own.client() as browser, identity_provider() as idp:
        helpdesk = register(own, CALLBACK, *hint_options(idp))
        hint = idp.hint(helpdesk.client, preferred_username="ana@example.com")
        for _ in range(2):
            plain = asked(helpdesk, login_hint="ana@example.com")
            assert browser.get(plain).headers["location"].startswith("/")
        refused = browser.get(asked(helpdesk, id_token_hint=hint, login_hint=None))
        assert "too+many+logins" in refused.headers["location"].replace("%20", "+")
        assert idp.asked == 0
