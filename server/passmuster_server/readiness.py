"""Whether the server runs, and whether it may be asked: what proxies and supervisors look at."""

import asyncio
import contextlib

from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.database import StoreUnavailableError
from passmuster_server.services import Services


def routes(services: Services) -> list[Route]:
    """Return the routes."""
    return [
        Route("/healthz", _healthy, methods=["GET"]),
        Route("/readyz", _Ready(services).answer, methods=["GET"]),
    ]


async def _healthy(_: Request) -> Response:
    return Response("ok\n", media_type="text/plain")


class _Ready:
    """`/readyz`: whether the gate may answer.

    That is when the database answers within two seconds, what other servers change is heard, and
    all that runs beside the requests runs.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, _: Request) -> Response:
        if self._services.draining:
            return _not_ready("stopping")
        with contextlib.suppress(StoreUnavailableError, TimeoutError):
            async with asyncio.timeout(2):
                await self._services.database.read(
                    lambda connection: connection.execute(text("SELECT 1"))
                )
            if not self._services.in_touch():
                return _not_ready("what other servers change is not heard")
            failing = [task.name for task in self._services.tasks if task.failing]
            if not failing:
                return Response("ok\n", media_type="text/plain")
            return _not_ready(f"failing: {', '.join(failing)}")
        return _not_ready("the database does not answer")


def _not_ready(why: str) -> Response:
    return Response(f"{why}\n", 503, media_type="text/plain")
