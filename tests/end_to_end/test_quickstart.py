"""The guide from nothing to a gated nginx, by its very text."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.running_server import free_port
from tests.support.tools import REPOSITORY, require_tool

pytestmark = pytest.mark.timeout(400)

GUIDE = REPOSITORY / "docs" / "quickstart-nginx.md"
WITHIN_S = 300.0
PORTS = ("8463", "8080", "8081")


def commands() -> list[str]:
    """Return the blocks of commands; the first is what `make` has done before a test."""
    blocks = re.findall(r"(?m)^```sh\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    first, *rest = blocks
    assert first.startswith("make .venv/.runtime")
    return rest


def test_its_commands_lead_from_nothing_to_a_gate_that_opens_and_shuts(tmp_path: Path) -> None:
    for tool in ("nginx", "curl"):
        require_tool(tool)
    folder = tmp_path / "gate-try"
    folder.mkdir()
    text = "\n".join(commands())
    ports = {port: str(free_port()) for port in PORTS}
    text = re.sub(r"\b(8463|8080|8081)\b", lambda found: ports[found[1]], text)
    # The guide's server listens where it does by itself.
    listen = f"data serve --listen 127.0.0.1:{ports['8463']} >"
    assert text.count("data serve >") == 1
    text = text.replace("data serve >", listen)
    if os.geteuid() == 0:
        # The guide is for an ordinary user. Root's nginx would become one who can't enter here.
        text = text.replace("daemon off;\n", "daemon off;\nuser root;\n")
    script = "set -euo pipefail\n" + text
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"))
    log = tmp_path / "said"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"PATH": path, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        ) as process,
    ):
        try:
            process.wait(WITHIN_S)
        finally:
            # What it started is in its group; nothing of it is left where a step failed.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    said = log.read_text(encoding="utf-8")
    assert process.returncode == 0, said
    assert "ok\n" in said
    assert "Welcome to the helpdesk\n" in said
    assert "403\n" in said
    assert not folder.exists(), "it was taken away again"
