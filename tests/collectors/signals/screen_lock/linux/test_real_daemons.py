"""A GNOME session on a real bus, with a real process, real settings and this machine's own host."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.reading import Reading, SourceOutcome, Status
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.screen_lock import SIGNAL
from passmuster_collectors.signals.screen_lock.facts import LockSession, ScreenLockFacts
from passmuster_collectors.signals.screen_lock.linux.sessions import is_person
from tests.support.dconf import compile_database
from tests.support.message_bus import MessageBus, Mocked, Variant
from tests.support.tools import missing, require_tool

SESSION = "org.freedesktop.login1.Session"
SESSION_PATH = "/org/freedesktop/login1/session/c2"
SAVER = "org.gnome.ScreenSaver"
SAVER_PATH = "/org/gnome/ScreenSaver"


class Desk:
    """A person's GNOME session: logind's word for it, one of its processes, its settings."""

    def __init__(self, bus: MessageBus, folder: Path) -> None:
        require_tool("gsettings")
        if not is_person(os.getuid()):
            missing("a user who is a person; this one is a service")
        self.bus = bus
        self.folder = folder
        (folder / "config" / "dconf").mkdir(parents=True)
        (folder / "profile").write_text("user-db:user\n")
        self.logind: Mocked = bus.logind()
        self.logind.mock("AddSeat", "s", "seat0")
        self.logind.mock("AddSession", "ssusb", "c2", "seat0", os.getuid(), "someone", True)
        desktop = (SESSION, "Desktop", ("s", ""))
        self.logind.mock("AddProperty", "ssv", *desktop, path=SESSION_PATH)
        self.tell(Type="wayland", Service="gdm-password")
        self.saver: Mocked = bus.template("gnome_screensaver", SAVER, SAVER_PATH)

    def tell(self, **properties: Any) -> None:
        for name, value in properties.items():
            signature = "b" if isinstance(value, bool) else "s"
            self.logind.set(SESSION, name, Variant(signature, value), path=SESSION_PATH)

    def settings(self, keys: str) -> None:
        made = self.folder / "made"
        made.mkdir()
        compile_database(made, keys).rename(self.folder / "config" / "dconf" / "user")

    def environment(self) -> dict[str, str]:
        return {
            "XDG_SESSION_ID": "c2",
            "XDG_CURRENT_DESKTOP": "GNOME",
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "DCONF_PROFILE": str(self.folder / "profile"),
        }


@pytest.fixture
def desk(system_bus: MessageBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", system_bus.address)
    desk = Desk(system_bus, tmp_path / "desk")
    program = subprocess.Popen([require_tool("sleep"), "600"], env=desk.environment())
    yield desk
    program.kill()
    program.wait()


def read() -> Reading:
    (reading,) = collect(LinuxHost(b"a key for this test"), [SIGNAL])
    return reading


def session(reading: Reading) -> LockSession:
    assert reading.facts is not None, (reading.reason, reading.sources)
    (found,) = codec.decode(ScreenLockFacts, reading.facts).sessions
    return found


def outcome(reading: Reading) -> Outcome:
    return SIGNAL.judge(reading, SIGNAL.limits()).outcome


@pytest.mark.usefixtures("desk")
def test_a_session_as_installed_passes() -> None:
    reading = read()
    found = session(reading)
    assert (found.desktop, found.lock_after_s, found.grace_s) == ("gnome", 300, 0)
    assert (reading.status, outcome(reading)) == (Status.OK, Outcome.PASS)


def test_the_settings_of_that_very_session_are_read(desk: Desk) -> None:
    desk.settings("[org/gnome/desktop/session]\nidle-delay=uint32 0\n")
    reading = read()
    assert session(reading).lock_after_s is None
    assert outcome(reading) is Outcome.FAIL


def test_a_change_is_seen_at_the_next_reading(desk: Desk) -> None:
    assert session(read()).lock_after_s == 300
    desk.settings("[org/gnome/desktop/session]\nidle-delay=uint32 120\n")
    assert session(read()).lock_after_s == 120


def test_locked_is_what_the_session_and_its_screen_saver_agree_on(desk: Desk) -> None:
    assert session(read()).locked is False
    desk.saver.call(SAVER, "Lock", "")
    assert session(read()).locked is False, "blank, and logind was not told of a lock"
    desk.tell(LockedHint=True)
    assert session(read()).locked is True


def test_a_hint_that_the_screen_saver_denies_is_not_believed(desk: Desk) -> None:
    desk.tell(LockedHint=True)
    reading = read()
    assert session(reading).locked == UNKNOWN
    assert SourceOutcome.CONFLICT in {source.outcome for source in reading.sources}


def test_a_program_that_asks_gnome_to_stay_awake_holds_the_lock_off(desk: Desk) -> None:
    assert session(read()).inhibited == UNKNOWN, "nobody answers for the desktop"
    name, path = "org.gnome.SessionManager", "/org/gnome/SessionManager"
    manager = desk.bus.service(name, path, name)
    # 8 is GSM_INHIBITOR_FLAG_IDLE; a program that asks against log-out alone changes nothing.
    manager.mock("AddMethod", "sssss", name, "IsInhibited", "u", "b", "ret = bool(args[0] & 8)")
    assert session(read()).inhibited is True
    manager.mock("AddMethod", "sssss", name, "IsInhibited", "u", "b", "ret = bool(args[0] & 1)")
    assert session(read()).inhibited is False


@pytest.mark.parametrize(
    ("what", "mode", "held"),
    [("idle", "block", True), ("sleep:idle", "block", True), ("sleep", "block", False)],
)
def test_a_real_systemd_inhibit_holds_the_lock_of_a_bare_compositor_off(
    desk: Desk, what: str, mode: str, held: bool
) -> None:
    desk.tell(Desktop="sway")
    assert session(read()).inhibited is False
    words = ["--who=a test", "--why=a video call", f"--what={what}", f"--mode={mode}"]
    holding = subprocess.Popen(
        [require_tool("systemd-inhibit"), *words, "sleep", "600"],
        env={"PATH": os.defpath, **desk.bus.environment()},
    )
    try:
        deadline = time.monotonic() + 30
        while not desk.logind.call("org.freedesktop.login1.Manager", "ListInhibitors", ""):
            assert holding.poll() is None, "systemd-inhibit ended"
            assert time.monotonic() < deadline, "it is not held"
            time.sleep(0.02)
        assert session(read()).inhibited is held
    finally:
        holding.kill()
        holding.wait()


def test_a_greeter_is_nobody(desk: Desk) -> None:
    desk.tell(Class="greeter")
    assert read().status is Status.NOT_APPLICABLE


def test_a_session_that_closes_is_nobody(desk: Desk) -> None:
    desk.tell(State="closing")
    assert read().status is Status.NOT_APPLICABLE


def test_a_desktop_that_nobody_knows_is_unknown(desk: Desk) -> None:
    desk.tell(Type="x11", Desktop="deepin")
    reading = read()
    assert session(reading).desktop == "deepin"
    assert outcome(reading) is Outcome.UNKNOWN


@pytest.mark.usefixtures("system_bus")
def test_a_bus_without_logind_is_not_nobody() -> None:
    reading = read()
    assert reading.status is Status.UNAVAILABLE
    assert outcome(reading) is not Outcome.PASS
