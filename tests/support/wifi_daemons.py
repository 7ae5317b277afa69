"""The real NetworkManager and wpa_supplicant, on the bus of a test and in a network of their own.

There is no radio where the tests run, so they join nothing; what they answer otherwise is real.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.message_bus import MessageBus
from tests.support.tools import missing, require_tool

PATIENCE_S = 60.0

PRIVATE = """
set -e
mount -t tmpfs none /run
mkdir /run/NetworkManager
[ ! -d /var/lib/NetworkManager ] || mount -t tmpfs none /var/lib/NetworkManager
ip link set lo up
ip link add wired0 type veth peer name wired1
exec "$@"
"""

CONFIGURATION = """[main]
plugins=keyfile
auth-polkit=false
dhcp=internal
dns=none
rc-manager=unmanaged
no-auto-default=*
[keyfile]
path={profiles}
"""


@contextlib.contextmanager
def networkmanager(bus: MessageBus, folder: Path, profiles: dict[str, str]) -> Iterator[None]:
    """Run NetworkManager with these profiles (keyfile format, by name) until the block ends."""
    stored = folder / "profiles"
    stored.mkdir()
    for name, content in profiles.items():
        path = stored / f"{name}.nmconnection"
        path.write_text(content, encoding="utf-8")
        path.chmod(0o600)
    configuration = folder / "nm.conf"
    configuration.write_text(CONFIGURATION.format(profiles=stored), encoding="utf-8")
    command = [
        str(require_tool("NetworkManager")),
        "--no-daemon",
        *("--config", str(configuration)),
        *("--config-dir", str(folder / "none.d")),
        *("--system-config-dir", str(folder / "none-system.d")),
        *("--intern-config", str(folder / "intern.conf")),
        *("--state-file", str(folder / "state")),
        *("--pid-file", str(folder / "nm.pid")),
    ]
    name = "org.freedesktop.NetworkManager"
    with _running(command, bus, folder / "nm.log", name):
        # It has its name on the bus a while before it has read its profiles.
        deadline = time.monotonic() + PATIENCE_S
        while _known_profiles(bus) < len(profiles):
            said = (folder / "nm.log").read_text(encoding="utf-8", errors="replace")
            assert time.monotonic() < deadline, f"the profiles were not read: {said}"
            time.sleep(0.02)
        yield


def _known_profiles(bus: MessageBus) -> int:
    name, settings = "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager/Settings"
    try:
        return len(bus.call(name, settings, f"{name}.Settings", "ListConnections", "", ()))
    except AssertionError:
        return -1  # it does not answer to that yet


@contextlib.contextmanager
def wpa_supplicant(bus: MessageBus, folder: Path) -> Iterator[None]:
    """Run wpa_supplicant beside an Ethernet interface `wired0` until the block ends."""
    command = [str(require_tool("wpa_supplicant")), "-u"]
    with _running(command, bus, folder / "wpa.log", "fi.w1.wpa_supplicant1"):
        yield


@contextlib.contextmanager
def _running(command: Sequence[str], bus: MessageBus, log: Path, name: str) -> Iterator[None]:
    require_tool("ip")
    unshare = [str(require_tool("unshare")), "--net", "--mount", "--propagation", "private"]
    line = [*unshare, "sh", "-c", PRIVATE, "sh", *command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            line,
            env={**os.environ, **bus.environment()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_for(bus, name, process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(bus: MessageBus, name: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    daemon = "org.freedesktop.DBus"
    deadline = time.monotonic() + PATIENCE_S
    while not bus.call(daemon, "/org/freedesktop/DBus", daemon, "NameHasOwner", "s", (name,)):
        said = log.read_text(encoding="utf-8", errors="replace")
        if process.poll() is not None and "not permitted" in said:
            missing("a private network can't be made here: run as root")
        assert process.poll() is None, said
        assert time.monotonic() < deadline, f"{name} did not appear: {said}"
        time.sleep(0.02)
