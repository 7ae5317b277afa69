"""The last line that every benchmark prints: one JSON object."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


def print_figures(benchmark: str, **figures: object) -> None:
    """Print `figures`, whose names hold their units, with the commit and the cores they are of."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - the developer's own git
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    ).stdout.strip()
    head = {"benchmark": benchmark, "commit": commit, "cores": os.cpu_count()}
    print(json.dumps({**head, **figures}))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of 100 of all are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
