"""The real servers that a benchmark measures, each a process of its own on cores of its own."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

from benchmarks.reporting_laptops import Laptop
from passmuster_collectors.contract.enrolment import EnrolmentStart, KeyTier
from passmuster_collectors.contract.platform import Platform
from passmuster_server.database import Database, Transaction
from passmuster_server.devices import store
from passmuster_server.devices.ratchets import reset_ratchet
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.running_server import COMMAND


def require(program: str) -> str:
    """Return where the program is."""
    found = shutil.which(program)
    assert found is not None, f"{program} is not installed"
    return found


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


def command_of(directory: Path, url: str, port: int, store_url: str) -> list[str]:
    """Return the server's command for a store, without what it is to do.

    `store_url` is empty for a file of SQLite's in the server's own directory.
    """
    data = directory / str(port)
    data.mkdir(exist_ok=True)
    settings = directory / f"{port}.toml"
    store_url = store_url or f"sqlite:///{data}/passmuster.db"
    settings.write_text(f'database = "{store_url}"\n', encoding="utf-8")
    base = [*COMMAND, "--data-directory", str(data), "--config", str(settings)]
    return [*base, "--public-url", url]


def product_commands(
    directory: Path, url: str, ports: Sequence[int], database: str, laptops: list[Laptop]
) -> list[list[str]]:
    """Prepare the store and return how to start a server at each port."""
    commands: list[list[str]] = []
    for port in ports:
        base = command_of(directory, url, port, database)
        if not commands:
            subprocess.run([*base, "migrate"], check=True, capture_output=True)
            enrolled(database or f"sqlite:///{directory}/{port}/passmuster.db", laptops)
        commands.append([*base, "serve", "--listen", f"127.0.0.1:{port}"])
    return commands
