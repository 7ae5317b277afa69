"""Every page for IT by the rules of WCAG 2.2 AA, in a real Chromium: light, dark, narrow."""

from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Page, expect

from passmuster_collectors.signals import CATALOG
from passmuster_server.console.signal_tallies import HOUR, Tally, add, hour_of
from passmuster_server.devices import codes
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.accessibility import expect_no_faults, faults
from tests.support.clocked_server import clocked_server
from tests.support.example_site import Site, sign_in
from tests.support.running_server import free_port
from tests.support.signing_device import SigningDevice

PASSWORD = "ferry lantern quartz"


def test_axe_does_find_what_is_wrong(page: Page) -> None:
    page.set_content("<html><body><input><p style='color:#ccc'>pale</p></body></html>")
    found = " ".join(faults(page))
    for rule in ("label", "color-contrast", "html-has-lang", "region"):
        assert f": {rule}: " in found


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/fleet", "fleet/fleet.html"),
        ("/fleet?search=ben", "fleet/fleet.html"),
        ("/fleet?search=nothing+of+that+name", "fleet/fleet.html"),
        ("/fleet/devices/unknown", "fleet/no_device.html"),
        ("/trends?days=1", "console/trends.html"),
        ("/usb", "console/usb.html"),
        ("/usb?search=nothing+of+that+name", "console/usb.html"),
        ("/enrol", "console/enrolment.html"),
        ("/alerts", "console/alerts.html"),
        ("/alerts/new?way=email", "console/alert_new.html"),
        ("/alerts/new?way=webhook", "console/alert_new.html"),
        ("/alerts/new?way=slack", "console/alert_new.html"),
        ("/alerts/new?way=syslog", "console/alert_new.html"),
        ("/policy", "console/policy.html"),
        ("/policy/versions/1", "console/policy_version.html"),
        ("/policy/versions/2", "console/policy_version.html"),
        ("/policy/prove", "console/proven.html"),
        ("/audit", "audit/audit.html"),
        ("/audit?search=nothing+of+that+name", "audit/audit.html"),
        ("/audit/decisions/unknown", "audit/no_decision.html"),
        ("/audit/evidence", "evidence/evidence.html"),
        ("/account", "accounts/account.html"),
        ("/privacy", "fleet/privacy.html"),
        ("/sign-in", "accounts/sign_in.html"),
    ],
)
def test_a_page_for_it(site: Site, console: Page, path: str, template: str) -> None:
    console.goto(site.url(path))
    expect_no_faults(console, template)


def test_trends_with_a_picture_of_each_signal(site: Site, console: Page) -> None:
    before = hour_of(site.server.now()) - 20 * HOUR
    found = {("default", signal.id): Tally(1, 1, 1) for signal in CATALOG}
    site.server.services.database.write_now(
        lambda transaction: add(transaction.connection, DEFAULT_ORGANISATION, before, found)
    )
    # Another period than those that were counted for a page before.
    console.goto(site.url("/trends?days=7"))
    expect(console.get_by_role("img", name="Firewall over the last 7 days")).to_be_visible()
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
    expect_no_faults(console, "fleet/device.html")


def test_a_decision(site: Site, console: Page) -> None:
    console.goto(site.url(f"/audit/decisions/{site.decision}"))
    expect(console.get_by_text("Kept out")).to_be_visible()
    expect_no_faults(console, "audit/decision.html")


def test_a_change_that_was_refused(site: Site, console: Page) -> None:
    console.goto(site.url(f"/fleet/devices/{site.device}"))
    form = console.locator("form").filter(has_text="Grant a waiver")
    form.evaluate("(form) => { form.noValidate = true; }")
    form.get_by_label("For days").fill("0")
    form.get_by_role("button").click()
    expect(console.get_by_role("heading", level=1)).to_have_text("Nothing was changed")
    expect_no_faults(console, "console/not_changed.html")


def test_a_code_for_a_laptop(site: Site, console: Page) -> None:
    console.goto(site.url("/enrol"))
    console.get_by_label("Whose laptop it will be").fill("cleo@example.com")
    console.get_by_role("button", name="Make a code").click()
    expect(console.get_by_role("heading", name="The code for cleo@example.com")).to_be_visible()
    expect_no_faults(console)


def test_alerts_from_a_mistake_to_a_rule_that_fails(site: Site, console: Page) -> None:
    console.goto(site.url("/alerts/new?way=webhook"))
    console.get_by_label("Name").fill("Tickets of the desk")
    console.get_by_label("Address").fill("http://tickets.example.com/hooks")
    console.get_by_label("Laptop is shut out").check()
    console.get_by_role("button", name="Add it").click()
    expect(console.get_by_role("alert")).to_contain_text("Address: expected https")
    expect(console.get_by_label("Laptop is shut out")).to_be_checked()
    expect_no_faults(console, "console/alert_new.html")
    console.get_by_label("Address").fill(f"https://127.0.0.1:{free_port()}/hooks")
    console.get_by_role("button", name="Add it").click()
    expect(console.locator("#issued")).to_contain_text("whsec_")
    expect_no_faults(console, "console/alerts.html")
    console.get_by_role("button", name="Test Tickets of the desk").click()
    expect(console.get_by_role("alert")).to_contain_text("The test was not sent")
    expect_no_faults(console, "console/alerts.html")
    console.get_by_role("button", name="Remove Tickets of the desk").click()
    expect(console.get_by_text("Nobody is told of anything yet")).to_be_visible()


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
    expect_no_faults(page, "console/group_policy.html")
    editor.fill('[signals.firewall]\nseverity = "block"')
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="What it would do to your laptops")).to_be_visible()
    expect(page.get_by_role("button", name="Put it in force")).to_be_visible()
    expect_no_faults(page)
    for path in ("/fleet", "/trends", "/usb"):
        page.goto(site.url(path))
        expect(page.get_by_role("navigation", name="Main").get_by_text("Policy")).to_have_count(0)
        expect_no_faults(page)
    page.goto(site.url("/policy"))
    expect_no_faults(page, "accounts/not_for_groups.html")


def test_a_laptop_that_waits_for_approval_and_one_that_is_lost(site: Site, console: Page) -> None:
    added = site.server.command("deployment-secret", "add", "many", "--uses", "9", "--days", "30")
    secret = next(line for line in added.stdout.splitlines() if len(codes.normalised(line)) == 24)
    waits, lost = SigningDevice(site.server.url), SigningDevice(site.server.url)
    with site.server.client() as client:
        waits.enroll(client, secret, "dan@example.com")
        lost.enroll(client, site.server.enroll_code("eve@example.com"))
    site.server.command("lost", lost.device)
    console.goto(site.url(f"/fleet/devices/{waits.device}"))
    expect(console.get_by_role("button", name="Approve this laptop")).to_be_visible()
    expect_no_faults(console)
    console.goto(site.url(f"/fleet/devices/{lost.device}"))
    expect_no_faults(console)


def test_a_change_of_the_policy_with_a_mistake_and_without(site: Site, console: Page) -> None:
    console.goto(site.url("/policy"))
    editor = console.get_by_role("textbox", name="The policy, as TOML")
    written = editor.input_value()
    editor.fill(written.replace('"warn"', '"wrong"', 1))
    console.get_by_role("button", name="Check this change").click()
    expect(console.get_by_role("alert")).to_contain_text("Line ")
    expect_no_faults(console, "console/policy_draft.html")
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
    expect_no_faults(page, "accounts/prove.html")


def test_what_a_viewer_may_not_do(site: Site, page: Page) -> None:
    sign_in(page, site.server, "viewer")
    page.goto(site.url("/audit"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Not for your account")
    expect_no_faults(page, "accounts/not_allowed.html")


def test_a_fleet_without_laptops(tmp_path: Path, page: Page) -> None:
    with clocked_server(tmp_path) as server:
        sign_in(page, server)
        expect(page.get_by_role("heading", name="No laptop is enrolled yet")).to_be_visible()
        expect_no_faults(page)
