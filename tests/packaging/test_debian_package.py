"""The Debian package in a fresh Debian under a real systemd: installed, upgraded, purged."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_collectors import __version__
from passmuster_collectors.host.privileged.client import RootHelper
from passmuster_collectors.host.privileged.verbs import Verb, question
from passmuster_collectors.signals import CATALOG
from tests.support.package_builds import build
from tests.support.report_server import CODE, ReportServer, serving
from tests.support.systemd_box import NOTHING, SystemdBox, systemd_box
from tests.support.tools import require_fresh_debian, require_tool

pytestmark = pytest.mark.timeout(600)

AGENT, SOCKET = "passmuster-agent.service", "passmuster-agent-helper.socket"
FIREWALL_SOCKET = "passmuster-agent-firewall.socket"
HELPER, COMPANION = "passmuster-agent-helper.service", "passmuster-companion.service"
STATE = "/var/lib/passmuster-agent"
KEPT = "/etc/xdg/autostart/passmuster-companion.desktop"


@pytest.fixture
def server() -> Iterator[ReportServer]:
    with serving() as served:
        yield served


@pytest.fixture
def box(tmp_path: Path, deb: Path, older_deb: Path) -> Iterator[SystemdBox]:
    with systemd_box(tmp_path, NOTHING, require_fresh_debian()) as started:
        for name, package in (("new.deb", deb), ("old.deb", older_deb)):
            shutil.copyfile(package, started.shared / name)
        yield started


def dpkg(box: SystemdBox, *arguments: str) -> str:
    done = box.run(
        *("env", "DEBIAN_FRONTEND=noninteractive", "DPKG_COLORS=never"),
        *("dpkg", "--force-unsafe-io", "--force-confold", *arguments),
    )
    return done.stdout + done.stderr


def install(box: SystemdBox, name: str = "new.deb") -> None:
    said = dpkg(box, "--install", f"/run/box/{name}")
    assert "rror" not in said, said


def enroll(box: SystemdBox, server: ReportServer) -> None:
    command = ("enroll", "--state", STATE, "--server", server.url)
    box.as_service("passmuster-agent", *command, text=f"{CODE}\n")


def exists(box: SystemdBox, path: str) -> bool:
    return box.run("test", "-e", path, check=False).returncode == 0


def enrolled_as(box: SystemdBox) -> str:
    status = box.as_service("passmuster-agent", "status", "--json", "--state", STATE)
    return str(json.loads(status.stdout)["device"])


def test_lintian_finds_nothing_to_complain_of(deb: Path) -> None:
    found = subprocess.run(
        [require_tool("lintian"), "--fail-on", "warning", "--allow-root", str(deb)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_packing_the_same_folder_again_makes_the_same_package(
    deb: Path, frozen_folder: Path, tmp_path: Path
) -> None:
    build("build_deb.py", "--agent", str(frozen_folder), "--out", str(tmp_path))
    assert (tmp_path / deb.name).read_bytes() == deb.read_bytes()


class TestInstalled:
    def test_all_is_ready_and_nothing_reports_before_enrolment(self, box: SystemdBox) -> None:
        install(box)
        assert box.run("passmuster-agent", "--version").stdout.split()[1] == __version__
        assert "tss" in box.run("id", "-nG", "passmuster-agent").stdout.split()
        owner = box.run("stat", "-c", "%U %a", STATE).stdout.strip()
        assert owner == "passmuster-agent 700"
        for unit in (AGENT, SOCKET, FIREWALL_SOCKET):
            assert box.run("systemctl", "is-enabled", unit).stdout.strip() == "enabled"
        enabled = box.run("systemctl", "--global", "is-enabled", COMPANION)
        assert enabled.stdout.strip() == "enabled"
        assert box.property(SOCKET, "ActiveState") == "active"
        assert box.property(FIREWALL_SOCKET, "ActiveState") == "active"
        assert box.property(AGENT, "ActiveState") == "inactive"
        assert box.property(AGENT, "Result") == "success"

    def test_it_enrols_and_reports(self, box: SystemdBox, server: ReportServer) -> None:
        install(box)
        enroll(box, server)
        box.run("systemctl", "start", AGENT)
        assert box.wait_for(lambda: bool(server.records)), box.log("passmuster-agent")
        readings = {each.signal: each for each in server.records[0].readings}
        assert set(readings) == {each.id for each in CATALOG}
        for reading in readings.values():
            assert "error of its own" not in reading.reason
        assert "Traceback" not in box.log("passmuster-agent")

    def test_its_helper_answers_what_only_root_may_read(self, box: SystemdBox) -> None:
        install(box)
        # Only now: systemd would wait for a disk that it reads of at an installation.
        box.run("sh", "-c", "echo 'root UUID=1 none luks' > /etc/crypttab; chmod 600 /etc/crypttab")
        assert box.property(HELPER, "ActiveState") == "inactive"
        asked = RootHelper(str(box.root / "run/passmuster-agent-helper.sock"))
        answers = asked.answers(Verb.CRYPTTAB)
        assert answers[question("read_file", "/etc/crypttab")] == b"root - none luks\n"
        assert box.property(HELPER, "ActiveState") == "active"
        assert box.property(HELPER, "MainPID") != "0", box.log("passmuster-agent-helper")


class TestUpgraded:
    def test_the_new_version_goes_on_as_the_same_laptop(
        self, box: SystemdBox, server: ReportServer
    ) -> None:
        install(box, "old.deb")
        enroll(box, server)
        box.run("systemctl", "start", AGENT)
        assert box.wait_for(lambda: bool(server.records)), box.log("passmuster-agent")
        before, device = box.property(AGENT, "MainPID"), enrolled_as(box)
        box.run("sh", "-c", f"echo Hidden=true >> {KEPT}")
        seen = len(server.records)
        install(box, "new.deb")
        version = box.run("dpkg-query", "-W", "-f", "${Version}", "passmuster-agent").stdout
        assert version == __version__
        assert box.property(AGENT, "ActiveState") == "active", box.log("passmuster-agent")
        assert box.property(AGENT, "MainPID") != before
        assert box.property(SOCKET, "ActiveState") == "active"
        assert enrolled_as(box) == device
        assert "Hidden=true" in box.run("cat", KEPT).stdout
        assert box.wait_for(lambda: len(server.records) > seen), box.log("passmuster-agent")
        assert len(server.devices) == 1

    def test_what_was_disabled_by_hand_stays_so(
        self, box: SystemdBox, server: ReportServer
    ) -> None:
        install(box, "old.deb")
        enroll(box, server)
        box.run("systemctl", "disable", "--now", AGENT)
        install(box, "new.deb")
        assert box.run("systemctl", "is-enabled", AGENT, check=False).stdout.strip() == "disabled"
        assert box.property(AGENT, "ActiveState") == "inactive"


class TestTakenAway:
    def test_a_removal_stops_it_and_keeps_who_the_laptop_is(
        self, box: SystemdBox, server: ReportServer
    ) -> None:
        install(box)
        enroll(box, server)
        box.run("systemctl", "start", AGENT)
        dpkg(box, "--remove", "passmuster-agent")
        assert box.property(AGENT, "ActiveState") == "inactive"
        assert not exists(box, "/usr/lib/passmuster-agent")
        assert not exists(box, "/run/passmuster-agent-helper.sock")
        assert exists(box, f"{STATE}/device.json")
        install(box)
        assert box.property(AGENT, "ActiveState") == "active", box.log("passmuster-agent")

    def test_a_purge_leaves_nothing_but_the_users_name(
        self, box: SystemdBox, server: ReportServer
    ) -> None:
        install(box)
        enroll(box, server)
        box.run("systemctl", "start", AGENT)
        dpkg(box, "--purge", "passmuster-agent")
        found = box.run(
            *("find", "/etc", "/usr", "/var", "/run", "-xdev"),
            *("-name", "*passmuster*", "-not", "-path", "*.service.d*"),
        ).stdout.split()
        assert found == [], "left behind"
        assert box.run("id", "passmuster-agent").returncode == 0


def test_it_needs_no_more_of_a_system_than_this_one_has(deb: Path) -> None:
    # Read from the frozen files: a newer C library than the building machine's can't be among it.
    needs = subprocess.check_output(
        [require_tool("dpkg-deb"), "--field", deb, "Depends"], text=True
    )
    assert needs.startswith("libc6 (>= 2.")
    own = tuple(int(each) for each in str(os.confstr("CS_GNU_LIBC_VERSION")).split()[1].split("."))
    wanted = tuple(int(each) for each in needs.split("(>= ")[1].split(")")[0].split("."))
    assert wanted <= own
