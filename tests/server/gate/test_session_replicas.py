"""Two servers on one PostgreSQL behind a proxy: what one closes is closed at the other."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from tests.support import postgresql
from tests.support.clocked_server import ClockedServer
from tests.support.example_laptops import ONLY_USB, healthy, with_usb_stick
from tests.support.proving import attestation, summons_on
from tests.support.running_server import free_port
from tests.support.signing_device import SigningDevice

PUBLIC_URL = "http://127.0.0.1:1"
HOST = "helpdesk.example.com"
SOON_S = 20.0


@dataclass
class Pair:
    first: httpx.Client
    second: httpx.Client
    laptop: SigningDevice
    token: str

    def ask(self, client: httpx.Client, path: str) -> httpx.Response:
        """Ask as Caddy does for a window."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "X-Forwarded-Method": "GET",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": HOST,
            "X-Forwarded-Uri": path,
            "X-Forwarded-For": "192.0.2.7",
            "Sec-Fetch-Mode": "navigate",
        }
        return client.get("/gate/caddy?application=helpdesk", headers=headers)

    def becomes(self, client: httpx.Client, status: int) -> None:
        deadline = time.monotonic() + SOON_S
        while (found := self.ask(client, "/").status_code) != status:
            assert time.monotonic() < deadline, f"{found} instead of {status}"
            time.sleep(0.02)


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("replicas")
    url = postgresql.cluster().create_database()
    with ExitStack() as stack:
        servers: list[ClockedServer] = []
        for name in ("first", "second"):
            (folder / name).mkdir()
            settings = {"public_url": PUBLIC_URL}
            server = ClockedServer(
                folder / name,
                free_port(),
                database=url,
                public_url=PUBLIC_URL,
                settings=settings,
            )
            if not servers:
                server.command("migrate")
                server.publish_policy(ONLY_USB)
            server.start()
            stack.callback(server.stop)
            servers.append(server)
        first, second = (stack.enter_context(server.client()) for server in servers)
        made = servers[0].command("gate-client", "proxy", "--host", HOST)
        laptop = SigningDevice(PUBLIC_URL)
        laptop.enroll(first, servers[0].enroll_code("ana@example.com"))
        yield Pair(first, second, laptop, made.stdout.split()[-1])


def test_a_session_is_known_to_both_and_ends_at_both(pair: Pair) -> None:
    start = pair.ask(pair.first, "/tickets/7").headers["location"].removeprefix(PUBLIC_URL)
    pair.second.cookies = pair.first.cookies  # it is one browser
    page = pair.second.get(pair.second.get(start).headers["location"])
    token = attestation(pair.laptop, pair.first, summons_on(page.text))
    finish = pair.second.get("/proof/return", params={"a": token}).headers["location"]
    pair.first.cookies = pair.second.cookies
    finished = pair.first.get(finish)
    assert finished.status_code == 303, finished.text
    ticket = finished.headers["location"].removeprefix(f"https://{HOST}")
    assert pair.ask(pair.second, ticket).headers["location"] == f"https://{HOST}/tickets/7"
    pair.first.cookies = pair.second.cookies
    for client in (pair.first, pair.second):
        assert pair.ask(client, "/tickets/7").status_code == 200

    pair.laptop.report(pair.first, with_usb_stick())
    assert pair.ask(pair.first, "/").status_code == 403
    pair.becomes(pair.second, 403)

    pair.laptop.report(pair.second, healthy())
    for client in (pair.first, pair.second):
        pair.becomes(client, 303)
        assert pair.ask(client, "/").status_code == 303, "what was closed stays closed"
