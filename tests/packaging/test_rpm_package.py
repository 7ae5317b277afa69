"""The RPM under a real rpm and a real systemd: installed, upgraded, erased.

The system is Debian, whose rpm knows of no other packages: what the package asks for is not looked
for there, and is checked by itself.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_collectors import __version__
from tests.support.package_builds import build
from tests.support.report_server import CODE, ReportServer, serving
from tests.support.systemd_box import NOTHING, SystemdBox, systemd_box
from tests.support.tools import require_tool

pytestmark = pytest.mark.timeout(600)

AGENT, SOCKET = "passmuster-agent.service", "passmuster-agent-helper.socket"
FIREWALL_SOCKET = "passmuster-agent-firewall.socket"
COMPANION = "passmuster-companion.service"
STATE = "/var/lib/passmuster-agent"
KEPT = "/etc/xdg/autostart/passmuster-companion.desktop"


@pytest.fixture
def server() -> Iterator[ReportServer]:
    with serving() as served:
        yield served


@pytest.fixture
def box(tmp_path: Path, rpm: Path, older_rpm: Path) -> Iterator[SystemdBox]:
    with systemd_box(tmp_path, NOTHING) as started:
        for name, package in (("new.rpm", rpm), ("old.rpm", older_rpm)):
            shutil.copyfile(package, started.shared / name)
        yield started


def packages(box: SystemdBox, *arguments: str) -> None:
    # Debian's rpm asks whether dpkg was meant.
    options = ("--force-debian", "--dbpath", "/var/lib/rpm-of-this-test")
    done = box.run("rpm", *options, *arguments)
    assert "rror" not in done.stderr, done.stderr
    assert "scriptlet failed" not in done.stderr, done.stderr


def query(package: Path, *arguments: str) -> list[str]:
    command = [str(require_tool("rpm")), "--query", "--package", *arguments, str(package)]
    return subprocess.check_output(command, text=True).splitlines()


def test_it_asks_for_the_systemd_and_the_c_library_that_it_needs(rpm: Path) -> None:
    needs = query(rpm, "--requires")
    assert "systemd >= 247" in needs
    assert [each for each in needs if each.startswith("libc.so.6(GLIBC_2.")]
    provided = {each.split("(")[0].split()[0] for each in query(rpm, "--provides")}
    assert provided == {"passmuster-agent"}, "no library of ours"
    assert query(rpm, "--queryformat", "%{VERSION}") == [__version__]


def test_it_has_what_the_debian_package_has_and_keeps_what_may_be_changed(
    rpm: Path, deb: Path
) -> None:
    def own(path: str) -> bool:
        # Debian's own papers, and the folders that rpm does not list.
        return not path.startswith(("/usr/share/doc", "/usr/share/lintian")) and path != "/"

    listed = subprocess.check_output(
        [str(require_tool("dpkg-deb")), "--contents", str(deb)], text=True
    )
    files = {line.split()[5].removeprefix(".") for line in listed.splitlines() if line[0] in "-l"}
    assert {each for each in files if own(each)} <= set(query(rpm, "--list"))
    assert query(rpm, "--configfiles") == [KEPT]


def test_packing_the_same_folder_again_makes_the_same_package(
    rpm: Path, frozen_folder: Path, tmp_path: Path
) -> None:
    build("build_rpm.py", "--agent", str(frozen_folder), "--out", str(tmp_path))
    assert (tmp_path / rpm.name).read_bytes() == rpm.read_bytes()


def test_installed_it_reports_and_upgraded_it_goes_on_and_erased_it_is_gone(
    box: SystemdBox, server: ReportServer
) -> None:
    packages(box, "--install", "--nodeps", "/run/box/old.rpm")
    for unit in (AGENT, SOCKET):
        assert box.run("systemctl", "is-enabled", unit).stdout.strip() == "enabled"
    assert box.run("systemctl", "--global", "is-enabled", COMPANION).stdout.strip() == "enabled"
    assert box.property(SOCKET, "ActiveState") == "active"
    assert box.property(AGENT, "ActiveState") == "inactive", "nothing reports before enrolment"

    enrol = ("enroll", "--state", STATE, "--server", server.url)
    box.as_service("passmuster-agent", *enrol, text=f"{CODE}\n")
    box.run("systemctl", "start", AGENT)
    assert box.wait_for(lambda: bool(server.records)), box.log("passmuster-agent")

    before, seen = box.property(AGENT, "MainPID"), len(server.records)
    box.run("sh", "-c", f"echo Hidden=true >> {KEPT}")
    box.run("systemctl", "disable", "--now", SOCKET)
    box.run("systemctl", "disable", "--now", FIREWALL_SOCKET)
    box.run("rm", f"/usr/lib/systemd/system/{FIREWALL_SOCKET}")
    packages(box, "--upgrade", "--nodeps", "/run/box/new.rpm")
    assert box.property(AGENT, "ActiveState") == "active", box.log("passmuster-agent")
    assert box.property(AGENT, "MainPID") != before
    assert "Hidden=true" in box.run("cat", KEPT).stdout
    disabled = box.run("systemctl", "is-enabled", SOCKET, check=False).stdout.strip()
    assert disabled == "disabled", "by hand"
    assert box.run("systemctl", "is-enabled", FIREWALL_SOCKET).stdout.strip() == "enabled", "new"
    assert box.property(FIREWALL_SOCKET, "ActiveState") == "active"
    assert box.wait_for(lambda: len(server.records) > seen), box.log("passmuster-agent")
    assert len(server.devices) == 1, "the same laptop"

    packages(box, "--erase", "passmuster-agent")
    assert box.property(AGENT, "ActiveState") == "inactive"
    assert box.run("test", "-e", "/usr/lib/passmuster-agent", check=False).returncode != 0
    assert box.run("test", "-e", f"{STATE}/device.json", check=False).returncode == 0, "kept"
