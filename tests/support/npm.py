"""Packages of npm's that tests use: each installed by its lock file into `build/`."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.tools import REPOSITORY, missing, require_tool

BUILD = REPOSITORY / "build"
INSTALL_WITHIN_S = 90


def installed(source: Path, name: str) -> Path:
    """Return a folder with the files of `source` and the packages that its lock file names.

    It is made once for each version of those files.
    """
    npm = require_tool("npm")
    content = b"".join(path.read_bytes() for path in sorted(source.iterdir()))
    folder = BUILD / f"{name}-{hashlib.sha256(content).hexdigest()[:16]}"
    if folder.exists():
        return folder
    BUILD.mkdir(exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=BUILD))
    try:
        for path in source.iterdir():
            shutil.copy(path, making)
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
            cwd=making,
            capture_output=True,
            text=True,
            timeout=INSTALL_WITHIN_S,
            check=False,
        )
        if done.returncode != 0:
            missing(f"npm could not install {name}: {done.stderr.strip()[-300:]}")
        # Another run may have been faster.
        with contextlib.suppress(OSError):
            os.replace(making, folder)  # noqa: PTH105 - pathlib's replace would not take a folder
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder
