"""Webhooks, checked by the Standard Webhooks specification and not by our own code."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.signal_receiver import COMPLIANCE_CHANGE, SESSION_REVOKED


@dataclass
class Hook:
    url: str = ""
    secret: str = ""
    status: int = 204
    calls: int = 0
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, headers: Any, body: bytes) -> int:
        """Verify as the specification says: id, timestamp, then the signature over all three."""
        with self.arrived:
            self.calls += 1
            name, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
            key = base64.b64decode(self.secret.removeprefix("whsec_"))
            signed = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256)
            expected = "v1," + base64.b64encode(signed.digest()).decode()
            if headers["webhook-signature"] != expected:
                self.problems.append("the signature")
            if abs(time.time() - int(timestamp)) > 300:
                self.problems.append("the time")
            if headers["Content-Type"] != "application/json":
                self.problems.append("the content type")
            if self.status < 300:
                self.bodies.setdefault(name, json.loads(body))
            self.arrived.notify_all()
            return self.status

    def wait_for_calls(self, calls: int, bodies: int) -> None:
        with self.arrived:
            held = self.arrived.wait_for(
                lambda: self.calls >= calls and len(self.bodies) >= bodies, 30
            )
        assert self.problems == []
        assert held, f"{self.calls} calls, {len(self.bodies)} taken"


@contextmanager
def listening_hook() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            status = hook.take(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", hook.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hook.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("server"), policy=ONLY_USB) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def test_a_webhook_is_signed_and_tried_again(server: ClockedServer, client: httpx.Client) -> None:
    with listening_hook() as hook:
        hook.secret = server.command("webhook", "add", "tickets", hook.url).stdout.split()[-1]
        assert hook.secret.startswith("whsec_")
        hook.status = 500
        laptop = enrolled(server, client, "ana@example.com", healthy())
        hook.wait_for_calls(1, 0)
        assert "failures in a row" in server.command("webhook", "list").stdout
        hook.status = 204
        laptop.report(client, with_usb_stick())
        hook.wait_for_calls(4, 3)
        told = [next(iter(body["events"])) for body in hook.bodies.values()]
        assert told == [COMPLIANCE_CHANGE, COMPLIANCE_CHANGE, SESSION_REVOKED]
        last = list(hook.bodies.values())[-1]
        assert last["sub_id"]["user"] == {"format": "email", "email": "ana@example.com"}
        assert last["sub_id"]["device"]["sub"] == laptop.device
        server.command("webhook", "remove", "tickets")
        assert server.command("webhook", "list").stdout == ""
        laptop.report(client, healthy())
        assert len(hook.bodies) == 3


def test_a_redirect_is_not_followed(server: ClockedServer, client: httpx.Client) -> None:
    with listening_hook() as hook:
        hook.secret = server.command("webhook", "add", "moved", hook.url).stdout.split()[-1]
        hook.status = 302
        enrolled(server, client, "bo@example.com", healthy())
        hook.wait_for_calls(2, 0)
        assert hook.bodies == {}
        server.command("webhook", "remove", "moved")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "x", "http://tickets.example.com/hook"), "URL: expected https"),
        (("add", "x", "tickets"), "URL"),
        (("add", " ", "https://tickets.example.com/hook"), "NAME"),
        (("remove", "absent"), "no webhook"),
    ],
)
def test_what_is_wrong_is_named(
    server: ClockedServer, arguments: tuple[str, ...], said: str
) -> None:
    done = server.command("webhook", *arguments, check=False)
    assert done.returncode == 1
    assert said in done.stderr


def test_a_caller_of_the_gate_is_no_webhook(server: ClockedServer) -> None:
    server.gate_token("nginx")
    assert (
        server.command("webhook", "add", "nginx", "https://a.example/", check=False).returncode == 1
    )
    assert server.command("webhook", "remove", "nginx", check=False).returncode == 1
    assert server.command("webhook", "list").stdout == ""
