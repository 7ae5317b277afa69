"""A relying party that others wrote: npm's certified `openid-client`, in its own process."""

import contextlib
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.npm import installed
from tests.support.tools import missing, require_tool

SOURCE = Path(__file__).parent / "openid_client"
OLDEST_NODE = 20
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
    program, folder = node(), installed(SOURCE, "openid-client")
    process = subprocess.Popen(
        [program, folder / "relying_party.mjs"],
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


def node() -> Path:
    """Return Node.js, new enough."""
    found = require_tool("node")
    done = subprocess.run(
        [found, "--version"], capture_output=True, text=True, timeout=30, check=True
    )
    version = done.stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        missing(f"npm's packages need Node.js {OLDEST_NODE} or newer, and here is {version}")
    return found
