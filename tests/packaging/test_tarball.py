"""The tarball's scripts, for systems without dpkg and rpm, under a real systemd."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.package_builds import PACKAGING, build
from tests.support.report_server import CODE, ReportServer, serving
from tests.support.systemd_box import NOTHING, SystemdBox, systemd_box
from tests.support.tools import require_tool

sys.path.insert(0, str(PACKAGING))

import linux_layout  # type: ignore[import-not-found] # a script, found by the path above

pytestmark = pytest.mark.timeout(600)

SCRIPTS = PACKAGING / "tarball"
DEBIAN = PACKAGING / "debian"
AGENT, SOCKET = "passmuster-agent.service", "passmuster-agent-helper.socket"
FIREWALL_SOCKET = "passmuster-agent-firewall.socket"
STATE = "/var/lib/passmuster-agent"
KEPT = "/etc/xdg/autostart/passmuster-companion.desktop"


@pytest.fixture
def server() -> Iterator[ReportServer]:
    with serving() as served:
        yield served


@pytest.fixture
def box(tmp_path: Path, agent_tarball: Path) -> Iterator[SystemdBox]:
    with systemd_box(tmp_path, NOTHING) as started:
        shutil.copyfile(agent_tarball, started.shared / "agent.tar.gz")
        started.run("mkdir", "/root/unpacked")
        unpack = ("tar", "xzf", "/run/box/agent.tar.gz", "-C", "/root/unpacked")
        started.run(*unpack, "--strip-components=1")
        yield started


def run(box: SystemdBox, script: str, *arguments: str) -> str:
    return box.run(f"/root/unpacked/{script}", *arguments).stdout


def test_shellcheck_finds_nothing_wrong_with_the_scripts(tmp_path: Path) -> None:
    for script in (
        *SCRIPTS.iterdir(),
        *(DEBIAN / each for each in ("postinst", "prerm", "postrm")),
    ):
        text = linux_layout.filled(script, C_LIBRARY="2.36")
        (tmp_path / script.name).write_text(text, encoding="utf-8")
    command = [str(require_tool("shellcheck")), *map(str, sorted(tmp_path.iterdir()))]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stdout


def test_packing_the_same_folder_again_makes_the_same_tarball(
    agent_tarball: Path, frozen_folder: Path, tmp_path: Path
) -> None:
    build("build_tarball.py", "--agent", str(frozen_folder), "--out", str(tmp_path))
    assert (tmp_path / agent_tarball.name).read_bytes() == agent_tarball.read_bytes()


def test_installed_it_reports_installed_again_it_goes_on_and_purged_it_is_gone(
    box: SystemdBox, server: ReportServer
) -> None:
    assert run(box, "install.sh").startswith("Installed: passmuster-agent ")
    for unit in (AGENT, SOCKET):
        assert box.run("systemctl", "is-enabled", unit).stdout.strip() == "enabled"
    assert box.property(SOCKET, "ActiveState") == "active"
    enrol = ("enroll", "--state", STATE, "--server", server.url)
    box.as_service("passmuster-agent", *enrol, text=f"{CODE}\n")
    box.run("systemctl", "start", AGENT)
    assert box.wait_for(lambda: bool(server.records)), box.log("passmuster-agent")

    before, seen = box.property(AGENT, "MainPID"), len(server.records)
    box.run("sh", "-c", f"echo Hidden=true >> {KEPT}")
    box.run("touch", "/usr/lib/passmuster-agent/_internal/of-the-version-before.so")
    box.run("systemctl", "disable", "--now", SOCKET)
    box.run("systemctl", "disable", "--now", FIREWALL_SOCKET)
    box.run("rm", f"/usr/lib/systemd/system/{FIREWALL_SOCKET}")
    box.run("systemctl", "daemon-reload")
    run(box, "install.sh")
    assert box.property(AGENT, "ActiveState") == "active", box.log("passmuster-agent")
    assert box.property(AGENT, "MainPID") != before
    assert "Hidden=true" in box.run("cat", KEPT).stdout
    disabled = box.run("systemctl", "is-enabled", SOCKET, check=False).stdout.strip()
    assert disabled == "disabled", "by hand"
    assert box.run("systemctl", "is-enabled", FIREWALL_SOCKET).stdout.strip() == "enabled", "new"
    assert box.property(FIREWALL_SOCKET, "ActiveState") == "active"
    left = box.run("ls", "/usr/lib/passmuster-agent/_internal").stdout
    assert "of-the-version-before" not in left
    assert box.wait_for(lambda: len(server.records) > seen), box.log("passmuster-agent")
    assert len(server.devices) == 1, "the same laptop"

    run(box, "uninstall.sh")
    assert box.run("test", "-e", f"{STATE}/device.json", check=False).returncode == 0, "kept"
    run(box, "install.sh")
    assert box.property(AGENT, "ActiveState") == "active", box.log("passmuster-agent")
    run(box, "uninstall.sh", "--purge")
    found = box.run(
        *("find", "/etc", "/usr", "/var", "/run", "-xdev", "-not", "-path", "*.service.d*"),
        *("(", "-name", "*passmuster-agent*", "-o", "-name", "*passmuster-companion*", ")"),
    ).stdout.split()
    assert found == [], "left behind"


def test_it_does_not_install_over_a_package(box: SystemdBox, deb: Path) -> None:
    shutil.copyfile(deb, box.shared / "agent.deb")
    box.run("dpkg", "--force-unsafe-io", "--install", "/run/box/agent.deb")
    tried = box.run("/root/unpacked/install.sh", check=False)
    assert tried.returncode == 1
    assert "installed as a Debian package; upgrade that one" in tried.stderr
