"""The console by the organisation's own sign-in, against npm's certified oidc-provider."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
import pytest

from tests.support.clocked_server import ClockedServer
from tests.support.openid_provider import (
    OpenIdProvider,
    Visitor,
    server_with_provider,
    visiting,
)

PASSWORD = "ferry lantern quartz"
IN = "/sign-in/openid"
ROLES = {"it-admins": "administrator", "service-desk": "helpdesk", "auditors": "auditor"}
Running = tuple[ClockedServer, OpenIdProvider]
_names = (f"it{number}" for number in range(1000))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with server_with_provider(tmp_path_factory.mktemp("server"), roles=ROLES) as found:
        yield found


@pytest.fixture
def server(running: Running) -> ClockedServer:
    return running[0]


@pytest.fixture
def provider(running: Running) -> OpenIdProvider:
    return running[1]


@pytest.fixture
def name() -> str:
    """A name of the provider's that nobody has used so far."""
    return next(_names)


@pytest.fixture
def visitor(server: ClockedServer, name: str) -> Iterator[Visitor]:
    with visiting(server.url, name) as opened:
        yield opened


def alert(page: httpx.Response) -> str:
    found = re.search(r'role="alert">([^<]+)<', page.text)
    return found[1] if found else ""


def role_of(server: ClockedServer, name: str) -> str:
    listed = server.command("admins").stdout
    found = re.search(rf"^{name}@example\.com  (\w+)  ", listed, re.MULTILINE)
    assert found, f"expected {name} among {listed}"
    return found[1]


def test_an_account_is_found_by_its_verified_address(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    server.command("create-admin", "--email", f"{name}@example.com", "--role", "helpdesk")
    provider.know(name, email=f"{name.upper()}@Example.com")
    page = visitor.follow(IN)
    assert page.status_code == 200
    assert page.url.path == "/fleet"
    assert f"{name}@example.com" in page.text
    audited = server.rows(
        "SELECT action, details FROM audit_entries WHERE actor = ? ORDER BY number",
        f"{name}@example.com",
    )
    assert [action for action, _ in audited] == ["administrator.changed", "administrator.signed_in"]
    assert '"to":"bound"' in str(audited[0][1])
    assert "openid" in str(audited[1][1])


def test_whoever_has_no_account_is_told_so_and_gets_none(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    provider.know(name)
    page = visitor.follow(IN)
    assert page.status_code == 403
    assert "have no account here" in alert(page)
    assert visitor.server.get("/fleet").status_code == 401
    assert name not in server.command("admins").stdout


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email": None}])
def test_an_address_that_nobody_vouches_for_opens_no_account(
    server: ClockedServer,
    provider: OpenIdProvider,
    visitor: Visitor,
    name: str,
    claims: dict[str, Any],
) -> None:
    server.command("create-admin", "--email", f"{name}@example.com")
    provider.know(name, **claims)
    page = visitor.follow(IN)
    assert (page.status_code, visitor.server.get("/fleet").status_code) == (403, 401)
    assert "does not vouch for an e-mail address" in alert(page)


def test_a_group_with_a_role_makes_an_account_of_that_role_and_no_more(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    provider.know(name, groups=["everybody", "service-desk"])
    assert visitor.follow(IN).url.path == "/fleet"
    assert role_of(server, name) == "helpdesk"
    assert visitor.server.get("/audit").status_code == 403
    about = "SELECT action FROM audit_entries WHERE person = ?"
    assert server.rows(about, f"{name}@example.com") == [("administrator.created",)]


def test_a_role_follows_the_groups_and_ends_with_them(
    server: ClockedServer, provider: OpenIdProvider, name: str
) -> None:
    for groups, role in ((["it-admins"], "administrator"), (["auditors"], "auditor")):
        provider.know(name, groups=groups)
        with visiting(server.url, name) as visitor:
            assert visitor.follow(IN).status_code == 200
        assert role_of(server, name) == role
    provider.know(name, groups=["everybody"])
    with visiting(server.url, name) as visitor:
        page = visitor.follow(IN)
    assert page.status_code == 403
    assert "No group of yours has a role here any more" in alert(page)


def test_an_account_made_by_hand_keeps_the_role_it_was_given(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    server.command("create-admin", "--email", f"{name}@example.com", "--role", "viewer")
    provider.know(name, groups=["it-admins"])
    assert visitor.follow(IN).status_code == 200
    assert role_of(server, name) == "viewer"


def test_whoever_is_given_an_address_later_does_not_get_its_account(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    server.command("create-admin", "--email", f"{name}@example.com")
    provider.know(name)
    assert visitor.follow(IN).status_code == 200
    provider.know("another-" + name, email=f"{name}@example.com")
    with visiting(server.url, "another-" + name) as other:
        page = other.follow(IN)
    assert page.status_code == 403
    assert "belongs to another person" in alert(page)
    server.command("admin", "--email", f"{name}@example.com", "--forget-openid")
    assert visitor.server.get("/fleet").status_code == 401, "expected the old session to end"
    with visiting(server.url, "another-" + name) as other:
        assert other.follow(IN).status_code == 200


def test_a_disabled_account_stays_shut(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    for address in (f"stays-{name}@example.com", f"{name}@example.com"):
        server.command("create-admin", "--email", address)
    server.command("admin", "--email", f"{name}@example.com", "--disable")
    provider.know(name)
    assert "may no longer sign in" in alert(visitor.follow(IN))


def test_without_a_second_factor_nobody_gets_in_by_the_provider_alone(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    server.command("create-admin", "--email", f"{name}@example.com")
    provider.know(name, amr=("pwd",))
    page = visitor.follow(IN)
    assert page.status_code == 403
    assert "no second factor" in alert(page)
    assert visitor.server.get("/fleet").status_code == 401


FIELD = re.compile(r'name="form_token" value="([^"]+)"')


def post(client: httpx.Client, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
    found = FIELD.search(page.text)
    assert found, page.text
    return client.post(action, data={"form_token": found[1], **fields})


def with_second_step(server: ClockedServer, name: str) -> str:
    """Give the account a password and a second step; return the secret of the latter."""
    link = server.command("create-admin", "--email", f"{name}@example.com").stdout.split()[-1]
    with server.client() as client:
        client.headers["Origin"] = server.url
        post(client, client.get("/sign-in"), "/sign-in", link=link.partition("#")[2])
        post(client, client.get("/account"), "/account/second-step")
        page = client.get("/account")
        found = re.search(r"([A-Z2-7]{32})</code>", page.text)
        assert found
        code = pyotp.TOTP(found[1]).at(server.now())
        post(client, page, "/account/password", password=PASSWORD, code=code)
    return found[1]


def test_the_accounts_own_second_step_stands_in_for_the_providers(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    secret = with_second_step(server, name)
    provider.know(name, amr=("pwd",))
    asked = visitor.follow(IN)
    assert "Your second step" in asked.text
    assert visitor.server.get("/fleet").status_code == 401
    wrong = post(visitor.server, asked, IN + "/code", code="000000")
    assert (wrong.status_code, alert(wrong)) == (403, "The code is not right.")
    with server.later(timedelta(seconds=60)):
        code = pyotp.TOTP(secret).at(server.now())
        right = post(visitor.server, asked, IN + "/code", code=code)
        assert (right.status_code, right.headers["location"]) == (303, "/fleet")
        assert visitor.server.get("/fleet").status_code == 200
        replayed = post(visitor.server, asked, IN + "/code", code=code)
        assert replayed.status_code in {303, 403}
        assert replayed.headers.get("location", "/sign-in") == "/sign-in"


def test_guessing_the_second_step_ends_after_ten_tries(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    with_second_step(server, name)
    provider.know(name, amr=("pwd",))
    asked = visitor.follow(IN)
    answers = [post(visitor.server, asked, IN + "/code", code="000000") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]


def test_a_change_needs_a_fresh_proof_which_the_provider_gives(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    server.command("create-admin", "--email", f"{name}@example.com")
    provider.know(name)
    visitor.follow(IN)
    assert visitor.asked == 1
    with server.later(timedelta(minutes=16)):
        page = post(visitor.server, visitor.server.get("/account"), "/account/second-step")
        assert page.status_code == 403
        assert 'href="/prove/openid?back=/account"' in page.text
    proven = visitor.follow("/prove/openid?back=/account")
    assert visitor.asked == 2, "expected the provider to ask although it remembers the person"
    assert proven.url.path == "/account"
    with server.later(timedelta(minutes=14)):
        page = post(visitor.server, proven, "/account/second-step")
        assert (page.status_code, page.headers["location"]) == (303, "/account")


def test_another_person_proves_nothing(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    for each in (name, "other-" + name):
        server.command("create-admin", "--email", f"{each}@example.com")
        provider.know(each)
        with visiting(server.url, each) as known:
            known.follow(IN)
    visitor.follow(IN)
    visitor.login = "other-" + name
    visitor.provider.cookies.clear()
    page = visitor.follow("/prove/openid?back=/account")
    assert page.status_code == 403
    assert "another person" in alert(page)


def test_a_proof_leads_to_no_other_site(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    server.command("create-admin", "--email", f"{name}@example.com")
    provider.know(name)
    visitor.follow(IN)
    page = visitor.follow("/prove/openid?back=//evil.example.com/")
    assert page.url.path == "/fleet"
    assert page.url.host == "127.0.0.1"


def test_an_answer_counts_once_and_in_the_browser_that_asked(
    server: ClockedServer, provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    server.command("create-admin", "--email", f"{name}@example.com")
    provider.know(name)
    visitor.follow(IN)
    url = visitor.returned[0]
    with visiting(server.url, name) as thief:
        assert "older than a quarter of an hour" in alert(thief.comes_back(url))
        thief.server.get(IN)
        assert "begun in another window" in alert(thief.comes_back(url))
    assert visitor.comes_back(url).status_code == 403, "expected the login to be over"


@pytest.mark.parametrize(
    ("name_", "value"),
    [("iss", "https://evil.example.com"), ("iss", None), ("state", "x"), ("code", None)],
)
def test_an_answer_that_is_not_the_providers_is_refused(
    server: ClockedServer,
    provider: OpenIdProvider,
    visitor: Visitor,
    name: str,
    name_: str,
    value: str | None,
) -> None:
    server.command("create-admin", "--email", f"{name}@example.com")
    provider.know(name)
    changed: list[httpx.Response] = []

    def change(url: str) -> httpx.Response:
        parts = urlsplit(url)
        query = {key: found[0] for key, found in parse_qs(parts.query).items()}
        query = {**query, name_: value or ""}
        kept = {key: each for key, each in query.items() if each}
        changed.append(came_back(str(httpx.URL(url).copy_with(params=kept))))
        return changed[-1]

    came_back, visitor.comes_back = visitor.comes_back, change  # type: ignore[method-assign] # as an attacker on the way would
    assert visitor.follow(IN).status_code == 403
    assert len(changed) == 1
    assert visitor.server.get("/fleet").status_code == 401


def test_answers_made_up_make_the_server_ask_the_provider_sixty_times_at_most(
    tmp_path: Path,
) -> None:
    with server_with_provider(tmp_path) as (server, _), visiting(server.url, "") as visitor:
        visitor.server.get(IN)
        made_up = f"{server.url}/openid/return?code=x&state=x"
        answers = [visitor.comes_back(made_up) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [403] * 60 + [429]


def test_who_does_not_log_in_is_told_so(server: ClockedServer) -> None:
    with visiting(server.url, "") as visitor:
        page = visitor.follow(IN)
    assert page.status_code == 403
    assert "did not let you in" in alert(page)


def test_the_server_asks_by_code_and_pkce_and_shows_its_secret_to_nobody(
    server: ClockedServer, visitor: Visitor, provider: OpenIdProvider
) -> None:
    location = visitor.server.get(IN).headers["location"]
    asked = {name: found[0] for name, found in parse_qs(urlsplit(location).query).items()}
    assert location.startswith(provider.issuer)
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == server.url + "/openid/return"
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    again = visitor.server.get(IN).headers["location"]
    for each in ("state", "nonce", "code_challenge"):
        assert asked[each] not in again, f"expected a new {each}"


def test_an_account_that_the_sign_in_looks_after_gets_no_password(
    provider: OpenIdProvider, visitor: Visitor, name: str
) -> None:
    provider.know(name, groups=["service-desk"])
    visitor.follow(IN)
    page = visitor.server.get("/account")
    assert "looks after this account" in page.text
    assert post(visitor.server, page, "/account/second-step").status_code == 403
