"""dconf databases made by the real `dconf compile`."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.tools import require_tool


def compile_database(folder: Path, keys: str, locks: Sequence[str] = ()) -> Path:
    """Return a database of the key file's text `keys` in `folder`, with `locks` on full names."""
    compiler = require_tool("dconf")
    sources = folder / "database.d"
    (sources / "locks").mkdir(parents=True)
    (sources / "settings").write_text(keys, encoding="utf-8")
    (sources / "locks" / "locks").write_text("".join(f"{each}\n" for each in locks))
    database = folder / "database"
    subprocess.run([compiler, "compile", database, sources], check=True, capture_output=True)
    return database
