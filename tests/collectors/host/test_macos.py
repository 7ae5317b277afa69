"""The parts of a Mac that are POSIX, run for real on the machine that runs the tests."""

import os

import pytest

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host.base import (
    Bus,
    Host,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.host.macos import MacHost, in_session_of

KEY = b"sixteen bytes or more"


class Probe:
    """Stands in for a listed program: the real host starts `paths` and knows nothing else of it."""

    def __init__(self, *paths: str) -> None:
        self.paths = paths


class Stranger(MacHost):
    @property
    def uid(self) -> int:
        return 4321


@pytest.fixture
def mac() -> Host:
    return MacHost(KEY)


def probe(*paths: str) -> Program:
    return Probe(*paths)  # type: ignore[return-value] # only `paths` is read


def test_it_says_that_it_is_a_mac(mac: Host) -> None:
    assert mac.platform is Platform.MACOS


def test_a_program_gets_a_fixed_environment_and_no_input(mac: Host) -> None:
    script = 'cat; echo "$LC_ALL $PATH ${HOME-none} $EXTRA"'
    changed = {"LC_ALL": "fr_FR", "PATH": "/tmp", "EXTRA": "kept"}
    done = mac.run(probe("/bin/sh"), "-c", script, environment=changed)
    assert done.stdout == b"C /usr/bin:/bin:/usr/sbin:/sbin none kept\n"


def test_a_program_run_as_oneself_gets_ones_own_home(mac: Host) -> None:
    done = mac.run(probe("/bin/sh"), "-c", 'echo "$HOME $USER"', user=mac.uid)
    account = mac.account(mac.uid)
    assert done.stdout.decode() == f"{account.home} {account.name}\n"


def test_only_root_may_run_a_program_as_somebody_else() -> None:
    with pytest.raises(SourceDeniedError, match="only root"):
        Stranger(KEY).run(probe("/bin/sh"), "-c", "id", user=os.getuid())


def test_root_enters_the_users_login_session_and_becomes_that_user_there() -> None:
    line = in_session_of(501, probe("/bin/sh"), ["-c", "true"])
    assert line == (
        *("asuser", "501"),
        *("/usr/bin/sudo", "-n", "-H", "-u", "#501", "--"),
        *("/bin/sh", "-c", "true"),
    )


def test_a_program_that_is_not_there_is_missing_before_sudo_is_asked() -> None:
    with pytest.raises(SourceMissingError):
        in_session_of(501, probe("/no/such/program"), [])


def test_it_has_no_d_bus(mac: Host) -> None:
    with pytest.raises(SourceMissingError):
        mac.bus_get(Bus.SYSTEM, "org.example", "/", "org.example", "Member")
    with pytest.raises(SourceMissingError):
        mac.bus_get_all(Bus.SYSTEM, "org.example", "/", "org.example")
    with pytest.raises(SourceMissingError):
        mac.bus_call(Bus.SYSTEM, "org.example", "/", "org.example", "Member")


def test_nobodys_environment_is_read(mac: Host) -> None:
    with pytest.raises(SourceError):
        mac.process_environment(os.getpid())


def test_its_own_process_is_among_the_running_ones(mac: Host) -> None:
    assert any(each.pid == os.getpid() and each.uid == mac.uid for each in mac.processes())
