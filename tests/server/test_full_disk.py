"""A disk that is really full: nothing accepted is lost, the refused report comes again."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.store import sqlite_only
from tests.support.tools import REPOSITORY, missing, require_tool

SIZE = "4m"


@sqlite_only
def test_a_full_disk_refuses_reports_and_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    alone = [str(require_tool("unshare")), "--user", "--map-root-user", "--mount"]
    mount = str(require_tool("mount"))
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode != 0:
        missing("this system lets nobody mount a disk of their own (user namespaces)")
    script = f'"{mount}" -t tmpfs -o size={SIZE} tmpfs "$1" && shift && exec "$@"'
    scenario = [sys.executable, "-m", "tests.server.full_disk_scenario", str(tmp_path)]
    ended = subprocess.run(
        [*alone, "sh", "-c", script, "sh", str(tmp_path), *scenario],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
