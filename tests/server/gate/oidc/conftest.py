"""A server with an OpenID provider, people with laptops, and a relying party."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_laptops import ONLY_USB
from tests.support.relying_party import RelyingParty, relying_party
from tests.support.signing_in import Visitor

NewVisitor = Callable[[], Visitor]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    folder = tmp_path_factory.mktemp("provider")
    with clocked_server(folder, policy=ONLY_USB, contact="it@example.com") as running:
        yield running


@pytest.fixture(scope="module")
def sso() -> Iterator[RelyingParty]:
    with relying_party() as running:
        yield running


@pytest.fixture
def new_visitor(provider: ClockedServer) -> Iterator[NewVisitor]:
    opened: list[httpx.Client] = []

    def new() -> Visitor:
        opened.append(provider.client())
        return Visitor(opened[-1])

    yield new
    for each in opened:
        each.close()


@pytest.fixture
def visitor(new_visitor: NewVisitor) -> Visitor:
    return new_visitor()


@pytest.fixture
def client(provider: ClockedServer) -> Iterator[httpx.Client]:
    """What laptops report with."""
    with provider.client() as opened:
        yield opened
