"""A device that umockdev plugs in: real netlink code, the real host, a real upload."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_agent.config import State
from tests.support.report_server import ReportServer
from tests.support.umockdev_stage import umockdev_stage
from tests.support.usb_stage import (
    StagedDevice,
    announce,
    on_stage,
    plug_in,
    pull_out,
    require_stage,
)
from tests.support.usb_tree import Device, Interface

STICK = Device(
    "1-2", 0x0781, 0x5581, "Ultra", [Interface((0x08, 0x06, 0x50))], serial="4C530001020304"
)


def products(server: ReportServer) -> set[str]:
    usb = [
        reading
        for record in server.records[-1:]
        for reading in record.readings
        if reading.signal == "usb_devices" and reading.facts is not None
    ]
    return {device["product_id"] for each in usb for device in (each.facts or {})["devices"]}


@pytest.mark.usefixtures("enrolled")
def test_a_stick_that_is_plugged_in_is_reported_by_its_event(
    server: ReportServer, state: State, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "passmuster_agent.cli", "run", "--state", str(state.path)]
    log = tmp_path / "agent.log"
    with umockdev_stage(command, log) as stage:
        assert server.wait_for(lambda: len(server.records) >= 1), log.read_text()
        assert products(server) == set()
        stage.plug_in(STICK)
        arrived = server.wait_for(lambda: products(server) == {"5581"}, timeout_s=60.0)
        assert arrived, f"expected the stick in a report; the log says: {log.read_text()}"
    facts = [each.facts for each in server.records[-1].readings if each.signal == "usb_devices"]
    assert facts[0] is not None
    assert len(facts[0]["devices"][0]["serial"]) == 32
    assert "4C530001020304" not in str(server.uploads), "a serial leaves as a keyed hash only"


INJECTOR = StagedDevice("1-4", 0x05AC, 0x021E, "Keyboard", "", (3, 1, 1))


def vanished(server: ReportServer) -> list[str]:
    usb = [
        reading
        for record in server.records[-1:]
        for reading in record.readings
        if reading.signal == "usb_devices" and reading.facts is not None
    ]
    return [
        device["product_id"]
        for each in usb
        for device in (each.facts or {})["devices"]
        if "vanished_keyboard" in device["indicators"] and not device["attached"]
    ]


def told_of_it(server: ReportServer) -> bool:
    """Whether the injector is told, which happened once."""
    return server.wait_for(lambda: vanished(server) == ["021e"])


@contextlib.contextmanager
def agent_on_stage(
    server: ReportServer, state: State, log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    require_stage()
    command = [sys.executable, "-m", "passmuster_agent.cli", "run", "--state", str(state.path)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            on_stage(command), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        assert server.wait_for(lambda: len(server.records) >= 1), log.read_text()
        yield process
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.heard_by_all
@pytest.mark.usefixtures("enrolled")
def test_a_keystroke_injector_that_is_pulled_out_again_is_still_reported(
    server: ReportServer, state: State, tmp_path: Path
) -> None:
    log = tmp_path / "agent.log"
    with agent_on_stage(server, state, log) as agent:
        plug_in(agent.pid, INJECTOR)
        pull_out(agent.pid, INJECTOR)
        assert told_of_it(server), log.read_text()


@pytest.mark.heard_by_all
@pytest.mark.usefixtures("enrolled")
def test_one_that_was_gone_before_anybody_could_look_is_reported_by_its_announcement(
    server: ReportServer, state: State, tmp_path: Path
) -> None:
    log = tmp_path / "agent.log"
    with agent_on_stage(server, state, log):
        announce("add", INJECTOR)
        announce("remove", INJECTOR)
        assert told_of_it(server), log.read_text()


@pytest.mark.heard_by_all
@pytest.mark.usefixtures("enrolled")
def test_an_agent_that_is_killed_remembers_which_devices_it_has_met(
    server: ReportServer, state: State, tmp_path: Path
) -> None:
    log = tmp_path / "agent.log"

    def sticks() -> list[str]:
        readings = [each for each in server.records[-1].readings if each.signal == "usb_devices"]
        facts = readings[0].facts or {"devices": []}
        return [each["first_seen_at"] for each in facts["devices"]]

    stick = StagedDevice("1-2", 0x0781, 0x5581, "Ultra", "4C53", (8, 6, 80))
    with agent_on_stage(server, state, log) as agent:
        plug_in(agent.pid, stick)
        assert server.wait_for(lambda: len(sticks()) == 1), log.read_text()
        (known_since,) = sticks()
        agent.kill()
        agent.wait(20)
    before = len(server.records)
    with agent_on_stage(server, state, log) as agent:
        assert server.wait_for(lambda: len(server.records) > before), log.read_text()
        plug_in(agent.pid, stick)
        assert server.wait_for(lambda: sticks() == [known_since]), log.read_text()
