"""The real firewalld, and what it says over D-Bus."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_collectors.host.base import Bus, SourceError
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.signals.firewall.facts import Inbound
from passmuster_collectors.signals.firewall.linux.keepers import (
    FIREWALLD,
    FIREWALLD_PATH,
    ask_keepers,
)
from passmuster_collectors.signals.inquiry import Inquiry
from tests.support.message_bus import MessageBus
from tests.support.tools import missing, require_tool

PATIENCE_S = 60.0
HOST = LinuxHost(b"a key for this test")


def state() -> object:
    try:
        return HOST.bus_get(Bus.SYSTEM, FIREWALLD, FIREWALLD_PATH, FIREWALLD, "state")
    except SourceError as error:
        return error


@pytest.fixture
def firewalld(system_bus: MessageBus, tmp_path: Path) -> Iterator[Path]:
    """A firewalld that keeps the rules of a network of its own."""
    if os.getuid() != 0:
        missing("root, whom alone firewalld obeys")
    (tmp_path / "firewalld").mkdir()
    command = [
        *(str(require_tool("unshare")), "--net", str(require_tool("firewalld"))),
        *("--nofork", "--nopid", "--system-config", str(tmp_path / "firewalld")),
        *("--log-file", str(tmp_path / "log")),
    ]
    environment = {**os.environ, **system_bus.environment()}
    with subprocess.Popen(command, env=environment) as running:
        deadline = time.monotonic() + PATIENCE_S
        while state() != "RUNNING":
            assert running.poll() is None, "firewalld ended at its start"
            assert time.monotonic() < deadline, f"firewalld did not start: {state()}"
            time.sleep(0.1)
        yield tmp_path
        running.terminate()


@pytest.mark.usefixtures("firewalld")
def test_as_installed_it_says_that_it_blocks_until_a_zone_trusts_everybody() -> None:
    inquiry = Inquiry()
    assert ask_keepers(HOST, inquiry) == (Inbound.BLOCKED, Inbound.BLOCKED), inquiry.sources
    HOST.bus_call(
        Bus.SYSTEM, FIREWALLD, FIREWALLD_PATH, FIREWALLD, "setDefaultZone", "s", ("trusted",)
    )
    inquiry = Inquiry()
    assert ask_keepers(HOST, inquiry) == (Inbound.OPEN, Inbound.OPEN), inquiry.sources
