"""The environment that a session's programs were started with, and the owner's home."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from passmuster_collectors.host.base import SourceError
from passmuster_collectors.signals.screen_lock.linux.sessions import Session
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

MOST_TRIED = 512
LONGEST_VALUE = 4096


@dataclass(frozen=True)
class Surroundings:
    """What a session's programs find around them.

    `home` is the owner's home directory and `refusal` why it can't be seen, if it can't.
    `variables` are the environment of one of the session's own processes; None where none could be
    read.
    """

    home: str
    refusal: SourceError | None = None
    variables: Mapping[str, str] | None = None

    def require_home(self) -> None:
        """Raise the `SourceError` that keeps the home directory from being seen, if any.

        A service that is shut out of `/home` would otherwise take every setting there for unset.
        """
        if self.refusal is not None:
            raise self.refusal

    def get(self, name: str) -> str:
        """Return a variable, or an empty text where it is not set or not known."""
        value = (self.variables or {}).get(name, "")
        return value if len(value) <= LONGEST_VALUE else ""

    @property
    def config_home(self) -> str:
        """The folder for settings files (XDG Base Directory Specification)."""
        return self.folder("XDG_CONFIG_HOME") or f"{self.home}/.config"

    def folder(self, name: str) -> str:
        """Return the folder that a variable names; empty where it names none."""
        value = self.get(name)
        return value.rstrip("/") if value.startswith("/") else ""

    def folders(self, name: str, otherwise: str) -> tuple[str, ...]:
        """Return the folders that a variable lists, the first one counts most."""
        parts = (part.rstrip("/") for part in (self.get(name) or otherwise).split(":"))
        return tuple(part for part in parts if part.startswith("/"))


def read_surroundings(host: Witness, session: Session) -> Surroundings:
    """Return what a session's programs find around them.

    Raises `SourceError` where its owner has no account.
    """
    home = host.account(session.uid).home.rstrip("/")
    refusal: SourceError | None = None
    try:
        host.list_directory(home or "/")
    except SourceError as error:
        refusal = error
    return Surroundings(home, refusal, _read_variables(host, session))


def _read_variables(host: Witness, session: Session) -> Mapping[str, str] | None:
    for tried, pid in enumerate(_candidates(host, session)):
        if tried >= MOST_TRIED:
            break
        try:
            variables = host.process_environment(pid)
        except SourceError:
            continue
        if variables.get("XDG_SESSION_ID") == session.id and variables.get("XDG_CURRENT_DESKTOP"):
            return variables
    return None


def _candidates(host: Witness, session: Session) -> Iterator[int]:
    """Return the numbers of processes that may belong to the session, the likely ones first."""
    yield from scope_members(host, session)
    try:
        yield from (process.pid for process in host.processes_of(session.uid))
    except SourceError:
        return


def scope_members(host: Witness, session: Session) -> tuple[int, ...]:
    """Return the processes in a session's own control group, oldest numbers first."""
    if not session.scope or "/" in session.scope:
        return ()
    group = f"user.slice/user-{session.uid}.slice/{session.scope}/cgroup.procs"
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd"):
        try:
            content = host.find(f"{root}/{group}")
        except SourceError:
            continue
        if content is not None:
            return tuple(sorted(int(line) for line in content.split() if line.isdigit()))
    return ()
