"""A real Secret Service (gnome-keyring) on a session bus of its own."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.tools import require_tool

READY_S = 20.0


@contextmanager
def secret_service(folder: Path) -> Iterator[str]:
    """Run the bus and the keyring, unlocked and empty; give the address of the bus."""
    bus_daemon = require_tool("dbus-daemon")
    keyring_daemon = require_tool("gnome-keyring-daemon")
    bus_send = require_tool("dbus-send")
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700, parents=True)
    address = f"unix:path={runtime}/bus"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_DATA_HOME": str(folder / "data"),
        "DBUS_SESSION_BUS_ADDRESS": address,
    }
    with _started([str(bus_daemon), "--session", "--nofork", f"--address={address}"], environment):
        _wait((runtime / "bus").exists)
        command = [str(keyring_daemon), "--foreground", "--unlock", "--components=secrets"]
        with _started(command, environment, b"password of the test"):
            asked = [str(bus_send), "--print-reply", "--dest=org.freedesktop.secrets"]
            asked += ["/org/freedesktop/secrets", "org.freedesktop.Secret.Service.ReadAlias"]
            asked += ["string:default"]
            # It answers before it has unlocked its default collection.
            _wait(lambda: b"/collection/" in _output(asked, environment))
            yield address


@contextmanager
def _started(command: list[str], environment: dict[str, str], stdin: bytes = b"") -> Iterator[None]:
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


def _output(command: list[str], environment: dict[str, str]) -> bytes:
    asked = subprocess.run(command, env=environment, capture_output=True, timeout=10, check=False)
    return asked.stdout


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_S
    while not condition():
        if time.monotonic() >= deadline:
            pytest.skip("the secret service of this machine did not start")
        time.sleep(0.05)
