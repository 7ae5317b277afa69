"""How large the head of a request may be, and how slow all of it: uvicorn sets no such limits.

A head that is too large is answered by 431 (RFC 6585, section 5), and the connection is closed. It
is closed without an answer where a request does not come. How large bodies may be is said where
they are read (`web.bodies`).
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from passmuster_server.joined_writes import JoinedWrites

MAX_HEAD = 32 * 1024
"""Bytes of the request line and all headers: as much as nginx takes by default."""
HEAD_WITHIN_S = 30.0
"""From the first byte, or from the connection, until the head has arrived."""
BODY_WITHIN_S = 60.0
"""From the head until the body has arrived, and a second more for each `BODY_RATE` bytes of it."""
BODY_RATE = 500

TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with bounds on what is around a body, and on the wait for all of it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._around = 0
        self._in_head = True
        self.head: tuple[tuple[bytes, bytes], ...] = ()
        self.body_length = 0
        self._waits_since = 0.0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self.transport: JoinedWrites = JoinedWrites(transport, self.loop)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, unless there is too much around the body."""
        self._around += len(data)
        super().data_received(data)
        if self._around > MAX_HEAD and not self.transport.is_closing():
            if self._in_head:
                self.transport.write(TOO_LARGE)
            self.transport.close()
        elif self._deadline is None and (self._around or not self._in_head or self._is_forgotten()):
            # A request that arrives whole, as most do, is not waited for.
            self._wait()

    def on_headers_complete(self) -> None:
        """Have the head."""
        self.head_complete()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Leave the body to those who read it; what goes around its chunks still counts."""
        self.body_arrived(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Whatever comes next begins a head."""
        super().on_message_complete()
        self.message_complete()

    def head_complete(self) -> None:
        """Wait for the head no longer, and keep its headers, to which nothing is added."""
        if self._in_head:
            # uvicorn appends the trailers to `headers`, in which the scope would have them as well.
            # They are no headers (RFC 9110, section 6.5), and proxies do not look through them.
            self.head = self.scope["headers"] = tuple(self.headers)
        self._in_head = False
        self._stop_waiting()

    def body_arrived(self, body: bytes) -> None:
        """Count the body by itself."""
        self._around -= len(body)
        self.body_length += len(body)

    def hand_on_head(self) -> None:
        """Hand on the head that has been waited for; its body may be waited for by now."""
        super().on_headers_complete()

    def hand_on_body(self, body: bytes) -> None:
        """Hand on a part of the body that has been counted."""
        super().on_body(body)

    def message_complete(self) -> None:
        """Begin to count the next head."""
        self._in_head, self._around, self.body_length = True, 0, 0
        self._stop_waiting()

    def _wait(self) -> None:
        self._waits_since = self.loop.time()
        self._look_after(HEAD_WITHIN_S if self._in_head else BODY_WITHIN_S)

    def _look_after(self, seconds: float) -> None:
        self._deadline = self.loop.call_later(seconds, self._look)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _look(self) -> None:
        self._deadline = None
        left_s = 0.0 if self._in_head else self._body_left_s()
        if left_s > 0:
            self._look_after(left_s)
        elif not self.transport.is_closing():
            self.transport.close()

    def _body_left_s(self) -> float:
        if self.flow.read_paused:
            return BODY_WITHIN_S  # it is we who do not take it
        waited_s = self.loop.time() - self._waits_since
        return BODY_WITHIN_S + self.body_length / BODY_RATE - waited_s

    def _is_forgotten(self) -> bool:
        """Whether uvicorn waits for nothing: it was answered before the rest of its body came."""
        is_answered = self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr] # there is none before the first
        return is_answered and self.timeout_keep_alive_task is None
