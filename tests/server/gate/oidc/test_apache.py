"""Debian's Apache with mod_auth_openidc, by docs/sso/apache.md, in a real Chromium.

The laptop is this machine, with a real agent and a real companion.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from passmuster_server.policy.document import Devices
from tests.server.gate.oidc.test_authorize import publish
from tests.support.apache import CALLBACK, Apache, running_apache, running_helpdesk
from tests.support.browser import browsing
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB
from tests.support.proving_laptop import proving_laptop
from tests.support.running_server import free_port
from tests.support.signing_in import register

PATIENCE_MS = 45_000
OWNER = "ana@example.com"
DISK_TOO = ONLY_USB.replace(
    '[signals.disk_encryption]\nseverity = "warn"', '[signals.disk_encryption]\nseverity = "block"'
)


@dataclass
class Site:
    server: ClockedServer
    apache: Apache


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    with (
        clocked_server(folder / "server", policy=ONLY_USB, contact="it@example.com") as server,
        running_helpdesk() as application,
    ):
        client = register(server, f"http://127.0.0.1:{port}{CALLBACK}", name="helpdesk")
        with (
            running_apache(
                folder / "apache", port, passmuster=server, client=client, application=application
            ) as apache,
            proving_laptop(folder / "laptop", server, OWNER),
        ):
            yield Site(server, apache)


def sign_in(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("link", name="Check this laptop").click()
    expect(page.get_by_text("Welcome to the helpdesk")).to_be_visible(timeout=PATIENCE_MS)


def test_a_worker_is_signed_in_by_their_laptop(site: Site) -> None:
    with browsing() as browser:
        page = browser.page()
        sign_in(page, f"{site.apache.url}/who")
        assert page.url == f"{site.apache.url}/who", "they are where they wanted to be"
        assert page.get_by_test_id("person").inner_text() == OWNER
        # A second sign-in asks nothing: the browser knows its way to the agent.
        page.context.clear_cookies(name="mod_auth_openidc_session")
        page.goto(f"{site.apache.url}/who", timeout=PATIENCE_MS)
        assert page.get_by_test_id("person").inner_text() == OWNER
        assert browser.complaints == []


def test_nobody_can_say_of_themselves_who_they_are(site: Site) -> None:
    with browsing(extra_http_headers={"OIDC_CLAIM_email": "boss@example.com"}) as browser:
        page = browser.page()
        sign_in(page, f"{site.apache.url}/who")
        assert page.get_by_test_id("person").inner_text() == OWNER


def arrive_blocked(site: Site, page: Page) -> None:
    """Come with a laptop that does not pass, to the page that says so."""
    page.goto(f"{site.apache.url}/who")
    page.get_by_role("link", name="Check this laptop").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("You can't open helpdesk yet", timeout=PATIENCE_MS)


@pytest.fixture
def strict(site: Site) -> Iterator[None]:
    """Demand an encrypted disk that can be read as such, which no container's is."""
    publish(site.server, 'devices = "any"\n' + DISK_TOO, Devices.ANY)
    yield
    publish(site.server, ONLY_USB, Devices.ALL)


@pytest.mark.usefixtures("strict")
def test_giving_up_ends_at_the_door(site: Site) -> None:
    with browsing() as browser:
        page = browser.page()
        arrive_blocked(site, page)
        page.get_by_role("link", name="stop signing in").click()
        # The module takes an error that says by whom it is (RFC 9207) for something else.
        expect(page.get_by_text("Invalid Request")).to_be_visible()
        assert page.url.startswith(site.apache.url + CALLBACK)
        assert "error=access_denied" in page.url


@pytest.mark.usefixtures("strict")
def test_a_blocked_worker_goes_on_once_all_is_well(site: Site) -> None:
    with browsing() as browser:
        page = browser.page()
        arrive_blocked(site, page)
        page.get_by_role("link", name="Check again").click()
        expect(page.get_by_role("link", name="Check again")).to_be_visible(timeout=PATIENCE_MS)
        publish(site.server, ONLY_USB, Devices.ALL)
        # Nobody touches the page any more.
        expect(page.get_by_text("Welcome to the helpdesk")).to_be_visible(timeout=PATIENCE_MS)
        assert page.url == f"{site.apache.url}/who"
