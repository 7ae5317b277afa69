"""Every page by the rules of WCAG 2.2 AA, in a real Chromium: light, dark, and on a telephone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.support.accessibility import expect_no_faults, faults
from tests.support.browser import Browsing, browsing
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.proving import WANT, add_door
from tests.support.signing_in import register

HOST = "helpdesk.example.com"
CALLBACK = "https://sso.example.com/callback"
PASSWORD = "ferry lantern quartz"

CONTROLS = """
(() => {
  const all = document.querySelectorAll("a[href], button, input, select, summary");
  return [...all].filter((each) => each.checkVisibility({ visibilityProperty: true }));
})
"""
FOCUSED = f"""
() => {{
  const style = getComputedStyle(document.activeElement);
  const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return [{CONTROLS}().indexOf(document.activeElement), drawn];
}}
"""


@dataclass(frozen=True)
class Site:
    """A server whose fleet has a blocked laptop; `start` leads a browser to the gate."""

    server: ClockedServer
    device: str
    decision: str
    start: str
    authorize: str

    def url(self, path: str) -> str:
        return self.server.url + path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("server")
    with (
        clocked_server(folder, policy=ONLY_USB, contact="it@example.com") as server,
        server.client() as client,
    ):
        add_door(server)
        enrolled(server, client, "ben@example.com", healthy(), computer_name="ben-laptop")
        laptop = enrolled(server, client, "ana@example.com", healthy())
        laptop.report(client, with_usb_stick())
        server.command("waive", laptop.device, "firewall", "--days", "7", "--reason", "A test")
        server.command("usb", "forbid", "1234:5678", "--organisation", "--reason", "A test")
        made = server.command("gate-client", "proxy", "--application", "helpdesk", "--host", HOST)
        token = made.stdout.split()[-1]
        sso = register(server, CALLBACK, "--trust-login-hint", "--without-pkce")
        asked = {
            "client_id": sso.client,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid",
            "login_hint": "ana@example.com",
            "state": "a state",
            "nonce": "a nonce",
        }
        yield Site(
            server,
            laptop.device,
            _denied(client, token),
            _start(client, token),
            "/oidc/authorize?" + urlencode(asked),
        )


def _denied(client: httpx.Client, token: str) -> str:
    asked: httpx.Response = client.post(
        "/access/v1/evaluation",
        headers={"Authorization": f"Bearer {token}"},
        json={
            "subject": {"type": "user", "id": "ana@example.com"},
            "action": {"name": "login"},
            "resource": {"type": "application", "id": "helpdesk"},
        },
    )
    assert asked.json()["decision"] is False
    return str(asked.json()["context"]["id"])


def _start(client: httpx.Client, token: str) -> str:
    asked: httpx.Response = client.get(
        "/gate/caddy?application=helpdesk",
        headers={
            "Authorization": f"Bearer {token}",
            "X-Forwarded-Method": "GET",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": HOST,
            "X-Forwarded-Uri": "/tickets/7",
            "X-Forwarded-For": "127.0.0.1",
            "Sec-Fetch-Mode": "navigate",
        },
    )
    return asked.headers["location"]


def sign_in(page: Page, server: ClockedServer, role: str = "administrator") -> None:
    command = server.command("create-admin", "--email", f"{role}@example.com", "--role", role)
    page.goto(command.stdout.split()[-1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/fleet")


@pytest.fixture(scope="module")
def administrator(site: Site) -> Iterator[Browsing]:
    """A browser in which an administrator has signed in."""
    with browsing() as opened:
        page = opened.page()
        sign_in(page, site.server)
        page.close()
        yield opened


@pytest.fixture
def console(administrator: Browsing) -> Iterator[Page]:
    opened = administrator.page()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def stranger(administrator: Browsing) -> Iterator[Browsing]:
    """A browser that nobody has signed in with, in the same program."""
    program = administrator.context.browser
    assert program is not None
    context = program.new_context()
    yield Browsing(context)
    context.close()


@pytest.fixture
def page(stranger: Browsing) -> Iterator[Page]:
    opened = stranger.page()
    yield opened
    opened.close()
    stranger.context.clear_cookies()


def test_axe_does_find_what_is_wrong(page: Page) -> None:
    page.set_content("<html><body><input><p style='color:#ccc'>pale</p></body></html>")
    found = " ".join(faults(page))
    for rule in ("label", "color-contrast", "html-has-lang", "region"):
        assert f": {rule}: " in found


@pytest.mark.parametrize(
    "path",
    [
        "/fleet",
        "/fleet?search=ben",
        "/fleet?search=nothing+of+that+name",
        "/fleet/devices/unknown",
        "/trends?days=1",
        "/usb",
        "/enrol",
        "/policy",
        "/policy/versions/1",
        "/policy/versions/2",
        "/usb?search=nothing+of+that+name",
        "/audit",
        "/audit?search=nothing+of+that+name",
        "/audit/decisions/unknown",
        "/audit/evidence",
        "/account",
        "/privacy",
        "/sign-in",
    ],
)
def test_a_page_for_it(site: Site, console: Page, path: str) -> None:
    console.goto(site.url(path))
    expect_no_faults(console)


def test_a_fleet_with_saved_views(site: Site, console: Page) -> None:
    console.goto(site.url("/fleet?search=ben"))
    console.get_by_text("Save and manage views").click()
    console.get_by_label("Name for what is filtered now").fill("Ben's laptops")
    console.get_by_label("For all administrators").check()
    console.get_by_role("button", name="Save this view").click()
    view = console.get_by_role("navigation", name="Saved views").get_by_role("link")
    expect(view).to_have_attribute("aria-current", "true")
    expect_no_faults(console)


def test_a_laptop_with_findings_a_waiver_and_actions(site: Site, console: Page) -> None:
    console.goto(site.url(f"/fleet/devices/{site.device}"))
    expect(console.get_by_text("Waived").first).to_be_attached()
    expect(console.get_by_role("button", name="End this waiver")).to_be_visible()
    expect_no_faults(console)


def test_everything_on_a_laptop_s_page_is_reached_by_tab_and_shows_it(
    site: Site, console: Page
) -> None:
    console.goto(site.url(f"/fleet/devices/{site.device}"))
    controls, reached = console.evaluate(f"{CONTROLS}().length"), set()
    for _ in range(2 * controls):
        console.keyboard.press("Tab")
        control, outlined = console.evaluate(FOCUSED)
        if control >= 0:
            assert outlined, f"nothing shows that control {control} has the focus"
            reached.add(control)
    assert reached == set(range(controls))


def test_a_decision(site: Site, console: Page) -> None:
    console.goto(site.url(f"/audit/decisions/{site.decision}"))
    expect(console.get_by_text("Kept out")).to_be_visible()
    expect_no_faults(console)


def test_a_change_that_was_refused(site: Site, console: Page) -> None:
    console.goto(site.url(f"/fleet/devices/{site.device}"))
    form = console.locator("form").filter(has_text="Grant a waiver")
    form.evaluate("(form) => { form.noValidate = true; }")
    form.get_by_label("For days").fill("0")
    form.get_by_role("button").click()
    expect(console.get_by_role("heading", level=1)).to_have_text("Nothing was changed")
    expect_no_faults(console)


def test_a_code_for_a_laptop(site: Site, console: Page) -> None:
    console.goto(site.url("/enrol"))
    console.get_by_label("Whose laptop it will be").fill("cleo@example.com")
    console.get_by_role("button", name="Make a code").click()
    expect(console.get_by_role("heading", name="The code for cleo@example.com")).to_be_visible()
    expect_no_faults(console)


def test_what_a_suppliers_group_demands_with_a_mistake_and_without(site: Site, page: Page) -> None:
    site.server.command("group", "add", "Manila", "--kind", "supplier")
    made = site.server.command(
        *("create-admin", "--email", "m@example.com"),
        *("--group", "Manila", "--role", "administrator"),
    )
    page.goto(made.stdout.split()[-1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/fleet")
    page.get_by_role("link", name="What your group demands").click()
    editor = page.get_by_role("textbox", name="The tables of your group")
    editor.fill("max_age_s = 86400")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("alert")).to_contain_text("is weaker than")
    expect_no_faults(page)
    editor.fill('[signals.firewall]\nseverity = "block"')
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="What it would do to your laptops")).to_be_visible()
    expect(page.get_by_role("button", name="Put it in force")).to_be_visible()
    expect_no_faults(page)


def test_a_change_of_the_policy_with_a_mistake_and_without(site: Site, console: Page) -> None:
    console.goto(site.url("/policy"))
    editor = console.get_by_role("textbox", name="The policy, as TOML")
    written = editor.input_value()
    editor.fill(written.replace('"warn"', '"wrong"', 1))
    console.get_by_role("button", name="Check this change").click()
    expect(console.get_by_role("alert")).to_contain_text("Line ")
    expect_no_faults(console)
    milder = written.replace('"block"', '"warn"', 1)
    console.get_by_role("textbox", name="Put it right").fill(milder)
    console.get_by_role("button", name="Check again").click()
    expect(console.get_by_role("heading", name="Difference to version 2")).to_be_visible()
    expect(console.get_by_role("button", name="Put it in force")).to_be_visible()
    expect_no_faults(console)
    site.server.change("UPDATE sessions SET proven_at = 1")
    console.get_by_role("textbox", name="What it is for").fill("A test")
    if console.get_by_label("I mean to shut out").count():
        console.get_by_label("I mean to shut out").check()
    console.get_by_role("button", name="Put it in force").click()
    expect(console.get_by_text("Your sign-in is older than 15 minutes")).to_be_visible()
    expect_no_faults(console)
    site.server.change("UPDATE sessions SET proven_at = created_at")


def test_a_second_step_from_pending_to_the_recovery_codes_and_a_sign_in_that_is_too_old(
    site: Site, page: Page
) -> None:
    sign_in(page, site.server, "helpdesk")
    page.goto(site.url("/account"))
    page.get_by_role("button", name="Set up a password").click()
    secret = page.locator("ol code").inner_text()
    expect_no_faults(page)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("Six digits").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Put both in force").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    expect_no_faults(page)
    site.server.change("UPDATE sessions SET proven_at = 1")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Is it still you?")
    expect_no_faults(page)


def test_what_a_viewer_may_not_do(site: Site, page: Page) -> None:
    sign_in(page, site.server, "viewer")
    page.goto(site.url("/audit"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Not for your account")
    expect_no_faults(page)


def test_a_fleet_without_laptops(tmp_path: Path, page: Page) -> None:
    with clocked_server(tmp_path) as server:
        sign_in(page, server)
        expect(page.get_by_role("heading", name="No laptop is enrolled yet")).to_be_visible()
        expect_no_faults(page)


@pytest.mark.parametrize(
    "path",
    [
        "/fleet",
        "/sign-in",
        "/sign-in#a-token",
        "/privacy",
        "/gate/blocked/unknown",
        "/gate/page/again",
        "/my-laptops",
        "/proof/unknown",
        "/proof/return?a=x",
        "/oidc/step/unknown",
        "/oidc/authorize",
    ],
)
def test_a_page_for_everybody(site: Site, page: Page, path: str) -> None:
    page.goto(site.url(path))
    expect_no_faults(page)


def test_the_page_that_stops_a_worker(site: Site, page: Page) -> None:
    page.goto(site.url(f"/gate/blocked/{site.decision}"))
    expect(page.get_by_role("heading", level=1)).to_have_text("You can't open helpdesk yet")
    expect_no_faults(page)


def test_the_step_of_a_sign_in(site: Site, page: Page) -> None:
    page.goto(site.url(site.authorize))
    expect(page.get_by_role("heading", level=1)).to_contain_text("You can't open")
    expect_no_faults(page)


def test_the_first_visit_where_no_laptop_answers(site: Site, page: Page) -> None:
    page.goto(site.url(WANT))
    expect(page.get_by_role("link", name="Check this laptop")).to_be_visible()
    expect_no_faults(page)
    page.evaluate(
        """() => document.querySelectorAll("[data-step]").forEach((each) => {
          each.hidden = each.dataset.step !== "nobody";
        })"""
    )
    expect_no_faults(page)


def test_the_form_for_a_code_that_breaks_the_glass(site: Site, page: Page) -> None:
    page.goto(site.start)
    page.goto(f"{page.url}/back")
    page.get_by_role("link", name="I have a break-glass code").click()
    expect(page.get_by_label("Code")).to_be_visible()
    expect_no_faults(page)
    page.get_by_label("Code").fill("AAAA-AAAA-AAAA")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect_no_faults(page)


@pytest.mark.parametrize("language", ["de", "hi"])
def test_a_worker_s_pages_in_another_language(site: Site, page: Page, language: str) -> None:
    page.set_extra_http_headers({"Accept-Language": language})
    for path in (
        f"/gate/blocked/{site.decision}",
        "/gate/blocked/unknown",
        "/gate/page/again",
        "/my-laptops",
        "/proof/unknown",
        "/oidc/step/unknown",
        site.authorize,
        WANT,
    ):
        page.goto(site.url(path))
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect_no_faults(page)


def test_a_language_is_picked_without_a_script_and_kept(site: Site, page: Page) -> None:
    page.goto(site.url("/my-laptops"))
    page.get_by_role("link", name="Deutsch").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Was über Ihre Laptops gespeichert ist"
    )
    expect(page.get_by_role("link", name="Deutsch")).to_have_attribute("aria-current", "true")
    page.goto(site.url("/gate/page/again"))
    expect(page.locator("html")).to_have_attribute("lang", "de")
