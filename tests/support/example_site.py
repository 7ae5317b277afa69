"""A server that has a page for every template: laptops, decisions, waivers, an application."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx
from playwright.sync_api import Page

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.proving import add_door
from tests.support.signing_device import SigningDevice
from tests.support.signing_in import register

HOST = "helpdesk.example.com"
CALLBACK = "https://sso.example.com/callback"


@dataclass(frozen=True)
class Site:
    """A server whose fleet has a blocked laptop and a healthy one.

    `start` leads a browser to the gate, `application` is one that the gate signs people in to.
    """

    server: ClockedServer
    device: str
    healthy: SigningDevice
    decision: str
    start: str
    application: str

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return self.server.url + path

    def authorize(self, person: str, **more: str) -> str:
        """Return the address where the sign-in of a person begins."""
        asked = {
            "client_id": self.application,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid",
            "login_hint": person,
            "state": "a state",
            "nonce": "a nonce",
            **more,
        }
        return self.url("/oidc/authorize?" + urlencode(asked))


@contextlib.contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Run one in `folder`."""
    with (
        clocked_server(folder, policy=ONLY_USB, contact="it@example.com") as server,
        server.client() as client,
    ):
        add_door(server)
        ben = enrolled(server, client, "ben@example.com", healthy(), computer_name="ben-laptop")
        laptop = enrolled(server, client, "ana@example.com", healthy())
        laptop.report(client, with_usb_stick())
        server.command("waive", laptop.device, "firewall", "--days", "7", "--reason", "A test")
        server.command("usb", "forbid", "1234:5678", "--organisation", "--reason", "A test")
        made = server.command("gate-client", "proxy", "--application", "helpdesk", "--host", HOST)
        token = made.stdout.split()[-1]
        sso = register(server, CALLBACK, "--trust-login-hint", "--without-pkce")
        yield Site(
            server,
            laptop.device,
            ben,
            _denied(server, client, token),
            _start(client, token),
            sso.client,
        )


def _denied(server: ClockedServer, client: httpx.Client, token: str) -> str:
    """Return the id of a denial that is on record."""
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
    """Sign a new person of that role in."""
    command = server.command("create-admin", "--email", f"{role}@example.com", "--role", role)
    page.goto(command.stdout.split()[-1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/fleet")
