"""apt's security updates, counted without the network: what it would install, by its own lists.

`apt-get --simulate` (apt-get(8)) changes nothing, takes no lock and needs no rights. It prints one
line `Inst` for each package with the archives that offer it. A security archive's suite ends in
`-security` (Debian, Ubuntu and what is made of them); Debian's is also labelled `Debian-Security`.
"""

import hashlib
import re
import threading
from datetime import datetime, timedelta
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

SETTINGS = ("/etc/apt", "/etc/apt/apt.conf.d", "/etc/apt/preferences.d", "/etc/apt/sources.list.d")
"""Folders of files that say which archives and versions count (apt.conf(5), sources.list(5))."""

INPUTS = ("/var/lib/dpkg/status", "/var/lib/apt/extended_states", LISTS, f"{LISTS}/partial")
"""While none of them and of the settings changes, apt would say the same again."""

NOTE = "security-updates"
COUNTED_BY = 1
"""Goes up when the same lists would be counted otherwise than before."""

MOST_COUNTED = 100_000

INSTALL = re.compile(r"Inst \S+ (?:\[[^\]]*\] )?\(\S+ (?P<archives>.*) \[[^\]]*\]\).*")
SUMMARY = re.compile(r"(\d+) upgraded, (\d+) newly installed, .*\d+ not upgraded\.")
SECURITY = re.compile(r"Debian-Security:|-security(?:$|[\s,/])")

RETRY_AFTER = timedelta(minutes=15)
"""What took too long or failed would do so again, and costs seconds of a core."""

_counted: WeakKeyDictionary[Host, tuple[str, int]] = WeakKeyDictionary()
_refused: WeakKeyDictionary[Host, tuple[datetime, SourceError]] = WeakKeyDictionary()
_counting: WeakKeyDictionary[Host, "_Count"] = WeakKeyDictionary()
# Counting takes apt a second of a core, so it is done again only where something changed.


def security_updates(host: Host) -> int:
    """Return how many packages apt would install from a security archive.

    Raises `SourceError`: a timeout where apt is still at it, which is then asked for the next time.
    """
    count = _counting.get(host)
    if count is None:
        moment = _as_it_stands(host)
        before, refused = _counted.get(host) or _noted(host), _refused.get(host)
        if before is not None and before[0] == moment:
            _counted[host] = before
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
    """apt at work. `moment` names what it reads as that was before it began."""

    def __init__(self, host: Host, moment: str | None) -> None:
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
            if self.moment is not None:
                # The next process may be a command that somebody waits for.
                self._host.keep(NOTE, {"as_it_stood": self.moment, "count": self.number})


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


def _noted(host: Host) -> tuple[str, int] | None:
    """Return what an earlier process counted, and what it had read."""
    note = host.recall(NOTE)
    if not isinstance(note, dict) or set(note) != {"as_it_stood", "count"}:
        return None
    moment, count = note["as_it_stood"], note["count"]
    if not isinstance(moment, str) or type(count) is not int or not 0 <= count <= MOST_COUNTED:
        return None
    return moment, count


def _as_it_stands(host: Host) -> str | None:
    """Return a name of what apt reads as it stands now, or None where not all of that is told.

    A file that was changed, or put in the place of another one, makes another name, and so does a
    reader that counts otherwise.
    """
    try:
        paths = [*INPUTS, *SETTINGS, *(path for folder in SETTINGS for path in _in(host, folder))]
        found = [(path, _stamp(host, path)) for path in paths]
    except SourceError:
        return None
    stamps = [stamp for _, stamp in found if stamp is not None]
    if not stamps or any(modified is None for modified, _, _ in stamps):
        return None
    return hashlib.sha256(repr((COUNTED_BY, ARGUMENTS, found)).encode()).hexdigest()


def _in(host: Host, folder: str) -> tuple[str, ...]:
    try:
        return tuple(f"{folder}/{name}" for name in host.list_directory(folder))
    except SourceMissingError:
        return ()


def _stamp(host: Host, path: str) -> tuple[str | None, int, int] | None:
    """Return when a file changed, its number and its size; None for one that is not there."""
    try:
        status = host.file_status(path)
    except SourceMissingError:
        return None
    modified = None if status.modified is None else status.modified.isoformat()
    return modified, status.number, status.size
