"""A code that lets one person in once without a laptop, from the command to the audit record."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from passmuster_server.database import StoreUnavailableError
from passmuster_server.gate import visits
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB

HOST = "helpdesk.example.com"
PERSON = "ana@example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    folder: Path = tmp_path_factory.mktemp("server")
    with clocked_server(folder, policy=ONLY_USB, contact="it@example.com") as running:
        yield running


@pytest.fixture(scope="module")
def token(server: ClockedServer) -> str:
    made = server.command("gate-client", "proxy", "--application", "helpdesk", "--host", HOST)
    return made.stdout.split()[-1]


@pytest.fixture
def browser(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def made(server: ClockedServer, *arguments: str) -> str:
    return server.command(
        *("break-glass", "--person", PERSON, "--application", "helpdesk"),
        *("--reason", "her disk is being replaced", *arguments),
    ).stdout.split()[-1]


def ask(browser: httpx.Client, token: str, path: str = "/tickets/7") -> httpx.Response:
    """Ask as Caddy does for a window."""
    return browser.get(
        "/gate/caddy?application=helpdesk",
        headers={
            "Authorization": f"Bearer {token}",
            "X-Forwarded-Method": "GET",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": HOST,
            "X-Forwarded-Uri": path,
            "X-Forwarded-For": "192.0.2.7",
            "Sec-Fetch-Mode": "navigate",
        },
    )


def page(browser: httpx.Client, token: str) -> str:
    """Come as somebody without a laptop; return the address where a code can be used."""
    started = ask(browser, token)
    proof = browser.get(started.headers["location"]).headers["location"]
    finish = browser.get(f"{proof}/back").headers["location"]
    blocked = browser.get(finish)
    assert blocked.status_code == 403
    (found,) = re.findall(r'href="(/gate/break-glass\?r=[^"]+)"', blocked.text)
    return str(found)


def typed(browser: httpx.Client, address: str, code: str, **fields: str) -> httpx.Response:
    form = browser.get(address)
    assert form.status_code == 200, form.text
    (secret,) = re.findall(r'name="form_token" value="([^"]+)"', form.text)
    return browser.post(
        address,
        data={"form_token": secret, "code": code, **fields},
        headers={"Sec-Fetch-Site": "same-origin"},
    )


def entries(server: ClockedServer, action: str) -> int:
    found = server.rows("SELECT COUNT(*) FROM audit_entries WHERE action = ?", action)
    return int(found[0][0])


def test_a_code_lets_in_once_for_its_time_and_is_on_record(
    server: ClockedServer, browser: httpx.Client, token: str
) -> None:
    created, used = entries(server, "break_glass.created"), entries(server, "break_glass.used")
    code = made(server, "--minutes", "30")
    address = page(browser, token)
    let_in = typed(browser, address, code.lower().replace("-", " "))
    assert let_in.status_code == 200
    assert "You are in for 30 minutes" in let_in.text
    (ticket,) = re.findall(r'href="https://[^/]+(/.passmuster/return\?ticket=[^"]+)"', let_in.text)
    back = ask(browser, token, ticket)
    assert back.headers["location"] == f"https://{HOST}/tickets/7"
    assert ask(browser, token).status_code == 200
    with server.later(timedelta(minutes=31)):
        assert ask(browser, token).status_code == 303, "its time is over"
    again = typed(browser, address, code)
    assert again.status_code == 403
    assert "This code is not good" in again.text
    assert entries(server, "break_glass.created") == created + 1
    assert entries(server, "break_glass.used") == used + 1
    found = server.rows("SELECT person, proof FROM gate_sessions WHERE proof = 'break_glass'")
    assert (PERSON, "break_glass") in [tuple(row) for row in found]
    assert code.encode() not in server.stored()


def test_a_code_is_good_for_its_application_until_it_expires(
    server: ClockedServer, browser: httpx.Client, token: str
) -> None:
    address = page(browser, token)
    other = server.command(
        *("break-glass", "--person", PERSON, "--application", "payroll", "--reason", "why not")
    ).stdout.split()[-1]
    assert typed(browser, address, other).status_code == 403
    old = made(server, "--valid-hours", "1")
    with server.later(timedelta(hours=2)):
        later = page(browser, token)
        assert typed(browser, later, old).status_code == 403


def test_a_code_that_would_let_nobody_in_is_not_used_up(
    server: ClockedServer, browser: httpx.Client, token: str
) -> None:
    """The caller in front of the application may not ask about her, and would keep her out."""
    confined = server.command(
        *("gate-client", "confined", "--application", "helpdesk", "--host", HOST),
        *("--person", "*@example.org"),
    ).stdout.split()[-1]
    code, elsewhere = made(server), page(browser, token)
    begun = ask(browser, confined).headers["location"]
    address = begun.replace("/gate/start", "/gate/break-glass")
    assert typed(browser, address, code).status_code == 403
    assert typed(browser, elsewhere, code).status_code == 200, "it is still good"


def test_a_code_whose_session_could_not_be_stored_is_still_good(
    server: ClockedServer,
    browser: httpx.Client,
    token: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, address = made(server), page(browser, token)
    used = entries(server, "break_glass.used")
    with monkeypatch.context() as broken:
        broken.setattr(visits, "open_session", full_disk)
        assert typed(browser, address, code).status_code == 503
    assert entries(server, "break_glass.used") == used
    assert typed(browser, address, code).status_code == 200


def full_disk(*_: object) -> str:
    raise StoreUnavailableError("full")


def test_codes_can_not_be_tried_without_end(browser: httpx.Client, token: str) -> None:
    """Comes late: this address has to wait afterwards."""
    address = page(browser, token)
    found = [typed(browser, address, "0000-0000-0000").status_code for _ in range(12)]
    assert found[-1] == 429


def test_another_sites_form_uses_no_code(
    server: ClockedServer, browser: httpx.Client, token: str
) -> None:
    address = page(browser, token)
    form = browser.get(address)
    (secret,) = re.findall(r'name="form_token" value="([^"]+)"', form.text)
    code = made(server)
    for fields, site in (
        ({"form_token": secret}, "cross-site"),
        ({"form_token": "x"}, "same-origin"),
        ({}, "same-origin"),
    ):
        answer = browser.post(
            address, data={**fields, "code": code}, headers={"Sec-Fetch-Site": site}
        )
        assert answer.status_code == 403
    assert server.rows("SELECT used_at FROM break_glass_codes WHERE used_at IS NULL")


def test_a_link_of_somebodys_own_making_leads_nowhere(browser: httpx.Client) -> None:
    assert browser.get("/gate/break-glass?r=x.y.z").status_code == 403


@pytest.mark.parametrize(
    "arguments",
    [("--minutes", "0"), ("--minutes", "241"), ("--valid-hours", "169"), ("--reason", " ")],
)
def test_a_command_that_asks_for_too_much_is_refused(
    server: ClockedServer, arguments: tuple[str, ...]
) -> None:
    refused = server.command(
        *("break-glass", "--person", PERSON, "--application", "helpdesk", "--reason", "x"),
        *arguments,
        check=False,
    )
    assert refused.returncode == 1
    assert arguments[0] in refused.stderr
