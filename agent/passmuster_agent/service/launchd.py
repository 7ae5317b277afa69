"""The agent on a Mac: a LaunchDaemon for the computer, kept running by launchd.

Property lists as launchd.plist(5) describes them, written by code; loaded and unloaded by the words
of launchctl(1) that macOS 13 and later know.
"""

import contextlib
import os
import plistlib
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from passmuster_agent.errors import AgentError, because
from passmuster_agent.service.commands import command, program

LABEL = "org.passmuster.agent"
COMPANION_LABEL = "org.passmuster.companion"
DAEMONS = Path("/Library/LaunchDaemons")
AGENTS = Path("/Library/LaunchAgents")
LOG = Path("/Library/Logs/passmuster-agent.log")
CONSOLE = Path("/dev/console")
LAUNCHCTL = "/bin/launchctl"

RESTART_AFTER_S = 30
STOP_WITHIN_S = 20
PRIVATE = 0o077
MODE = 0o644
"""launchd refuses a file that others may write."""

LONGEST_S = 30.0
NOT_LOADED = frozenset({3, 113})
"""Statuses of launchctl for a service that is not there: ESRCH, and launchd's own number."""

Run = Callable[[Sequence[str]], int]
"""Runs a program and returns its exit status. Raises `OSError`."""


def daemon(line: Sequence[str]) -> Mapping[str, Any]:
    """Return the property list of the LaunchDaemon, which runs as root.

    It is started again after it failed, not after an end in order: a laptop that the server turned
    away would otherwise ask again for ever.
    """
    return {
        "Label": LABEL,
        "ProgramArguments": list(line),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_AFTER_S,
        "ExitTimeOut": STOP_WITHIN_S,
        "ProcessType": "Standard",
        "Umask": PRIVATE,
        "WorkingDirectory": "/",
        "StandardErrorPath": str(LOG),
    }


def companion(line: Sequence[str]) -> Mapping[str, Any]:
    """Return the property list of the LaunchAgent, which runs in every person's own session."""
    return {
        "Label": COMPANION_LABEL,
        "ProgramArguments": list(line),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_AFTER_S,
        "LimitLoadToSessionType": "Aqua",
        "ProcessType": "Background",
        "Umask": PRIVATE,
        "WorkingDirectory": "/",
    }


class Launchd:
    """Installs property lists and tells launchd of them. All raise `AgentError`.

    `console` is the number of the person at the console, None where the login window is there.
    """

    def __init__(self, run: Run, console: int | None, root: Path = Path("/")) -> None:
        self._run = run
        self._console = console
        self._root = root

    def install(self, state: Path) -> None:
        """Write both property lists and start what they describe; what is there is replaced.

        The companion is started for the person at the console, everybody else's when they log in.
        """
        path = self._path(DAEMONS, LABEL)
        self._write(path, daemon(command(state, "run")))
        self._start("system", LABEL, path)
        path = self._path(AGENTS, COMPANION_LABEL)
        self._write(path, companion([*program(), "companion"]))
        if self._console is not None:
            self._start(f"gui/{self._console}", COMPANION_LABEL, path)

    def uninstall(self) -> None:
        """Stop both and remove their property lists; nothing happens where there are none.

        The companions of people who are not at the console end when they log out.
        """
        if self._console is not None:
            self._stop(f"gui/{self._console}", COMPANION_LABEL)
        self._remove(self._path(AGENTS, COMPANION_LABEL))
        self._stop("system", LABEL)
        self._remove(self._path(DAEMONS, LABEL))

    def _start(self, domain: str, label: str, path: Path) -> None:
        self._stop(domain, label)
        self._tell("bootstrap", domain, str(path))

    def _stop(self, domain: str, label: str) -> None:
        self._tell("bootout", f"{domain}/{label}", may_be_missing=True)

    def _path(self, folder: Path, label: str) -> Path:
        return self._root / folder.relative_to("/") / f"{label}.plist"

    def _write(self, path: Path, content: Mapping[str, Any]) -> None:
        fresh = path.with_name(f".{path.name}")
        try:
            with contextlib.suppress(FileNotFoundError):
                fresh.unlink()
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
            with os.fdopen(descriptor, "wb") as file:
                # The umask of whoever installs does not decide who may read it.
                fresh.chmod(MODE)
                plistlib.dump(dict(content), file)
            fresh.replace(path)
        except OSError as error:
            raise _failed(f"{path} cannot be written: {because(error)}") from None

    @staticmethod
    def _remove(path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _failed(f"{path} cannot be removed: {because(error)}") from None

    def _tell(self, *words: str, may_be_missing: bool = False) -> None:
        try:
            status = self._run([LAUNCHCTL, *words])
        except (OSError, subprocess.TimeoutExpired):
            raise _failed(f"{LAUNCHCTL} cannot be run") from None
        if status != 0 and not (may_be_missing and status in NOT_LOADED):
            raise _failed(f"launchctl {words[0]} ended with status {status}")


def at_the_console() -> int | None:
    """Return the number of the person at the console, None at the login window."""
    if sys.platform == "win32":
        return None
    try:
        uid = CONSOLE.stat().st_uid
    except OSError:
        return None
    return uid or None


def launchd() -> Launchd:
    """Return the launchd of this Mac."""
    return Launchd(_run, at_the_console())


def _run(line: Sequence[str]) -> int:
    done = subprocess.run(
        list(line), stdin=subprocess.DEVNULL, timeout=LONGEST_S, cwd="/", check=False
    )
    return done.returncode


def _failed(what: str) -> AgentError:
    return AgentError(f"{what}.", "Run this with sudo.")
