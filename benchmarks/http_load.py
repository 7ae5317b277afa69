"""Load over HTTP/1.1 keep-alive connections, light enough to outrun the server it measures.

Run from a process of its own: a load generator beside the server in one interpreter would measure
itself. Responses are read by their `Content-Length`; every status is counted.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import uvloop


@dataclass
class Load:
    """What came back: seconds it took, statuses, and each answer's latency in seconds."""

    seconds: float
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile_ms(self, share: float) -> float:
        """Return the latency that `share` of the answers kept, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def request(
    method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Return the bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + body


def closed_loop(port: int, requests: list[bytes], *, connections: int, seconds: float) -> Load:
    """Send the next request on a connection as soon as the one before is answered."""
    return uvloop.run(_closed_loop(port, requests, connections, seconds))


def paced(port: int, requests: list[bytes], *, rate: float, seconds: float) -> Load:
    """Send `rate` requests a second whatever comes back; latency counts from the planned moment."""
    return uvloop.run(_paced(port, requests, rate, seconds))


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self.load = load
        self.started = 0.0
        self.idle = True
        self.on_answer: asyncio.Future[None] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._requests: list[bytes] = []
        self._index = 0
        self._until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def send(self, data: bytes, planned: float) -> None:
        assert self._transport is not None
        self.idle = False
        self.started = planned
        self._transport.write(data)

    def keep_sending(self, requests: list[bytes], until: float) -> "asyncio.Future[None]":
        self._requests, self._until = requests, until
        self.on_answer = asyncio.get_running_loop().create_future()
        self._send_next()
        return self.on_answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) < length:
            return
        self._received = b""
        now = time.perf_counter()
        self.load.latencies.append(now - self.started)
        self.load.statuses[int(head[9:12])] += 1
        self.idle = True
        if self._requests:
            if now < self._until:
                self._send_next()
            elif self.on_answer is not None:
                self.on_answer.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        if self.on_answer is not None and not self.on_answer.done():
            self.on_answer.set_exception(ConnectionResetError("the server closed a connection"))

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def _send_next(self) -> None:
        self._index = (self._index + 1) % len(self._requests)
        self.send(self._requests[self._index], time.perf_counter())


async def _open(port: int, load: Load) -> _Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: _Connection(load), "127.0.0.1", port)
    return connection


async def _closed_loop(port: int, requests: list[bytes], connections: int, seconds: float) -> Load:
    load = Load(seconds)
    opened = [await _open(port, load) for _ in range(connections)]
    started = time.perf_counter()
    await asyncio.gather(*(each.keep_sending(requests, started + seconds) for each in opened))
    load.seconds = time.perf_counter() - started
    for each in opened:
        each.on_answer = None
        each.close()
    return load


async def _until(planned: float) -> None:
    """Wait in a thread: the loop's own timers are good to a millisecond, longer than an answer."""
    pause = planned - time.perf_counter()
    if pause > 0:
        await asyncio.to_thread(time.sleep, pause)


async def _paced(port: int, requests: list[bytes], rate: float, seconds: float) -> Load:
    load = Load(seconds)
    opened = [await _open(port, load) for _ in range(8)]
    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        planned = started + number / rate
        await _until(planned)
        while not any(each.idle for each in opened):
            opened.append(await _open(port, load))
        free = next(each for each in opened if each.idle)
        free.send(requests[number % len(requests)], planned)
    while not all(each.idle for each in opened):  # noqa: ASYNC110 - the end of a measurement
        await asyncio.sleep(0.001)
    load.seconds = time.perf_counter() - started
    for each in opened:
        each.close()
    return load
