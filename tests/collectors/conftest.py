from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.message_bus import MessageBus, running_bus


@pytest.fixture
def system_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MessageBus]:
    """A real D-Bus daemon that this process takes for the system bus."""
    with running_bus(tmp_path) as bus:
        for name, value in bus.environment().items():
            monkeypatch.setenv(name, value)
        yield bus
