"""The step in a real Chromium: a worker who is blocked, and the forms of other sites."""

import json
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import browsing
from tests.support.clocked_server import ClockedServer
from tests.support.example_laptops import enrolled, healthy, with_usb_stick
from tests.support.relying_party import RelyingParty
from tests.support.signing_in import Arrival, Registered, register, running_callback

PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def callback() -> Iterator[tuple[str, list[Arrival]]]:
    with running_callback() as running:
        yield running


@pytest.fixture(scope="module")
def helpdesk(provider: ClockedServer, callback: tuple[str, list[Arrival]]) -> Registered:
    return register(provider, callback[0], "--trust-login-hint", name="Helpdesk")


def begin(sso: RelyingParty, client: Registered, **parameters: str) -> str:
    sso.do(
        "discover",
        issuer=client.issuer,
        id=client.client,
        secret=client.secret,
        method="client_secret_basic",
    )
    asked = {"redirect_uri": client.redirect_uri, **parameters}
    return str(sso.do("start", parameters=asked)["url"])


def is_back(page: Page) -> None:
    heading = page.get_by_role("heading", name="Back at the sign-in")
    expect(heading).to_be_visible(timeout=PATIENCE_MS)


@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_a_blocked_worker_puts_it_right_and_the_sign_in_goes_on_by_itself(
    sso: RelyingParty,
    provider: ClockedServer,
    client: httpx.Client,
    helpdesk: Registered,
    callback: tuple[str, list[Arrival]],
    mode: str,
) -> None:
    person = f"{mode}@example.com"
    laptop = enrolled(provider, client, person, with_usb_stick())
    with browsing() as browser:
        page = browser.page()
        page.goto(begin(sso, helpdesk, login_hint=person, response_mode=mode))
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_have_text("You can't open Helpdesk yet")
        expect(page.get_by_role("heading", name="IT has not approved")).to_be_visible()
        page.get_by_role("link", name="Check again").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Check again")).to_be_visible()
        laptop.report(client, healthy())
        is_back(page)
        assert browser.complaints == []
    arrival = callback[1][-1]
    assert (arrival.form is not None) == (mode == "form_post")
    form = {} if arrival.form is None else {"form": arrival.form}
    assert sso.do("finish", url=arrival.url, **form)["claims"]["sub"] == person


def test_whoever_stops_signing_in_is_back_where_they_came_from(
    sso: RelyingParty,
    provider: ClockedServer,
    client: httpx.Client,
    helpdesk: Registered,
    callback: tuple[str, list[Arrival]],
) -> None:
    enrolled(provider, client, "cai@example.com", with_usb_stick())
    with browsing() as browser:
        page = browser.page()
        page.goto(begin(sso, helpdesk, login_hint="cai@example.com"))
        page.get_by_role("link", name="stop signing in").click()
        is_back(page)
    assert callback[1][-1].values["error"] == "access_denied"


def test_a_form_of_another_site_leads_here_and_back(
    sso: RelyingParty,
    provider: ClockedServer,
    client: httpx.Client,
    callback: tuple[str, list[Arrival]],
) -> None:
    """As Entra ID does it: a form here, a form back. The other site is `localhost`."""
    person = "form@example.com"
    laptop = enrolled(provider, client, person, with_usb_stick())
    address = callback[0].replace("127.0.0.1", "localhost")
    public = register(
        provider, address, "--public", "--id-token", "--trust-login-hint", name="Entra"
    )
    sso.do(
        "discover", issuer=public.issuer, id=public.client, secret="", method="none", idToken=True
    )
    started = sso.do("start", parameters={"redirect_uri": address})
    fields = {
        "client_id": public.client,
        "redirect_uri": address,
        "response_type": "id_token",
        "response_mode": "form_post",
        "scope": "openid email",
        "state": started["state"],
        "nonce": started["nonce"],
        "login_hint": person,
    }
    with browsing() as browser:
        page = browser.page()
        page.goto(address.replace("/callback", "/start"))
        page.evaluate(
            """([action, fields]) => {
              const form = document.createElement("form");
              form.method = "post"; form.action = action;
              for (const [name, value] of Object.entries(JSON.parse(fields))) {
                const input = document.createElement("input");
                input.name = name; input.value = value; form.append(input);
              }
              document.body.append(form); form.submit();
            }""",
            [f"{provider.url}/oidc/authorize", json.dumps(fields)],
        )
        expect(page.get_by_role("heading", level=1)).to_have_text("You can't open Entra yet")
        laptop.report(client, healthy())
        is_back(page)
        assert browser.complaints == []
    arrival = callback[1][-1]
    assert arrival.form is not None
    told = sso.do("finishWithIdToken", url=arrival.url, form=arrival.form)["claims"]
    assert told["email"] == person


def test_the_answer_is_sent_by_a_button_without_scripts(
    sso: RelyingParty,
    provider: ClockedServer,
    client: httpx.Client,
    helpdesk: Registered,
    callback: tuple[str, list[Arrival]],
) -> None:
    laptop = enrolled(provider, client, "dan@example.com", with_usb_stick())
    with browsing(java_script_enabled=False) as browser:
        page = browser.page()
        page.goto(begin(sso, helpdesk, login_hint="dan@example.com", response_mode="form_post"))
        laptop.report(client, healthy())
        page.get_by_role("link", name="Check again").click()
        page.get_by_role("button", name="Continue").click()
        is_back(page)
    arrival = callback[1][-1]
    assert (
        sso.do("finish", url=arrival.url, form=arrival.form)["claims"]["sub"] == "dan@example.com"
    )
