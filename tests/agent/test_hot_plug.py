"""A device that umockdev plugs in: real netlink code, the real host, a real upload."""

import sys
from pathlib import Path

import pytest

from passmuster_agent.config import State
from tests.support.report_server import ReportServer
from tests.support.umockdev_stage import umockdev_stage
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
def test_a_stick_that_is_plugged_in_is_reported_within_two_seconds(
    server: ReportServer, state: State, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "passmuster_agent.cli", "run", "--state", str(state.path)]
    log = tmp_path / "agent.log"
    with umockdev_stage(command, log) as stage:
        assert server.wait_for(lambda: len(server.records) >= 1), log.read_text()
        assert products(server) == set()
        stage.plug_in(STICK)
        arrived = server.wait_for(lambda: products(server) == {"5581"}, timeout_s=2.0)
        assert arrived, f"expected the stick in a report; the log says: {log.read_text()}"
    facts = [each.facts for each in server.records[-1].readings if each.signal == "usb_devices"]
    assert facts[0] is not None
    assert len(facts[0]["devices"][0]["serial"]) == 32
    assert "4C530001020304" not in str(server.uploads), "a serial leaves as a keyed hash only"
