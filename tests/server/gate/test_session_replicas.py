"""Two servers on one PostgreSQL behind a proxy: what one closes is closed at the other."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server import listening
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import postgresql, store
from tests.support.clocked_server import ClockedServer
from tests.support.example_laptops import (
    ONLY_USB,
    healthy,
    readings_of,
    with_changed,
    with_usb_stick,
)
from tests.support.proving import attestation, summons_on
from tests.support.running_server import free_port
from tests.support.signing_device import SigningDevice

PUBLIC_URL = "http://127.0.0.1:1"
HOST = "helpdesk.example.com"
SOON_S = 20.0
STOP_LISTENING = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = ?"
)
STICK = next(each for each in with_usb_stick() if each.signal == "usb_devices")
NO_LOCK = next(each for each in readings_of("lock_xfce_lock_off") if each.signal == "screen_lock")
GRACE_FOR_USB = ONLY_USB.replace(
    "[signals.usb_devices]\n", "[signals.usb_devices]\ngrace_s = 3600\n"
).replace('[signals.screen_lock]\nseverity = "warn"', '[signals.screen_lock]\nseverity = "block"')


@dataclass
class Pair:
    first: httpx.Client
    second: httpx.Client
    laptop: SigningDevice
    token: str
    servers: list[ClockedServer]

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
        yield Pair(first, second, laptop, made.stdout.split()[-1], servers)


def open_session(pair: Pair) -> None:
    """Let the browser prove its laptop, partly at one server and partly at the other."""
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


def until_both_know(pair: Pair, verdict: Verdict, version: int = 3) -> None:
    """Wait until both servers have heard of the laptop's verdict under that policy."""
    deadline = time.monotonic() + SOON_S
    device = pair.laptop.device
    for server in pair.servers:
        while True:
            found = server.services.standings.of_device(DEFAULT_ORGANISATION, device)
            known = None if found is None else (found.verdict, found.policy_version)
            if known == (verdict, version):
                break
            assert time.monotonic() < deadline, known
            time.sleep(0.02)


def test_a_fall_that_one_did_not_hear_of_closes_there_too(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hears the last of three changes alone: the laptop is let in before and after."""
    open_session(pair)
    pair.servers[0].publish_policy(GRACE_FOR_USB)
    until_both_know(pair, Verdict.COMPLIANT)
    pair.laptop.report(pair.first, with_changed(STICK))
    until_both_know(pair, Verdict.GRACE)
    for client in (pair.first, pair.second):
        assert pair.ask(client, "/").status_code == 200

    monkeypatch.setattr(listening, "AGAIN_S", 2.0)
    store.rows(pair.servers[0].database, STOP_LISTENING, (listening.NAME,))
    pair.laptop.report(pair.first, with_changed(STICK, NO_LOCK))
    assert pair.ask(pair.first, "/").status_code == 403
    pair.laptop.report(pair.first, healthy())
    until_both_know(pair, Verdict.COMPLIANT)
    for client in (pair.first, pair.second):
        assert pair.ask(client, "/").status_code == 303, "what was closed stays closed"


def test_a_session_is_known_to_both_and_ends_at_both(pair: Pair) -> None:
    open_session(pair)
    for client in (pair.first, pair.second):
        assert pair.ask(client, "/tickets/7").status_code == 200

    pair.laptop.report(pair.first, with_usb_stick())
    assert pair.ask(pair.first, "/").status_code == 403
    pair.becomes(pair.second, 403)

    pair.laptop.report(pair.second, healthy())
    for client in (pair.first, pair.second):
        pair.becomes(client, 303)
        assert pair.ask(client, "/").status_code == 303, "what was closed stays closed"
