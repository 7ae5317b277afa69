"""The organisation's sign-in in a real Chromium, at another site: cookies, policy and all."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Page, expect

from passmuster_server.openid.login import ARRIVALS, Purpose
from tests.support.accessibility import expect_no_faults
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
    page.goto(server.url + "/fleet")
    expect_no_faults(page)
    page.get_by_role("link", name="Sign in").click()
    expect_no_faults(page)
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
        expect_no_faults(page)
    page.get_by_role("link", name="Sign in with your organisation").click()
    log_in(page)
    expect(page).to_have_url(server.url + "/account")
    page.get_by_role("button", name="Set up a password").click()
    expect(page.get_by_role("button", name="Put both in force")).to_be_visible()
    refused = re.compile("the server responded with a status of 40[13]")
    assert [each for each in browser.complaints if not refused.search(each)] == []


def test_the_page_on_the_way_back_where_the_browser_does_not_go_on_by_itself(
    server: ClockedServer, browser: Browsing
) -> None:
    page = browser.page()
    # As where refreshing is switched off: the page stays.
    onward = re.compile(re.escape(server.url + ARRIVALS[Purpose.SIGN_IN]) + "$")
    page.context.route(onward, lambda route: route.abort("aborted"))
    page.goto(server.url + "/sign-in/openid")
    log_in(page)
    go_on = page.get_by_role("link", name="Go on")
    expect(go_on).to_be_visible()
    expect_no_faults(page, "openid/arriving.html")
    page.context.unroute(onward)
    go_on.press("Enter")
    expect(page).to_have_url(server.url + "/fleet")


def test_who_has_no_second_factor_is_asked_or_turned_away_in_plain_words(
    tmp_path: Path, browser: Browsing
) -> None:
    with server_with_provider(tmp_path) as (server, provider):
        provider.know("it", amr=("pwd",))
        link = server.sign_in_link(IT)
        page = browser.page()
        page.goto(link)
        page.get_by_role("button", name="Sign in by the link").click()
        page.get_by_role("link", name=IT).click()
        page.get_by_role("button", name="Set up a password").click()
        secret = page.locator("code").inner_text()
        page.get_by_label("New password").fill("ferry lantern quartz")
        page.get_by_label("Six digits").fill(pyotp.TOTP(secret).at(server.now()))
        page.get_by_role("button", name="Put both in force").click()
        page.get_by_role("button", name="Sign out", exact=True).click()
        page.get_by_role("link", name="Sign in with your organisation").click()
        log_in(page)
        expect(page.get_by_role("heading", name="Your second step")).to_be_visible()
        expect_no_faults(page, "accounts/second_step.html")
        page.goto(server.url + "/openid/return?state=x")
        expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
        expect_no_faults(page, "openid/came_to_nothing.html")
