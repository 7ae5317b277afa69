"""A server at which an unknown USB device shuts out, for what is stored of people."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import USB

POLICY = f'[signals.{USB}]\nseverity = "block"\n'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path, policy=POLICY) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened
