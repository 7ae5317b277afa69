"""The real `passmuster-server`: its own process, a free loopback port, a throw-away directory."""

import contextlib
import itertools
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support import store

START_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0
"""As long as the unit gives it."""
COMMAND = (sys.executable, "-m", "passmuster_server.cli")


@dataclass
class RunningServer:
    """A server that runs, and its commands.

    `arguments` are those of `serve`; `authority` is the PEM file that its TLS is trusted by;
    `database` is the URL of its store, a new one unless given; `public_url` the address that
    laptops know it by, its own unless given; `program` the command line of another build of it.
    `environment` is what `serve` finds there beside our own.
    """

    directory: Path
    port: int
    arguments: tuple[str, ...] = ()
    authority: Path | None = None
    process: "subprocess.Popen[bytes] | None" = None
    database: str = ""
    public_url: str = ""
    program: tuple[str, ...] = COMMAND
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = self.database or store.new_store(self.directory)

    @property
    def url(self) -> str:
        """Where it listens; also its public URL."""
        return f"{'https' if self.authority else 'http'}://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it has written."""
        return self.directory / "server.log"

    def command(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run another command of the server's over the same data."""
        return run(*self.base(), *arguments, check=check, program=self.program)

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what is stored, past the server."""
        return store.rows(self.database, statement, parameters)

    def rows_in_time(
        self, number: int, statement: str, *parameters: object
    ) -> list[tuple[Any, ...]]:
        """Return the same once there are so many: decisions are stored behind their answers."""
        deadline = time.monotonic() + 40
        while len(found := self.rows(statement, *parameters)) < number:
            assert time.monotonic() < deadline, f"expected {number} rows, found {found}"
            time.sleep(0.05)
        return found

    def change(self, statement: str, *parameters: object) -> None:
        """Change what is stored, past the server."""
        store.change(self.database, statement, parameters)

    def stored(self) -> bytes:
        """Return everything that is stored, for whoever looks for what must not be."""
        return store.everything(self.database)

    def enroll_code(self, owner: str = "ana@example.com", *arguments: str) -> str:
        """Return a fresh one-time code."""
        printed = self.command("enroll-code", "--owner", owner, *arguments).stdout
        found = re.search(r"^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$", printed, re.MULTILINE)
        assert found, f"expected a code in: {printed!r}"
        return found[0]

    def gate_token(self, name: str = "helpdesk") -> str:
        """Return the bearer token of a new caller of the gate."""
        return self.command("gate-client", name).stdout.split()[-1]

    def sign_in_link(self, email: str = "it@example.com") -> str:
        """Return a sign-in link of a new administrator."""
        return self.command("create-admin", "--email", email).stdout.split()[-1]

    def publish_policy(self, document: str) -> None:
        """Put a policy in force."""
        path = self.directory / "policy.toml"
        path.write_text(document, encoding="utf-8")
        self.command("policy", "publish", str(path))

    def client(self) -> httpx.Client:
        """Return an HTTP client for it; the caller closes it."""
        return httpx.Client(base_url=self.url, timeout=20, trust_env=False, verify=self._trust())

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(*self.program, *self.base(), "serve"),
                    *("--listen", f"127.0.0.1:{self.port}", *self.arguments),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
            )
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"the server ended: {self.log.read_text()}"
            with contextlib.suppress(httpx.HTTPError), self.client() as client:
                if client.get("/readyz", timeout=2).status_code == 200:
                    return
            time.sleep(0.05)
        self.stop()
        raise AssertionError(f"no answer in {START_WITHIN_S} s: {self.log.read_text()}")

    def stop(self) -> None:
        """Stop it as a service manager would."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """End it as a power failure would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _trust(self) -> "ssl.SSLContext | bool":
        return ssl.create_default_context(cafile=self.authority) if self.authority else True

    def base(self) -> tuple[str, ...]:
        """Return the options that say whose commands these are."""
        base = (
            "--data-directory",
            str(self.directory),
            "--public-url",
            self.public_url or self.url,
        )
        if self.database.startswith("sqlite:"):
            return base
        # The database's URL may hold a password, so it is no flag.
        self.directory.mkdir(parents=True, exist_ok=True)
        settings = self.directory / "server.toml"
        settings.write_text(f'database = "{self.database}"\n', encoding="utf-8")
        return (*base, "--config", str(settings))


def run(
    *arguments: str, check: bool = True, program: tuple[str, ...] = COMMAND
) -> "subprocess.CompletedProcess[str]":
    """Run `passmuster-server`."""
    return subprocess.run(
        [*program, *arguments], capture_output=True, text=True, timeout=90, check=check
    )


def free_port() -> int:
    """Return a loopback port that nobody listens on at the moment.

    It is none of those that the kernel gives away by itself, so that no program that begins
    meanwhile takes it; and no port is returned twice before long.
    """
    while True:
        port = next(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def deaf_port() -> int:
    """Return a loopback port at which every connection is refused, for as long as the tests run."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    return int(held.getsockname()[1])


def _ports(first: int, behind: int) -> Iterator[int]:
    begin = random.randrange(first, behind)
    return itertools.cycle(itertools.chain(range(begin, behind), range(first, begin)))


# Linux gives away those from 32768 on: ip(7), `ip_local_port_range`.
_PORTS = _ports(10_240, 32_768)
_HELD: list[socket.socket] = []


@contextlib.contextmanager
def running_server(
    directory: Path, *, policy: str | None = None, program: tuple[str, ...] = COMMAND
) -> Iterator[RunningServer]:
    """Run a migrated server in `directory`; `policy` is published before it starts."""
    directory.mkdir(parents=True, exist_ok=True)
    server = RunningServer(directory, free_port(), program=program)
    server.command("migrate")
    if policy is not None:
        server.publish_policy(policy)
    server.start()
    try:
        yield server
    finally:
        server.stop()
