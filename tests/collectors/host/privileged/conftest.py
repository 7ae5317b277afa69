"""A socket where other users can reach it, and root's helper behind it."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tools import missing, require_tool
from tests.support.unix_sockets import is_listening

PATIENCE_S = 30.0


@dataclass(frozen=True)
class ListeningHelper:
    """The root helper as systemd starts it: when somebody connects."""

    socket: Path
    log: Path

    def logged(self, words: str) -> bool:
        """Wait until the log has these words; say whether it came to have them."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if words in self.log.read_text(encoding="utf-8"):
                return True
            time.sleep(0.05)
        return False


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may look into, which pytest's own are not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def listening(open_folder: Path, request: pytest.FixtureRequest) -> Iterator[ListeningHelper]:
    """`passmuster-agent root-helper --account nobody` behind a socket anybody can connect to.

    More words for it may come as the fixture's parameter.
    """
    if os.geteuid() != 0:
        missing("only root can be the root helper")
    activate = str(require_tool("systemd-socket-activate"))
    found = ListeningHelper(open_folder / "socket", open_folder / "log")
    serve = [sys.executable, "-m", "passmuster_agent.cli", "root-helper", "--account", "nobody"]
    serve += getattr(request, "param", [])
    with (
        found.log.open("wb") as log,
        subprocess.Popen(
            [activate, "--listen", str(found.socket), *serve], stdin=subprocess.DEVNULL, stderr=log
        ) as process,
    ):
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not is_listening(found.socket):
                assert time.monotonic() < deadline, "systemd-socket-activate does not listen"
                time.sleep(0.02)
            found.socket.chmod(0o666)  # so that nothing but the helper itself turns anybody away
            yield found
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
