"""System and updates on Linux: os-release(5), apt's own lists, and what asks for a restart.

Systems without apt keep no count that can be read without asking the network.
"""

from collections.abc import Mapping
from functools import partial

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import Reading, SourceOutcome, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.system_updates.facts import MOST_WEEKS, SystemUpdatesFacts
from passmuster_collectors.signals.system_updates.linux import apt
from passmuster_collectors.text import key_value

SIGNAL = "system_updates"

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
RESTART_REQUIRED = "/run/reboot-required"
"""Written by Debian's and Ubuntu's packages when one of them needs it."""

RUN = "/run"
KERNEL = "/proc/sys/kernel/osrelease"
MODULES = "/usr/lib/modules"

NO_RELEASE = "This system does not tell what it is."
UNCLEAR = "Not everything about this system's updates could be read."


def read(host: Host) -> Reading:
    """Return what the system is and how current it is."""
    inquiry = Inquiry()
    release = inquiry.ask(OS_RELEASE[0], partial(_release, host))
    if release is None:
        return unavailable(SIGNAL, host.now(), NO_RELEASE, inquiry.sources)
    count, weeks = _updates(host, inquiry)
    facts = SystemUpdatesFacts(
        system=release["ID"][:32],
        version=release.get("VERSION_ID", "")[:32],
        support_end=release.get("SUPPORT_END", "")[:10] or None,
        month=f"{host.now():%Y-%m}",
        security_updates=count,
        weeks_since_check=weeks,
        restart_needed=_restart_needed(host, inquiry),
    )
    if UNKNOWN in (facts.security_updates, facts.weeks_since_check, facts.restart_needed):
        return unavailable(SIGNAL, host.now(), UNCLEAR, inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def parse_release(content: bytes) -> Mapping[str, str]:
    """Return the values of os-release(5). Raises `SourceConflictError` where it names no system."""
    values = key_value.parse(content)
    if not values.get("ID", "").replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise SourceConflictError(OS_RELEASE[0], "names no system")
    return values


def _release(host: Host) -> Mapping[str, str]:
    try:
        return parse_release(host.read_file(OS_RELEASE[0]))
    except SourceMissingError:
        return parse_release(host.read_file(OS_RELEASE[1]))


def _updates(host: Host, inquiry: Inquiry) -> tuple[int | Unknown | None, int | Unknown | None]:
    name = apt.APT.paths[0]
    count = inquiry.ask(name, partial(apt.security_updates, host), otherwise=UNKNOWN)
    if inquiry.sources[-1].outcome is SourceOutcome.MISSING:
        return None, None
    checked = inquiry.ask(apt.LISTS, partial(apt.checked_at, host))
    if checked is None:
        return count, UNKNOWN
    days = (host.now() - checked).days
    # A clock that is behind makes the list come from the future; then it is new enough.
    return count, min(MOST_WEEKS, max(0, days // 7))


def _restart_needed(host: Host, inquiry: Inquiry) -> bool | Unknown:
    names = inquiry.ask(RUN, partial(host.list_directory, RUN))
    if names is None:
        return UNKNOWN
    if RESTART_REQUIRED.rpartition("/")[2] in names:
        return True
    # A system that replaces its kernel takes the running one's modules away.
    kernels = inquiry.ask(MODULES, partial(_kernels, host))
    running = inquiry.ask(KERNEL, partial(host.read_file, KERNEL, limit=256))
    if kernels is None or running is None:
        return UNKNOWN
    return bool(kernels) and running.decode("utf-8", "replace").strip() not in kernels


def _kernels(host: Host) -> tuple[str, ...]:
    try:
        return host.list_directory(MODULES)
    except SourceMissingError:
        return ()  # a kernel without modules, or a container's view
