"""The audit pages, in a real browser: who did what, and what a decision rested on."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Browsing, browsing
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.running_server import RunningServer, running_server
from tests.support.signing_device import SigningDevice


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("audit"), policy=ONLY_USB) as running:
        yield running


@pytest.fixture(scope="module")
def laptop(server: RunningServer) -> SigningDevice:
    with server.client() as client:
        device = enrolled(server, client, "ana@example.com", healthy())
        device.report(client, with_usb_stick())
    return device


@pytest.fixture(scope="module")
def decision(server: RunningServer, laptop: SigningDevice) -> str:  # noqa: ARG001 - it is asked about
    """The id of a denial that is on record."""
    token = server.gate_token()
    with server.client() as client:
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
    found = str(asked.json()["context"]["id"])
    server.rows_in_time(1, "SELECT allowed FROM decisions WHERE decision_id = ?", found)
    return found


@pytest.fixture(scope="module")
def browser(server: RunningServer) -> Iterator[Browsing]:
    with browsing() as opened:
        page = opened.page()
        page.goto(server.sign_in_link())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/fleet")
        page.close()
        yield opened


@pytest.fixture
def page(browser: Browsing) -> Iterator[Page]:
    opened = browser.page()
    yield opened
    opened.close()
    assert browser.complaints == []


def test_the_record_tells_who_signed_in_and_who_looked_at_which_laptop(
    server: RunningServer, laptop: SigningDevice, page: Page
) -> None:
    page.goto(f"{server.url}/fleet/devices/{laptop.device}")
    page.reload()
    page.get_by_role("link", name="Audit").click()
    rows = page.locator("tbody tr")
    expect(rows.filter(has_text="device.viewed")).to_have_count(1)
    expect(rows.filter(has_text="device.viewed")).to_contain_text("ana@example.com")
    expect(rows.filter(has_text="administrator.signed_in")).to_contain_text("it@example.com")


def test_a_search_keeps_to_the_address(server: RunningServer, page: Page) -> None:
    page.goto(f"{server.url}/audit")
    page.get_by_role("searchbox").fill("device.enrolled")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**search=device.enrolled")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing of this kind")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="No entry matches")).to_be_visible()


def test_a_decision_is_followed_back_to_the_signed_reports(
    server: RunningServer, decision: str, page: Page
) -> None:
    page.goto(f"{server.url}/audit/decisions/{decision}")
    expect(page.get_by_text("Kept out")).to_be_visible()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    newest = rows.first
    expect(newest).to_contain_text("usb devices")
    expect(rows.get_by_text("By this laptop's key")).to_have_count(2)
    expect(page.get_by_text("as of report 2 under policy version")).to_be_visible()
    page.goto(f"{server.url}/audit?search=decision.viewed")
    expect(page.locator("tbody tr")).to_contain_text("ana@example.com")


def test_a_report_that_was_altered_is_told(
    server: RunningServer, laptop: SigningDevice, decision: str, page: Page
) -> None:
    ((number, upload),) = server.rows(
        "SELECT evidence_id, upload FROM evidence WHERE device_id = ? ORDER BY evidence_id DESC "
        "LIMIT 1",
        laptop.device,
    )
    header, payload, signature = bytes(upload).split(b".")
    altered = b".".join((header, payload[:-4] + b"AAAA", signature))
    server.change("UPDATE evidence SET upload = ? WHERE evidence_id = ?", altered, number)
    page.goto(f"{server.url}/audit/decisions/{decision}")
    expect(page.locator("tbody tr").first).to_contain_text("Does not verify")
    server.change("UPDATE evidence SET upload = ? WHERE evidence_id = ?", bytes(upload), number)


@pytest.mark.parametrize("path", ["/audit", "/fleet"])
def test_a_search_for_what_no_database_takes_finds_nothing(
    server: RunningServer, page: Page, path: str
) -> None:
    assert page.request.get(f"{server.url}{path}?search=%00nobody%00").status == 200


def test_a_decision_that_is_not_there_is_a_plain_404(server: RunningServer, page: Page) -> None:
    answer = page.request.get(f"{server.url}/audit/decisions/none")
    assert answer.status == 404
    assert "No such decision" in answer.text()


@pytest.mark.parametrize("path", ["/audit", "/audit/decisions/x"])
def test_nobody_sees_it_without_a_session(server: RunningServer, path: str) -> None:
    with server.client() as client:
        assert client.get(path).status_code == 401
