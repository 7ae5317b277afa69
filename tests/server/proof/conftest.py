"""A server that proves browsers, a laptop that is enrolled there, and visitors."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB, enrolled, healthy
from tests.support.proving import Visitor, add_door
from tests.support.signing_device import SigningDevice


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    folder: Path = tmp_path_factory.mktemp("server")
    with clocked_server(folder, policy=ONLY_USB, contact="it@example.com") as running:
        add_door(running)
        yield running


@pytest.fixture
def new_visitor(server: ClockedServer) -> Iterator[Callable[[], Visitor]]:
    opened: list[httpx.Client] = []

    def new() -> Visitor:
        opened.append(server.client())
        return Visitor(opened[-1])

    yield new
    for each in opened:
        each.close()


@pytest.fixture
def visitor(new_visitor: Callable[[], Visitor]) -> Visitor:
    return new_visitor()


@pytest.fixture
def laptop(server: ClockedServer, client: httpx.Client) -> SigningDevice:
    return enrolled(server, client, "ana@example.com", healthy())
