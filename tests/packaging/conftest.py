"""The agent as IT installs it, built once for all tests that look at it."""

import ctypes
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.tools import REPOSITORY, missing, require_tool

PACKAGING = REPOSITORY / "packaging"
BUILT_WITHIN_S = 500


def build(script: str, *arguments: str) -> str:
    """Run one of the scripts that build, and return what it printed."""
    done = subprocess.run(
        [sys.executable, str(PACKAGING / script), *arguments],
        capture_output=True,
        text=True,
        timeout=BUILT_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def frozen_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that holds the frozen agent."""
    require_tool("objdump")
    require_tool("strip")
    library = str(sysconfig.get_config_var("INSTSONAME"))
    try:
        ctypes.CDLL(str(Path(sysconfig.get_config_var("LIBDIR")) / library))
    except OSError:
        missing(f"this Python has no shared library ({library}) to freeze")
    out = tmp_path_factory.mktemp("frozen")
    print(build("build_agent.py", "--out", str(out)))
    return out / "passmuster-agent"


@pytest.fixture(scope="session")
def frozen(frozen_folder: Path) -> tuple[str, ...]:
    """Return the command line of the frozen agent."""
    return (str(frozen_folder / "passmuster-agent"),)
