"""A door of the HTTP protocol that begins with requests and answers when a test says so."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.at_once import AtOnceProtocol, protocol_with
from passmuster_server.doors import BECOMES, Answer, Client, Headers, Later
from tests.support.raw_requests import connected, until


@dataclass
class Door:
    """Begins with most things; answers "quick" bodies, and leaves "usual" ones to ASGI.

    It waits for bodies, but where a header `X-Refused` says that ASGI would refuse.
    """

    begun: list["asyncio.Future[bytes]"] = field(default_factory=list)
    answered: list[bytes] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    max_body: int = 100

    def waits_for_body(self, headers: Headers) -> bool:
        return b"x-refused" not in dict(headers)

    def at_once(self, _: Headers, body: bytes, client: Client) -> Answer | Later | None:
        if body.startswith(b"usual"):
            return None
        if body.startswith(b"quick"):
            return self.answer(b"at once: " + body)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.begun.append(future)
        self.clients.append(client)
        return Later(future, self.answer)

    def answer(self, result: bytes) -> Answer:
        if result == b"refused":
            raise LookupError(result)
        self.answered.append(result)
        return b"content-length: %d\r\n" % len(result), result

    async def by_asgi(self, request: Request) -> Response:
        becomes: asyncio.Future[bytes] | None = request.scope.get(BECOMES)
        if becomes is None:
            return Response(b"ASGI: " + await request.body())
        try:
            result = await becomes
        except ZeroDivisionError as error:
            result = str(error).encode()
        self.answered.append(result)
        return Response(b"ASGI has begun: " + result)


@dataclass
class Running:
    server: uvicorn.Server
    door: Door
    thread: threading.Thread

    def connected(self) -> socket.socket:
        return connected(self.server)

    def begins(self, number: int = 1) -> None:
        until(lambda: len(self.door.begun) == number, f"the door begins with request {number}")

    def becomes(self, result: bytes | Exception) -> None:
        """Let the request that has begun last have a result, or fail."""
        future = self.door.begun[-1]
        loop = future.get_loop()
        if isinstance(result, bytes):
            loop.call_soon_threadsafe(future.set_result, result)
        else:
            loop.call_soon_threadsafe(future.set_exception, result)

    def on_its_loop(self, work: Any, *arguments: Any) -> None:
        done = threading.Event()

        def run() -> None:
            work(*arguments)
            done.set()

        self.door.begun[-1].get_loop().call_soon_threadsafe(run)
        until(done.is_set, "the loop runs it")

    def connection(self) -> AtOnceProtocol:
        """Return the server's end of the only connection."""
        (found,) = self.server.server_state.connections
        assert isinstance(found, AtOnceProtocol)
        return found


@contextlib.contextmanager
def running_door() -> Iterator[Running]:
    """Run a server with the door at `/door`."""
    door = Door()
    app = Starlette(routes=[Route("/door", door.by_asgi, methods=["GET", "POST"])])
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=0, http=protocol_with({b"/door": door}), log_config=None, lifespan="off"
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, "the server starts")
    yield Running(server, door, thread)
    server.should_exit = True
    thread.join()


def bodies(told: list[bytes]) -> list[bytes]:
    """Return the bodies of answers."""
    return [each.partition(b"\r\n\r\n")[2] for each in told]
