"""The scripts that build what IT installs."""

import subprocess
import sys

from tests.support.tools import REPOSITORY

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
