"""A real server for the tests of a module, and laptops that are enrolled with it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx
import pytest

from passmuster_collectors.contract import reading
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.signals import CATALOG
from passmuster_server.clock import utc_now
from passmuster_server.database import Database
from passmuster_server.devices.one_time_codes import create_code
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database
from tests.support.accessibility import named_pages
from tests.support.running_server import RunningServer, running_server
from tests.support.signing_device import SigningDevice

NewDevice = Callable[[], SigningDevice]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _named_pages() -> Iterator[None]:
    """Axe's visits tell by it of which template a page is."""
    with named_pages():
        yield


@pytest.fixture(autouse=True)
def _closed_databases() -> Iterator[None]:
    yield
    example_database.close_all()


@pytest.fixture
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture
def new_device(server: RunningServer, client: httpx.Client) -> NewDevice:
    def enrolled() -> SigningDevice:
        device = SigningDevice(server.url)
        device.enroll(client, quick_code(server))
        return device

    return enrolled


def quick_code(server: RunningServer, owner: str = "ana@example.com") -> str:
    """Make a code beside the running server; as `enroll-code` does, without its process."""
    database = Database(server.database)
    code = database.write_now(
        lambda transaction: create_code(
            transaction.connection, DEFAULT_ORGANISATION, owner, utc_now()
        )
    )
    database.dispose()
    return code


@pytest.fixture
def device(new_device: NewDevice) -> SigningDevice:
    return new_device()


@pytest.fixture
def healthy() -> list[Reading]:
    """Readings of a machine that has none of the things that are judged."""
    now = datetime.now(UTC)
    return [reading.not_applicable(each.id, now, "There is none.", ()) for each in CATALOG]


@pytest.fixture
def unreadable() -> list[Reading]:
    """Readings of a machine that would not say anything."""
    now = datetime.now(UTC)
    return [reading.unavailable(each.id, now, "It was denied.", ()) for each in CATALOG]
