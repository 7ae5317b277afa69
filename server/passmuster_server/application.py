"""The ASGI application: Starlette, and before it the doors that are asked most.

Middleware and routes cost about as much as such a door's whole answer.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from passmuster_server.web.problems import RefusalError, problem_response

OnMistake = Callable[[Request, Exception], Awaitable[Response]]


class Application(Starlette):
    """`doors` take each POST to their path; `named` is Starlette's.

    A door begins to answer when it has the whole answer. `on_mistake` answers what it raises.
    """

    def __init__(
        self, doors: Mapping[str, ASGIApp], *, on_mistake: OnMistake, **named: Any
    ) -> None:
        super().__init__(**named)
        self.add_exception_handler(Exception, on_mistake)
        self._doors = doors
        self._on_mistake = on_mistake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; this is ASGI's signature."""
        # PostgreSQL takes no text with a NUL in it, so whoever asks it about one is told to wait.
        if scope["type"] == "http" and "\0" in scope["path"]:
            refusal = RefusalError(404, "not_found", "No address has a NUL in it.")
            await problem_response(refusal.problem)(scope, receive, send)
            return
        if scope["type"] == "http" and scope["method"] == "POST":
            door = self._doors.get(scope["path"])
            if door is not None:
                try:
                    await door(scope, receive, send)
                except Exception as error:
                    response = await self._on_mistake(Request(scope), error)
                    await response(scope, receive, send)
                    raise
                return
        await super().__call__(scope, receive, send)
