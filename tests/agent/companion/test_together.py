"""Daemon and companion as real processes of different users, on a real bus, with real settings.

The daemon runs as a service's account that may not look into the worker's home; the worker is root,
the one person that every machine has.
"""

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from passmuster_agent.config import Device, State
from passmuster_agent.enrolment import Request, enroll
from passmuster_collectors.contract.reading import Reading, SourceOutcome, Status
from passmuster_collectors.contract.verdict import Verdict
from tests.support.message_bus import MessageBus, Mocked, Variant, running_bus
from tests.support.report_server import CODE, ReportServer
from tests.support.tools import REPOSITORY, SYSTEM_PYTHON, missing, require_tool

SERVICE = pwd.getpwnam("nobody").pw_uid
"""An account that a message bus knows and that owns nothing."""

SESSION = "org.freedesktop.login1.Session"
SESSION_PATH = "/org/freedesktop/login1/session/c2"
NOTIFICATIONS = "org.freedesktop.Notifications"
MOST_MEBIBYTES = 30
DCONF = Path("/usr/libexec/dconf-service")
DAEMON = """
import sys
from pathlib import Path
from passmuster_agent.companion import packets
packets.PacketDoor.__init__.__defaults__ = (Path(sys.argv.pop(1)),)
from passmuster_agent import cli
raise SystemExit(cli.main())
"""

WORKER = """
import sys
from pathlib import Path
from passmuster_agent.companion import packets
packets.SYSTEM_SOCKET = Path(sys.argv.pop(1))
from passmuster_agent import cli, config
config.default_state = lambda: Path("/nonexistent/passmuster-agent")
raise SystemExit(cli.main())
"""


class Laptop:
    """One laptop with a GNOME session of root's and a daemon that is not root."""

    def __init__(self, folder: Path, bus: MessageBus, server: ReportServer) -> None:
        self.folder, self.bus, self.server = folder, bus, server
        self.own = folder / "own"
        (self.own / "config" / "dconf").mkdir(parents=True)
        self.own.chmod(0o700)
        (self.own / "profile").write_text("user-db:user\n")
        (folder / "users").mkdir()
        (folder / "users" / "0").touch()
        self._log_in()
        self.state = State(folder / "state")
        request = Request(server.url, None, "file", False)
        self.device: Device = enroll(self.state, request, lambda: CODE, lambda _: None, tries=1)
        (folder / "run").mkdir()
        for path in (self.state.path, *self.state.path.rglob("*"), folder / "run"):
            os.chown(path, SERVICE, SERVICE)

    def _log_in(self) -> None:
        logind = self.bus.logind()
        logind.mock("AddSeat", "s", "seat0")
        logind.mock("AddSession", "ssusb", "c2", "seat0", 0, "root", True)
        logind.mock("AddProperty", "ssv", SESSION, "Desktop", ("s", "gnome"), path=SESSION_PATH)
        for name, value in {"Type": "wayland", "Service": "gdm-password"}.items():
            logind.set(SESSION, name, Variant("s", value), path=SESSION_PATH)

    def idle_delay(self, seconds: int) -> None:
        """Change the setting as the worker does; the real dconf writes it and tells everybody."""
        command = ["gsettings", "set", "org.gnome.desktop.session", "idle-delay", str(seconds)]
        subprocess.run(command, env=self.worker(), check=True, timeout=30)

    def worker(self) -> dict[str, str]:
        """Return the environment of what runs in the session."""
        return {
            "PATH": os.defpath,
            "XDG_SESSION_ID": "c2",
            "XDG_CURRENT_DESKTOP": "GNOME",
            "XDG_CONFIG_HOME": str(self.own / "config"),
            "DCONF_PROFILE": str(self.own / "profile"),
            "DBUS_SESSION_BUS_ADDRESS": self.bus.address,
            **self.bus.environment(),
        }

    def screen_lock(self) -> Reading | None:
        if not self.server.records:
            return None
        return next(r for r in self.server.records[-1].readings if r.signal == "screen_lock")

    def lock_after(self) -> Any:
        reading = self.screen_lock()
        if reading is None or reading.facts is None:
            return None
        return [each["lock_after_s"] for each in reading.facts["sessions"]]

    def daemon(self) -> "subprocess.Popen[bytes]":
        python, modules = python_for_everybody()
        command = [python, "-c", DAEMON, str(self.folder / "users"), "run"]
        environment = {
            **self.bus.environment(),
            "PYTHONPATH": modules,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": os.defpath,
            "HOME": "/nonexistent",
            "RUNTIME_DIRECTORY": str(self.folder / "run"),
        }
        return subprocess.Popen(
            [*command, "--state", str(self.state.path)],
            env=environment,
            user=SERVICE,
            group=SERVICE,
            extra_groups=[],
            cwd="/",
        )

    def status(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `passmuster-agent status` as the worker, who has no state of their own."""
        command = [sys.executable, "-c", WORKER, str(self.folder / "run" / "companion.sock")]
        return subprocess.run(
            [*command, "status", *arguments],
            env=self.worker() | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def companion(self) -> "subprocess.Popen[bytes]":
        socket = str(self.folder / "run" / "companion.sock")
        command = [sys.executable, "-m", "passmuster_agent.cli", "companion", "--socket", socket]
        return subprocess.Popen(command, env=self.worker())


def python_for_everybody() -> tuple[str, str]:
    """Return an interpreter that another user may run, and where it finds our modules."""
    tried = subprocess.run(
        [SYSTEM_PYTHON, "-c", "import sys; print(*sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
        user=SERVICE,
    )
    if tried.stdout.split() != [str(part) for part in sys.version_info[:2]]:
        missing("a Python of this version that every user may run")
    return str(SYSTEM_PYTHON), os.pathsep.join(
        path for path in sys.path if Path(path).is_relative_to(REPOSITORY)
    )


@contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """End a process with the test."""
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def laptop(folder: Path, server: ReportServer) -> Iterator[Laptop]:
    if os.geteuid() != 0:
        missing("root, who alone can be several users")
    require_tool("gsettings")
    if not DCONF.exists():
        missing(f"{DCONF} is not installed")
    (folder / "bus").mkdir()
    with running_bus(folder / "bus") as bus:
        laptop = Laptop(folder, bus, server)
        program = subprocess.Popen([require_tool("sleep"), "600"], env=laptop.worker())
        settings = subprocess.Popen([DCONF], env=laptop.worker())
        with ended(program), ended(settings), ended(laptop.daemon()):
            yield laptop


@pytest.fixture
def companion(laptop: Laptop) -> Iterator["subprocess.Popen[bytes]"]:
    process = laptop.companion()
    with ended(process):
        yield process


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_without_a_companion_the_lock_is_unknown_and_the_report_says_why(laptop: Laptop) -> None:
    found = laptop.server.wait_for(lambda: laptop.lock_after() == ["unknown"], timeout_s=20)
    assert found
    reading = laptop.screen_lock()
    assert reading is not None
    assert reading.status is Status.UNAVAILABLE
    assert "companion does not run there" in reading.reason


def test_the_companion_fills_what_the_daemon_cannot_see(
    laptop: Laptop, companion: "subprocess.Popen[bytes]"
) -> None:
    server = laptop.server
    assert server.wait_for(lambda: laptop.lock_after() == [300], timeout_s=40)
    reading = laptop.screen_lock()
    assert reading is not None
    assert reading.status is Status.OK
    assert ("companion", SourceOutcome.READ) in [(s.name, s.outcome) for s in reading.sources]

    laptop.idle_delay(120)
    began = time.monotonic()
    assert server.wait_for(lambda: laptop.lock_after() == [120], timeout_s=40), "a change is missed"
    print(f"from a changed setting to an accepted report: {time.monotonic() - began:.2f} s")

    companion.kill()
    assert server.wait_for(lambda: laptop.lock_after() == ["unknown"], timeout_s=40), "it lingers"


def test_a_companion_stays_small(laptop: Laptop, companion: "subprocess.Popen[bytes]") -> None:
    assert laptop.server.wait_for(lambda: laptop.lock_after() == [300], timeout_s=40)
    status = Path(f"/proc/{companion.pid}/status").read_text(encoding="ascii")
    (resident,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
    print(f"resident set of the companion: {int(resident) / 1024:.1f} MiB")
    assert int(resident) / 1024 < MOST_MEBIBYTES


def test_a_companion_ends_when_it_is_told_to(
    laptop: Laptop, companion: "subprocess.Popen[bytes]"
) -> None:
    assert laptop.server.wait_for(lambda: laptop.lock_after() == [300], timeout_s=40)
    second = laptop.companion()
    with ended(second):
        assert second.wait(timeout=30) == 0, "the second one of a user is not needed"
    companion.send_signal(signal.SIGTERM)
    assert companion.wait(timeout=30) == 0


def test_the_worker_is_notified_when_the_verdict_gets_worse_and_it_goes_when_all_is_well(
    laptop: Laptop, companion: "subprocess.Popen[bytes]"
) -> None:
    assert companion.poll() is None
    path = "/org/freedesktop/Notifications"
    desktop: Mocked = laptop.bus.template("notification_daemon", NOTIFICATIONS, path)

    def calls(member: str) -> list[Any]:
        found: list[Any] = desktop.mock("GetMethodCalls", "s", member)
        return found

    server = laptop.server
    assert server.wait_for(lambda: laptop.lock_after() == [300], timeout_s=40)
    assert calls("Notify") == []
    server.verdict = Verdict.NON_COMPLIANT
    laptop.idle_delay(0)
    wait_for(lambda: len(calls("Notify")) == 1)
    server.verdict = Verdict.COMPLIANT
    laptop.idle_delay(60)
    wait_for(lambda: len(calls("CloseNotification")) == 1)
    assert len(calls("Notify")) == 1


def test_the_worker_sees_the_services_verdict_without_any_rights(laptop: Laptop) -> None:
    laptop.server.verdict = Verdict.GRACE
    assert laptop.server.wait_for(lambda: bool(laptop.server.records), timeout_s=40)
    wait_for(lambda: "Verdict: grace" in laptop.status().stdout)
    done = laptop.status()
    assert done.returncode == 0, done.stderr
    assert "not enrolled" not in done.stdout
    assert "ana@example.com" not in done.stdout, "others are logged in on some laptops"
    assert "advice of this laptop" not in done.stdout, "the server's word alone"
    told = json.loads(laptop.status("--json").stdout)
    assert (told["service"], told["verdict"]) == ("tells", "grace")
    assert {each["judged_by"] for each in told["signals"]} <= {"server"}
    assert not any(each["found"] or each["sources"] for each in told["signals"])
