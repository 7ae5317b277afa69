"""The ceiling that `ingest.py` measures against: what a verified, durable report costs at least.

A raw ASGI application without a framework: it verifies the ES256 signature with a key it has in
memory, decodes the payload with msgspec, stores one row (in SQLite, or in a PostgreSQL given by its
URL), and answers after the commit. No replay
check, no policy, no history, no records of its own: nothing that makes the report mean anything.
"""

import asyncio
import base64
import json
import secrets
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import psycopg
import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

GAP_S = 0.002
ALGORITHM = ec.ECDSA(hashes.SHA256())


UPSERT = (
    "INSERT INTO reports VALUES (?, ?, ?) ON CONFLICT (device) "
    "DO UPDATE SET sequence = excluded.sequence, upload = excluded.upload"
)

Row = tuple[str, int, bytes]
Store = Callable[[list[Row]], Awaitable[None]]
"""Makes rows durable."""


class Upload(msgspec.Struct):
    """As much of an upload as is looked at."""

    sequence: int
    nonce: str
    records: list[dict[str, Any]]


class BareIngest:
    """The application."""

    def __init__(self, database: str, keys: dict[str, ec.EllipticCurvePublicKey]) -> None:
        self._keys = keys
        self._decoder = msgspec.json.Decoder(Upload)
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._flushing = False
        self._store = _postgresql(database) if "://" in database else _sqlite(database)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message.get("more_body"):
                break
        header, payload, signature = body.split(b".")
        device = json.loads(_decoded(header))["kid"]
        raw = _decoded(signature)
        whole = encode_dss_signature(
            int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        )
        self._keys[device].verify(whole, header + b"." + payload, ALGORITHM)
        upload = self._decoder.decode(_decoded(payload))
        await self._stored((device, upload.sequence, body))
        answer = json.dumps({"nonce": secrets.token_urlsafe(16)}).encode()
        headers = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _stored(self, row: Row) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((row, future))
        if not self._flushing:
            self._flushing = True
            loop.call_later(GAP_S, lambda: loop.create_task(self._flush()))
        await future

    async def _flush(self) -> None:
        group, self._waiting = self._waiting, []
        await self._store([row for row, _ in group])
        for _, future in group:
            future.set_result(None)
        if self._waiting:
            asyncio.get_running_loop().call_later(
                GAP_S, lambda: asyncio.get_running_loop().create_task(self._flush())
            )
        else:
            self._flushing = False


def _sqlite(database: str) -> Store:
    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE reports (device TEXT, sequence INTEGER, upload BLOB, "
        "PRIMARY KEY (device)) WITHOUT ROWID"
    )

    async def store(rows: list[Row]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(UPSERT, rows)
        await asyncio.to_thread(connection.execute, "COMMIT")

    return store


def _postgresql(url: str) -> Store:
    connection = psycopg.connect(url)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS reports "
        "(device TEXT PRIMARY KEY, sequence BIGINT, upload BYTEA)"
    )
    connection.commit()

    def write(rows: list[Row]) -> None:
        # Always in the same order, so that two processes never wait for each other in a circle.
        with connection.cursor() as cursor:
            cursor.executemany(UPSERT.replace("?", "%s"), sorted(rows))
        connection.commit()

    async def store(rows: list[Row]) -> None:
        await asyncio.to_thread(write, rows)

    return store


def _decoded(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def main() -> None:
    """Serve on the port given; keys come as JSON on standard input."""
    port, database = int(sys.argv[1]), sys.argv[2]
    curve = ec.SECP256R1()
    keys = {
        device: ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
        for device, (x, y) in json.load(sys.stdin).items()
    }
    uvicorn.run(
        BareIngest(database, keys),
        port=port,
        access_log=False,
        log_config=None,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
