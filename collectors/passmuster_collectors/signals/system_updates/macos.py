"""System and updates on a Mac: its version, and what the last look for updates has found.

`SystemVersion.plist` names the version. `com.apple.SoftwareUpdate.plist` is the update service's
own: `RecommendedUpdates` lists what it would install, `LastSuccessfulDate` is its last look.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import plist_file
from passmuster_collectors.signals.system_updates.facts import (
    MOST_UPDATES,
    MOST_WEEKS,
    SystemUpdatesFacts,
)

SIGNAL = "system_updates"

VERSION = "/System/Library/CoreServices/SystemVersion.plist"
UPDATES = "/Library/Preferences/com.apple.SoftwareUpdate.plist"

NO_VERSION = "This Mac does not tell its version."
UNCLEAR = "What this Mac knows of its updates could not be read."


def read(host: Host) -> Reading:
    """Return the version, the updates that wait, and when the Mac last looked for them."""
    inquiry = Inquiry()
    version = inquiry.ask(VERSION, lambda: parse_version(plist_file(host, VERSION)))
    if version is None:
        return unavailable(SIGNAL, host.now(), NO_VERSION, inquiry.sources)
    count: int | Unknown = UNKNOWN
    weeks: int | Unknown = UNKNOWN
    settings = inquiry.ask(UPDATES, partial(plist_file, host, UPDATES))
    if settings is not None:
        count = inquiry.ask(UPDATES, lambda: parse_count(settings), otherwise=UNKNOWN)
        checked = inquiry.ask(UPDATES, lambda: parse_checked(settings))
        if checked is not None:
            weeks = min(MOST_WEEKS, max(0, (host.now() - checked).days // 7))
    # An update that needs a restart is not counted as installed before it, so none is asked for.
    month = f"{host.now():%Y-%m}"
    facts = SystemUpdatesFacts("macos", version, None, month, count, weeks, restart_needed=False)
    if UNKNOWN in (count, weeks):
        return unavailable(SIGNAL, host.now(), UNCLEAR, inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def parse_version(values: dict[str, Any]) -> str:
    """Return the version, as in `15.3.1`. Raises `SourceConflictError`."""
    version = values.get("ProductVersion")
    if not isinstance(version, str) or not version.replace(".", "").isdigit() or len(version) > 32:
        raise SourceConflictError(VERSION, "no version in it")
    return version


def parse_count(settings: dict[str, Any]) -> int:
    """Return how many recommended updates wait. Raises `SourceConflictError`."""
    found = settings.get("RecommendedUpdates")
    if not isinstance(found, list) or len(found) > MOST_UPDATES:
        raise SourceConflictError(UPDATES, "no list of recommended updates")
    return len(found)


def parse_checked(settings: dict[str, Any]) -> datetime:
    """Return when the Mac last looked for updates. Raises `SourceConflictError`."""
    checked = settings.get("LastSuccessfulDate")
    if not isinstance(checked, datetime):
        raise SourceConflictError(UPDATES, "no time of the last look")
    return checked.replace(tzinfo=UTC)
