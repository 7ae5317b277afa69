"""Doors that know what to do as soon as the request is there: the protocol answers, before ASGI.

A task, an event, a scope and two messages for each request take longer than such a door's whole
answer, or than all of the wait for one that comes later. Whatever the door does not take at once
goes the usual way from its head on, and so does every request that is in any way unusual, or whose
body does not come with its head. So does an answer that turns out to be none, with what became of
the request, which is not begun again. So there is one place that refuses, and one that fails.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from passmuster_server.heads import BoundedProtocol

OK = b"HTTP/1.1 200 OK\r\n"

BECOMES = "passmuster.becomes"
"""In the scope: the future of what becomes of a request that its door has begun already."""

Headers = Sequence[tuple[bytes, bytes]]
Client = tuple[str, int] | None
Answer = tuple[bytes, bytes]
"""The lines of the head and the body of a 200."""


@dataclass(slots=True)
class Later:
    """An answer that is waited for: once it is there, `answer` makes it of what `future` has.

    Where the future has failed, or `answer` raises, ASGI asks the door, with the future in the
    scope. So it does where the answer is in any way unusual by then, instead of `answer`.
    """

    future: "asyncio.Future[Any]"
    answer: Callable[[Any], Answer]


class DoorAtOnce(Protocol):
    """What takes a POST without waiting for anything, where it can; ASGI asks it otherwise."""

    max_body: int

    def at_once(self, headers: Headers, body: bytes, client: Client, /) -> Answer | Later | None:
        """Return the answer, or how it comes, or None to be asked by ASGI.

        `client` is the other end of the connection, which may be a proxy. Raises whatever it likes,
        to be asked by ASGI as well: nothing has been done then.
        """


class AtOnceProtocol(BoundedProtocol):
    """The bounded protocol with `doors` before it, by their path."""

    doors: ClassVar[Mapping[bytes, DoorAtOnce]] = {}

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._door: DoorAtOnce | None = None
        self._body: list[bytes] = []
        self._later: Later | None = None
        self._has_answered = False
        self._defaults: Headers = ()
        self._begin: bytes | None = OK

    def data_received(self, data: bytes) -> None:
        """Take what has arrived; of several requests in it one is answered at once.

        The others wait for their turn as ever: nobody keeps the loop by sending many. Where the
        body is still to come ASGI begins, which may refuse by the head alone.
        """
        self._has_answered = False
        super().data_received(data)
        if self._door is not None and not self.transport.is_closing():
            self._hand_over()

    def on_headers_complete(self) -> None:
        """Look for the body of a request to one of the doors, or let ASGI begin."""
        door = self.doors.get(self.url)
        if door is not None and self._is_usual():
            self._door, self._body = door, []
            self.head_complete()
        else:
            if self._has_answered:
                # The answer before it, of the same piece, has begun to wait for another request.
                self._unset_keepalive_if_required()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep the body for the door."""
        if self._door is None:
            super().on_body(body)
            return
        self.body_arrived(body)
        self._body.append(body)
        if self.body_length > self._door.max_body:
            self._hand_over()

    def on_message_complete(self) -> None:
        """Ask the door, or let ASGI go on."""
        door = self._door
        if door is not None:
            answer = self._asked(door)
            if isinstance(answer, bytes):
                self._door = None
                self._has_answered = True
                self.transport.write_now(answer)
                self.message_complete()
                self.on_response_complete()
                return
            if answer is None:
                self._hand_over()
            else:
                self._door, self._body, self._later = None, [], answer
                self.hand_on_head()
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Begin with a request, or wait for what becomes of it: it is under way for uvicorn."""
        later, self._later = self._later, None
        if later is None:
            super()._start_asgi_task(cycle, app)
            return
        # A server that stops waits for these, whether anybody still waits for the answer or not.
        self.tasks.add(later.future)  # type: ignore[arg-type] # it only asks whether there are any, and cancels them
        later.future.add_done_callback(partial(self._answer, later, cycle, app))

    def _answer(
        self,
        later: Later,
        cycle: RequestResponseCycle,
        app: ASGI3Application,
        future: "asyncio.Future[Any]",
    ) -> None:
        """Give the answer that has been waited for, or let ASGI do it."""
        self.tasks.discard(future)
        answer = self._told(later, cycle)
        if answer is None:
            cycle.scope[BECOMES] = future  # type: ignore[literal-required] # no key of ASGI's
            super()._start_asgi_task(cycle, app)
            return
        self.transport.write_now(answer)
        cycle.response_started = cycle.response_complete = True
        self.on_response_complete()

    def _told(self, later: Later, cycle: RequestResponseCycle) -> bytes | None:
        """Return the whole answer that has been waited for, or None."""
        begin = self._beginning()
        is_usual = (
            begin is not None
            and cycle.keep_alive
            and not self.flow.write_paused
            and not self.transport.is_closing()
        )
        if begin is None or not is_usual:
            return None
        try:
            return _whole(begin, later.answer(later.future.result()))
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - ASGI finds it in the future
            return None

    def _is_usual(self) -> bool:
        """Whether nothing about the request or its connection asks for more than an answer."""
        return (
            not self._has_answered
            and (self.cycle is None or self.cycle.response_complete)  # type: ignore[redundant-expr] # there is none before the first
            and not self.flow.write_paused
            and not self.expect_100_continue
            and self.limit_concurrency is None
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
        )

    def _asked(self, door: DoorAtOnce) -> bytes | Later | None:
        """Return the whole answer, or how it comes, or None."""
        begin = self._beginning()
        if begin is None:
            return None
        try:
            answer = door.at_once(self.head, b"".join(self._body), self.client)
        except Exception:  # noqa: BLE001 - ASGI asks again, and tells of it
            return None
        return _whole(begin, answer) if isinstance(answer, tuple) else answer

    def _beginning(self) -> bytes | None:
        """Return the status and the headers of every answer; None where one is about connections.

        uvicorn makes them anew once a second, for the date.
        """
        defaults = self.server_state.default_headers
        if defaults is not self._defaults:
            self._defaults = defaults
            names = [name for name, _ in defaults]
            lines = [b"%b: %b\r\n" % header for header in defaults]
            self._begin = None if b"connection" in names else b"".join([OK, *lines])
        return self._begin

    def _hand_over(self) -> None:
        """Let ASGI begin with the head, and with what has arrived of the body."""
        self._door = None
        self.hand_on_head()
        if self._body:
            self.hand_on_body(b"".join(self._body))
            self._body = []


def _whole(begin: bytes, answer: Answer) -> bytes:
    head, body = answer
    return b"%b%b\r\n%b" % (begin, head, body)


def protocol_with(doors: Mapping[bytes, DoorAtOnce]) -> type[AtOnceProtocol]:
    """Return the protocol for a server that has these doors, by their path."""
    return type("ProtocolWithDoors", (AtOnceProtocol,), {"doors": doors})
