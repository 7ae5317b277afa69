"""A real PostgreSQL of the tests' own: one cluster a test run, a database for whoever asks.

It listens on a socket in its own folder and on no address.
"""

import atexit
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from tests.support.tools import missing

SERVER_USER = "postgres"
"""The user that Debian's package makes; the server refuses to run as root."""

OWNER = "passmuster"
PATIENCE_S = 60.0
INITDB = ("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "300",
    # A test's data need not survive a power failure of the machine; kill -9 of the server it does.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
}


class Cluster:
    """A running server."""

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        self._folder = folder
        self._process = process

    def url(self, database: str) -> str:
        """Return the URL of a database in the form that the product's settings take."""
        return f"postgresql://{OWNER}@/{database}?host={quote(str(self._folder), safe='')}"

    def create_database(self) -> str:
        """Return the URL of a new, empty database."""
        name = f"test_{secrets.token_hex(8)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode("ascii"))
        return self.url(name)

    def ready(self) -> bool:
        """Whether it takes connections."""
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(self.url("postgres"), connect_timeout=5),
        ):
            return True
        return False

    def running(self) -> bool:
        """Whether its process is there."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it and remove what it wrote."""
        self._process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE_S)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


_cluster: Cluster | None = None


def cluster() -> Cluster:
    """Return the test run's cluster, started at the first call; skip (in CI: fail) without one."""
    global _cluster  # noqa: PLW0603 - one for the whole run, whichever test asks first
    if _cluster is None:
        _cluster = start()
        atexit.register(_cluster.stop)
    return _cluster


def start(**settings: str) -> Cluster:
    """Start a cluster of its own; the caller stops it."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="passmuster-pg-"))
    user = _server_user()
    if user:
        shutil.chown(folder, user, user)
    data = folder / "data"
    _run(
        user,
        [programs / "initdb", "-D", data, "-U", OWNER, *INITDB],
    )
    options = [f"--{name}={value}" for name, value in (SETTINGS | settings).items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", folder, *options],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            **_as(user),
        )
    started = Cluster(folder, process)
    deadline = time.monotonic() + PATIENCE_S
    while not started.ready():
        told = (folder / "log").read_text(errors="replace")
        assert started.running(), f"PostgreSQL ended: {told}"
        assert time.monotonic() < deadline, f"PostgreSQL did not start: {told}"
        time.sleep(0.05)
    return started


def _programs() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    # Debian keeps each version's programs apart and none of them on the PATH.
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[4]))
    if not folders:
        missing("PostgreSQL is not installed; .ci/packages.txt lists its package")
    return folders[-1]


def _server_user() -> str:
    if os.geteuid() != 0:
        return ""
    try:
        return pwd.getpwnam(SERVER_USER).pw_name
    except KeyError:
        missing(f"PostgreSQL refuses to run as root and there is no user {SERVER_USER}")


def _as(user: str) -> dict[str, Any]:
    return {"user": user, "group": user, "extra_groups": []} if user else {}


def _run(user: str, command: list[Any]) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd="/", **_as(user)
    )
    assert done.returncode == 0, done.stderr
