"""Webhooks, checked by the Standard Webhooks specification and not by our own code."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.listening_hook import listening_hook
from tests.support.signal_receiver import COMPLIANCE_CHANGE, SESSION_REVOKED


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("server"), policy=ONLY_USB) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def wait_until_listed(server: ClockedServer, state: str) -> None:
    """The hook has the call before the server has stored what became of it."""
    deadline = time.monotonic() + 30
    while state not in (told := server.command("webhook", "list").stdout):
        assert time.monotonic() < deadline, told


def test_a_webhook_is_signed_and_tried_again(server: ClockedServer, client: httpx.Client) -> None:
    with listening_hook() as hook:
        hook.secret = server.command("webhook", "add", "tickets", hook.url).stdout.split()[-1]
        assert hook.secret.startswith("whsec_")
        hook.status = 500
        laptop = enrolled(server, client, "ana@example.com", healthy())
        hook.wait_for_calls(1, 0)
        wait_until_listed(server, "failures in a row")
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
