"""A server with laptops in three groups, and callers of its API."""

import contextlib
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.signing_device import SigningDevice

POLICY = f'[signals.{USB}]\nseverity = "block"\n'
OWNERS = (
    ("mia@example.com", "Manila"),
    ("olga1@example.com", "Cebu"),
    ("olga2@example.com", "Default"),
)

Caller = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("server"), policy=POLICY) as running:
        for name in ("Manila", "Cebu"):
            running.command(
                *("group", "add", name, "--kind", "supplier"), "--owner-domain", "example.com"
            )
        yield running


@pytest.fixture(scope="module")
def fleet(server: ClockedServer) -> dict[str, SigningDevice]:
    """Mia's and the second Olga's laptop are healthy; the first Olga's has a stick in it."""
    laptops = {}
    with server.client() as client:
        for owner, group in OWNERS:
            name = owner.partition("@")[0]
            laptop = SigningDevice(server.url, computer_name=f"{name}-laptop")
            laptop.enroll(client, server.enroll_code(owner, "--group", group))
            laptop.report(client, healthy())
            if name == "olga1":
                laptop.report(client, with_stick())
            laptops[name] = laptop
    return laptops


@pytest.fixture(scope="module")
def caller(server: ClockedServer) -> Iterator[Caller]:
    """Return what makes an HTTP client with the bearer token of a new caller."""
    with contextlib.ExitStack() as opened:
        made: dict[tuple[str, ...], httpx.Client] = {}

        def known(*arguments: str) -> httpx.Client:
            if arguments not in made:
                client = opened.enter_context(server.client())
                printed = server.command("gate-client", f"caller {len(made)}", *arguments).stdout
                client.headers["Authorization"] = f"Bearer {printed.split()[-1]}"
                made[arguments] = client
            return made[arguments]

        yield known


@pytest.fixture(scope="module")
def reader(caller: Caller, fleet: dict[str, SigningDevice]) -> httpx.Client:
    """A caller that may read the whole fleet, which is there."""
    assert fleet
    return caller("--scope", "fleet.read")


@pytest.fixture(scope="module")
def supplier(caller: Caller, fleet: dict[str, SigningDevice]) -> httpx.Client:
    """A caller with every scope that is confined to one group."""
    assert fleet
    scopes = ("--scope", "fleet.read", "--scope", "fleet.manage", "--scope", "audit.read")
    return caller(*scopes, "--group", "Manila")
