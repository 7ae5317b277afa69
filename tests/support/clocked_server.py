"""The real server in this process, on a real port, under a clock that a test moves."""

import contextlib
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from passmuster_server.app import create_app
from passmuster_server.cli import main
from passmuster_server.clock import utc_now
from passmuster_server.config_reading import load
from passmuster_server.database import Database
from passmuster_server.devices.one_time_codes import create_code
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.serving import protocol_of
from tests.support.running_server import START_WITHIN_S, RunningServer, free_port


def command_here(
    base: Sequence[str], arguments: Sequence[str], *, check: bool
) -> "subprocess.CompletedProcess[str]":
    """Do what a command's process would do, without one."""
    said, complained = io.StringIO(), io.StringIO()
    before, stdin = os.umask(0o077), sys.stdin
    # Whatever it asks is answered by the end of the input, as for a program without a terminal.
    sys.stdin = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            status = main([*base, *arguments])
    except SystemExit as mistyped:
        status = int(mistyped.code or 0)
    finally:
        os.umask(before)
        sys.stdin = stdin
    done = subprocess.CompletedProcess(arguments, status, said.getvalue(), complained.getvalue())
    assert not check or status == 0, done
    return done


@dataclass
class ClockedServer(RunningServer):
    """A server whose clock is ahead by `ahead`. Its commands run here too, by the real time."""

    ahead: timedelta = timedelta(0)
    settings: dict[str, Any] = field(default_factory=dict)
    _app: Starlette | None = None
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    @property
    def services(self) -> Services:
        """What its areas share."""
        assert self._app is not None, "start it first"
        services: Services = self._app.state.services
        return services

    def routes(self) -> list[Route]:
        """Return what it answers."""
        assert self._app is not None, "start it first"
        return [route for route in self._app.routes if isinstance(route, Route)]

    def command(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run another command over the same data: what its process would do, without one."""
        return command_here(self.base(), arguments, check=check)

    def enroll_code(self, owner: str = "ana@example.com", *arguments: str) -> str:
        """Return a fresh one-time code, good by the time that the server has."""
        assert self._app is not None, "start it first"
        if arguments:
            return super().enroll_code(owner, *arguments)
        database: Database = self._app.state.services.database
        return database.write_now(
            lambda transaction: create_code(
                transaction.connection, DEFAULT_ORGANISATION, owner, self.now(), None
            )
        )

    @contextlib.contextmanager
    def later(self, by: timedelta) -> Iterator[None]:
        """Let the server, and it alone, be `by` ahead of time for a while."""
        self.ahead = by
        try:
            yield
        finally:
            self.ahead = timedelta(0)

    def now(self) -> datetime:
        """Return the time as the server has it."""
        return utc_now() + self.ahead

    def start(self) -> None:
        """Start it and wait until it answers."""
        flags = {
            "data_directory": str(self.directory),
            "database": self.database,
            "listen": f"127.0.0.1:{self.port}",
            **self.settings,
        }
        config = load(None, flags)
        self._app = create_app(config, self.now)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app,
                port=self.port,
                http=protocol_of(self._app, config),
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=5,
            )
        )
        self._thread = threading.Thread(target=self._server.run, name="server")
        self._thread.start()
        deadline = time.monotonic() + START_WITHIN_S
        while not self._server.started:
            assert self._thread.is_alive(), "the server ended at its start"
            assert time.monotonic() < deadline, f"the server did not start in {START_WITHIN_S} s"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
            self._server = self._thread = None


class ServerWithQuickCommands(RunningServer):
    """The real process, whose commands run in this one: they change the same data."""

    def command(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run another command over the same data."""
        return command_here(self.base(), arguments, check=check)


@contextlib.contextmanager
def clocked_server(
    directory: Path, *, policy: str | None = None, **settings: Any
) -> Iterator[ClockedServer]:
    """Run a migrated server in `directory`; `settings` are those of its configuration file.

    `policy` is published before it starts.
    """
    directory.mkdir(parents=True, exist_ok=True)
    server = ClockedServer(directory, free_port(), settings=settings)
    server.command("migrate")
    if policy is not None:
        server.publish_policy(policy)
    server.start()
    try:
        yield server
    finally:
        server.stop()
