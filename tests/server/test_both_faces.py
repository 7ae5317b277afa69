"""Both faces from one end to the other, with the real agent, a real Chromium, on either database.

A worker is kept out, reads why, puts it right and is let in; IT's day goes through every page.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Browsing, browsing
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import wait_until
from tests.support.example_laptops import ONLY_USB
from tests.support.relying_party import RelyingParty, relying_party
from tests.support.running_agent import enroll, running_agent
from tests.support.signing_in import Arrival, Registered, register, running_callback
from tests.support.usb_stage import STICK, on_stage, plug_in, pull_out, require_stage

ANA = "ana@example.com"
PASSWORD = "ferry lantern quartz"
PATIENCE_MS = 30_000

pytestmark = [pytest.mark.timeout(300), pytest.mark.heard_by_all]


@dataclass(frozen=True)
class Site:
    """A server, this machine as Ana's laptop, and the helpdesk that she signs in to."""

    server: ClockedServer
    agent: "Popen[bytes]"
    helpdesk: Registered
    sso: RelyingParty
    arrivals: list[Arrival]

    @property
    def verdict(self) -> str:
        """How the laptop stands."""
        found = self.server.rows("SELECT verdict FROM verdicts")
        return str(found[0][0]) if found else ""

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return self.server.url + path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    require_stage()
    with (
        clocked_server(tmp_path / "server", policy=ONLY_USB, contact="it@example.com") as server,
        running_callback() as (callback, arrivals),
        relying_party() as sso,
    ):
        helpdesk = register(server, callback, "--trust-login-hint", name="Helpdesk")
        enroll(server, tmp_path / "state", ANA)
        with running_agent(tmp_path / "state", within=on_stage([])) as agent:
            running = Site(server, agent, helpdesk, sso, arrivals)
            wait_until(lambda: running.verdict == "compliant")
            yield running


@pytest.fixture
def browser() -> Iterator[Browsing]:
    with browsing() as opened:
        yield opened


def begin(site: Site) -> str:
    """Begin to sign in to the helpdesk; return where that leads."""
    site.sso.do(
        "discover",
        issuer=site.helpdesk.issuer,
        id=site.helpdesk.client,
        secret=site.helpdesk.secret,
        method="client_secret_basic",
    )
    asked = {"redirect_uri": site.helpdesk.redirect_uri, "login_hint": ANA}
    return str(site.sso.do("start", parameters=asked)["url"])


def kept_out(site: Site, page: Page) -> None:
    """Plug an unknown stick in, and meet the page that says so."""
    plug_in(site.agent.pid, STICK)
    wait_until(lambda: site.verdict == "non_compliant")
    page.goto(begin(site))
    expect(page.get_by_role("heading", level=1)).to_have_text("You can't open Helpdesk yet")
    expect(page.get_by_role("heading", name="IT has not approved")).to_be_visible()


def is_let_in(site: Site, page: Page) -> None:
    """See that the sign-in went on by itself, and that it is she."""
    back = page.get_by_role("heading", name="Back at the sign-in")
    expect(back).to_be_visible(timeout=PATIENCE_MS)
    told = site.sso.do("finish", url=site.arrivals[-1].url)["claims"]
    assert told["sub"] == ANA


def test_a_worker_is_kept_out_puts_it_right_and_is_let_in(site: Site, browser: Browsing) -> None:
    page = browser.page()
    page.goto(begin(site))
    is_let_in(site, page)
    kept_out(site, page)
    expect(page.get_by_role("link", name="it@example.com")).to_be_visible()
    pull_out(site.agent.pid, STICK)
    is_let_in(site, page)
    assert browser.complaints == []


def test_the_worker_is_let_in_as_soon_as_it_approves(site: Site, browser: Browsing) -> None:
    program = browser.context.browser
    assert program is not None
    its = program.new_context().new_page()
    sign_in_with_a_second_step(site, its)
    page = browser.page()
    kept_out(site, page)
    its.goto(site.url("/usb"))
    waits = its.get_by_role("article").filter(has_text="0781:5581")
    waits.get_by_label("Because").fill("Bought by IT")
    waits.get_by_role("button", name="Approve").click()
    expect(its.get_by_role("cell", name="Bought by IT")).to_be_visible()
    is_let_in(site, page)


def sign_in_with_a_second_step(site: Site, page: Page) -> None:
    """Set a password and a second step up from the first link, and sign in by both."""
    page.goto(site.server.sign_in_link("it@example.com"))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto(site.url("/account"))
    page.get_by_role("button", name="Set up a password").click()
    one_time = pyotp.TOTP(page.locator("ol code").inner_text())
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("Six digits").fill(one_time.at(site.server.now()))
    page.get_by_role("button", name="Put both in force").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    recovery = page.locator("ul.columns li").first.inner_text()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_label("E-mail address").fill("it@example.com")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    # The digits are good once, so the next ones would have to be waited for.
    page.get_by_label("Six digits of your authenticator app").fill(recovery)
    page.get_by_role("button", name="Sign in by password").click()
    page.wait_for_url("**/fleet")


def test_its_whole_day(site: Site, browser: Browsing) -> None:
    worker = browser.page()
    kept_out(site, worker)
    page = browser.page()
    sign_in_with_a_second_step(site, page)
    the_laptop_is_looked_at_waived_and_asked(site, page)
    the_policy_is_changed_and_taken_back(site, page)
    a_laptop_is_expected(page)
    the_record_leads_back_to_a_signed_report(page)
    page.get_by_role("link", name="it@example.com").click()
    expect(page.get_by_role("heading", name="Where you are signed in")).to_be_visible()
    assert browser.complaints == []


def the_laptop_is_looked_at_waived_and_asked(site: Site, page: Page) -> None:
    row = page.get_by_role("row").filter(has_text=ANA)
    expect(row.get_by_text("Not compliant")).to_be_visible()
    row.get_by_role("link").first.click()
    page.wait_for_url("**/fleet/devices/*")
    form = page.locator("form").filter(has_text="Grant a waiver")
    form.get_by_label("Let this shut nobody out").select_option("USB devices")
    form.get_by_label("Because").fill("A camera for Friday")
    form.get_by_role("button").click()
    expect(page.get_by_role("button", name="End this waiver")).to_be_visible()
    wait_until(lambda: site.verdict == "compliant")
    page.get_by_role("button", name="End this waiver").click()
    expect(page.get_by_role("button", name="End this waiver")).to_have_count(0)
    wait_until(lambda: site.verdict == "non_compliant")
    page.get_by_role("button", name="Ask for a fresh report").click()
    # Unless the laptop had something to say of its own accord.
    expect(
        page.get_by_text(re.compile(r"wanted at next contact|on its way|\bcame\b"))
    ).to_be_visible()
    pull_out(site.agent.pid, STICK)
    wait_until(lambda: site.server.rows("SELECT 1 FROM contacts WHERE fresh_done_at IS NOT NULL"))
    page.reload()
    expect(page.get_by_text("came", exact=False).first).to_be_visible()
    expect(page.get_by_text("Compliant", exact=True).first).to_be_visible()


def the_policy_is_changed_and_taken_back(site: Site, page: Page) -> None:
    page.get_by_role("link", name="Policy", exact=True).click()
    editor = page.get_by_role("textbox", name="The policy, as TOML")
    editor.fill(f"report_within_s = 900\n{editor.input_value()}")
    publish(page, "To hear sooner")
    expect(page.get_by_text("Version 3 is in force")).to_be_visible()
    page.get_by_role("button", name="Roll back… to version 2").click()
    publish(page, "It was too soon", check=False)
    expect(page.get_by_text("Version 4 is in force")).to_be_visible()
    (first, second) = site.server.rows(
        "SELECT document FROM policies WHERE version IN (2, 4) ORDER BY version"
    )
    assert first == second


def publish(page: Page, why: str, *, check: bool = True) -> None:
    if check:
        page.get_by_role("button", name="Check this change").click()
    expect(page.get_by_role("heading", name="What it would do")).to_be_visible()
    page.get_by_label("What it is for").fill(why)
    sure = page.get_by_label("I mean to shut out")
    if sure.count():
        sure.check()
    page.get_by_role("button", name="Put it in force").click()
    page.wait_for_url("**/policy")


def a_laptop_is_expected(page: Page) -> None:
    page.get_by_role("link", name="Fleet", exact=True).click()
    page.get_by_role("link", name="Enrol a laptop").click()
    page.get_by_label("Whose laptop it will be").fill("cleo@example.com")
    page.get_by_role("button", name="Make a code").click()
    expect(page.get_by_role("heading", name="The code for cleo@example.com")).to_be_visible()
    page.get_by_role("link", name="Trends").click()
    expect(page.get_by_role("heading", name="Signals now")).to_be_visible()
    expect(page.get_by_role("heading", name="Gone silent")).to_be_visible()


def the_record_leads_back_to_a_signed_report(page: Page) -> None:
    page.get_by_role("link", name="Audit", exact=True).click()
    for action in ("waiver.granted", "report.requested", "policy.published"):
        expect(page.get_by_text(action).first).to_be_visible()
    page.get_by_role("link", name="evidence of a period").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Evidence")
    page.get_by_role("link", name="Fleet", exact=True).click()
    page.get_by_role("row").filter(has_text=ANA).get_by_role("link").first.click()
    page.get_by_role("link", name="what it rested on").last.click()
    expect(page.get_by_text("Kept out")).to_be_visible()
    expect(page.get_by_text("By this laptop's key").first).to_be_visible()
