"""That one server works on a data directory, and nobody changes the database's file under it."""

import contextlib
import sys
from collections.abc import Iterator

from passmuster_server.commands import CommandError
from passmuster_server.config import Config
from passmuster_server.engines import SQLITE, database_url

LOCK = "serve.lock"


@contextlib.contextmanager
def alone(config: Config) -> Iterator[None]:
    """Hold the data directory: a second server would not hear what laptops tell the first one.

    Its gate would go on to answer from what it knew. The kernel lets go of the lock in any case.
    Servers on one PostgreSQL hear each other, and there may be any number of them.
    """
    data_directory = config.data_directory
    if database_url(config.database_url).get_backend_name() != SQLITE:
        yield
        return
    with (data_directory / LOCK).open("a", encoding="ascii") as file:
        if sys.platform != "win32":
            import fcntl  # noqa: PLC0415 - there is none on Windows

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CommandError(
                    f"data_directory: another server runs on {data_directory}"
                ) from None
        yield
