"""Each refusal has a cause that fits where the agent runs, and a step that mends it."""

import dataclasses
import json
from pathlib import Path

import pytest

from passmuster_agent.doctor.causes import (
    AS_SERVICE,
    ENABLE_COMPANION,
    ENABLE_FIREWALL,
    ENABLE_HELPER,
    RECORD,
    explain,
)
from passmuster_agent.doctor.surroundings import (
    RootHelperState,
    Surroundings,
    look_around,
    unit_state,
)
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Source, SourceOutcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG
from tests.support.confined_host import ConfinedHost
from tests.support.recorded_host import RecordedHost
from tests.support.tools import REPOSITORY

LINUX = Surroundings(Platform.LINUX, 990, "passmuster-agent")
NO_HELPER = dataclasses.replace(LINUX, root_helper=RootHelperState.ABSENT)
ANA = Surroundings(Platform.LINUX, 1000, "ana", root_helper=RootHelperState.CLOSED)
ROOT = Surroundings(Platform.LINUX, 0, "root")
MACHINES = sorted((REPOSITORY / "tests" / "recordings").glob("*/*/machine.json"))


def denied(name: str) -> Source:
    return Source(name, SourceOutcome.DENIED, "EACCES")


def missing(name: str) -> Source:
    return Source(name, SourceOutcome.MISSING)


@pytest.mark.parametrize(
    ("source", "around", "why", "step"),
    [
        (denied("/etc/crypttab"), NO_HELPER, "helper is not running", ENABLE_HELPER),
        (denied("/usr/sbin/dmsetup"), NO_HELPER, "Only root", ENABLE_HELPER),
        (denied("fi.w1.wpa_supplicant1"), NO_HELPER, "Only root", ENABLE_HELPER),
        (denied("/etc/crypttab"), ANA, "answers the service", AS_SERVICE),
        (denied("/etc/crypttab"), ROOT, "security module", RECORD),
        (
            denied("/etc/crypttab"),
            dataclasses.replace(LINUX, root_helper=RootHelperState.FAILS),
            "helper failed",
            "journalctl -u passmuster-agent-helper.service",
        ),
        (denied("~/.config/dconf/user"), LINUX, "companion", ENABLE_COMPANION),
        (missing("companion"), LINUX, "No companion", ENABLE_COMPANION),
        (
            denied("/usr/sbin/nft"),
            LINUX,
            "the helper that tells them is not running",
            ENABLE_FIREWALL,
        ),
        (denied("/usr/sbin/nft"), ANA, "service may", AS_SERVICE),
        (denied("/etc/something"), ANA, "service may", AS_SERVICE),
        (denied("/etc/something"), LINUX, "may not", RECORD),
        (missing("/usr/bin/gsettings"), LINUX, "gsettings", "sudo apt install libglib2.0-bin"),
        (missing("/usr/sbin/zfs"), LINUX, "zfs", "sudo apt install zfsutils-linux"),
        (
            missing("org.freedesktop.login1 org.freedesktop.login1.Manager.ListSessions"),
            LINUX,
            "logind",
            "sudo systemctl start systemd-logind.service",
        ),
        (
            missing("org.freedesktop.login1"),
            dataclasses.replace(LINUX, has_bus=False),
            "no D-Bus",
            "Start it: sudo systemctl start dbus.service (Debian's package: dbus)",
        ),
        (missing("net.connman.iwd"), LINUX, "one of three", ""),
        (
            Source("org.freedesktop.NetworkManager", SourceOutcome.TIMEOUT),
            LINUX,
            "in time",
            "See what it does: systemctl status, and restart it.",
        ),
        (Source("/proc/swaps", SourceOutcome.CONFLICT), LINUX, "contradicts", RECORD),
        (
            missing("org.freedesktop.login1"),
            dataclasses.replace(LINUX, within="a snap"),
            "a snap",
            "Install the agent on the laptop itself.",
        ),
        (
            denied("/Library/Preferences"),
            Surroundings(Platform.MACOS, 501, "ana"),
            "Only root",
            "sudo passmuster-agent doctor",
        ),
        (
            denied("wlanapi"),
            Surroundings(Platform.WINDOWS, 0, ""),
            "location",
            "Settings, Privacy & security, Location (ms-settings:privacy-location): turn it on.",
        ),
        (
            denied("volumes"),
            Surroundings(Platform.WINDOWS, 1, ""),
            "administrator",
            "Run this again from an elevated terminal.",
        ),
    ],
)
def test_the_cause_and_the_step(source: Source, around: Surroundings, why: str, step: str) -> None:
    advice = explain(source, around)
    assert why in advice.why
    assert advice.step == step


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.parent.name)
def test_every_refusal_of_a_recorded_machine_has_a_cause(path: Path) -> None:
    machine = json.loads(path.read_text(encoding="utf-8"))
    platform = Platform(machine.get("platform", "linux"))
    host = ConfinedHost(machine) if platform is Platform.LINUX else RecordedHost(machine)
    around = Surroundings(platform, host.uid, "", root_helper=RootHelperState.ABSENT)
    for reading in collect(host, CATALOG):
        for source in reading.sources:
            told = explain(source, around)
            assert bool(told.why) == (source.outcome is not SourceOutcome.READ), source
            if source.outcome in (SourceOutcome.DENIED, SourceOutcome.CONFLICT):
                assert told.step, f"{source} leaves one helpless"


KERNEL = {"/proc/2/comm": "kthreadd\n"}
MARK = {"/run/.containerenv": {"device": [0, 1]}}


class TestSurroundings:
    def test_a_container_is_told(self) -> None:
        assert look_around(RecordedHost({"status": MARK})).within == "a container"

    def test_a_mark_that_an_image_left_behind_is_none(self) -> None:
        machine = RecordedHost({"status": MARK, "files": KERNEL})
        assert look_around(machine).within == ""

    def test_a_snap_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SNAP", "/snap/passmuster/1")
        assert look_around(RecordedHost({})).within == "a snap"

    def test_the_state_of_a_unit_is_systemds(self) -> None:
        unit, path = "passmuster-agent.service", "/org/freedesktop/systemd1/unit/x"
        manager = "org.freedesktop.systemd1"
        machine = {
            "status": {f"/usr/lib/systemd/system/{unit}": {"device": [8, 1]}},
            "bus": {
                f"system {manager} /org/freedesktop/systemd1": {
                    f"{manager}.Manager": {"methods": {"LoadUnit": [path]}}
                },
                f"system {manager} {path}": {
                    f"{manager}.Unit": {"properties": {"ActiveState": "failed"}}
                },
            },
        }
        assert unit_state(RecordedHost(machine), unit) == "failed"
        assert unit_state(RecordedHost({}), unit) == "not installed"
        assert unit_state(RecordedHost({"status": machine["status"]}), unit) == ""
