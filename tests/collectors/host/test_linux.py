"""The real machine: what it answers, and how each way of not answering is told."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host import this_host
from passmuster_collectors.host.base import (
    Host,
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)
from tests.support.recorded_host import RecordedHost
from tests.support.tools import missing, require_tool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads a Linux machine")

NOBODY = 65534
HASH_KEY = b"an organisation's 32 byte secret"


PROCESSES_OF_AN_ORDINARY_USER = f"""
import os
from passmuster_collectors.host import this_host
from passmuster_collectors.host.base import SourceError

host = this_host(bytes(32))
os.setgroups([])
os.setegid({NOBODY})
os.seteuid({NOBODY})
try:
    print(len(host.processes()))
except SourceError as error:
    print(error.outcome)
"""


@pytest.fixture
def host() -> Host:
    return this_host(HASH_KEY)


@pytest.fixture
def ordinary_user(tmp_path: Path) -> Iterator[None]:
    """Nobody may look into `locked`, not even a test that runs as root: it becomes someone else."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o000)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    yield
    os.seteuid(user)
    locked.chmod(0o700)


def test_this_machine_is_linux_and_says_the_time_in_utc(host: Host) -> None:
    assert host.platform is Platform.LINUX
    assert host.uid == os.geteuid()
    assert abs(host.now().timestamp() - time.time()) < 5
    assert host.now().utcoffset() is not None


def test_a_key_too_short_to_hide_anything_is_refused() -> None:
    with pytest.raises(ValueError, match="hash_key is shorter than 16 bytes"):
        this_host(b"short")


class TestFiles:
    def test_a_file_is_read_to_its_end(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"a\0b" * 100_000)
        assert host.read_file(str(tmp_path / "file")) == b"a\0b" * 100_000

    def test_a_file_of_the_kernel_that_claims_no_size_is_read(self, host: Host) -> None:
        assert host.read_file("/proc/self/status").startswith(b"Name:")

    def test_a_file_of_exactly_the_limit_is_read_and_one_byte_more_is_a_conflict(
        self, host: Host, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_bytes(b"x" * 11)
        assert host.read_file(str(tmp_path / "file"), limit=11) == b"x" * 11
        with pytest.raises(SourceConflictError, match="larger than 10 bytes"):
            host.read_file(str(tmp_path / "file"), limit=10)

    def test_an_endless_file_is_not_read_for_ever(self, host: Host) -> None:
        with pytest.raises(SourceConflictError, match="not a regular file"):
            host.read_file("/dev/zero")

    def test_a_pipe_in_the_place_of_a_file_does_not_block(self, host: Host, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        started = time.monotonic()
        with pytest.raises(SourceConflictError, match="not a regular file"):
            host.read_file(str(tmp_path / "pipe"))
        assert time.monotonic() - started < 1

    @pytest.mark.parametrize("path", ["/nonexistent/file", "/etc/passwd/file"])
    def test_what_is_not_there_is_missing(self, host: Host, path: str) -> None:
        with pytest.raises(SourceMissingError):
            host.read_file(path)

    @pytest.mark.usefixtures("ordinary_user")
    def test_what_may_not_be_read_is_denied(self, host: Host, tmp_path: Path) -> None:
        for ask in (host.read_file, host.list_directory):
            with pytest.raises(SourceDeniedError) as refused:
                ask(str(tmp_path / "locked"))
            assert refused.value.name == str(tmp_path / "locked")
        with pytest.raises(SourceDeniedError):
            host.file_status(str(tmp_path / "locked" / "file"))

    def test_a_name_that_no_file_can_have_is_a_conflict(self, host: Host) -> None:
        with pytest.raises(SourceConflictError):
            host.read_file("/tmp/a\0b")

    def test_a_circle_of_links_is_a_conflict(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        with pytest.raises(SourceConflictError, match="ELOOP"):
            host.read_file(str(tmp_path / "a"))
        with pytest.raises(SourceConflictError, match="ELOOP"):
            host.resolve(str(tmp_path / "a"))

    def test_links_are_followed_to_the_end(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "link").symlink_to("folder")
        (tmp_path / "dangling").symlink_to("nowhere")
        assert host.resolve(str(tmp_path / "link")) == str(tmp_path.resolve() / "folder")
        with pytest.raises(SourceMissingError):
            host.resolve(str(tmp_path / "dangling"))

    def test_a_folder_lists_its_names_in_order(self, host: Host, tmp_path: Path) -> None:
        for name in ("b", "a", "ü"):
            (tmp_path / name).touch()
        assert host.list_directory(str(tmp_path)) == ("a", "b", "ü")
        with pytest.raises(SourceMissingError):
            host.list_directory(str(tmp_path / "none"))
        with pytest.raises(SourceMissingError):
            host.list_directory(str(tmp_path / "a"))

    def test_the_status_of_a_file_tells_owner_mode_size_and_device(
        self, host: Host, tmp_path: Path
    ) -> None:
        file = tmp_path / "file"
        file.write_bytes(b"12345")
        file.chmod(0o640)
        found = host.file_status(str(file))
        assert (found.owner, found.size, stat.filemode(found.mode)) == (
            os.geteuid(),
            5,
            "-rw-r-----",
        )
        device = file.stat().st_dev
        assert found.device == (os.major(device), os.minor(device))


class TestProcessesAndAccounts:
    def test_this_process_is_among_the_running_ones(self, host: Host) -> None:
        own = next(each for each in host.processes() if each.pid == os.getpid())
        assert own.uid == os.getuid()
        assert any("pytest" in argument for argument in own.arguments)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount another /proc")
    @pytest.mark.parametrize("hidden", ["hidepid=1", "hidepid=2"])
    def test_processes_that_are_hidden_are_denied_and_not_absent(self, hidden: str) -> None:
        mount = f'mount -t proc -o {hidden} proc /proc && exec "$@"'
        unshare = [str(require_tool("unshare")), "--mount", "--propagation", "private"]
        done = subprocess.run(
            [
                *unshare,
                "sh",
                "-c",
                mount,
                "sh",
                sys.executable,
                "-c",
                PROCESSES_OF_AN_ORDINARY_USER,
            ],
            capture_output=True,
            timeout=60,
            check=False,
        )
        if done.returncode == 1 and b"mount" in done.stderr:
            missing("another /proc can't be mounted here")
        assert done.stdout.decode().strip() == "denied", done.stderr.decode()

    def test_the_environment_of_a_process_is_what_it_started_with(self, host: Host) -> None:
        environment = host.process_environment(os.getpid())
        assert environment["PATH"]

    def test_a_process_that_has_ended_is_missing(self, host: Host) -> None:
        with pytest.raises(SourceMissingError):
            host.process_environment(2**22 + 1)

    def test_an_account_has_a_name_and_a_home(self, host: Host) -> None:
        assert host.account(0).name == "root"
        assert host.account(0).home == "/root"
        with pytest.raises(SourceMissingError, match="account 4000000000"):
            host.account(4_000_000_000)


class TestDevices:
    def test_the_loopback_interface_is_there_and_carries_no_default_route(self, host: Host) -> None:
        interfaces = {each.name: each for each in host.network_interfaces()}
        assert interfaces["lo"].up
        assert not interfaces["lo"].default_route

    def test_every_interface_that_the_kernel_routes_by_default_is_marked(self, host: Host) -> None:
        rows = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
        routed = {row[0] for row in rows if row[1] == "00000000" and row[7] == "00000000"}
        marked = {each.name for each in host.network_interfaces() if each.default_route}
        assert routed <= marked

    def test_the_portable_enumerator_answers_on_a_machine_without_usb_too(self, host: Host) -> None:
        try:
            devices = host.usb_devices()
        except SourceError as error:
            pytest.fail(f"libusb-package brings its own library; it refused: {error}")
        assert all(0 <= each.vendor_id <= 0xFFFF for each in devices)


class TestKeyedHash:
    def test_it_is_the_same_on_every_laptop_of_the_organisation(self, host: Host) -> None:
        recorded = RecordedHost({}, hash_key=HASH_KEY)
        assert host.keyed_hash("ssid", b"office") == recorded.keyed_hash("ssid", b"office")

    def test_it_differs_by_kind_by_value_and_by_key(self, host: Host) -> None:
        hashes = {
            host.keyed_hash("ssid", b"office"),
            host.keyed_hash("usb_serial", b"office"),
            host.keyed_hash("ssid", b"home"),
            this_host(bytes(32)).keyed_hash("ssid", b"office"),
        }
        assert len(hashes) == 4
        assert all(len(each) == 32 for each in hashes)


def test_every_refusal_is_told_by_its_own_outcome() -> None:
    kinds = (SourceDeniedError, SourceMissingError, SourceTimeoutError, SourceConflictError)
    assert len({kind("source").source().outcome for kind in kinds}) == 4
