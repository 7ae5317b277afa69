"""A machine that notes every question asked of it and how it was answered."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Source, SourceOutcome
from passmuster_collectors.host.answers import Account, Completed, Process
from passmuster_collectors.host.base import (
    COMPANION,
    Bus,
    Host,
    SourceConflictError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.host.commands import Program

Answer = TypeVar("Answer")
Kind = TypeVar("Kind")

PROGRAM_TIMEOUT_S = 2.0

LARGEST_SETTINGS_FILE = 262_144
"""Bytes. A settings file belongs to the worker: a huge one must not fill the agent's memory."""


class Witness:
    """Asks a `Host` and keeps the sources, so that a reader need not.

    Every method raises `SourceError` as the host's does, after noting it. Processes and accounts
    are asked for once. `companion_differs` tells that a companion contradicted what was read here.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._sources: list[Source] = []
        self._homes: dict[int, Account] = {}
        self._processes: tuple[Process, ...] | SourceError | None = None
        self.companion_differs = False

    @property
    def uid(self) -> int:
        """The numeric user this process runs as; 0 is root."""
        return self._host.uid

    def now(self) -> datetime:
        """Return the wall clock in UTC."""
        return self._host.now()

    def sources(self) -> tuple[Source, ...]:
        """Return what was asked so far. Home directories are told as `~`: they name people."""
        homes = sorted((found.home.rstrip("/") for found in self._homes.values()), key=len)
        return tuple(
            _without_homes(source, [home for home in homes if home]) for source in self._sources
        )

    def may_act_for(self, uid: int) -> bool:
        """Whether this process can run programs as that user."""
        return self.uid in (0, uid)

    def note(self, error: SourceError) -> None:
        """Note a refusal that the reader itself found, such as two sources that disagree."""
        self._sources.append(error.source())

    def read_file(self, path: str, *, limit: int = LARGEST_SETTINGS_FILE) -> bytes:
        """Return the whole file; `conflict` when it is larger than `limit` bytes."""
        return self._ask(path, lambda: self._host.read_file(path, limit=limit))

    def read_if_there(self, path: str, *, limit: int = LARGEST_SETTINGS_FILE) -> bytes | None:
        """Return the whole file, or None where there is none."""
        try:
            return self.read_file(path, limit=limit)
        except SourceMissingError:
            return None

    def find(self, path: str, *, limit: int = LARGEST_SETTINGS_FILE) -> bytes | None:
        """Return the whole file, or None where there is none, which is not worth noting.

        For a file that is looked for in several places.
        """
        try:
            return self._ask(path, lambda: self._host.read_file(path, limit=limit), quiet=True)
        except SourceMissingError:
            return None

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Return the names in a directory, sorted."""
        return self._ask(path, lambda: self._host.list_directory(path))

    def run_as(
        self, uid: int, program: Program, *arguments: str, environment: Mapping[str, str]
    ) -> Completed:
        """Run a program as that user, with that user's home and session bus."""
        return self._ask(
            program.paths[0],
            lambda: self._host.run(
                program,
                *arguments,
                timeout_s=PROGRAM_TIMEOUT_S,
                user=uid,
                environment=environment,
            ),
        )

    def bus_get(self, bus: Bus, name: str, path: str, interface: str, member: str) -> Any:
        """Return one D-Bus property as plain Python."""
        return self._ask(
            f"{name} {interface}.{member}",
            lambda: self._host.bus_get(bus, name, path, interface, member),
        )

    def bus_get_all(self, bus: Bus, name: str, path: str, interface: str) -> Mapping[str, Any]:
        """Return every D-Bus property of an interface as plain Python."""
        return self._ask(
            f"{name} {interface}", lambda: self._host.bus_get_all(bus, name, path, interface)
        )

    def bus_call(
        self,
        bus: Bus,
        name: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        arguments: Sequence[Any] = (),
    ) -> tuple[Any, ...]:
        """Call a D-Bus method and return its results."""
        return self._ask(
            f"{name} {interface}.{member}",
            lambda: self._host.bus_call(bus, name, path, interface, member, signature, arguments),
        )

    def processes_of(self, uid: int) -> tuple[Process, ...]:
        """Return the running processes of that user."""
        if self._processes is None:
            try:
                self._processes = self._ask("processes", self._host.processes)
            except SourceError as error:
                self._processes = error
        if isinstance(self._processes, SourceError):
            raise self._processes
        return tuple(process for process in self._processes if process.uid == uid)

    def process_environment(self, pid: int) -> Mapping[str, str]:
        """Return the environment a process started with.

        A refusal is not noted: processes come and go, and several are tried for one answer.
        """
        return self._host.process_environment(pid)

    def testimony(self, uid: int, signal: str, kind: type[Kind]) -> Kind:
        """Return what the companion of that user says of its sessions, as a `kind`.

        That there is no companion is not noted: only who misses it knows whether it matters.
        """

        def ask() -> Kind:
            said = self._host.testimony(uid, signal)
            try:
                return codec.decode(kind, said)
            except ContractError as error:
                raise SourceConflictError(COMPANION, str(error)) from None

        return self._ask(COMPANION, ask, quiet=True)

    def contradicted(self, what: str) -> None:
        """Note that a companion says something else than what was read here."""
        self.companion_differs = True
        self.note(SourceConflictError(COMPANION, f"it says something else of {what}"))

    def account(self, uid: int) -> Account:
        """Return the account with that number."""
        if uid not in self._homes:
            account = self._ask("accounts", lambda: self._host.account(uid))
            if not account.home.startswith("/"):
                error = SourceConflictError("accounts", "a home directory is not an absolute path")
                self.note(error)
                raise error
            self._homes[uid] = account
        return self._homes[uid]

    def _ask(self, name: str, question: Callable[[], Answer], *, quiet: bool = False) -> Answer:
        """Return the answer and note the source; `quiet` leaves out that there is none."""
        try:
            answer = question()
        except SourceError as error:
            if not (quiet and isinstance(error, SourceMissingError)):
                self.note(error)
            raise
        self._sources.append(Source(name, SourceOutcome.READ))
        return answer


def _without_homes(source: Source, homes: Sequence[str]) -> Source:
    for home in reversed(homes):
        if source.name == home or source.name.startswith(home + "/"):
            return dataclasses.replace(source, name="~" + source.name[len(home) :])
    return source
