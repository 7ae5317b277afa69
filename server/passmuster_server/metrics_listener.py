"""The listener for metrics: one of its own, on loopback, and only where it is asked for.

What it tells is of no person, but how many laptops fail is nobody else's to know.
"""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from prometheus_client import make_asgi_app

from passmuster_server.background import BackgroundTask
from passmuster_server.heads import BoundedProtocol
from passmuster_server.metrics import Metrics


class ListenError(Exception):
    """The address can't be listened on."""


class _Beside(uvicorn.Server):
    """Runs beside the server proper, which alone listens to signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to the other one."""
        yield


class MetricsListener:
    """Serves the metrics at `address`, whatever path is asked for."""

    def __init__(self, metrics: Metrics, address: tuple[str, int]) -> None:
        self._address = address
        self._server = _Beside(
            uvicorn.Config(
                make_asgi_app(registry=metrics.registry),
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                limit_concurrency=16,
                timeout_graceful_shutdown=2,
            )
        )
        self.task = BackgroundTask("metrics", self._serve, end=self._end)
        self._socket: socket.socket | None = None

    def bind(self) -> None:
        """Take the address. Raises `ListenError` where somebody else has it."""
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family)
        except OSError as error:
            raise ListenError(f"metrics_listen: {error.strerror}") from None

    async def _serve(self) -> None:
        if self._socket is None:
            self.bind()
        assert self._socket is not None  # noqa: S101 - bound just now
        taken, self._socket = self._socket, None
        await self._server.serve([taken])

    def _end(self) -> None:
        self._server.should_exit = True
