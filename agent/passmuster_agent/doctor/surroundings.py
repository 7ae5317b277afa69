"""What the agent runs in: which system, as whom, in a container or not, with which helpers."""

import os
import sys
from dataclasses import dataclass
from enum import StrEnum

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.host.base import (
    Bus,
    Host,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.host.privileged.verbs import SERVICE_USER, SOCKET, Verb

CONTAINER = "a container"
CONTAINERS = (
    ("/run/.containerenv", CONTAINER),
    ("/.dockerenv", CONTAINER),
    ("/run/systemd/container", CONTAINER),
    ("/.flatpak-info", "a Flatpak sandbox"),
)
SYSTEMD = "/run/systemd/system"
BUS = "org.freedesktop.DBus"
BUS_PATH = "/org/freedesktop/DBus"
MANAGER = "org.freedesktop.systemd1"
MANAGER_PATH = "/org/freedesktop/systemd1"
UNIT_FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)


class RootHelperState(StrEnum):
    """How this process stands to the root helper."""

    NOT_NEEDED = "not needed"
    """It is root's itself, or the system has no such helper."""

    ABSENT = "absent"
    CLOSED = "closed"
    """It answers another user."""

    ANSWERS = "answers"
    FAILS = "fails"


@dataclass(frozen=True)
class Surroundings:
    """`within` says what confines this process, such as a container; empty where nothing does."""

    platform: Platform
    uid: int
    account: str
    within: str = ""
    has_bus: bool = True
    has_systemd: bool = True
    root_helper: RootHelperState = RootHelperState.NOT_NEEDED

    @property
    def is_service(self) -> bool:
        """Whether this is the account that the agent's service runs as."""
        return self.account == SERVICE_USER


def look_around(host: Host) -> Surroundings:
    """Return what this process runs in."""
    try:
        account = host.account(host.uid).name
    except SourceError:
        account = ""
    if host.platform is not Platform.LINUX:
        return Surroundings(host.platform, host.uid, account)
    return Surroundings(
        host.platform,
        host.uid,
        account,
        _within(host),
        _answers(host),
        exists(host, SYSTEMD),
        _root_helper(host),
    )


def exists(host: Host, path: str) -> bool:
    """Whether there is something at the path, as far as this process can see."""
    try:
        host.file_status(path)
    except SourceError:
        return False
    return True


def unit_state(host: Host, unit: str) -> str:
    """Return systemd's `ActiveState` of a unit, or `not installed`, or empty if nobody tells."""
    if not any(exists(host, f"{folder}/{unit}") for folder in UNIT_FOLDERS):
        return "not installed"
    try:
        (path,) = host.bus_call(
            *(Bus.SYSTEM, MANAGER, MANAGER_PATH, f"{MANAGER}.Manager", "LoadUnit"),
            *("s", (unit,)),
        )
        return str(host.bus_get(Bus.SYSTEM, MANAGER, str(path), f"{MANAGER}.Unit", "ActiveState"))
    except SourceError:
        return ""


def _within(host: Host) -> str:
    if os.environ.get("SNAP"):
        return "a snap"
    found = next((what for path, what in CONTAINERS if exists(host, path)), "")
    # Images leave such files behind on machines that are made of them: there the kernel's own
    # threads are in sight.
    return "" if found == CONTAINER and _sees_the_kernel(host) else found


def _sees_the_kernel(host: Host) -> bool:
    try:
        return host.read_file("/proc/2/comm", limit=64) == b"kthreadd\n"
    except SourceError:
        return False


def _answers(host: Host) -> bool:
    try:
        host.bus_call(Bus.SYSTEM, BUS, BUS_PATH, BUS, "GetId")
    except SourceError:
        return False
    return True


def _root_helper(host: Host) -> RootHelperState:
    if sys.platform == "linux" and host.uid != 0:
        return _ask_root_helper()
    return RootHelperState.NOT_NEEDED


if sys.platform == "linux":

    def _ask_root_helper() -> RootHelperState:
        from passmuster_collectors.host.privileged.client import (  # noqa: PLC0415 - Linux alone
            RootHelper,
        )

        try:
            RootHelper(SOCKET).answers(Verb.CRYPTTAB)
        except SourceMissingError:
            return RootHelperState.ABSENT
        except SourceDeniedError:
            return RootHelperState.CLOSED
        except SourceError:
            return RootHelperState.FAILS
        return RootHelperState.ANSWERS
