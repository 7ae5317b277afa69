"""Agent and server as they were: wheels built from the project's own history, run beside today's.

They run in the tests' environment, whose libraries they were locked to within a few versions.
"""

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tools import REPOSITORY, missing


@dataclass(frozen=True)
class OldBuild:
    """A wheel of a commit, unpacked in `folder`."""

    wheel: Path
    folder: Path

    @property
    def agent(self) -> tuple[str, ...]:
        """Return the command line of its agent."""
        return (*self._python(), "-m", "passmuster_agent.cli")

    @property
    def server(self) -> tuple[str, ...]:
        """Return the command line of its server."""
        return (*self._python(), "-m", "passmuster_server.cli")

    def _python(self) -> tuple[str, ...]:
        # What is named here is found before today's sources.
        return ("env", f"PYTHONPATH={self.folder}", sys.executable)


def build_of(commit: str, folder: Path) -> OldBuild:
    """Build the wheel of `commit`; skip where there is no history, fail in CI where it is cut."""
    sources = folder / "sources"
    sources.mkdir(parents=True)
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=60,
        check=False,
    )
    if archive.returncode != 0:
        if not (REPOSITORY / ".git").exists():
            # Sources without any history are no mistake of whoever tests them, CI or not.
            pytest.skip("these sources came without their history")
        missing(f"the history back to {commit} is not there; fetch all of it (fetch-depth: 0)")
    subprocess.run(["tar", "x", "-C", str(sources)], input=archive.stdout, check=True, timeout=60)
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=sources,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1735689600"},
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "unpacked")
    return OldBuild(wheel, folder / "unpacked")
