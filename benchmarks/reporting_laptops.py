"""Laptops that sign and send real reports, over connections of their own.

Light enough to outrun the server; each sends its next report when it has the answer to the last
one, because the answer holds the nonce it needs.
"""

import asyncio
import base64
import json
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_collectors.contract.enrolment import PublicKey
from tests.support.example_readings import healthy, with_stick

CHANGE_EVERY = 10
ALGORITHM = ec.ECDSA(hashes.SHA256())


def laptops_of(url: str, count: int) -> list["Laptop"]:
    """Return laptops that all say the same, and one time in ten something else."""
    readings: tuple[list[Any], list[Any]] = (codec.encode(healthy()), codec.encode(with_stick()))
    return [Laptop(number, url, "", readings) for number in range(count)]


def encoded(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Laptop:
    """One device. Everything that does not change between reports is encoded beforehand."""

    number: int
    url: str
    server_id: str
    readings: tuple[list[Any], list[Any]]
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    nonce: str = "first"
    sequence: int = 0
    record_hash: str = ""

    @property
    def device(self) -> str:
        return f"{self.number:032x}"

    @property
    def public_key(self) -> PublicKey:
        numbers = self.key.public_key().public_numbers()
        x, y = (encoded(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
        return PublicKey("EC", "P-256", x, y)

    def report(self) -> bytes:
        """Return the next signed upload."""
        self.sequence += 1
        moment = codec.format_time(datetime.now(UTC))
        # Not all of them at the same time.
        changed = ((self.sequence + self.number) // CHANGE_EVERY) % 2
        record = {
            "version": 1,
            "device": self.device,
            "record_id": f"{self.sequence:032x}",
            "sequence": self.sequence,
            "previous": self.record_hash,
            "collected_at": moment,
            "boot_id": "4a3c6d1e-0000-4000-8000-000000000001",
            "uptime_s": 3600,
            "platform": "linux",
            "agent_version": "0.1.0",
            "readings": self.readings[changed],
        }
        self.record_hash = digest(canonical_bytes(record))
        upload = {
            "version": 1,
            "audience": self.server_id,
            "method": "POST",
            "url": f"{self.url}/api/v1/reports",
            "sequence": self.sequence,
            "nonce": self.nonce,
            "sent_at": moment,
            "records": [record],
        }
        header = encoded(
            canonical_bytes({"alg": "ES256", "kid": self.device, "typ": "passmuster-report+jws"})
        )
        signed = f"{header}.{encoded(canonical_bytes(upload))}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ALGORITHM))
        return f"{signed}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}".encode()


class Connection(asyncio.Protocol):
    """Sends a laptop's next report as soon as the one before is answered."""

    def __init__(self, laptop: Laptop, until: float, latencies: list[float]) -> None:
        self._laptop = laptop
        self._until = until
        self._latencies = latencies
        self._started = 0.0
        self._received = b""
        self._transport: Any = None
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        """End, in time or not."""
        if not self.finished.done():
            self.finished.set_exception(ConnectionResetError("the server closed a connection"))

    def data_received(self, data: bytes) -> None:
        """Take the answer."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        at = head.lower().find(b"content-length:")
        if not separator or len(body) < int(head[at + 15 :].split(b"\r\n", 1)[0]):
            return
        now = time.perf_counter()
        if not head.startswith(b"HTTP/1.1 200"):
            self.finished.set_exception(RuntimeError(body.decode()))
            return
        self._latencies.append(now - self._started)
        self._received = b""
        self._laptop.nonce = json.loads(body)["nonce"]
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        if now < self._until:
            self._send()
        else:
            self.finished.set_result(None)
            self._transport.close()

    def _send(self, planned: float | None = None) -> None:
        body = self._laptop.report()
        self._started = time.perf_counter() if planned is None else planned
        head = (
            "POST /api/v1/reports HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/jose\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        # One after the other, as the agent's library sends them.
        self._transport.write(head.encode())
        self._transport.write(body)


def _itself(connection: Connection) -> Connection:
    return connection


async def load(laptops: list[Laptop], ports: Sequence[int], seconds: float) -> list[float]:
    """Return the latency of each report that was answered in the time given, in seconds."""
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    opened = [Connection(laptop, until, latencies) for laptop in laptops]
    for place, connection in enumerate(opened):
        port = ports[place % len(ports)]
        await loop.create_connection(partial(_itself, connection), "127.0.0.1", port)
    await asyncio.gather(*(connection.finished for connection in opened))
    return latencies


class PacedConnection(Connection):
    """Sends a report for each moment planned, or as soon after it as the last one is answered."""

    def __init__(self, laptop: Laptop, latencies: list[float]) -> None:
        super().__init__(laptop, 0.0, latencies)
        self._planned: deque[float] = deque()
        self._is_waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first moment."""
        self._transport = transport

    def due(self, planned: float) -> None:
        """Report for this moment, from which the answer's latency counts."""
        self._planned.append(planned)
        if not self._is_waiting:
            self._send_planned()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to send or to wait for."""
        return not self._is_waiting

    def close(self) -> None:
        """End."""
        self.finished.cancel()
        self._transport.close()

    def _go_on(self, now: float) -> None:  # noqa: ARG002 - as of every connection
        self._is_waiting = False
        if self._planned:
            self._send_planned()

    def _send_planned(self) -> None:
        self._is_waiting = True
        self._send(self._planned.popleft())


async def offered(laptops: list[Laptop], port: int, rate: float, seconds: float) -> list[float]:
    """Return the latency of each of `rate` reports a second, in seconds from when it was planned.

    The laptops take turns, whatever comes back.
    """
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    opened = [PacedConnection(laptop, latencies) for laptop in laptops]
    for connection in opened:
        await loop.create_connection(partial(_itself, connection), "127.0.0.1", port)
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        planned = began + number / rate
        pause = planned - time.perf_counter()
        # The loop's own timers are good to a millisecond: a few reports may wait for each other.
        await asyncio.sleep(max(0.0, pause))
        opened[number % len(opened)].due(planned)
    while not all(connection.is_idle for connection in opened):  # noqa: ASYNC110 - the end of a measurement
        await asyncio.sleep(0.001)
    for connection in opened:
        connection.close()
    return latencies
