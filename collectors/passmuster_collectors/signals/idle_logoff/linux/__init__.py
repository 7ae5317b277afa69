"""Idle logoff on Linux: what locks or ends each kind of session that people have open now."""

from collections.abc import Iterator, Sequence
from typing import Any

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import (
    Reading,
    SourceOutcome,
    not_applicable,
    ok,
    unavailable,
)
from passmuster_collectors.host.base import Host, SourceConflictError, SourceError
from passmuster_collectors.signals.change import Change
from passmuster_collectors.signals.idle_logoff.facts import (
    Coverage,
    IdleLogoffFacts,
    Kind,
    Mechanism,
)
from passmuster_collectors.signals.idle_logoff.linux.logind import (
    ENDS_EVERYTHING,
    IdlePolicy,
    read_idle_policy,
)
from passmuster_collectors.signals.idle_logoff.linux.shells import Shell, shell_of
from passmuster_collectors.signals.idle_logoff.linux.suspend import idle_action_of, worst
from passmuster_collectors.signals.idle_logoff.linux.testimony import (
    IdleTestimony,
    idle_action_with_companion,
    testimony_of,
)
from passmuster_collectors.signals.idle_logoff.tmout import ShellTimeout, parse_tmout
from passmuster_collectors.signals.screen_lock import linux as screen_lock
from passmuster_collectors.signals.screen_lock.linux import (
    MOST_SESSIONS,
    NO_LOGIND,
    SESSION_UNREAD,
    read_people,
)
from passmuster_collectors.signals.screen_lock.linux.locks import read_lock
from passmuster_collectors.signals.screen_lock.linux.sessions import Session, SessionKind
from passmuster_collectors.signals.screen_lock.linux.testimony import (
    lock_with_companion,
    read_with_companions,
)
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

SIGNAL_ID = "idle_logoff"

NOBODY = "Nobody is logged in."
UNCLEAR = "Not everything that would end your session could be read."

COVERAGE = {
    SessionKind.GRAPHICAL: Coverage.GRAPHICAL,
    SessionKind.TERMINAL: Coverage.TERMINAL,
    SessionKind.REMOTE: Coverage.REMOTE,
}

PROFILES = ("/etc/profile", "/etc/bash.bashrc", "/etc/bashrc")
ZSH_FILES = tuple(
    f"{folder}/{name}"
    for folder in ("/etc", "/etc/zsh")
    for name in ("zshenv", "zprofile", "zshrc")
)
PROFILE_FOLDER = "/etc/profile.d"
MAX_PROFILES = 200


def read(host: Host) -> Reading:
    """Return what covers each kind of session that people have open."""
    return read_with_companions(host, _read)


def changes_within(host: Host, within_s: int) -> tuple[Change, ...]:
    """Return what makes the desktops of the user who runs this lock in time.

    Raises `SourceError`.
    """
    return screen_lock.changes_within(host, within_s)


def testify(host: Host) -> Any:
    """Return what a companion says: what its user's desktops do with a laptop left alone."""
    witness = Witness(host)
    sessions = [each for each in read_people(witness).people if each.uid == host.uid]
    locks = [read_lock(witness, each) for each in sessions if each.kind is SessionKind.GRAPHICAL]
    actions = [(lock.session.id, idle_action_of(witness, lock)) for lock in locks[:MOST_SESSIONS]]
    return codec.encode(IdleTestimony(tuple(testimony_of(*each) for each in actions)))


def _read(witness: Witness) -> Reading:
    at = witness.now()
    try:
        sessions = read_people(witness)
    except SourceError as error:
        witness.note(error)
        return unavailable(SIGNAL_ID, at, NO_LOGIND, witness.sources())
    if not sessions.people:
        if sessions.certain:
            return not_applicable(SIGNAL_ID, at, NOBODY, witness.sources())
        return unavailable(SIGNAL_ID, at, NO_LOGIND, witness.sources())
    mechanisms = tuple(_mechanisms(witness, sessions.people))
    facts = IdleLogoffFacts(mechanisms)
    if any(session.kind is None for session in sessions.people):
        return unavailable(SIGNAL_ID, at, SESSION_UNREAD, witness.sources(), facts)
    if not sessions.certain:
        return unavailable(SIGNAL_ID, at, NO_LOGIND, witness.sources(), facts)
    if any(_is_undecided(mechanisms, kind) for kind in Coverage):
        return unavailable(SIGNAL_ID, at, UNCLEAR, witness.sources(), facts)
    return ok(SIGNAL_ID, at, facts, witness.sources())


def _mechanisms(host: Witness, people: Sequence[Session]) -> Iterator[Mechanism]:
    kinds = {session.kind for session in people}
    policy = _idle_policy(host)
    if SessionKind.GRAPHICAL in kinds:
        yield from _of_desktops(host, people, policy)
    shells = [kind for kind in (SessionKind.TERMINAL, SessionKind.REMOTE) if kind in kinds]
    if not shells:
        return
    for kind in shells:
        covers = COVERAGE[kind]
        timeout = _shell_timeout(host, [each for each in people if each.kind is kind])
        yield Mechanism(Kind.SHELL_TIMEOUT, timeout.after_s, covers, timeout.fixed)
        yield from _of_logind(policy, covers, desktops=SessionKind.GRAPHICAL in kinds)


def _of_desktops(
    host: Witness, people: Sequence[Session], policy: IdlePolicy | None
) -> Iterator[Mechanism]:
    """Yield the lock of the desktop that locks last: every session counts."""
    locks = [
        lock_with_companion(host, session)[0]
        for session in people
        if session.kind is SessionKind.GRAPHICAL
    ]
    settings = [lock.setting for lock in locks]
    enforced = [setting.enforced for setting in settings]
    lock_after_s = _latest([setting.lock_after_s for setting in settings])
    yield Mechanism(
        Kind.LOCK,
        lock_after_s,
        Coverage.GRAPHICAL,
        UNKNOWN if UNKNOWN in enforced else all(value is True for value in enforced),
    )
    sleep = worst([idle_action_with_companion(host, lock) for lock in locks])
    if sleep.kind is not None:
        yield Mechanism(sleep.kind, sleep.after_s, Coverage.GRAPHICAL, sleep.enforced)
    acts = policy is None or policy.action_after_s is not None or policy.stop_s is not None
    if acts and not isinstance(lock_after_s, int):
        # logind goes by the desktop's own word that it is idle, which comes late or never.
        yield Mechanism(Kind.SESSION_STOP, UNKNOWN, Coverage.GRAPHICAL, enforced=True)


def _of_logind(
    policy: IdlePolicy | None, covers: Coverage, *, desktops: bool
) -> Iterator[Mechanism]:
    if policy is None:
        yield Mechanism(Kind.SESSION_STOP, UNKNOWN, covers, enforced=True)
        return
    if policy.stop_s is not None:
        # For shells logind looks at the terminal's last input itself.
        yield Mechanism(Kind.SESSION_STOP, policy.stop_s, covers, enforced=True)
    if policy.action in ENDS_EVERYTHING and policy.action_after_s is not None:
        # All sessions have to be idle for it, and a desktop may never say so.
        after_s: int | Unknown = UNKNOWN if desktops else policy.action_after_s
        yield Mechanism(Kind.LOGOUT, after_s, covers, enforced=True)


def _is_undecided(mechanisms: Sequence[Mechanism], kind: Coverage) -> bool:
    """Whether nothing certain covers this kind of session, and something unknown may."""
    times = [each.after_s for each in mechanisms if each.covers is kind]
    return UNKNOWN in times and not any(isinstance(time, int) for time in times)


def _idle_policy(host: Witness) -> IdlePolicy | None:
    try:
        return read_idle_policy(host)
    except SourceConflictError as error:
        host.note(error)
        return None
    except SourceError:
        return None


def _shell_timeout(host: Witness, sessions: Sequence[Session]) -> ShellTimeout:
    """Return the worst of the sessions' shells."""
    shells = dict.fromkeys(shell_of(host, session) for session in sessions)
    found = [_of_shell(host, shell) for shell in shells]
    after_s = _latest([each.after_s for each in found])
    return ShellTimeout(after_s, all(each.fixed for each in found))


def _of_shell(host: Witness, shell: Shell) -> ShellTimeout:
    if shell is Shell.HAS_NO_TIMEOUT:
        return ShellTimeout(None, fixed=False)
    files, refused = _read_files(host, ZSH_FILES) if shell is Shell.ZSH else ([], False)
    if shell is not Shell.ZSH or _lead_to_profile(files):
        more, more_refused = _read_profiles(host)
        files, refused = [*more, *files], refused or more_refused
    found = parse_tmout(files)
    if found.disagree:
        host.note(SourceConflictError("TMOUT", "is set to different values; the worst counts"))
    return ShellTimeout(UNKNOWN, found.fixed) if refused else found


def _lead_to_profile(files: Sequence[bytes]) -> bool:
    lines = (line.strip() for content in files for line in content.splitlines())
    return any(PROFILES[0].encode() in line for line in lines if not line.startswith(b"#"))


def _read_profiles(host: Witness) -> tuple[list[bytes], bool]:
    """Return the files that `/etc/profile` leads to, and whether one of them was refused."""
    try:
        names = [name for name in host.list_directory(PROFILE_FOLDER) if name.endswith(".sh")]
    except SourceError as error:
        names, refused = [], error.outcome is not SourceOutcome.MISSING
    else:
        refused = len(names) > MAX_PROFILES
    folder = [f"{PROFILE_FOLDER}/{name}" for name in names[:MAX_PROFILES]]
    files, file_refused = _read_files(host, (PROFILES[0], *folder, *PROFILES[1:]))
    return files, refused or file_refused


def _read_files(host: Witness, paths: Sequence[str]) -> tuple[list[bytes], bool]:
    files: list[bytes] = []
    refused = False
    for path in paths:
        try:
            content = host.find(path)
        except SourceError:
            refused = True
            continue
        files.extend([] if content is None else [content])
    return files, refused


def _latest(values: Sequence[int | Unknown | None]) -> int | Unknown | None:
    """Return the worst of the sessions' locks: never, then unknown, then the latest."""
    if None in values:
        return None
    if UNKNOWN in values:
        return UNKNOWN
    return max(value for value in values if isinstance(value, int))
