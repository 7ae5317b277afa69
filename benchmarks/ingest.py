"""Signed reports a second through the real server, against the least that a durable one can cost.

    .venv/bin/python benchmarks/ingest.py [--quick] [--store sqlite|postgresql] [--processes 1|2]

The real `passmuster-server serve` is pinned to one core, the laptops to the rest; two servers on
one PostgreSQL share all cores with the laptops. PostgreSQL's own work is in the rate, and not in
the processor time. Each laptop has its own key and connection and sends its next report when it has
the answer to the last one, because the answer holds the nonce it needs. One report in ten says
something new. The same laptops then report to `bare_ingest.py`, the ceiling. The last line is JSON.
"""

import argparse
import asyncio
import atexit
import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import uvloop
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_collectors.contract.enrolment import EnrolmentStart, KeyTier, PublicKey
from passmuster_collectors.contract.platform import Platform
from passmuster_server.database import Database, Transaction
from passmuster_server.devices import store
from passmuster_server.devices.ratchets import reset_ratchet
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import postgresql
from tests.support.example_readings import healthy, with_stick
from tests.support.running_server import COMMAND, free_port

LAPTOPS = 64
CHANGE_EVERY = 10
ALGORITHM = ec.ECDSA(hashes.SHA256())


def require(program: str) -> str:
    """Return where the program is."""
    found = shutil.which(program)
    assert found is not None, f"{program} is not installed"
    return found


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
        changed = (self.sequence // CHANGE_EVERY) % 2
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
        if now < self._until:
            self._send()
        else:
            self.finished.set_result(None)
            self._transport.close()

    def _send(self) -> None:
        body = self._laptop.report()
        self._started = time.perf_counter()
        head = (
            "POST /api/v1/reports HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/jose\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)


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


@contextlib.contextmanager
def serving(
    command: list[str],
    port: int,
    log: Path,
    stdin: bytes = b"",
    cores: str = "0",
    patience_s: float = 120.0,
) -> Iterator[psutil.Process]:
    """Run a server on these cores until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [require("taskset"), "-c", cores, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    try:
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        deadline = time.monotonic() + patience_s
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=5)
                break
            time.sleep(0.05)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(15)


def enrolled(url: str, laptops: list[Laptop]) -> None:
    """Put the laptops into the server's database, past the one-time codes."""
    database = Database(url)

    def work(transaction: Transaction) -> str:
        connection = transaction.connection
        for laptop in laptops:
            start = EnrolmentStart(
                1, laptop.public_key, KeyTier.FILE, Platform.LINUX, "laptop", "Debian 12", "0.1.0"
            )
            owner = f"worker{laptop.number}@example.com"
            now = datetime.now(UTC)
            store.insert_device(
                connection,
                DEFAULT_ORGANISATION,
                laptop.device,
                owner,
                start,
                DeviceStatus.ACTIVE,
                now,
            )
            reset_ratchet(connection, DEFAULT_ORGANISATION, laptop.device, laptop.nonce)
        return str(store.organisation_of(connection, DEFAULT_ORGANISATION).server_id)

    server_id = database.write_now(work)
    for laptop in laptops:
        laptop.server_id = server_id


@dataclass
class Measured:
    """What one server did. Its processor time tells more than the clock on a busy machine."""

    reports_per_s: float
    p99_ms: float
    cpu_us: float


def measure(
    directory: Path, *, product: bool, seconds: float, database: str, processes: int
) -> Measured:
    """Return what the servers, or the ceiling, do with the laptops' reports.

    `database` is a PostgreSQL's URL; empty: a file of SQLite's.
    """
    ports = [free_port() for _ in range(processes)]
    url = f"http://127.0.0.1:{ports[0]}"
    readings: tuple[list[Any], list[Any]] = (codec.encode(healthy()), codec.encode(with_stick()))
    laptops = [Laptop(number, url, "", readings) for number in range(LAPTOPS)]
    keys = b""
    if product:
        commands = product_commands(directory, url, ports, database, laptops)
    else:
        program = str(Path(__file__).with_name("bare_ingest.py"))
        store = database or str(directory / "bare.db")
        commands = [[sys.executable, program, str(port), store] for port in ports]
        numbers = {each.device: each.key.public_key().public_numbers() for each in laptops}
        keys = json.dumps({device: (each.x, each.y) for device, each in numbers.items()}).encode()
    cores = "0" if processes == 1 else f"0-{(os.cpu_count() or 1) - 1}"
    with contextlib.ExitStack() as running:
        servers = [
            running.enter_context(serving(command, port, directory / f"log{port}", keys, cores))
            for command, port in zip(commands, ports, strict=True)
        ]
        uvloop.run(load(laptops, ports, min(3.0, seconds)))
        before = sum(sum(server.cpu_times()[:2]) for server in servers)
        latencies = sorted(uvloop.run(load(laptops, ports, seconds)))
        used = sum(sum(server.cpu_times()[:2]) for server in servers) - before
    return Measured(
        len(latencies) / seconds,
        latencies[int(len(latencies) * 0.99)] * 1000,
        used / len(latencies) * 1e6,
    )


def product_commands(
    directory: Path, url: str, ports: Sequence[int], database: str, laptops: list[Laptop]
) -> list[list[str]]:
    """Prepare the store and return how to start a server at each port."""
    commands: list[list[str]] = []
    for port in ports:
        data = directory / str(port)
        data.mkdir()
        settings = directory / f"{port}.toml"
        store = database or f"sqlite:///{data}/passmuster.db"
        settings.write_text(f'database = "{store}"\n', encoding="utf-8")
        base = [*COMMAND, "--data-directory", str(data), "--config", str(settings)]
        base += ["--public-url", url]
        if not commands:
            subprocess.run([*base, "migrate"], check=True, capture_output=True)
            enrolled(store, laptops)
        commands.append([*base, "serve", "--listen", f"127.0.0.1:{port}"])
    return commands


def told(name: str, measured: Measured) -> str:
    """Return one line for a person."""
    return (
        f"{name:13} {measured.reports_per_s:7.0f} reports/s, p99 {measured.p99_ms:6.1f} ms, "
        f"{measured.cpu_us:5.0f} us of processor time a report"
    )


def main() -> None:
    """Measure both and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under 40 seconds")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=1)
    options = parser.parse_args()
    if options.processes > 1 and options.store == "sqlite":
        parser.error("one server holds SQLite's data; give --store postgresql")
    seconds = 5.0 if options.quick else 20.0
    cores = os.cpu_count() or 1
    if cores > 1 and options.processes == 1:
        os.sched_setaffinity(0, set(range(1, cores)))
    size = len(
        Laptop(0, "http://127.0.0.1:8463", "0" * 32, (codec.encode(healthy()),) * 2).report()
    )
    print(f"{LAPTOPS} laptops, reports of {size} bytes, one in {CHANGE_EVERY} with a change")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        stores = ["", ""]
        if options.store == "postgresql":
            # Its own data survives a power failure, as SQLite's does here.
            cluster = postgresql.start(fsync="on", full_page_writes="on")
            atexit.register(cluster.stop)
            stores = [cluster.create_database() for _ in stores]
        ceiling = measure(
            Path(one),
            product=False,
            seconds=seconds,
            database=stores[0],
            processes=options.processes,
        )
        print(told("bare ceiling", ceiling))
        found = measure(
            Path(other),
            product=True,
            seconds=seconds,
            database=stores[1],
            processes=options.processes,
        )
        print(told("the product", found))
    commit = subprocess.run(
        [require("git"), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    ).stdout.strip()
    print(
        json.dumps(
            {
                "benchmark": "ingest",
                "commit": commit,
                "cores": cores,
                "reports_per_s": round(found.reports_per_s),
                "ceiling_per_s": round(ceiling.reports_per_s),
                "ratio": round(found.reports_per_s / ceiling.reports_per_s, 3),
                "p99_ms": round(found.p99_ms, 2),
                "cpu_us": round(found.cpu_us),
                "ceiling_cpu_us": round(ceiling.cpu_us),
                "store": options.store,
                "processes": options.processes,
                "report_bytes": size,
                "changed_share": 1 / CHANGE_EVERY,
            }
        )
    )


if __name__ == "__main__":
    main()
