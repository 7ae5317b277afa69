"""A real Secret Service (gnome-keyring) on a session bus of its own."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.message_bus import MessageBus, running_bus
from tests.support.tools import require_tool

READY_S = 60.0

NAME = "org.freedesktop.secrets"
PATH = "/org/freedesktop/secrets"
SERVICE = "org.freedesktop.Secret.Service"
BUS = "org.freedesktop.DBus"


@contextmanager
def secret_service(folder: Path) -> Iterator[str]:
    """Run the bus and the keyring, unlocked and empty; give the address of the bus.

    The bus starts no services by itself: one that it started because the first question came early
    would own the name, locked.
    """
    keyring_daemon = require_tool("gnome-keyring-daemon")
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700, parents=True)
    with running_bus(runtime) as bus:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_DATA_HOME": str(folder / "data"),
            "DBUS_SESSION_BUS_ADDRESS": bus.address,
        }
        command = [str(keyring_daemon), "--foreground", "--unlock", "--components=secrets"]
        with _started(command, environment, b"password of the test"):
            deadline = time.monotonic() + READY_S
            while not _unlocked(bus):
                assert time.monotonic() < deadline, "the secret service did not start"
                time.sleep(0.05)
            yield bus.address


@contextmanager
def _started(command: list[str], environment: dict[str, str], stdin: bytes) -> Iterator[None]:
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


def _unlocked(bus: MessageBus) -> bool:
    """Whether the service is there and its default collection too, which comes a moment later."""
    if not bus.call(BUS, "/org/freedesktop/DBus", BUS, "NameHasOwner", "s", (NAME,)):
        return False
    found = bus.call(NAME, PATH, SERVICE, "ReadAlias", "s", ("default",))
    return "/collection/" in str(found)
