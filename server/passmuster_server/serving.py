"""`passmuster-server serve`: one process over its data directory, until it is told to stop."""

import socket
import sys

import uvicorn

from passmuster_server.app import create_app
from passmuster_server.config import Config
from passmuster_server.heads import BoundedProtocol
from passmuster_server.serving_alone import alone

KEEP_ALIVE_S = 75
"""Longer than proxies keep their own idle connections, so that they are the ones to close them."""
STOP_WITHIN_S = 10


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
    with alone(config):
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
