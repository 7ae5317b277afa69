"""apt's security updates, counted without the network: what it would install, by its own lists.

`apt-get --simulate` (apt-get(8)) changes nothing, takes no lock and needs no rights. It prints one
line `Inst` for each package with the archives that offer it. A security archive's suite ends in
`-security` (Debian, Ubuntu and what is made of them); Debian's is also labelled `Debian-Security`.
"""

import re
import threading
from datetime import UTC, datetime, timedelta
from weakref import WeakKeyDictionary

from passmuster_collectors.host.base import (
    Host,
    SourceConflictError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.program_output import succeeded

APT = Program.APT_GET
ARGUMENTS = (
    "--simulate",
    "--option=APT::Get::Show-User-Simulation-Note=false",
    "--option=Debug::NoLocking=true",
    "dist-upgrade",
)
TIMEOUT_S = 60.0
WAIT_S = 2.5
"""A report does not wait longer; apt goes on, and the next reading has what it found."""

LISTS = "/var/lib/apt/lists"
CHECKED = (
    "/var/lib/apt/periodic/update-success-stamp",
    "/var/lib/apt/periodic/update-stamp",
    "/var/lib/apt/lists/partial",
    LISTS,
)
"""What is touched when the lists are fetched; the newest one counts."""

INPUTS = ("/var/lib/dpkg/status", LISTS, "/var/lib/apt/lists/partial", "/etc/apt")
"""While none of them changes, apt would say the same again."""

NEVER = datetime.min.replace(tzinfo=UTC)
"""The time of something that is not there."""

INSTALL = re.compile(r"Inst \S+ (?:\[[^\]]*\] )?\(\S+ (?P<archives>.*) \[[^\]]*\]\).*")
SUMMARY = re.compile(r"(\d+) upgraded, (\d+) newly installed, .*\d+ not upgraded\.")
SECURITY = re.compile(r"Debian-Security:|-security(?:$|[\s,/])")

RETRY_AFTER = timedelta(minutes=15)
"""What took too long or failed would do so again, and costs seconds of a core."""

_counted: WeakKeyDictionary[Host, tuple[tuple[datetime, ...], int]] = WeakKeyDictionary()
_refused: WeakKeyDictionary[Host, tuple[datetime, SourceError]] = WeakKeyDictionary()
_counting: WeakKeyDictionary[Host, "_Count"] = WeakKeyDictionary()
# Counting takes apt a second of a core, so it is done again only where something changed.


def security_updates(host: Host) -> int:
    """Return how many packages apt would install from a security archive.

    Raises `SourceError`: a timeout where apt is still at it, which is then asked for the next time.
    """
    count = _counting.get(host)
    if count is None:
        moment = _last_changes(host)
        before, refused = _counted.get(host), _refused.get(host)
        if before is not None and before[0] == moment:
            return before[1]
        if refused is not None and timedelta(0) <= host.now() - refused[0] < RETRY_AFTER:
            raise refused[1]
        count = _counting[host] = _Count(host, moment)
        count.start()
    count.join(WAIT_S)
    if count.is_alive():
        raise SourceTimeoutError(APT.paths[0], f"no answer in {WAIT_S:g} s yet")
    del _counting[host]
    if count.error is not None:
        _refused[host] = (host.now(), count.error)
        raise count.error
    if count.moment is not None:
        _counted[host] = (count.moment, count.number)
    return count.number


class _Count(threading.Thread):
    """apt at work. `moment` is when what it reads had last changed before it began."""

    def __init__(self, host: Host, moment: tuple[datetime, ...] | None) -> None:
        super().__init__(name="count security updates", daemon=True)
        self._host = host
        self.moment = moment
        self.number = 0
        self.error: SourceError | None = SourceConflictError(
            APT.paths[0], "ended without an answer"
        )

    def run(self) -> None:
        try:
            completed = self._host.run(APT, *ARGUMENTS, timeout_s=TIMEOUT_S)
            self.number = parse_simulation(succeeded(APT, completed))
        except SourceError as error:
            self.error = error
        else:
            self.error = None


def parse_simulation(output: bytes) -> int:
    """Return the number of security updates in what `apt-get --simulate` prints.

    Raises `SourceConflictError` where its own sum is missing or another one.
    """
    lines = output.decode("utf-8", "replace").splitlines()
    sums = [found for line in lines if (found := SUMMARY.fullmatch(line.strip()))]
    installs = [line for line in lines if line.startswith("Inst ")]
    if len(sums) != 1 or sum(int(each) for each in sums[0].groups()) != len(installs):
        raise SourceConflictError(APT.paths[0], "what it lists is not what it counts")
    return sum(_is_security(line) for line in installs)


def checked_at(host: Host) -> datetime:
    """Return when the lists were last fetched. Raises `SourceError`."""
    found: list[datetime] = []
    refusal: SourceError = SourceMissingError(LISTS)
    for path in CHECKED:
        try:
            modified = host.file_status(path).modified
        except SourceError as error:
            refusal = (
                error if path == LISTS or not isinstance(error, SourceMissingError) else refusal
            )
            continue
        found.extend([] if modified is None else [modified])
    if not found:
        raise refusal
    return max(found)


def _is_security(line: str) -> bool:
    found = INSTALL.fullmatch(line.strip())
    if found is None:
        raise SourceConflictError(APT.paths[0], "a line that is not like the others")
    return any(SECURITY.search(each) for each in found["archives"].split(", "))


def _last_changes(host: Host) -> tuple[datetime, ...] | None:
    """Return when apt's inputs last changed, or None where that is not told for all of them."""
    times: list[datetime] = []
    for path in INPUTS:
        try:
            modified = host.file_status(path).modified
        except SourceMissingError:
            modified = NEVER
        except SourceError:
            return None
        if modified is None:
            return None
        times.append(modified)
    return None if all(time is NEVER for time in times) else tuple(times)
