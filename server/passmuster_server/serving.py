"""`passmuster-server serve`: one process over its data directory, until it is told to stop."""

import contextlib
import socket
import sys
from collections.abc import Iterator

import uvicorn

from passmuster_server.app import create_app
from passmuster_server.commands import CommandError
from passmuster_server.config import Config
from passmuster_server.engines import SQLITE, database_url
from passmuster_server.heads import BoundedProtocol

KEEP_ALIVE_S = 75
"""Longer than proxies keep their own idle connections, so that they are the ones to close them."""
STOP_WITHIN_S = 10
LOCK = "serve.lock"


class Server(uvicorn.Server):
    """Ends the open pages' streams first: they would be waited for in vain."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let what is under way come to its end, and stop the areas."""
        for close in self.config.app.state.services.closings:  # type: ignore[union-attr]
            close()
        await super().shutdown(sockets)


def serve(config: Config) -> bool:
    """Serve until a signal ends it; False when the server could not start.

    Raises `CommandError` where another server works on the same data.
    """
    unix = sys.platform != "win32"
    with _alone(config):
        server = Server(
            uvicorn.Config(
                create_app(config),
                host=config.host,
                port=config.port,
                loop="uvloop" if unix else "asyncio",
                http=BoundedProtocol,
                ws="none",
                # Addresses in an access log would say who works when, and from where.
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=STOP_WITHIN_S,
                ssl_certfile=config.tls_certificate,
                ssl_keyfile=config.tls_key,
                proxy_headers=config.behind_proxy,
                forwarded_allow_ips=list(config.trusted_proxies),
            )
        )
        server.run()
    return server.started


@contextlib.contextmanager
def _alone(config: Config) -> Iterator[None]:
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
