"""A real D-Bus daemon for one test, and services mocked on it by python-dbusmock.

The daemon listens on a socket in the test's own folder. Whoever asks the system bus finds it by the
standard variable, `DBUS_SYSTEM_BUS_ADDRESS`; see the fixture `system_bus`.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jeepney import DBusAddress, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from tests.support.tools import require_system_python, require_tool

MOCK = "org.freedesktop.DBus.Mock"
PROPERTIES = "org.freedesktop.DBus.Properties"
PATIENCE_S = 15.0

REFUSED_NAME = "org.passmuster.Refused"
"""Nobody may send to who has this name: the daemon itself answers `AccessDenied`."""

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <servicedir>{services}</servicedir>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
    <deny send_destination="{refused}"/>
  </policy>
</busconfig>
"""


class Variant(NamedTuple):
    """A D-Bus variant to send: its signature and its value."""

    signature: str
    value: Any


class Mocked:
    """A service that python-dbusmock plays. `path` is its first object."""

    def __init__(self, bus: "MessageBus", name: str, path: str) -> None:
        self._bus = bus
        self.name = name
        self.path = path

    def mock(self, member: str, signature: str, *arguments: Any, path: str = "") -> Any:
        """Call a method of python-dbusmock's own interface, such as `AddSession`."""
        return self.call(MOCK, member, signature, *arguments, path=path)

    def call(
        self, interface: str, member: str, signature: str, *arguments: Any, path: str = ""
    ) -> Any:
        """Call any method; return its first result, or None."""
        return self._bus.call(self.name, path or self.path, interface, member, signature, arguments)

    def set(self, interface: str, member: str, value: Variant, *, path: str = "") -> None:
        """Set a property, which tells listeners that it changed."""
        self.mock("UpdateProperties", "sa{sv}", interface, {member: tuple(value)}, path=path)


class MessageBus:
    """A running daemon. Use `running_bus`."""

    def __init__(
        self,
        address: str,
        connection: DBusConnection,
        cleanup: contextlib.ExitStack,
        services: Path,
    ) -> None:
        self.address = address
        self.services = services
        self._connection = connection
        self._cleanup = cleanup

    def template(self, template: str, name: str, path: str, **parameters: Any) -> Mocked:
        """Start one of python-dbusmock's templates, such as `logind`; `name` is what it claims."""
        arguments = ["--system", "--template", template, "--parameters", json.dumps(parameters)]
        return self._start(arguments, name, path)

    def service(self, name: str, path: str, interface: str) -> Mocked:
        """Start an empty service: add its properties and methods through `Mocked.mock`."""
        return self._start(["--system", name, path, interface], name, path)

    def logind(self, **parameters: Any) -> Mocked:
        """Start systemd-logind's template; sessions come by `AddSession` and `AddSeat`."""
        name, path = "org.freedesktop.login1", "/org/freedesktop/login1"
        return self.template("logind", name, path, **parameters)

    def environment(self) -> Mapping[str, str]:
        """Return the variables by which a program takes this bus for the system bus."""
        return {"DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def offer(self, name: str, command: str) -> None:
        """Let the daemon start `command` for whoever asks for `name`; its folder is `services`."""
        service = self.services / f"{name}.service"
        service.write_text(f"[D-BUS Service]\nName={name}\nExec={command}\n", encoding="ascii")
        bus = "org.freedesktop.DBus"
        self.call(bus, "/org/freedesktop/DBus", bus, "ReloadConfig", "", ())

    def call(
        self,
        name: str,
        path: str,
        interface: str,
        member: str,
        signature: str,
        arguments: Sequence[Any],
    ) -> Any:
        """Call a method past the code under test; return its first result, or None."""
        address = DBusAddress(path, bus_name=name, interface=interface)
        message = new_method_call(address, member, signature, tuple(arguments))
        reply = self._connection.send_and_get_reply(message, timeout=PATIENCE_S)
        assert reply.header.message_type is MessageType.method_return, reply.body
        return reply.body[0] if reply.body else None

    def _start(self, arguments: Sequence[str], name: str, path: str) -> Mocked:
        python = require_system_python("dbusmock")
        command = [str(python), "-m", "dbusmock", *arguments]
        self._cleanup.enter_context(_running(command, {**os.environ, **self.environment()}))
        bus = "org.freedesktop.DBus"
        deadline = time.monotonic() + PATIENCE_S
        while not self.call(bus, "/org/freedesktop/DBus", bus, "NameHasOwner", "s", (name,)):
            assert time.monotonic() < deadline, f"{name} did not appear within {PATIENCE_S} s"
            time.sleep(0.02)
        return Mocked(self, name, path)


@contextlib.contextmanager
def running_bus(folder: Path) -> Iterator[MessageBus]:
    """Run a daemon with its socket in `folder`; skip (in CI: fail) where there is none."""
    daemon = require_tool("dbus-daemon")
    socket, configuration = folder / "bus", folder / "bus.conf"
    # A socket's path has room for 107 characters (unix(7)).
    assert len(str(socket)) < 108, f"the test's folder has too long a name: {folder}"
    services = folder / "services"
    services.mkdir(exist_ok=True)  # a bus may be started again
    configuration.write_text(
        CONFIGURATION.format(socket=socket, services=services, refused=REFUSED_NAME)
    )
    command = [str(daemon), f"--config-file={configuration}", "--nofork", "--nopidfile"]
    with contextlib.ExitStack() as cleanup:
        cleanup.enter_context(_running(command, dict(os.environ)))
        address = f"unix:path={socket}"
        yield MessageBus(address, cleanup.enter_context(_connection(address)), cleanup, services)


def _connection(address: str) -> DBusConnection:
    # The socket's file is there a moment before the daemon listens.
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return open_dbus_connection(address, auth_timeout=PATIENCE_S)
        except (FileNotFoundError, ConnectionRefusedError):
            assert time.monotonic() < deadline, f"no bus within {PATIENCE_S} s"
            time.sleep(0.01)


@contextlib.contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
