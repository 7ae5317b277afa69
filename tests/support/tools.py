"""What a test needs of the machine it runs on, beside Python.

On a newcomer's machine a test whose tool is missing is skipped and says which one; where `CI=true`
it fails, so that a run there never passes by leaving tests out.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
RECORDINGS = REPOSITORY.parent / "shared" / "recordings"
SYSTEM_PYTHON = Path("/usr/bin/python3")
FRESH_DEBIAN = REPOSITORY / "build" / "debian"

# Debian leaves these out of an ordinary user's PATH; nginx and cryptsetup live there.
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def require_tool(name: str) -> Path:
    """Return the absolute path of the program `name`, or skip (in CI: fail) the test."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS))
    found = shutil.which(name, path=path)
    if found is None:
        missing(f"the program {name} is not installed; .ci/packages.txt lists its package")
    return Path(found).absolute()


def require_system_python(*modules: str) -> Path:
    """Return Debian's own Python, which has its `python3-*` packages, such as dbusmock and gi."""
    if not SYSTEM_PYTHON.exists():
        missing(f"{SYSTEM_PYTHON} is not installed")
    tried = subprocess.run(
        [SYSTEM_PYTHON, "-c", "".join(f"import {module}\n" for module in modules)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if tried.returncode != 0:
        why = tried.stderr.strip().splitlines()[-1]
        missing(f"{SYSTEM_PYTHON} lacks a module ({why}); .ci/packages.txt lists its package")
    return SYSTEM_PYTHON


def require_recordings() -> Path:
    """Return the folder with the recorded outputs of real machines, `../shared/recordings`."""
    if not RECORDINGS.is_dir():
        missing("the recordings of real machines are not at ../shared/recordings")
    return RECORDINGS


def require_fresh_debian() -> Path:
    """Return a folder with a Debian that has its base system and systemd, and nothing else."""
    if not (FRESH_DEBIAN / "etc" / "debian_version").exists():
        missing("there is no fresh Debian in build/debian; `sudo .ci/fresh-debian` makes one")
    return FRESH_DEBIAN


def missing(what: str) -> NoReturn:
    """End the running test for want of `what`: skipped, but failed where `CI=true`."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} (needed where CI=true)", pytrace=False)
    pytest.skip(what)
