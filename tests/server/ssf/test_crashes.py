"""The outbox survives kill -9 at each step: nothing is lost, and each laptop's order is kept."""

import contextlib
import itertools
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.contract.reading import Reading
from passmuster_server.ssf.claims import LEASE
from tests.support.clocked_server import ServerWithQuickCommands
from tests.support.example_laptops import ONLY_USB, enrolled, healthy, with_usb_stick
from tests.support.killed_server import STEPS
from tests.support.running_server import COMMAND, RunningServer, free_port
from tests.support.signal_receiver import COMPLIANCE_CHANGE, SESSION_REVOKED, Checker, listening
from tests.support.signal_transmitter import subscriber
from tests.support.signing_device import SigningDevice

GIVE_UP_S = LEASE.total_seconds() + 60
"""On PostgreSQL the events of a server that died wait for its lease to end."""

TOLD = ["compliant", "not-compliant", "compliant", "not-compliant"]


def report(server: RunningServer, laptop: SigningDevice, readings: Iterable[Reading]) -> None:
    """Report until it is answered, as an agent does; a server that has died is started again."""
    body = laptop.signed_upload(laptop.upload(laptop.record(readings)))
    deadline = time.monotonic() + GIVE_UP_S
    while True:
        try:
            with server.client() as client:
                response = laptop.send(client, body)
            response.raise_for_status()
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the server does not come back"
            restart_if_dead(server)
            continue
        laptop.accept(response)
        return


def restart_if_dead(server: RunningServer) -> bool:
    """Start a server without a mark on it in place of one that has killed itself."""
    assert server.process is not None
    try:
        server.process.wait(1)
    except subprocess.TimeoutExpired:
        return False
    assert server.process.returncode == -9, "it ended in another way than by SIGKILL"
    server.program = COMMAND
    server.start()
    return True


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.timeout(400)
def test_nothing_is_lost_and_the_order_is_kept(tmp_path: Path, step: str) -> None:
    marked = (sys.executable, "-m", "tests.support.killed_server", step)
    server = ServerWithQuickCommands(tmp_path, free_port(), program=marked)
    server.command("migrate")
    server.publish_policy(ONLY_USB)
    server.start()
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        receiver = stack.enter_context(listening())
        with server.client() as client:
            made = subscriber(server, client, "sso", "--push", receiver.url)
            receiver.checker = Checker(server.url, made.client_id)
            made.create_push(receiver.url)
            laptops = [enrolled(server, client, f"{name}@example.com") for name in ("ana", "bo")]
        for number, laptop in itertools.product(range(len(TOLD)), laptops):
            report(server, laptop, with_usb_stick() if number % 2 else healthy())
        ends_at = time.monotonic() + GIVE_UP_S
        while any(receiver.statuses(laptop.device) != TOLD for laptop in laptops):
            restart_if_dead(server)
            told = [receiver.statuses(laptop.device) for laptop in laptops]
            assert time.monotonic() < ends_at, f"expected {TOLD} of both laptops, got {told}"
            assert receiver.problems == []
        wait_until_empty(server, ends_at)
        assert server.program == COMMAND, f"it was not killed {step}"
        once = {each.jti: each.type for each in receiver.signals}
        assert list(once.values()).count(COMPLIANCE_CHANGE) == 2 * len(TOLD)
        assert list(once.values()).count(SESSION_REVOKED) == 4, "each time one of both fell out"
        for laptop in laptops:
            assert receiver.statuses(laptop.device) == TOLD


def wait_until_empty(server: RunningServer, ends_at: float) -> None:
    """Wait until every event is acknowledged, with a server that may die of that still."""
    while server.rows("SELECT jti FROM ssf_outbox"):
        restart_if_dead(server)
        assert time.monotonic() < ends_at, "events were never acknowledged"
    restart_if_dead(server)
