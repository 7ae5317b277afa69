"""The units as systemd takes them, and the agent inside them."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_collectors.contract.reading import SourceOutcome
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG
from tests.support.report_server import CODE, ReportServer, serving
from tests.support.systemd_box import UNITS, SystemdBox, python, systemd_box
from tests.support.tools import require_tool

AGENT, HELPER = "passmuster-agent.service", "passmuster-agent-helper.service"
SOCKET = "passmuster-agent-helper.socket"
FIREWALL, FIREWALL_SOCKET = "passmuster-agent-firewall.service", "passmuster-agent-firewall.socket"
STATE = "/var/lib/passmuster-agent"

MOST_EXPOSED = {AGENT: 1.6, HELPER: 2.0, FIREWALL: 1.1}
"""By `systemd-analyze security`: 0 is shut off from everything, 10 is unconfined.

The agent needs the network, other users' processes and the TPM; the helper needs root; the one for
the firewall needs to see the network, and the right to be told its rules.
"""


def settings(unit: str) -> dict[str, str]:
    lines = (UNITS / unit).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Za-z]+=", line))


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [require_tool("systemd-analyze"), "--no-pager", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for path in (each for each in UNITS.iterdir() if each.is_file()):
        text = path.read_text(encoding="utf-8")
        # The program is not installed where this test runs.
        (tmp_path / path.name).write_text(text.replace("/usr/bin/passmuster-agent", "/bin/true"))
    found = analyze("verify", *map(str, sorted(tmp_path.iterdir())))
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", [AGENT, HELPER, FIREWALL])
def test_a_service_is_hardly_exposed(unit: str) -> None:
    found = analyze("security", "--offline=true", str(UNITS / unit))
    told = re.search(r"Overall exposure level for \S+: (\d+\.\d)", found.stdout)
    assert told is not None, found.stderr
    assert float(told[1]) <= MOST_EXPOSED[unit], found.stdout


class TestWhatReadersNeedStaysOpen:
    @pytest.mark.parametrize("unit", [AGENT, HELPER])
    def test_the_swap_areas_and_other_users_processes(self, unit: str) -> None:
        assert settings(unit)["ProcSubset"] == "all"
        assert settings(unit)["ProtectProc"] == "default"

    def test_names_of_devices_numbers_of_users_and_kernel_events(self) -> None:
        agent = settings(AGENT)
        assert agent["PrivateDevices"] == agent["PrivateUsers"] == "no"
        assert "AF_NETLINK" in agent["RestrictAddressFamilies"].split()


class TestWhatStaysShut:
    def test_the_agent_has_no_rights_of_roots(self) -> None:
        agent = settings(AGENT)
        assert agent["User"] == "passmuster-agent"
        assert agent["CapabilityBoundingSet"] == agent["AmbientCapabilities"] == ""

    def test_the_helper_has_no_network_no_homes_and_not_the_agents_key(self) -> None:
        helper = settings(HELPER)
        assert helper["PrivateNetwork"] == helper["ProtectHome"] == "yes"
        assert helper["RestrictAddressFamilies"] == "AF_UNIX"
        assert STATE in helper["InaccessiblePaths"]

    def test_the_helper_is_started_without_arguments_that_come_from_elsewhere(self) -> None:
        assert settings(HELPER)["ExecStart"] == "/usr/bin/passmuster-agent root-helper"

    def test_the_firewalls_helper_is_nobody_with_one_right_and_no_way_out(self) -> None:
        helper = settings(FIREWALL)
        assert helper["DynamicUser"] == "yes"
        assert helper["CapabilityBoundingSet"] == helper["AmbientCapabilities"] == "CAP_NET_ADMIN"
        assert helper["RestrictAddressFamilies"] == "AF_UNIX AF_NETLINK"
        assert helper["IPAddressDeny"] == "any"
        assert helper["ExecStart"] == "/usr/bin/passmuster-agent root-helper --firewall"
        assert STATE in helper["InaccessiblePaths"]

    @pytest.mark.parametrize("socket", [SOCKET, FIREWALL_SOCKET])
    def test_nobody_but_the_agent_may_connect_to_it(self, socket: str) -> None:
        found = settings(socket)
        assert (found["SocketUser"], found["SocketMode"]) == ("passmuster-agent", "0600")


@pytest.fixture
def server() -> Iterator[ReportServer]:
    with serving() as served:
        yield served


@pytest.fixture
def box(tmp_path: Path) -> Iterator[SystemdBox]:
    with systemd_box(tmp_path) as started:
        yield started


def enroll(box: SystemdBox, server: ReportServer) -> None:
    command = ("enroll", "--state", STATE, "--tier", "file", "--server", server.url)
    box.as_service("passmuster-agent", *command, text=f"{CODE}\n")


class TestUnderARealSystemd:
    def test_before_enrolment_nothing_starts_and_nothing_fails(self, box: SystemdBox) -> None:
        box.run("systemctl", "start", AGENT)
        assert box.property(AGENT, "ActiveState") == "inactive"
        assert box.property(AGENT, "ConditionResult") == "no"

    def test_the_agent_reads_what_root_reads_and_reports_it(
        self, box: SystemdBox, server: ReportServer
    ) -> None:
        box.run("sh", "-c", "echo 'root UUID=1 none luks' > /etc/crypttab; chmod 600 /etc/crypttab")
        enroll(box, server)
        require_tool("nft")
        box.run("systemctl", "start", SOCKET, AGENT)
        assert box.property(AGENT, "ActiveState") == "active", box.log("passmuster-agent")
        assert box.wait_for(lambda: bool(server.records)), box.log("passmuster-agent")
        readings = {each.signal: each for each in server.records[0].readings}
        assert set(readings) == {each.id for each in CATALOG}
        for reading in readings.values():
            assert "error of its own" not in reading.reason
        denied = [
            source
            for reading in readings.values()
            for source in reading.sources
            if source.outcome is SourceOutcome.DENIED
        ]
        assert not denied, box.log("passmuster-agent-firewall")
        by_root = {each.signal: each for each in collect(LinuxHost(b"k" * 16), CATALOG)}
        disk = "disk_encryption"
        assert readings[disk].facts == by_root[disk].facts
        for name in (disk, "usb_devices", "wifi_security", "firewall"):
            assert readings[name].status == by_root[name].status, readings[name].sources
        assert readings["firewall"].facts == by_root["firewall"].facts
        assert "Traceback" not in box.log("passmuster-agent")

    def test_the_helper_starts_when_it_is_asked_and_answers_the_agents_user(
        self, box: SystemdBox
    ) -> None:
        box.run("sh", "-c", "echo 'root UUID=1 none luks' > /etc/crypttab; chmod 600 /etc/crypttab")
        box.run("systemctl", "start", SOCKET)
        assert box.property(HELPER, "ActiveState") == "inactive"
        ask = (
            "import sys; from passmuster_collectors.host import this_host; "
            "sys.stdout.buffer.write(this_host(b'k' * 16).read_file('/etc/crypttab'))"
        )
        told = box.as_service(*python(), "-c", ask)
        assert told.stdout == "root - none luks\n", box.log("passmuster-agent-helper")
        assert box.property(HELPER, "ActiveState") == "active"

    def test_the_rules_of_the_firewall_are_told_to_the_agents_user_by_the_helper_for_them_alone(
        self, box: SystemdBox
    ) -> None:
        require_tool("nft")
        ask = (
            "from passmuster_collectors.host import this_host\n"
            "from passmuster_collectors.host.commands import Program\n"
            "done = this_host(b'k' * 16).run(Program.NFT, '--json', 'list', 'ruleset')\n"
            "print(done.status, done.stdout.decode()[:14])\n"
        )
        box.run("systemctl", "start", SOCKET)
        assert box.as_service(*python(), "-c", ask).stdout.startswith("1 "), "the kernel refuses it"
        box.run("systemctl", "start", FIREWALL_SOCKET)
        told = box.as_service(*python(), "-c", ask)
        assert told.stdout == '0 {"nftables": [\n', box.log("passmuster-agent-firewall")
        assert box.property(FIREWALL, "ActiveState") == "active"
        assert box.property(HELPER, "ActiveState") == "inactive", "it has nothing to do with it"

    def test_the_doctor_tells_whether_the_helper_is_there(
        self, box: SystemdBox, server: ReportServer
    ) -> None:
        enroll(box, server)
        box.run("sh", "-c", "echo 'root UUID=1 none luks' > /etc/crypttab; chmod 600 /etc/crypttab")

        def checks() -> dict[str, dict[str, str]]:
            command = ("passmuster-agent", "doctor", "usb_devices", "--json", "--state", STATE)
            found = json.loads(box.as_service(*command, check=False).stdout)
            return {each["name"]: each for each in found["checks"]}

        before = checks()["root helper"]
        assert before["condition"] == "wrong"
        assert before["step"] == f"sudo systemctl enable --now {SOCKET}"
        box.run("systemctl", "start", SOCKET, AGENT)
        assert box.wait_for(lambda: bool(server.records)), box.log("passmuster-agent")
        after = checks()
        assert after["root helper"]["found"] == "It answers."
        assert after["agent"]["condition"] == after["key"]["condition"] == "ok"

    def test_an_agent_that_hangs_is_started_again(
        self, box: SystemdBox, server: ReportServer
    ) -> None:
        enroll(box, server)
        override = "[Service]\\nWatchdogSec=15s\\nRestartSec=100ms\\nTimeoutAbortSec=1s\\n"
        folder = f"/etc/systemd/system/{AGENT}.d"
        box.run("sh", "-c", f"printf '{override}' > {folder}/quick.conf; systemctl daemon-reload")
        box.run("systemctl", "start", AGENT)
        assert box.wait_for(lambda: bool(server.records)), box.log("passmuster-agent")
        first, before = box.property(AGENT, "MainPID"), box.property(AGENT, "NRestarts")
        box.run("kill", "-STOP", first)
        assert box.wait_for(lambda: box.property(AGENT, "NRestarts") != before)
        assert box.wait_for(lambda: box.property(AGENT, "ActiveState") == "active")
        assert box.property(AGENT, "MainPID") != first

    def test_it_ends_when_it_is_told_to(self, box: SystemdBox, server: ReportServer) -> None:
        enroll(box, server)
        box.run("systemctl", "start", AGENT)
        box.run("systemctl", "stop", AGENT)
        assert box.property(AGENT, "Result") == "success"
        assert box.property(AGENT, "ActiveState") == "inactive"
