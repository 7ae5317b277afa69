"""What a command of an area gets: `add_commands(parsers)` registers it, `run` does it."""

import getpass
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from passmuster_server.audit import record
from passmuster_server.clock import Clock
from passmuster_server.config import Config
from passmuster_server.database import Database, Transaction
from passmuster_server.schema import DEFAULT_ORGANISATION

T = TypeVar("T")


class CommandError(Exception):
    """A command that can't be done. The message says what is wrong, for the person who typed it."""


@dataclass(frozen=True)
class Command:
    """One call of a command, over a database whose schema has been checked."""

    config: Config
    database: Database
    clock: Clock
    arguments: Namespace

    @property
    def actor(self) -> str:
        """Who typed it, as it goes on record."""
        try:
            name = getpass.getuser()
        except (KeyError, OSError):
            # A container's user often has no name.
            name = "somebody"
            if sys.platform != "win32":
                name = f"user {os.getuid()}"
        return f"{name} (command line)"

    def change(self, work: Callable[[Transaction], T], event: Callable[[T], record.Event]) -> T:
        """Return what `work` returns, durable and on record in one transaction.

        `event` gets what `work` returned. Raises what `work` raises, and `StoreUnavailableError`.
        """

        def recorded(transaction: Transaction) -> T:
            result = work(transaction)
            told = replace(event(result), actor=self.actor)
            record.record(transaction.connection, DEFAULT_ORGANISATION, told, self.clock())
            return result

        return self.database.write_now(recorded)
