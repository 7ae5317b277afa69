"""Passkeys in a real Chromium with a virtual authenticator: added, used, proven by, removed."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.support.accessibility import expect_no_faults
from tests.support.browser import Browsing, browsing
from tests.support.clocked_server import ClockedServer
from tests.support.running_server import free_port

IT = "it@example.com"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    """A server under a name: browsers keep no passkeys for an address."""
    running = ClockedServer(tmp_path, free_port())
    running.public_url = f"http://localhost:{running.port}"
    running.settings["public_url"] = running.public_url
    running.command("migrate")
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def browser() -> Iterator[Browsing]:
    with browsing() as opened:
        yield opened


class Authenticator:
    """A page's virtual authenticator (WebAuthn Level 3, section 11), which asks for a person."""

    def __init__(self, page: Page) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self._id = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": options})[
            "authenticatorId"
        ]

    def knows_the_person(self, *, known: bool) -> None:
        """Let the finger be the right one, or not."""
        self._session.send(
            "WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": known}
        )

    def credentials(self) -> list[dict[str, Any]]:
        found = self._session.send("WebAuthn.getCredentials", {"authenticatorId": self._id})
        listed: list[dict[str, Any]] = found["credentials"]
        return listed


def url(server: ClockedServer, path: str) -> str:
    return f"{server.public_url}{path}"


def add_passkey(server: ClockedServer, page: Page, name: str = "work laptop") -> None:
    """Sign in by a link and add a passkey."""
    page.goto(server.sign_in_link(IT))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(url(server, "/fleet"))
    page.goto(url(server, "/account"))
    page.get_by_role("link", name="Add a passkey").click()
    expect_no_faults(page, "accounts/add_passkey.html")
    page.get_by_label("What it is on").fill(name)
    page.get_by_role("button", name="Make the passkey").click()
    expect(page).to_have_url(url(server, "/account"))
    expect(page.get_by_role("cell", name=name, exact=True)).to_be_visible()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out", exact=True).click()


def sign_in(server: ClockedServer, page: Page) -> None:
    page.goto(url(server, "/sign-in"))
    page.get_by_role("link", name="Sign in by passkey").click()
    page.get_by_role("button", name="Use your passkey").click()


def audited(server: ClockedServer) -> list[tuple[str, str]]:
    rows = server.rows(
        "SELECT action, details FROM audit_entries WHERE actor = ? ORDER BY number", IT
    )
    return [(action, bytes(details).decode()) for action, details in rows]


def test_a_passkey_signs_in_without_a_password(server: ClockedServer, browser: Browsing) -> None:
    page = browser.page()
    authenticator = Authenticator(page)
    add_passkey(server, page)
    kept = authenticator.credentials()
    assert [(each["rpId"], each["isResidentCredential"]) for each in kept] == [("localhost", True)]
    expect_no_faults(page)
    sign_out(page)
    page.goto(url(server, "/sign-in/passkey"))
    expect_no_faults(page, "accounts/passkey.html")
    sign_in(server, page)
    expect(page).to_have_url(url(server, "/fleet"))
    assert browser.complaints == []
    done = [action for action, _ in audited(server)]
    assert done == [
        "administrator.signed_in",
        "administrator.credentials_changed",
        "administrator.signed_out",
        "administrator.signed_in",
    ]
    assert "passkey" in audited(server)[-1][1]


def test_the_wrong_finger_signs_nobody_in(server: ClockedServer, browser: Browsing) -> None:
    page = browser.page()
    authenticator = Authenticator(page)
    add_passkey(server, page)
    sign_out(page)
    authenticator.knows_the_person(known=False)
    sign_in(server, page)
    expect(page.get_by_text("Your browser gave no passkey")).to_be_visible()
    authenticator.knows_the_person(known=True)
    page.get_by_role("button", name="Use your passkey").click()
    expect(page).to_have_url(url(server, "/fleet"))


def test_a_change_is_proven_by_it_and_it_can_be_removed(
    server: ClockedServer, browser: Browsing
) -> None:
    page = browser.page()
    Authenticator(page)
    add_passkey(server, page)
    server.ahead = timedelta(minutes=16)
    page.get_by_role("button", name="Remove work laptop").click()
    expect(page.get_by_role("heading", name="Is it still you?")).to_be_visible()
    page.get_by_role("link", name="Use your passkey").click()
    page.get_by_role("button", name="Use your passkey").click()
    expect(page).to_have_url(url(server, "/account"))
    page.get_by_role("button", name="Remove work laptop").click()
    expect(page.get_by_text("You have none yet")).to_be_visible()
    sign_out(page)
    sign_in(server, page)
    expect(page.get_by_text("This passkey is not known here")).to_be_visible()


def test_a_passkey_is_added_after_a_fresh_proof_alone(
    server: ClockedServer, browser: Browsing
) -> None:
    page = browser.page()
    Authenticator(page)
    add_passkey(server, page)
    server.ahead = timedelta(minutes=16)
    page.goto(url(server, "/account/passkey"))
    expect(page.get_by_role("heading", name="Is it still you?")).to_be_visible()


def test_a_disabled_account_is_shut_to_its_passkey(
    server: ClockedServer, browser: Browsing
) -> None:
    page = browser.page()
    Authenticator(page)
    add_passkey(server, page)
    server.command("create-admin", "--email", "stays@example.com")
    server.command("admin", "--email", IT, "--disable")
    sign_in(server, page)
    expect(page.get_by_text("may no longer sign in")).to_be_visible()


def test_an_answer_counts_once_in_one_browser_and_for_five_minutes(
    server: ClockedServer, browser: Browsing
) -> None:
    page = browser.page()
    Authenticator(page)
    add_passkey(server, page)
    sign_out(page)
    with page.expect_request_finished(
        lambda request: request.method == "POST" and request.url.endswith("/sign-in/passkey")
    ) as sent:
        sign_in(server, page)
    expect(page).to_have_url(url(server, "/fleet"))
    body = sent.value.post_data_buffer or b""
    cookie = sent.value.all_headers().get("cookie", "")
    assert b"credential=" in body

    def replayed(cookie: str, body: bytes = body) -> str:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": server.public_url,
            "Cookie": cookie,
        }
        with httpx.Client(base_url=server.public_url, trust_env=False, timeout=20) as thief:
            answer = thief.post("/sign-in/passkey", content=body, headers=headers)
        assert answer.status_code == 403
        found = re.search(r'role="alert">([^<]+)<', answer.text)
        assert found
        return found[1]

    assert "its answer is not right" in replayed(cookie), "expected its counter to be looked at"
    # Passkeys that are kept on several machines have no counter.
    server.change("UPDATE passkeys SET sign_count = 0")
    assert "used before" in replayed(cookie)
    assert "out of date" in replayed("passmuster_visitor=another")
    with server.later(timedelta(minutes=5)):
        assert "out of date" in replayed(cookie)
    assert "not known here" in replayed(
        cookie, re.sub(rb"&credential=[^&]*", b"&credential=x", body)
    )


def test_a_passkey_of_one_account_proves_nothing_for_another(
    server: ClockedServer, browser: Browsing
) -> None:
    page = browser.page()
    Authenticator(page)
    add_passkey(server, page)
    sign_out(page)
    page.goto(server.sign_in_link("other@example.com"))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(url(server, "/fleet"))
    page.goto(url(server, "/prove/passkey?back=/account"))
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_text("This passkey is not known here")).to_be_visible()
