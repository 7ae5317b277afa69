"""What a browser does with our strict cookie when the way in is a link on somebody else's page."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Browsing, browsing
from tests.support.running_server import RunningServer


@pytest.fixture
def ticket(server: RunningServer) -> Iterator[str]:
    """The address of a page on another site (by name, not by number) that links to the fleet."""

    class Ticket(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            page = (
                '<!doctype html><title>Ticket</title><link rel="icon" href="data:,">'
                f'<a href="{server.url}/fleet?search=ana">The laptop</a>'
                f'<form method="post" action="{server.url}/sign-out"><button>Win</button></form>'
            )
            self.wfile.write(page.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Ticket) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://localhost:{serving.server_address[1]}/"
        finally:
            serving.shutdown()
            thread.join()


@pytest.fixture
def browser() -> Iterator[Browsing]:
    with browsing() as opened:
        yield opened


@pytest.fixture
def signed_in(server: RunningServer, browser: Browsing) -> Page:
    page = browser.page()
    page.goto(server.sign_in_link(f"it{id(page)}@example.com"))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/fleet")
    return page


def test_a_link_in_a_ticket_leads_in_without_signing_in_again(
    server: RunningServer, signed_in: Page, ticket: str
) -> None:
    signed_in.goto(ticket)
    signed_in.get_by_role("link", name="The laptop").click()
    expect(signed_in.get_by_role("heading", name="Fleet")).to_be_visible()
    assert signed_in.url == f"{server.url}/fleet?search=ana"


def test_who_is_not_signed_in_is_asked_to_and_not_sent_in_circles(
    browser: Browsing, ticket: str
) -> None:
    page = browser.page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(ticket)
    page.get_by_role("link", name="The laptop").click()
    expect(page.get_by_role("heading", name="Please sign in")).to_be_visible()
    page.wait_for_timeout(1_500)
    assert sum("/fleet" in url for url in asked) == 2, asked


def test_a_form_on_another_site_can_not_sign_anybody_out(
    server: RunningServer, signed_in: Page, ticket: str
) -> None:
    signed_in.goto(ticket)
    signed_in.get_by_role("button", name="Win").click()
    signed_in.wait_for_url("**/sign-out")
    signed_in.goto(f"{server.url}/fleet")
    expect(signed_in.get_by_role("heading", name="Fleet")).to_be_visible()


def test_the_token_of_a_link_leaves_the_address_and_reaches_no_log(
    server: RunningServer, browser: Browsing
) -> None:
    link = server.sign_in_link("fragment@example.com")
    token = link.partition("#")[2]
    page = browser.page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(link)
    expect(page.get_by_text("Your link is ready")).to_be_visible()
    assert page.url == f"{server.url}/sign-in"
    assert not any(token in url for url in asked)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/fleet")
    assert token not in server.log.read_text()


def test_without_scripts_the_link_can_be_pasted(server: RunningServer) -> None:
    link = server.sign_in_link("paste@example.com")
    with browsing(java_script_enabled=False) as plain:
        page = plain.page()
        page.goto(f"{server.url}/sign-in")
        page.get_by_label("Paste your sign-in link").fill(link)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
        assert plain.complaints == []
