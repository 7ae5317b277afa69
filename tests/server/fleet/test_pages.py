"""The pages for IT, in a real browser against the real server."""

from collections.abc import Iterator
from typing import Any, Literal

import httpx
import pytest
from joserfc.jwk import ECKey
from playwright.sync_api import Page, expect

from passmuster_collectors.contract.enrolment import KeyTier
from tests.support.browser import Browsing, browsing
from tests.support.example_laptops import (
    enrolled,
    healthy,
    readings_of,
    with_changed,
    with_usb_stick,
)
from tests.support.running_server import RunningServer, running_server
from tests.support.signing_device import SigningDevice

HOSTILE = '<script>document.title="owned"</script>{{7*7}}'


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("fleet")) as server, server.client() as client:
        enrolled(server, client, "ana@example.com", healthy(), computer_name="ana-laptop")
        enrolled(server, client, "ben@example.com", with_usb_stick(), computer_name="ben-laptop")
        enrolled(server, client, "mal@example.com", healthy(), computer_name=HOSTILE)
        yield server


@pytest.fixture(scope="module")
def browser(fleet: RunningServer) -> Iterator[Browsing]:
    """A browser in which IT has signed in."""
    with browsing() as opened:
        page = opened.page()
        page.goto(fleet.sign_in_link())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/fleet")
        page.close()
        yield opened


@pytest.fixture
def page(fleet: RunningServer, browser: Browsing) -> Iterator[Page]:
    opened = browser.page()
    opened.goto(f"{fleet.url}/fleet")
    yield opened
    opened.close()
    assert browser.complaints == []


def test_the_fleet_shows_every_laptop_the_worst_first(page: Page) -> None:
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("ben@example.com")
    expect(rows.first).to_contain_text("Not compliant")
    expect(rows.nth(1)).to_contain_text("Compliant")


def test_a_count_leads_to_the_laptops_it_counts(page: Page) -> None:
    page.get_by_role("link", name="Not compliant").first.click()
    page.wait_for_url("**/fleet?verdict=non_compliant")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_search_finds_by_owner_and_keeps_to_the_address(page: Page) -> None:
    page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first.fill("ana@")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**search=ana*")
    expect(page.locator("tbody tr")).to_have_count(1)


@pytest.mark.parametrize("search", ["' OR 1=1 --", "%", "_", "\\", '"><b>'])
def test_a_search_is_a_text_and_nothing_else(page: Page, search: str) -> None:
    page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first.fill(search)
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**search=*")
    expect(page.locator("tbody tr b")).to_have_count(0)
    expect(page.get_by_text("ana@example.com")).to_have_count(0)


def test_a_laptop_s_own_name_is_shown_as_text(page: Page) -> None:
    expect(page.get_by_text('<script>document.title="owned"</script>{{7*7}}')).to_be_visible()
    assert "owned" not in page.title()


def test_a_laptop_s_page_tells_facts_sources_remedy_and_history(page: Page) -> None:
    page.get_by_role("link", name="ben-laptop").click()
    page.wait_for_url("**/fleet/devices/*")
    body = page.locator("body")
    for text in (
        "/sys/bus/usb/devices",
        "Unplug",
        "What changed",
        "Verdicts",
        "Key fingerprint",
    ):
        expect(body).to_contain_text(text)


def test_what_policy_only_warns_of_is_told_beside_a_compliant_laptop(
    fleet: RunningServer, page: Page
) -> None:
    firewall = next(each for each in readings_of("firewall_no_rules") if each.signal == "firewall")
    with fleet.client() as client:
        laptop = enrolled(
            fleet, client, "kim@example.com", with_changed(firewall), computer_name="kim-laptop"
        )
        page.reload()
        row = page.locator("tbody tr", has_text="kim@example.com")
        expect(row).to_contain_text("Compliant")
        expect(row).to_contain_text("inbound connections are not filtered")
        page.get_by_role("link", name="kim-laptop").click()
        page.wait_for_url("**/fleet/devices/*")
        signal = page.locator("#signal-firewall")
        expect(signal).to_contain_text("Fails")
        expect(signal).to_contain_text("policy does not shut the gate for it")
        expect(page.locator("#signal-usb_devices")).not_to_contain_text("only shown")
        fleet.command("retire", laptop.device)


def test_the_page_changes_by_itself_when_a_laptop_does(fleet: RunningServer, page: Page) -> None:
    with fleet.client() as client:
        laptop: SigningDevice = enrolled(fleet, client, "zoe@example.com", healthy())
        row = page.locator("tbody tr", has_text="zoe@example.com")
        expect(row).to_contain_text("Compliant")
        laptop.report(client, with_usb_stick())
        expect(row).to_contain_text("Not compliant")
        fleet.command("retire", laptop.device)


def test_a_key_that_moves_to_a_weaker_place_is_told_at_once(
    fleet: RunningServer, page: Page
) -> None:
    rows = page.get_by_role("region", name="Key").locator("tbody tr")
    with fleet.client() as client:
        laptop = enrolled(fleet, client, "kim@example.com", healthy())
        laptop.rotate(client, ECKey.generate_key("P-256"), KeyTier.HARDWARE)
        page.goto(f"{fleet.url}/fleet/devices/{laptop.device}")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("in a file → in hardware Stronger")
        laptop.rotate(client, ECKey.generate_key("P-256"), KeyTier.KEYRING)
        expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("in hardware → in the system's keyring Weaker")
    expect(rows.first).to_contain_text(laptop.public_key.fingerprint())
    fleet.command("retire", laptop.device)


def test_everything_on_the_page_is_reached_by_keyboard(page: Page) -> None:
    reached: set[str] = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(str(page.evaluate("document.activeElement.textContent.trim()")))
    assert {"ben-laptop", "Search", "Sign out"} <= reached


def test_dark_and_light_look_different_and_complain_of_nothing(page: Page) -> None:
    shades = []
    schemes: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        shades.append(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    assert shades[0] != shades[1]


def test_a_phone_needs_no_sideways_scrolling(fleet: RunningServer, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("/fleet", "/privacy"):
        page.goto(fleet.url + path)
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, f"{path} is {overflow} px too wide"


def test_what_is_collected_is_listed_with_the_reason_for_each_field(
    fleet: RunningServer, page: Page
) -> None:
    page.goto(f"{fleet.url}/privacy")
    body = page.locator("body")
    expect(body).to_contain_text("keyed hash")
    expect(body).to_contain_text("A device that can type can type commands.")


@pytest.mark.parametrize("path", ["/fleet", "/sign-in", "/privacy"])
def test_every_page_has_a_strict_policy(fleet: RunningServer, path: str) -> None:
    headers: Any = httpx.get(fleet.url + path, trust_env=False, timeout=20).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
