"""A relying party that we did not write: npm's certified `openid-client`, in a process of its own.

It is installed by its lock file into `build/`, once for each version of that file.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.tools import REPOSITORY, missing, require_tool

SOURCE = Path(__file__).parent / "openid_client"
BUILD = REPOSITORY / "build"
OLDEST_NODE = 20
INSTALL_WITHIN_S = 90
ANSWER_WITHIN_S = 30


class RelyingPartyError(Exception):
    """What openid-client refused. `oauth` is the error that the provider gave it, if one did."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(json.dumps(told))
        self.oauth = str(told.get("oauth") or "")
        self.code = str(told.get("code") or "")


class RelyingParty:
    """One that runs; `do` hands it a step of `relying_party.mjs`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def do(self, step: str, **request: Any) -> dict[str, Any]:
        """Return what came of a step. Raises `RelyingPartyError`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"step": step, **request}) + "\n")
        self._process.stdin.flush()
        watch = threading.Timer(ANSWER_WITHIN_S, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        assert line, f"the relying party ended or did not answer within {ANSWER_WITHIN_S} s"
        answer = json.loads(line)
        if "error" in answer:
            raise RelyingPartyError(answer["error"])
        result: dict[str, Any] = answer["result"]
        return result


@contextlib.contextmanager
def relying_party() -> Iterator[RelyingParty]:
    """Run a relying party."""
    node, folder = _node(), _installed()
    process = subprocess.Popen(
        [node, folder / "relying_party.mjs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        yield RelyingParty(process)
    finally:
        process.kill()
        process.communicate()


def _node() -> Path:
    node = require_tool("node")
    done = subprocess.run(
        [node, "--version"], capture_output=True, text=True, timeout=30, check=True
    )
    version = done.stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        missing(f"openid-client needs Node.js {OLDEST_NODE} or newer, and here is {version}")
    return node


def _installed() -> Path:
    """Return the folder with the program and its packages."""
    npm = require_tool("npm")
    content = b"".join(path.read_bytes() for path in sorted(SOURCE.iterdir()))
    folder = BUILD / f"openid-client-{hashlib.sha256(content).hexdigest()[:16]}"
    if folder.exists():
        return folder
    BUILD.mkdir(exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=BUILD))
    try:
        for path in SOURCE.iterdir():
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
            missing(f"npm could not install openid-client: {done.stderr.strip()[-300:]}")
        # Another run may have been faster.
        with contextlib.suppress(OSError):
            os.replace(making, folder)  # noqa: PTH105 - pathlib's replace would not take a folder
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder
