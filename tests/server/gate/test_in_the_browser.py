"""What a worker sees and does: a real Chromium, a real nginx, a real server."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.browser import browsing
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.nginx import Nginx, running_application, running_nginx
from tests.support.proving_laptop import proving_laptop
from tests.support.running_server import free_port
from tests.support.tools import REPOSITORY

OWNER, PASSWORD = "ana@example.com", "a password"
SESSIONS = REPOSITORY / "docs" / "sso" / "forward-auth.md"
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


def test_a_worker_gets_in_by_their_laptop_and_out_with_it(tmp_path: Path) -> None:
    """One laptop, one browser on it, nginx with sessions, nothing that stands in for anything."""
    port = free_port()
    with (
        clocked_server(tmp_path / "server", policy=ONLY_USB) as server,
        running_application() as application,
        proving_laptop(tmp_path / "laptop", server),
        browsing() as browser,
    ):
        made = server.command("gate-client", "proxy", "--host", f"127.0.0.1:{port}")
        with running_nginx(
            tmp_path / "nginx",
            passmuster=server.port,
            application=application,
            token=made.stdout.split()[-1],
            port=port,
            document=SESSIONS,
        ) as nginx:
            page = browser.page()
            page.goto(f"{nginx.url}/tickets/7")
            page.get_by_role("link", name="Check this laptop").click()
            page.wait_for_url(f"{nginx.url}/tickets/7", timeout=45_000)
            expect(page.get_by_text("Welcome to the helpdesk")).to_be_visible()
            ((device,),) = server.rows("SELECT device_id FROM devices")
            server.command("revoke", device)
            deadline = time.monotonic() + 20
            while page.goto(f"{nginx.url}/tickets/8").status != 403:  # type: ignore[union-attr]
                assert time.monotonic() < deadline, "a revoked laptop still gets in"
                time.sleep(0.1)
            expect(page.get_by_role("heading", level=1)).to_have_text("You can't open helpdesk yet")
