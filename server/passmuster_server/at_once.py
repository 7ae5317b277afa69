"""Doors whose answer is there as soon as the request is: the protocol gives it, before ASGI.

A task, an event, a scope and two messages for each request take longer than such a door's whole
answer. Whatever the door does not answer at once goes the usual way from its head on, and so does
every request that is in any way unusual, or whose body does not come with its head. So there is one
place that refuses, and one that fails.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from passmuster_server.heads import BoundedProtocol

OK = b"HTTP/1.1 200 OK\r\n"

Headers = Sequence[tuple[bytes, bytes]]


class DoorAtOnce(Protocol):
    """What answers a POST without waiting for anything, where it can; ASGI asks it otherwise."""

    max_body: int

    def at_once(self, headers: Headers, body: bytes) -> tuple[bytes, bytes] | None:
        """Return the lines of the head and the body of a 200, or None to be asked by ASGI.

        Raises whatever it likes, to be asked by ASGI as well: nothing has been done then.
        """


class AtOnceProtocol(BoundedProtocol):
    """The bounded protocol with `doors` before it, by their path."""

    doors: ClassVar[Mapping[bytes, DoorAtOnce]] = {}

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._door: DoorAtOnce | None = None
        self._body = b""
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
            self._door, self._body = door, b""
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
        if len(self._body) > self._door.max_body:
            self._hand_over()

    def on_message_complete(self) -> None:
        """Ask the door, or let ASGI go on."""
        door = self._door
        if door is not None:
            answer = self._asked(door)
            if answer is not None:
                self._door = None
                self._has_answered = True
                self.transport.write_now(answer)
                self.message_complete()
                self.on_response_complete()
                return
            self._hand_over()
        super().on_message_complete()

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

    def _asked(self, door: DoorAtOnce) -> bytes | None:
        """Return the whole answer, or None."""
        begin = self._beginning()
        if begin is None:
            return None
        try:
            answer = door.at_once(self.head, self._body)
        except Exception:  # noqa: BLE001 - ASGI asks again, and tells of it
            return None
        if answer is None:
            return None
        head, body = answer
        return b"%b%b\r\n%b" % (begin, head, body)

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
            self.hand_on_body(self._body)
            self._body = b""


def protocol_with(doors: Mapping[bytes, DoorAtOnce]) -> type[AtOnceProtocol]:
    """Return the protocol for a server that has these doors, by their path."""
    return type("ProtocolWithDoors", (AtOnceProtocol,), {"doors": doors})
