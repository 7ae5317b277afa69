"""Two servers on one PostgreSQL: one of them delivers, and another when that one is gone."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from passmuster_server.ssf.claims import LEASE
from tests.support.clocked_server import ServerWithQuickCommands
from tests.support.example_laptops import healthy, with_usb_stick
from tests.support.replicas import PUBLIC_URL, two_servers
from tests.support.running_server import RunningServer
from tests.support.signal_receiver import COMPLIANCE_CHANGE, Checker, Receiver, listening
from tests.support.signal_transmitter import Subscriber
from tests.support.signing_device import SigningDevice


@dataclass
class Pair:
    servers: tuple[RunningServer, RunningServer]
    clients: list[httpx.Client]

    def laptop(self, owner: str) -> SigningDevice:
        laptop = SigningDevice(PUBLIC_URL)
        laptop.enroll(self.clients[0], self.servers[0].enroll_code(owner))
        return laptop


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("replicas")
    with two_servers(folder, ServerWithQuickCommands) as servers, ExitStack() as stack:
        yield Pair(servers, [stack.enter_context(server.client()) for server in servers])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


class _Known(Checker):
    """Whoever asks a server past its proxy finds the proxy's name in what it says of itself."""

    def __init__(self, server: RunningServer, audience: str) -> None:
        with server.client() as client:
            self.metadata = client.get("/.well-known/ssf-configuration").json()
            self.take_keys(client.get("/.well-known/jwks.json").json())
        self.audience = audience


def subscribed(pair: Pair, receiver: Receiver) -> Subscriber:
    arguments = ("gate-client", "sso", "--scope", "ssf.manage", "--push", receiver.url)
    token = pair.servers[0].command(*arguments).stdout.split()[-1]
    made = Subscriber(pair.servers[1], pair.clients[1], "", "", token)
    stream = made.create_push(receiver.url, events_requested=[COMPLIANCE_CHANGE])
    receiver.checker = _Known(pair.servers[0], stream["aud"])
    return made


@pytest.mark.timeout(300)
def test_each_event_is_delivered_once_and_in_order_by_whichever_server(
    pair: Pair, receiver: Receiver
) -> None:
    subscribed(pair, receiver)
    laptops = [pair.laptop(f"worker{number}@example.com") for number in range(3)]
    expected = ["compliant" if number % 2 == 0 else "not-compliant" for number in range(6)]
    for number, status in enumerate(expected):
        readings = healthy() if status == "compliant" else with_usb_stick()
        for which, laptop in enumerate(laptops):
            laptop.report(pair.clients[(number + which) % 2], readings)
    receiver.wait_for(lambda: len({each.jti for each in receiver.signals}) == 18, 60)
    for laptop in laptops:
        assert receiver.statuses(laptop.device) == expected
    assert len(receiver.signals) == 18, "an event was sent by both servers"


@pytest.mark.timeout(300)
def test_what_a_server_that_died_was_delivering_is_delivered_by_the_other(
    pair: Pair, receiver: Receiver
) -> None:
    subscribed(pair, receiver)
    laptop = pair.laptop("ana@example.com")
    dying = {"left": 1}

    def answer(_: Receiver, __: object) -> tuple[int, str]:
        if dying["left"]:
            dying["left"] = 0
            # The one that delivers is the one that was reported to.
            pair.servers[0].kill()
            return 503, ""
        return 202, ""

    receiver.answer = answer
    laptop.report(pair.clients[0], healthy())
    receiver.wait_for(
        lambda: receiver.statuses(laptop.device) == ["compliant"], LEASE.total_seconds() + 60
    )
    laptop.report(pair.clients[1], with_usb_stick())
    receiver.wait_for(
        lambda: receiver.statuses(laptop.device) == ["compliant", "not-compliant"], 60
    )
