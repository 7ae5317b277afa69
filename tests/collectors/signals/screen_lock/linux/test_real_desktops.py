"""Xfce's own settings daemon and a real X server say the same as the readers."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from passmuster_collectors.host.answers import Process
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.signals.screen_lock.linux import xfce, xss_lock
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from tests.support.message_bus import MessageBus, running_bus
from tests.support.tools import missing, require_tool

IDLE_DELAY = "/saver/idle-activation/delay"
LOCK = "/lock/enabled"
XFCONF = "org.xfce.Xfconf"


def witness() -> Witness:
    return Witness(LinuxHost(b"a key for this test"))


class Xfce:
    """A user's and the system's settings of Xfce Screensaver, and the real xfconfd over them."""

    def __init__(self, folder: Path, bus: MessageBus) -> None:
        self.bus = bus
        self.own, self.system = folder / "own", folder / "system"
        self.environment = {
            "HOME": str(folder),
            "PATH": os.defpath,
            "DBUS_SESSION_BUS_ADDRESS": bus.address,
            "XDG_CONFIG_HOME": str(self.own),
            "XDG_CONFIG_DIRS": str(self.system),
        }

    def write(self, base: Path, inner: str, attributes: str = "") -> None:
        folder = base / "xfce4" / "xfconf" / "xfce-perchannel-xml"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "xfce4-screensaver.xml").write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<channel name="xfce4-screensaver" version="1.0" {attributes}>{inner}</channel>\n'
        )

    def by_xfconf(self, name: str) -> object:
        def ask(member: str) -> Any:
            asked = ("xfce4-screensaver", name)
            return self.bus.call(XFCONF, "/org/xfce/Xfconf", XFCONF, member, "ss", asked)

        return ask("GetProperty")[1] if ask("PropertyExists") else None

    def by_reader(self) -> xfce.Channel:
        surroundings = Surroundings(self.environment["HOME"], None, self.environment)
        user = witness().account(os.getuid()).name
        return xfce.read_channel(witness(), surroundings, user, "xfce4-screensaver")

    def check(self, name: str, expected: object, *, locked: bool = False) -> None:
        found = self.by_reader().get(name)
        assert self.by_xfconf(name) == expected
        assert (json.loads(found[0].value) if found else None) == expected
        assert (found is not None and found[1]) is locked


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Xfce]:
    daemons = list(Path("/usr/lib").glob("*/xfce4/xfconf/xfconfd"))
    if not daemons:
        missing("xfconfd is not installed; .ci/packages.txt lists its package, xfconf")
    (tmp_path / "bus").mkdir()
    with running_bus(tmp_path / "bus") as bus:
        desk = Xfce(tmp_path, bus)
        # It reads its files when it is first asked: the test writes them before.
        daemon = subprocess.Popen([daemons[0]], env=desk.environment, stderr=subprocess.DEVNULL)
        owned = ("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", "s")
        deadline = time.monotonic() + 15
        while not bus.call("org.freedesktop.DBus", *owned, (XFCONF,)):
            assert time.monotonic() < deadline, "xfconfd did not appear on the bus"
            time.sleep(0.02)
        yield desk
        daemon.terminate()
        daemon.wait(timeout=10)


def delay(minutes: int, attributes: str = "") -> str:
    return (
        '<property name="saver" type="empty"><property name="idle-activation" type="empty">'
        f'<property name="delay" type="int" value="{minutes}" {attributes}/></property></property>'
    )


def lock(value: str, attributes: str = "") -> str:
    return (
        f'<property name="lock" type="empty" {attributes}>'
        f'<property name="enabled" type="bool" value="{value}"/></property>'
    )


def test_the_users_settings_go_over_the_systems(desk: Xfce) -> None:
    desk.write(desk.system, delay(3) + lock("false"))
    desk.write(desk.own, delay(20))
    desk.check(IDLE_DELAY, 20)
    desk.check(LOCK, expected=False)


LOCKED = pytest.mark.parametrize(
    ("attributes", "locked"),
    [
        ('locked="{user}"', True),
        ('locked="somebody-else;{user}"', True),
        ('locked="somebody-else"', False),
        ('unlocked="somebody-else"', True),
        ('unlocked="{user}"', False),
        ('locked="{user}" unlocked="{user}"', False),
        ('locked="*"', False),
    ],
)


@LOCKED
def test_a_locked_setting_stays_whatever_the_user_says(
    desk: Xfce, attributes: str, locked: bool
) -> None:
    user = witness().account(os.getuid()).name
    desk.write(desk.system, delay(3, attributes.format(user=user)))
    desk.write(desk.own, delay(20))
    desk.check(IDLE_DELAY, 3 if locked else 20, locked=locked)


@LOCKED
def test_a_locked_channel_shuts_the_users_file_out(
    desk: Xfce, attributes: str, locked: bool
) -> None:
    user = witness().account(os.getuid()).name
    desk.write(desk.system, delay(3), attributes.format(user=user))
    desk.write(desk.own, delay(20) + lock("false"))
    desk.check(IDLE_DELAY, 3 if locked else 20, locked=locked)
    desk.check(LOCK, None if locked else False)


def test_a_lock_on_a_branch_is_none_on_its_leaves(desk: Xfce) -> None:
    user = witness().account(os.getuid()).name
    desk.write(desk.system, lock("true", f'locked="{user}"'))
    desk.write(desk.own, lock("false"))
    desk.check(LOCK, expected=False)


def test_what_nobody_set_is_nothing(desk: Xfce) -> None:
    desk.write(desk.own, lock("true"))
    desk.check(IDLE_DELAY, None)


@pytest.fixture
def display(tmp_path: Path) -> Iterator[str]:
    """The name of a display of a real X server without a screen."""
    require_tool("xset")
    reader, writer = os.pipe()
    server_path = str(require_tool("Xvfb"))
    command = [server_path, "-displayfd", str(writer), "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[writer], cwd=tmp_path, stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as lines:
        number = lines.readline().strip()
    assert number, "the X server did not start"
    yield f":{number}"
    server.terminate()
    server.wait(timeout=10)


@pytest.mark.parametrize(
    ("times", "notifier", "expected"),
    [
        (("300", "60"), (), 300),
        (("300", "60"), ("-n", "/usr/bin/dim"), 360),
        (("0", "60"), (), None),
        (("off",), (), None),
    ],
)
def test_an_x_server_tells_when_xss_lock_locks(
    display: str, times: tuple[str, ...], notifier: tuple[str, ...], expected: int | None
) -> None:
    environment = {"DISPLAY": display, "PATH": os.defpath}
    subprocess.run([require_tool("xset"), "s", *times], env=environment, check=True, timeout=20)
    # A real process, so that its environment is read from the kernel.
    program = subprocess.Popen([require_tool("sleep"), "600"], env=environment)
    try:
        time.sleep(0.05)
        arguments = ("xss-lock", *notifier, "--", "i3lock", "-n")
        process = Process(program.pid, os.getuid(), "xss-lock", arguments)
        found = xss_lock.read(witness(), process, Surroundings("/nonexistent"))
        assert found.lock_after_s == expected
    finally:
        program.kill()
        program.wait()
