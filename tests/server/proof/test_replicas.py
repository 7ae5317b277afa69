"""Two servers on one PostgreSQL: a proof that begins at one comes to its end at the other."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from tests.support import postgresql
from tests.support.clocked_server import ClockedServer
from tests.support.example_laptops import ONLY_USB, healthy
from tests.support.proving import WANT, WHO, add_door, attestation, summons_on
from tests.support.running_server import free_port
from tests.support.signing_device import SigningDevice

PUBLIC_URL = "http://127.0.0.1:1"
"""The proxy's address; the tests come to each server behind it."""


@dataclass
class Pair:
    first: httpx.Client
    second: httpx.Client
    laptop: SigningDevice


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("replicas")
    url = postgresql.cluster().create_database()
    with ExitStack() as stack:
        clients: list[httpx.Client] = []
        servers: list[ClockedServer] = []
        for name in ("first", "second"):
            (folder / name).mkdir()
            server = ClockedServer(
                folder / name,
                free_port(),
                database=url,
                public_url=PUBLIC_URL,
                settings={"public_url": PUBLIC_URL},
            )
            if not servers:
                server.command("migrate")
                server.publish_policy(ONLY_USB)
            server.start()
            stack.callback(server.stop)
            add_door(server)
            servers.append(server)
            clients.append(stack.enter_context(server.client()))
        laptop = SigningDevice(PUBLIC_URL)
        laptop.enroll(clients[0], servers[0].enroll_code("ana@example.com"))
        yield Pair(clients[0], clients[1], laptop)


def test_each_step_may_come_to_another_server(pair: Pair) -> None:
    begun = pair.first.get(WANT)
    pair.second.cookies = pair.first.cookies
    page = pair.second.get(begun.headers["location"])
    assert page.status_code == 200
    token = attestation(pair.laptop, pair.first, summons_on(page.text))
    back = pair.second.get("/proof/return", params={"a": token})
    assert back.headers["location"] == WHO
    for client in (pair.first, pair.second):
        assert client.get(WHO).json()["device"] == pair.laptop.device


def test_an_answer_counts_once_wherever_it_comes(pair: Pair) -> None:
    begun = pair.first.get(WANT)
    pair.second.cookies = pair.first.cookies
    page = pair.first.get(begun.headers["location"])
    pair.laptop.report(pair.second, healthy())
    token = attestation(pair.laptop, pair.first, summons_on(page.text))
    found = [
        client.get("/proof/return", params={"a": token}).status_code
        for client in (pair.second, pair.first, pair.second)
    ]
    assert found == [303, 403, 403]
