"""`fix`: the real gsettings on a real bus, and what it says when there is nothing it may do."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from passmuster_agent.errors import AgentError, ExitCode
from passmuster_agent.fix import Aim, fix
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.signals import signal_by_id
from tests.support.message_bus import MessageBus, Variant, running_bus
from tests.support.people import gnome, gsettings, machine, session
from tests.support.recorded_host import RecordedHost
from tests.support.tools import missing, require_tool

LOCK = signal_by_id("screen_lock")
IDLE = "org.gnome.desktop.session idle-delay"
SESSION = "org.freedesktop.login1.Session"
PATH = "/org/freedesktop/login1/session/c2"
DCONF = Path("/usr/libexec/dconf-service")
XFCONFD = "*/xfce4/xfconf/xfconfd"


class Desk:
    """A session of the user who runs the test, with the desktop's real settings daemons."""

    def __init__(self, bus: MessageBus, folder: Path, desktop: str) -> None:
        self.config = folder / "config"
        (folder / "config" / "dconf").mkdir(parents=True)
        (folder / "profile").write_text("user-db:user\n")
        self.environment = {
            "PATH": os.defpath,
            "XDG_SESSION_ID": "c2",
            "XDG_CURRENT_DESKTOP": desktop,
            "XDG_CONFIG_HOME": str(folder / "config"),
            "DCONF_PROFILE": str(folder / "profile"),
            "DBUS_SESSION_BUS_ADDRESS": bus.address,
        }
        logind = bus.logind()
        logind.mock("AddSeat", "s", "seat0")
        logind.mock("AddSession", "ssusb", "c2", "seat0", os.getuid(), "someone", True)
        logind.mock("AddProperty", "ssv", SESSION, "Desktop", ("s", desktop), path=PATH)
        for name, value in {"Type": "wayland", "Service": "gdm-password"}.items():
            logind.set(SESSION, name, Variant("s", value), path=PATH)

    def gsettings(self, *words: str) -> str:
        done = subprocess.run(
            ["gsettings", *words], env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()


def wait_for_dconf(bus: MessageBus) -> None:
    name, path = "org.freedesktop.DBus", "/org/freedesktop/DBus"
    deadline = time.monotonic() + 20
    while not bus.call(name, path, name, "NameHasOwner", "s", ("ca.desrt.dconf",)):
        assert time.monotonic() < deadline, "dconf-service did not appear"
        time.sleep(0.02)


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Desk]:
    require_tool("gsettings")
    if not DCONF.exists():
        missing(f"{DCONF} is not installed")
    (tmp_path / "bus").mkdir()
    with running_bus(tmp_path / "bus") as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
        desk = Desk(bus, tmp_path / "desk", getattr(request, "param", "GNOME"))
        programs = [
            subprocess.Popen(command, env=desk.environment)
            for command in (
                *([str(each)] for each in (DCONF, *Path("/usr/lib").glob(XFCONFD))),
                [str(require_tool("sleep")), "600"],
            )
        ]
        try:
            wait_for_dconf(bus)
            yield desk
        finally:
            for each in programs:
                each.kill()
                each.wait()


def run(
    host: Any, *, agree: bool = True, within_s: int | None = None, told_s: int | None = None
) -> tuple[ExitCode, str]:
    said: list[str] = []
    ended = fix(host, LOCK, Aim(within_s, told_s), lambda _: agree, said.append)
    return ended, "\n".join(said)


def this_machine() -> LinuxHost:
    return LinuxHost(b"a key for this test")


def test_shows_the_change_makes_it_and_looks_again(desk: Desk) -> None:
    desk.gsettings("set", *IDLE.split(), "0")
    ended, said = run(this_machine())
    assert f"{IDLE}: 0 -> 540" in said
    assert "all is in order" in said
    assert ended is ExitCode.DONE
    assert desk.gsettings("get", *IDLE.split()) == "uint32 540"


def test_changes_nothing_without_a_yes(desk: Desk) -> None:
    desk.gsettings("set", *IDLE.split(), "0")
    ended, said = run(this_machine(), agree=False)
    assert "Nothing was changed." in said
    assert ended is ExitCode.FAILED
    assert desk.gsettings("get", *IDLE.split()) == "uint32 0"


def test_what_is_in_order_stays_as_it_is(desk: Desk) -> None:
    desk.gsettings("set", *IDLE.split(), "60")
    ended, said = run(this_machine())
    assert (ended, "->" in said) == (ExitCode.DONE, False)
    assert desk.gsettings("get", *IDLE.split()) == "uint32 60"


def test_what_it_has_locked_is_left_to_it() -> None:
    programs = gsettings(1000, gnome(idle_delay="uint32 0"), IDLE)
    recorded = machine(session("2"), uid=1000, programs=programs)
    with pytest.raises(AgentError, match="IT has locked this setting"):
        run(RecordedHost(recorded))


def test_what_no_worker_may_change_is_told_as_steps() -> None:
    said: list[str] = []
    recorded = machine(session("2", desktop="sway"), uid=1000)
    assert (
        fix(RecordedHost(recorded), LOCK, Aim(600, None), lambda _: True, said.append)
        is ExitCode.FAILED
    )
    assert any("swayidle" in line for line in said)


def test_a_session_that_cannot_be_read_is_said_so() -> None:
    with pytest.raises(AgentError, match="could not be read"):
        run(RecordedHost({"uid": 1000}))


def test_a_stricter_limit_of_the_organisation_is_kept_to(desk: Desk) -> None:
    desk.gsettings("set", *IDLE.split(), "300")
    assert "--within" in run(this_machine())[1]
    ended, said = run(this_machine(), within_s=120)
    assert f"{IDLE}: 300 -> 60" in said
    assert ended is ExitCode.DONE
    assert desk.gsettings("get", *IDLE.split()) == "uint32 60"


def test_idle_logoff_is_put_right_by_the_same_lock(desk: Desk) -> None:
    desk.gsettings("set", *IDLE.split(), "0")
    said: list[str] = []
    idle = signal_by_id("idle_logoff")
    fix(this_machine(), idle, Aim(None, None), lambda _: True, said.append)
    assert f"{IDLE}: 0 -> 840" in said
    assert desk.gsettings("get", *IDLE.split()) == "uint32 840"


@pytest.mark.parametrize("desk", ["KDE"], indirect=True)
def test_kde_by_its_own_program(desk: Desk) -> None:
    if not any(Path(path).exists() for path in Program.KWRITECONFIG.paths):
        missing("kwriteconfig is not installed; .ci/packages.txt lists its package")
    rc = desk.config / "kscreenlockerrc"
    rc.write_text("[Daemon]\nAutolock=false\nTimeout=60\n")
    ended, said = run(this_machine())
    assert "kscreenlockerrc [Daemon] Autolock: false -> true" in said
    assert "kscreenlockerrc [Daemon] Timeout: 60 -> 9" in said
    assert ended is ExitCode.DONE
    assert set(rc.read_text().split()) == {"[Daemon]", "Autolock=true", "Timeout=9"}


@pytest.mark.parametrize("desk", ["XFCE"], indirect=True)
def test_xfce_by_its_own_program(desk: Desk) -> None:
    query = str(require_tool("xfconf-query"))
    delay = ["-c", "xfce4-screensaver", "-p", "/saver/idle-activation/delay"]
    command = [query, *delay, "-n", "-t", "int", "-s", "60"]
    subprocess.run(command, env=desk.environment, check=True, timeout=30)
    channel = desk.config / "xfce4/xfconf/xfce-perchannel-xml/xfce4-screensaver.xml"
    deadline = time.monotonic() + 30
    while not channel.exists():
        assert time.monotonic() < deadline, "xfconfd wrote no file"
        time.sleep(0.1)
    _, said = run(this_machine())
    assert "xfce4-screensaver /saver/idle-activation/delay: 60 -> 9" in said
    assert "Changed." in said
    asked = subprocess.run(
        [query, *delay], env=desk.environment, check=True, capture_output=True, timeout=30
    )
    assert asked.stdout.strip() == b"9"


def test_aims_at_what_the_organisation_allows_without_being_told(desk: Desk) -> None:
    desk.gsettings("set", *IDLE.split(), "500")
    assert "By the default rules all is in order." in run(this_machine())[1]
    ended, said = run(this_machine(), told_s=240)
    assert said.startswith("Your organisation allows 4 minutes.")
    assert f"{IDLE}: 500 -> 180" in said
    assert "By a limit of 240 s all is in order." in said
    assert "--within" not in said
    assert ended is ExitCode.DONE
    ended, said = run(this_machine(), told_s=240)
    assert (ended, "Changed" in said) == (ExitCode.DONE, False), "nothing is left to do"
    _, said = run(this_machine(), within_s=120, told_s=240)
    assert f"{IDLE}: 180 -> 60" in said, "what a person names counts more"
