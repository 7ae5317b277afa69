"""What the agent is started with by the system, and under which name."""

import subprocess
import sys
from pathlib import Path, PureWindowsPath

NAME = "passmuster-agent"
TITLE = "Passmuster agent"
DESCRIPTION = (
    "Reads this laptop's security posture and reports it to your organisation. What it reads and "
    "why: passmuster-agent show"
)


def command(state: Path, *words: str) -> list[str]:
    """Return the command line that runs this very agent with `words` on that state directory."""
    return [*program(), *words, "--state", str(state.absolute())]


def program() -> list[str]:
    """Return the beginning of every command line of this very agent."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    # -P: what lies in the working directory is not run as the agent.
    return [sys.executable, "-P", "-m", "passmuster_agent.cli"]


def windowless_program() -> list[str]:
    """Return the beginning of a command line for Windows that opens no terminal's window."""
    if getattr(sys, "frozen", False):
        return [str(PureWindowsPath(sys.executable).with_name(f"{NAME}w.exe"))]
    return [str(PureWindowsPath(sys.executable).with_name("pythonw.exe")), *program()[1:]]


def as_windows_text(words: list[str]) -> str:
    """Return a command line as Windows splits it again, each word that needs it in quotes.

    Without the quotes a service in `Program Files` would be looked for at `Program.exe` first.
    """
    first, *rest = words
    quoted = subprocess.list2cmdline(rest)
    return f'"{first}" {quoted}'.rstrip()
