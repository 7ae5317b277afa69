"""What a command of an area gets: `add_commands(parsers)` registers it, `run` does it."""

from argparse import Namespace
from dataclasses import dataclass

from passmuster_server.clock import Clock
from passmuster_server.config import Config
from passmuster_server.database import Database


class CommandError(Exception):
    """A command that can't be done. The message says what is wrong, for the person who typed it."""


@dataclass(frozen=True)
class Command:
    """One call of a command, over a database whose schema has been checked."""

    config: Config
    database: Database
    clock: Clock
    arguments: Namespace
