"""What is mounted while nobody asks: real mounts, in a mount namespace of the test's own."""

import subprocess
import sys
import textwrap

import pytest

from passmuster_collectors.host.events import MOUNT, Events, this_watch
from passmuster_collectors.host.linux_mounts import MountWatch
from tests.support.tools import missing, require_tool

# Waits like the agent does, on a selector, and prints what each wait has told.
PROGRAM = textwrap.dedent(
    """
    import selectors, subprocess, sys, threading, time
    from passmuster_collectors.host.linux_mounts import MountWatch

    watch = MountWatch()
    selector = selectors.DefaultSelector()
    for each in watch.descriptors():
        selector.register(each, selectors.EVENT_READ)

    def wait():
        began = time.monotonic()
        ready = selector.select(30.0)
        return bool(ready), "mount" in watch.read().triggers, time.monotonic() - began < 15

    for command in (["mount", "-t", "tmpfs", "none", "/mnt"], ["umount", "/mnt"]):
        later = threading.Timer(0.2, subprocess.run, (command,), {"check": True})
        later.start()
        print(*wait())
        later.join()
    print(bool(selector.select(0.3)), "mount" in watch.read().triggers)
    """
)


def test_a_mount_ends_the_wait_at_once_and_silence_follows() -> None:
    unshare = require_tool("unshare")
    command = [str(unshare), "--mount", "--propagation", "private"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        missing("a private mount namespace can't be made here: run as root")
    output = subprocess.check_output(
        [*command, sys.executable, "-c", PROGRAM], text=True, timeout=60
    )
    mounted, unmounted, afterwards = output.splitlines()
    assert mounted == "True True True", "the mount must end the wait and be told"
    assert unmounted == "True True True"
    assert afterwards == "False False", "without a change nothing may wake the agent"


def test_without_a_change_nothing_is_told() -> None:
    watch = MountWatch()
    assert watch.read() == Events()
    assert watch.delivers(MOUNT)
    assert not watch.delivers("usb")
    watch.close()


def test_lists_that_are_not_there_are_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passmuster_collectors.host.linux_mounts.LISTS", ("/proc/nothing",))
    watch = MountWatch()
    assert not watch.delivers(MOUNT)
    assert watch.read() == Events()
    watch.close()


def test_this_machine_announces_mounts_and_devices() -> None:
    watch = this_watch()
    assert watch.delivers(MOUNT)
    assert watch.delivers("usb")
    watch.close()
