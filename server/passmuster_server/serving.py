"""`passmuster-server serve`: one process over its data directory, until it is told to stop."""

import asyncio
import gc
import signal
import socket
import sys
import time
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from passmuster_server.app import create_app
from passmuster_server.at_once import protocol_with
from passmuster_server.config import Config
from passmuster_server.services import Services
from passmuster_server.serving_alone import alone

KEEP_ALIVE_S = 75
"""Longer than proxies keep their own idle connections, so that they are the ones to close them."""
STOP_WITHIN_S = 10
COLLECT_AFTER = (10_000, 10, 10)
"""Objects more than before, until the youngest are looked at; a report alone has hundreds."""
CLOSE = (b"connection", b"close")


class Server(uvicorn.Server):
    """Drains before it stops, and ends the open pages' streams, which would be waited for in vain.

    Told to end, it goes on to answer for `drain_s` seconds: `/readyz` says that it is stopping, so
    that nothing new is sent here, and each answer closes its connection, so that a proxy keeps none
    on which its next request would get lost.
    """

    def __init__(self, config: uvicorn.Config, drain_s: float) -> None:
        super().__init__(config)
        self._drain_s = drain_s
        self._stop: tuple[float, int] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the areas, and keep the garbage collector away from all that is there then.

        Modules and where a million laptops stand are for good. A collector that goes through them
        again and again took twice the time of the start, and a share of every report's.
        """
        gc.disable()
        try:
            await super().startup(sockets)
        finally:
            gc.freeze()
            gc.set_threshold(*COLLECT_AFTER)
            gc.enable()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; a second signal, or Ctrl-C, ends it at once."""
        if self._stop is not None or sig == signal.SIGINT or not self._drain_s:
            super().handle_exit(sig, frame)
            return
        self._services.draining = True
        self._stop = time.monotonic() + self._drain_s, sig

    async def on_tick(self, counter: int) -> bool:
        """Look whether it is time to stop; uvicorn calls this ten times a second."""
        if self._stop is not None and time.monotonic() >= self._stop[0]:
            super().handle_exit(self._stop[1], None)
        ends = await super().on_tick(counter)
        if self._stop is not None and CLOSE not in self.server_state.default_headers:
            # A new list: whoever has looked at the one before sees that there is another.
            self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        return ends

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let what is under way come to its end, and stop the areas."""
        for close in self._services.closings:
            close()
        await super().shutdown(sockets)

    @property
    def _services(self) -> Services:
        services: Services = self.config.app.state.services  # type: ignore[union-attr]
        return services


def serve(config: Config) -> bool:
    """Serve until a signal ends it; False when the server could not start.

    Raises `CommandError` where another server works on the same data.
    """
    with alone(config):
        server = Server(settings_of(create_app(config), config), config.drain_seconds)
        server.run()
    return server.started


def settings_of(app: Starlette, config: Config) -> uvicorn.Config:
    """Return what uvicorn is told."""
    return uvicorn.Config(
        app,
        host=config.host,
        port=config.port,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=protocol_of(app, config),
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


def protocol_of(app: Starlette, config: Config) -> type[asyncio.Protocol]:
    """Return how the server speaks HTTP."""
    services: Services = app.state.services
    # Traces are made by the middleware, which every request then has to go through.
    return protocol_with({} if config.traces_endpoint else services.doors_at_once)
