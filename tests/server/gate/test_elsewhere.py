"""A browser that is not where its laptop is, at an application that wants it to be there."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy
from tests.support.proving import attestation, summons_on

HOST = "helpdesk.example.com"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path, policy=f'addresses = "same"\n{ONLY_USB}') as running:
        yield running


def test_it_is_kept_out_and_told_why_until_it_is_there(server: ClockedServer) -> None:
    made = server.command("gate-client", "proxy", "--application", "helpdesk", "--host", HOST)
    token = made.stdout.split()[-1]
    with server.client() as browser, server.client() as reports:
        laptop = enrolled(server, reports, "ana@example.com", healthy())
        began = browser.get(
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

        def proven(start: str, address_code: str | None) -> httpx.Response:
            page = browser.get(browser.get(start).headers["location"])
            answer = attestation(laptop, reports, summons_on(page.text))
            if address_code is not None:
                server.change("UPDATE contacts SET address_code = ?", address_code)
            finish = browser.get("/proof/return", params={"a": answer}).headers["location"]
            return browser.get(finish)

        blocked = proven(began.headers["location"], "another")
        assert blocked.status_code == 403
        assert "This browser is not where your laptop is." in blocked.text
        (again,) = re.findall(r'href="(/gate/start\?r=[^"]+)"', blocked.text)
        let_in = proven(again, None)
        assert "ticket=" in let_in.headers["location"], "it has proven its laptop anew"
