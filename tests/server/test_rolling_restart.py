"""Two servers on one PostgreSQL behind a real nginx, restarted one after the other, under load."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.server.conftest import quick_code
from tests.support import postgresql
from tests.support.example_laptops import ONLY_USB, healthy
from tests.support.nginx import running_site
from tests.support.running_server import RunningServer, free_port
from tests.support.signing_device import SigningDevice
from tests.support.tools import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "scaling.md"
LAPTOPS = 2
DRAIN_S = 4
ENOUGH = 10
PATIENCE_S = 90.0


@dataclass
class Load:
    """Laptops that report through nginx, and a helpdesk that asks the gate, until they are told."""

    url: str
    laptops: list[SigningDevice]
    token: str
    statuses: Counter[str] = field(default_factory=Counter)
    ended: threading.Event = field(default_factory=threading.Event)

    def report(self, laptop: SigningDevice) -> None:
        with httpx.Client(base_url=self.url, timeout=60, trust_env=False) as client:
            while not self.ended.is_set():
                body = laptop.signed_upload(laptop.upload(laptop.record(healthy())))
                response = laptop.send(client, body)
                self.statuses[f"report {response.status_code}"] += 1
                if response.status_code != 200:
                    return
                laptop.accept(response)

    def ask(self) -> None:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "X-Passmuster-Subject": "ana@example.com",
            "X-Passmuster-Application": "helpdesk",
        }
        with httpx.Client(base_url=self.url, timeout=60, trust_env=False) as client:
            while not self.ended.is_set():
                answer = client.get("/gate/nginx", headers=headers)
                self.statuses[f"gate {answer.status_code}"] += 1
                time.sleep(0.01)

    def run(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self.report, args=(each,)) for each in self.laptops]
        threads.append(threading.Thread(target=self.ask))
        for thread in threads:
            thread.start()
        return threads

    def wait_for_more(self) -> None:
        """Wait until all of it has gone on for a while."""
        before, deadline = self.statuses.total(), time.monotonic() + PATIENCE_S
        while self.statuses.total() < before + ENOUGH:
            assert time.monotonic() < deadline, f"nothing goes on: {self.statuses}"
            time.sleep(0.02)


@dataclass
class Site:
    servers: tuple[RunningServer, RunningServer]
    url: str


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    database = postgresql.cluster().create_database()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    first, second = (
        RunningServer(tmp_path / name, free_port(), database=database, public_url=url)
        for name in ("first", "second")
    )
    changes = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "10.0.0.11:8463": f"127.0.0.1:{first.port}",
        "10.0.0.12:8463": f"127.0.0.1:{second.port}",
    }
    first.command("migrate")
    first.publish_policy(ONLY_USB)
    with ExitStack() as stack:
        for server in (first, second):
            server.directory.mkdir(exist_ok=True)
            server.environment["PASSMUSTER_SERVER_DRAIN_SECONDS"] = str(DRAIN_S)
            server.start()
            stack.callback(server.stop)
        stack.enter_context(running_site(tmp_path / "nginx", DOCUMENT, changes, port))
        yield Site((first, second), url)


@pytest.mark.timeout(300)
def test_no_request_fails_while_the_servers_are_restarted(site: Site) -> None:
    first = site.servers[0]
    laptops = [SigningDevice(site.url) for _ in range(LAPTOPS)]
    with httpx.Client(base_url=site.url, timeout=60, trust_env=False) as client:
        for laptop in laptops:
            laptop.enroll(client, quick_code(first))
            laptop.report(client, healthy())
    load = Load(site.url, laptops, first.gate_token())
    threads = load.run()
    try:
        for server in site.servers:
            load.wait_for_more()
            restart(server)
        load.wait_for_more()
    finally:
        load.ended.set()
        for thread in threads:
            thread.join()
    assert set(load.statuses) == {"report 200", "gate 204"}, load.statuses
    assert load.statuses["gate 204"] > ENOUGH


def restart(server: RunningServer) -> None:
    """Restart it as a service manager does, and see that it drains meanwhile."""
    assert server.process is not None
    server.process.terminate()
    with server.client() as client:
        told = client.get("/readyz")
        while told.status_code == 200 and server.process.poll() is None:
            told = client.get("/readyz")
        assert (told.status_code, told.text) == (503, "stopping\n")
        healthy_still = client.get("/healthz")
    assert healthy_still.status_code == 200, "it does not answer while it drains"
    server.process.wait(60)
    server.process = None
    server.start()
