"""Doors that know what to do as soon as the request is there: the protocol answers, before ASGI.

A task, an event, a scope and two messages for each request take longer than such a door's whole
answer, or than all of the wait for one that comes later. Whatever the door does not take at once
goes the usual way from its head on, and so does every request that is in any way unusual, or whose
body is still to come where the door does not wait for it. So does an answer that turns out to be
none, with what became of the request, which is not begun again. So there is one place that refuses,
and one that fails.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from passmuster_server.doors import BECOMES, Answer, DoorAtOnce, Headers, Later
from passmuster_server.heads import BoundedProtocol

OK = b"HTTP/1.1 200 OK\r\n"

Held = tuple[RequestResponseCycle, ASGI3Application]


class AtOnceProtocol(BoundedProtocol):
    """The bounded protocol with `doors` before it, by their path."""

    doors: ClassVar[Mapping[bytes, DoorAtOnce]] = {}

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._door: DoorAtOnce | None = None
        self._body = bytearray()
        self._holds = False
        self._held: Held | None = None
        self._has_answered = False
        self._defaults: Headers = ()
        self._begin: bytes | None = OK

    def data_received(self, data: bytes) -> None:
        """Take what has arrived; of several requests in it one is answered at once.

        The others wait for their turn as ever: nobody keeps the loop by sending many. Where the
        body is still to come ASGI begins, unless the door waits for it: it may refuse by the head.
        """
        self._has_answered = False
        super().data_received(data)
        if self._door is not None and not self.transport.is_closing():
            if self._held is not None or self._door.waits_for_body(self.head):
                self._hold()
            else:
                self._hand_over()

    def on_headers_complete(self) -> None:
        """Look for the body of a request to one of the doors, or let ASGI begin."""
        door = self.doors.get(self.url)
        if door is not None and self._is_usual():
            self._door, self._body = door, bytearray()
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
        self._body += body
        if self.body_length > self._door.max_body:
            self._hand_over()

    def on_message_complete(self) -> None:
        """Ask the door, or let ASGI go on."""
        door = self._door
        if door is not None:
            answer = self._asked(door)
            if isinstance(answer, bytes):
                held, self._door, self._held = self._held, None, None
                self._has_answered = True
                self.message_complete()
                self._give(answer, held and held[0])
                return
            if answer is None:
                self._hand_over()
            else:
                self._door, self._body = None, bytearray()
                self._wait_for(answer)
        super().on_message_complete()

    def _hold(self) -> Held:
        """Return what uvicorn makes of each request, which it begins with elsewhere.

        So it is under way: others wait for their turn, and a server that stops waits for it.
        """
        if self._held is None:
            self._holds = True
            self.hand_on_head()
            self._holds = False
        assert self._held is not None  # noqa: S101 - nothing is under way before it
        return self._held

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Begin with a request, unless it is to be held."""
        if self._holds:
            self._held = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _wait_for(self, later: Later) -> None:
        """Answer the request when its answer is there."""
        cycle, app = self._hold()
        self._held = None
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
        else:
            self._give(answer, cycle)

    def _give(self, answer: bytes, cycle: RequestResponseCycle | None) -> None:
        """Answer the request, which uvicorn may know of."""
        self.transport.write_now(answer)
        if cycle is not None:
            cycle.response_started = cycle.response_complete = True
        self.on_response_complete()

    def _told(self, later: Later, cycle: RequestResponseCycle) -> bytes | None:
        """Return the whole answer that has been waited for, or None."""
        begin = self._beginning(cycle)
        if begin is None:
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
        begin = self._beginning(self._held and self._held[0])
        if begin is None:
            return None
        try:
            answer = door.at_once(self.head, bytes(self._body), self.client)
        except Exception:  # noqa: BLE001 - ASGI asks again, and tells of it
            return None
        return _whole(begin, answer) if isinstance(answer, tuple) else answer

    def _beginning(self, cycle: RequestResponseCycle | None) -> bytes | None:
        """Return the status and the headers of every answer; None where this is an unusual one.

        So it is where one of the headers is about connections, and where the connection has changed
        since uvicorn knows of the request. The headers are made anew once a second, for the date.
        """
        if cycle is not None and (
            not cycle.keep_alive or self.flow.write_paused or self.transport.is_closing()
        ):
            return None
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
        held, self._held = self._held, None
        if held is None:
            self.hand_on_head()
        else:
            super()._start_asgi_task(*held)
        if self._body:
            self.hand_on_body(bytes(self._body))
            self._body = bytearray()


def _whole(begin: bytes, answer: Answer) -> bytes:
    head, body = answer
    return b"%b%b\r\n%b" % (begin, head, body)


def protocol_with(doors: Mapping[bytes, DoorAtOnce]) -> type[AtOnceProtocol]:
    """Return the protocol for a server that has these doors, by their path."""
    return type("ProtocolWithDoors", (AtOnceProtocol,), {"doors": doors})
