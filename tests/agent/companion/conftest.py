"""What the companion's tests share: a daemon's socket, and companions that talk to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_agent.companion.listener import Companions
from passmuster_agent.companion.packets import PacketDoor
from tests.support.open_folder import open_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as found:
        yield found


@pytest.fixture
def companions(folder: Path) -> Iterator[Companions]:
    """The daemon's ear; who is logged in is said by the files in `folder/users`."""
    (folder / "users").mkdir()
    listening = Companions(PacketDoor(folder / "run" / "companion.sock", folder / "users"))
    yield listening
    listening.close()
