"""A laptop with all that answers a browser: the real agent and the real companion of its user."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from passmuster_collectors.contract.attestation import PORTS
from tests.support.running_agent import COMMAND, STOP_WITHIN_S, enroll, running_agent
from tests.support.running_server import RunningServer

READY_WITHIN_S = 30.0


class ProvingLaptop:
    """One that runs. `port` is where its companion listens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def log(self) -> str:
        """What the companion has written."""
        return (self.folder / "companion.log").read_text(encoding="utf-8")

    @property
    def port(self) -> int:
        """Return where the companion listens."""
        return next(port for port in PORTS if f"127.0.0.1:{port}." in self.log)


@contextlib.contextmanager
def proving_laptop(
    folder: Path, server: RunningServer, owner: str = "ana@example.com"
) -> Iterator[ProvingLaptop]:
    """Enrol this machine with the server for `owner`, run its agent and a companion."""
    folder.mkdir(parents=True, exist_ok=True)
    enroll(server, folder / "state", owner)
    with running_laptop(folder) as laptop:
        yield laptop


@contextlib.contextmanager
def running_laptop(folder: Path) -> Iterator[ProvingLaptop]:
    """Run the agent of `folder`, which is enrolled, and a companion."""
    runtime = folder / "run"
    runtime.mkdir(exist_ok=True)
    laptop = ProvingLaptop(folder)
    within = ("env", f"RUNTIME_DIRECTORY={runtime}")
    with running_agent(folder / "state", within=within):
        socket = runtime / "companion.sock"
        with (folder / "companion.log").open("wb") as log:
            companion = subprocess.Popen(
                [*COMMAND, "companion", "--verbose", "--socket", str(socket)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.defpath},
            )
        try:
            deadline = time.monotonic() + READY_WITHIN_S
            while "Connected to the agent" not in laptop.log:
                assert companion.poll() is None, laptop.log
                assert time.monotonic() < deadline, laptop.log
                time.sleep(0.05)
            yield laptop
        finally:
            companion.terminate()
            try:
                companion.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                companion.kill()
                companion.wait()
