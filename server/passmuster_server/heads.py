"""How large and how slow the head of a request may be: uvicorn's parser sets no limit of its own.

Beyond it the answer is 431 (RFC 6585, section 5), and the connection is closed. Bodies have their
limits where they are read (`web.bodies`).
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from passmuster_server.joined_writes import JoinedWrites

MAX_HEAD = 32 * 1024
"""Bytes of the request line and all headers: as much as nginx takes by default."""
HEAD_WITHIN_S = 30.0
"""From the first byte, or from the connection, until the head has arrived."""

TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with bounds on all of a request that is not its body."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._around = 0
        self._in_head = True
        self.head: tuple[tuple[bytes, bytes], ...] = ()
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self.transport: JoinedWrites = JoinedWrites(transport, self.loop)
        self._wait_for_head()

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
        elif self._in_head and self._around and self._deadline is None:
            # A head that arrives whole, as most do, is not waited for.
            self._wait_for_head()

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
        """Count no part of the body."""
        self._around -= len(body)

    def hand_on_body(self, body: bytes) -> None:
        """Hand on a part of the body that has been counted."""
        super().on_body(body)

    def message_complete(self) -> None:
        """Begin to count the next head."""
        self._in_head, self._around = True, 0

    def _wait_for_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_WITHIN_S, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()
