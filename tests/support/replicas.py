"""Two servers on one PostgreSQL, behind an address that nobody listens at."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support import postgresql
from tests.support.example_laptops import ONLY_USB
from tests.support.running_server import RunningServer, free_port

PUBLIC_URL = "http://127.0.0.1:1"
"""The proxy's address, which laptops sign for; the tests talk to each server behind it."""


@contextmanager
def two_servers(
    folder: Path, kind: type[RunningServer] = RunningServer
) -> Iterator[tuple[RunningServer, RunningServer]]:
    """Run two servers in `folder`, whose policy blocks unknown USB devices alone."""
    url = postgresql.cluster().create_database()
    first, second = (
        kind(folder / name, free_port(), database=url, public_url=PUBLIC_URL)
        for name in ("first", "second")
    )
    for server in (first, second):
        server.directory.mkdir()
    first.command("migrate")
    first.publish_policy(ONLY_USB)
    with ExitStack() as stack:
        for server in (first, second):
            server.start()
            stack.callback(server.stop)
        yield first, second
