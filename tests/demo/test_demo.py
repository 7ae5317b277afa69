"""`make demo ARGS=--once`: what a newcomer sees of the real server, agent and this machine."""

import os
import re
import subprocess
import sys
from pathlib import Path

from passmuster_collectors.signals import CATALOG
from tests.support.tools import REPOSITORY


def run_demo(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "demo", "--once"],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(folder), "COLUMNS": "160", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_the_demo_shows_the_signals_both_laptops_the_gate_and_the_fleet_page(
    tmp_path: Path,
) -> None:
    done = run_demo(tmp_path)
    assert done.returncode == 0, done.stderr
    for signal in CATALOG:
        assert done.stdout.count(signal.title.split()[0]) >= 2, f"expected {signal.title} twice"
    assert "RECORDED" in done.stdout, "the recorded laptop has to be labelled as one"
    assert "may recorded@example.com sign in to the helpdesk? yes" in done.stdout
    assert re.search(r"may you@example.com sign in to the helpdesk\? (yes|no)", done.stdout)
    assert re.search(r"http://127\.0\.0\.1:\d+/sign-in#\S{20,}", done.stdout)


def test_the_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    run_demo(tmp_path)
    assert list(tmp_path.iterdir()) == []
