"""`passmuster-server backup FILE`, `restore FILE` and `restored`: a database that comes back."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

from passmuster_server import backups
from passmuster_server.commands import Command, CommandError
from passmuster_server.config import Config
from passmuster_server.database import Database
from passmuster_server.devices import lineage
from passmuster_server.serving_alone import alone


def add_commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Register `backup`, `restore` and `restored`."""
    backup = parsers.add_parser("backup", help="copy SQLite's database while the server runs")
    backup.add_argument("file", type=Path, metavar="FILE", help="the copy to write; a new file")
    backup.set_defaults(run=back_up)
    restore = parsers.add_parser("restore", help="put a copy in the database's place")
    restore.add_argument("file", type=Path, metavar="FILE", help="a copy that `backup` made")
    restore.set_defaults(start=put_back)
    restored = parsers.add_parser(
        "restored", help="say that other tools have restored the database from a backup"
    )
    restored.set_defaults(run=mark)


def back_up(command: Command) -> int:
    """Write the copy and say how large it is."""
    source = _file_of(command.database, "pg_dump --format=custom")
    copy = command.arguments.file.expanduser().absolute()
    try:
        size = backups.back_up(source, copy, command.clock)
    except backups.BackupError as error:
        raise CommandError(f"backup: {error}") from None
    print(f"{copy} holds all that was stored until now: {size:,} bytes.")
    return 0


def put_back(config: Config, database: Database, arguments: Namespace) -> int:
    """Put the copy in place, with no server running."""
    target = _file_of(database, "pg_restore, and then: passmuster-server restored")
    copy = arguments.file.expanduser().absolute()
    with alone(config):
        try:
            kept = backups.restore(copy, target)
        except backups.BackupError as error:
            raise CommandError(f"restore: {error}") from None
    print(f"{target} is what {copy} holds.")
    if kept is not None:
        print(f"What was there before is kept as {kept}.")
    print("Bring it up to date with `passmuster-server migrate`, then start the server.")
    return 0


def mark(command: Command) -> int:
    """Let laptops go on that reported after the backup was made."""
    now = command.clock()
    command.database.write_now(
        lambda transaction: lineage.mark_restored(transaction.connection, now)
    )
    print("Laptops that reported after the backup was made may go on where they are.")
    return 0


def _file_of(database: Database, otherwise: str) -> Path:
    if database.shared:
        raise CommandError(f"PostgreSQL has its own tools for that: {otherwise}")
    return Path(str(database.url.database)).absolute()
