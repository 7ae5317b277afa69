"""The organisation's sign-in in a real Chromium, at another site: cookies, policy and all."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Browsing, browsing
from tests.support.clocked_server import ClockedServer
from tests.support.openid_provider import server_with_provider

IT = "it@example.com"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with server_with_provider(tmp_path) as (running, provider):
        running.command("create-admin", "--email", IT)
        provider.know("it")
        yield running


@pytest.fixture
def browser() -> Iterator[Browsing]:
    with browsing() as opened:
        yield opened


def log_in(page: Page) -> None:
    page.get_by_label("Who are you?").fill("it")
    page.get_by_role("button", name="Log in").click()


def test_an_administrator_signs_in_and_proves_it_again(
    server: ClockedServer, browser: Browsing
) -> None:
    page = browser.page()
    page.goto(server.url + "/sign-in")
    page.get_by_role("link", name="Sign in with your organisation").click()
    log_in(page)
    expect(page).to_have_url(server.url + "/fleet")
    kept = {cookie["name"]: cookie for cookie in browser.context.cookies(server.url)}
    assert kept["passmuster_session"]["sameSite"] == "Strict"
    assert kept["passmuster_session"]["httpOnly"]
    assert not {"passmuster_openid", "passmuster_arrival"} & kept.keys(), "expected them to be over"
    # A page is left open for a quarter of an hour; then something is to be changed.
    page.goto(server.url + "/account")
    with server.later(timedelta(minutes=16)):
        page.get_by_role("button", name="Set up a password").click()
        expect(page.get_by_role("heading", name="Is it still you?")).to_be_visible()
    page.get_by_role("link", name="Sign in with your organisation").click()
    log_in(page)
    expect(page).to_have_url(server.url + "/account")
    page.get_by_role("button", name="Set up a password").click()
    expect(page.get_by_role("button", name="Put both in force")).to_be_visible()
    refused = "the server responded with a status of 403"
    assert [each for each in browser.complaints if refused not in each] == []
