"""What a worker sees and does: a real Chromium, a real nginx, a real server."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.browser import browsing
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.nginx import Nginx, running_application, running_nginx

OWNER, PASSWORD = "ana@example.com", "a password"
PHONE = {"width": 360, "height": 740}


@dataclass
class Site:
    server: ClockedServer
    client: httpx.Client
    nginx: Nginx


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with (
        clocked_server(folder / "server", policy=ONLY_USB, contact="it@example.com") as server,
        server.client() as client,
        running_application() as application,
        running_nginx(
            folder / "nginx",
            passmuster=server.port,
            application=application,
            token=server.gate_token(),
        ) as nginx,
    ):
        nginx.add_person(OWNER, PASSWORD)
        yield Site(server, client, nginx)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_blocked_worker_reads_what_to_do_does_it_and_goes_on(site: Site, scheme: str) -> None:
    laptop = enrolled(site.server, site.client, OWNER, with_usb_stick())
    with browsing(
        http_credentials={"username": OWNER, "password": PASSWORD},
        viewport=PHONE,
        color_scheme=scheme,
    ) as browser:
        page = browser.page()
        page.goto(f"{site.nginx.url}/tickets/7")
        expect(page.get_by_role("heading", level=1)).to_have_text("You can't open helpdesk yet")
        expect(page.get_by_role("heading", name="IT has not approved")).to_be_visible()
        expect(page.get_by_role("link", name="it@example.com")).to_be_visible()
        wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"the page is {wide} px too wide for a phone"
        styled = page.evaluate("getComputedStyle(document.body).maxWidth")
        assert styled == "640px", "the page's own style was not let in by its policy"
        # Chromium tells of every status 403 in its console; nothing else may be there.
        told = [each for each in browser.complaints if "status of 403" not in each]
        assert told == []
        browser.complaints.clear()

        page.get_by_role("link", name="Check again").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Check again")).to_be_visible()
        assert page.url == f"{site.nginx.url}/tickets/7"

        laptop.report(site.client, healthy())
        page.get_by_role("link", name="Check again").click()
        expect(page.get_by_text("Welcome to the helpdesk")).to_be_visible()
        assert page.url == f"{site.nginx.url}/tickets/7", "they are where they wanted to be"
    site.server.command("retire", laptop.device)
