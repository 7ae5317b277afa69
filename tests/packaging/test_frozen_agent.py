"""The frozen agent: all of the agent, none of the server, and at work with a real one."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PyInstaller.archive.readers import CArchiveReader

from passmuster_collectors.signals import CATALOG
from tests.support.running_agent import agent_command, running_agent
from tests.support.running_server import RunningServer, running_server
from tests.support.secret_service import secret_service
from tests.support.software_tpm import software_tpm
from tests.support.tools import missing, require_tool

pytestmark = pytest.mark.timeout(600)

PATIENCE_S = 90.0
MIB = 1024 * 1024
MOST_RESIDENT_MIB = 30
"""What the design promises of the frozen daemon on Linux."""

CHIP_AT_ITS_PLACE = """
set -eu
mount --make-rprivate /
mount -t tmpfs none "$0"
for each in null zero random urandom; do
    : > "$0/$each"
    mount --bind "/dev/$each" "$0/$each"
done
: > "$0/tpmrm0"
mount --bind "$1" "$0/tpmrm0"
mount --rbind "$0" /dev
shift
exec "$@"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


def enroll(
    server: RunningServer, state: Path, program: tuple[str, ...], tier: str = "file"
) -> None:
    arguments = ("enroll", "--state", str(state), "--server", server.url, "--tier", tier)
    done = agent_command(*arguments, code=server.enroll_code(), program=program, check=False)
    assert done.returncode == 0, done.stderr
    assert f"The key is kept in tier {tier}." in done.stdout


def report(state: Path, program: tuple[str, ...]) -> None:
    done = agent_command("once", "--json", "--state", str(state), program=program, check=False)
    assert done.returncode in {0, 3}, done.stderr
    told = json.loads(done.stdout)
    assert told["verdict"], done.stdout


def wait_for(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def test_it_says_its_version(frozen: tuple[str, ...]) -> None:
    assert agent_command("--version", program=frozen).stdout.startswith("passmuster-agent ")


def test_nothing_of_the_server_and_of_the_workshop_is_in_it(frozen_folder: Path) -> None:
    archive = CArchiveReader(str(frozen_folder / "passmuster-agent"))
    modules = {name.split(".")[0] for name in archive.open_embedded_archive("PYZ.pyz").toc}
    assert {"passmuster_agent", "passmuster_collectors", "keyring", "usb"} <= modules
    assert not modules & {
        *("passmuster_server", "tests", "pytest", "_pytest", "setuptools", "pip", "sqlalchemy"),
        *("starlette", "uvicorn", "playwright", "hypothesis", "PyInstaller"),
    }
    files = {path.name for path in frozen_folder.rglob("*")}
    # The building machine's own: not what was locked.
    assert not {name for name in files if name.startswith(("libusb-1.0.so.", "libudev"))}


def test_it_reads_every_signal(frozen: tuple[str, ...], tmp_path: Path) -> None:
    shown = json.loads(
        agent_command("show", "--json", "--state", str(tmp_path / "a"), program=frozen).stdout
    )
    (record,) = shown["upload"]["records"]
    assert {each["signal"] for each in record["readings"]} == {each.id for each in CATALOG}
    for reading in record["readings"]:
        assert "error of its own" not in reading["reason"]


def test_it_brings_the_portable_usb_library(frozen: tuple[str, ...], tmp_path: Path) -> None:
    if os.geteuid() != 0:
        missing("only root can hide the kernel's buses")
    # Where the kernel's own list is hidden, libusb is asked.
    hidden = 'mount --make-rprivate /; mount -t tmpfs none /sys/bus; exec "$@"'
    within = (str(require_tool("unshare")), "--mount", "sh", "-ec", hidden, "sh")
    state = str(tmp_path / "agent")
    done = agent_command("show", "--json", "--state", state, program=(*within, *frozen))
    (record,) = json.loads(done.stdout)["upload"]["records"]
    (usb,) = [each for each in record["readings"] if each["signal"] == "usb_devices"]
    assert {"name": "libusb", "outcome": "read", "detail": ""} in usb["sources"]


class TestEachPlaceOfTheKey:
    def test_file(self, frozen: tuple[str, ...], server: RunningServer, tmp_path: Path) -> None:
        enroll(server, tmp_path / "agent", frozen)
        report(tmp_path / "agent", frozen)

    def test_sealed(self, frozen: tuple[str, ...], server: RunningServer, tmp_path: Path) -> None:
        require_tool("systemd-creds")
        if os.geteuid() != 0:
            missing("only root may use the host's key of systemd-creds")
        enroll(server, tmp_path / "agent", frozen, "sealed")
        report(tmp_path / "agent", frozen)

    def test_keyring(self, frozen: tuple[str, ...], server: RunningServer, tmp_path: Path) -> None:
        with secret_service(tmp_path / "session") as address:
            program = ("env", f"DBUS_SESSION_BUS_ADDRESS={address}", *frozen)
            enroll(server, tmp_path / "agent", program, "keyring")
            report(tmp_path / "agent", program)

    def test_hardware(self, frozen: tuple[str, ...], server: RunningServer, tmp_path: Path) -> None:
        if os.geteuid() != 0:
            missing("only root can put a TPM of a test's own into /dev")
        devices = tmp_path / "dev"
        devices.mkdir()
        with software_tpm() as chip:
            program = (
                *(str(require_tool("unshare")), "--mount"),
                *("sh", "-c", CHIP_AT_ITS_PLACE, str(devices), str(chip.path)),
                *frozen,
            )
            enroll(server, tmp_path / "agent", program, "hardware")
            report(tmp_path / "agent", program)


class TestTheDaemon:
    def test_reports_by_a_child_and_stays_small(
        self,
        frozen: tuple[str, ...],
        server: RunningServer,
        tmp_path: Path,
        record_property: Callable[[str, object], None],
    ) -> None:
        state = tmp_path / "agent"
        enroll(server, state, frozen)

        def reported() -> bool:
            done = agent_command("status", "--json", "--state", str(state), program=frozen)
            return bool(json.loads(done.stdout)["verdict"])

        with running_agent(state, program=frozen) as process:
            wait_for(reported, f"no verdict: {(tmp_path / 'agent.log').read_text()}")
            daemon = psutil.Process(process.pid)
            wait_for(lambda: not daemon.children(), "the reporter does not end")
            resident = daemon.memory_info().rss / MIB
            mapped = {Path(each.path).name for each in daemon.memory_maps()}
        print(f"resident memory of the frozen daemon: {resident:.1f} MiB")
        record_property("resident_mib", round(resident, 1))
        assert resident < MOST_RESIDENT_MIB
        # What signing and sending need is loaded by the reporter alone.
        assert not mapped & {"_rust.abi3.so", "libssl.so.3", "libcrypto.so.3"}
