"""From the kernel's event to a closed gate: real netlink, real agent, real server."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.signals import CATALOG
from tests.support.running_agent import enroll, running_agent
from tests.support.running_server import running_server
from tests.support.usb_stage import STICK, on_stage, plug_in, pull_out, require_stage

pytestmark = pytest.mark.heard_by_all

OWNER = "ana@example.com"
QUESTION = {
    "subject": {"type": "user", "id": OWNER},
    "action": {"name": "login"},
    "resource": {"type": "application", "id": "helpdesk"},
}
CLOSED_WITHIN_S = 2.0

ONLY_USB = "".join(
    f'[signals.{signal.id}]\nseverity = "{"block" if signal.id == "usb_devices" else "warn"}"\n'
    for signal in CATALOG
)
"""Whatever else the machine that runs the tests lacks, this is about the stick."""


def wait_for(answer: Callable[[], bool], *, within_s: float, what: str) -> float:
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        if answer():
            return time.monotonic() - began
        time.sleep(0.01)
    pytest.fail(f"expected {what} within {within_s} s")


def test_a_usb_stick_that_appears_closes_the_gate_and_pulling_it_out_opens_it(
    tmp_path: Path,
) -> None:
    require_stage()
    with (
        running_server(tmp_path / "server", policy=ONLY_USB) as server,
        server.client() as client,
    ):
        headers = {"Authorization": f"Bearer {server.gate_token()}"}

        def ask() -> httpx.Response:
            return client.post("/access/v1/evaluation", json=QUESTION, headers=headers)

        def is_open() -> bool:
            return bool(ask().json()["decision"])

        enroll(server, tmp_path / "agent")
        with running_agent(tmp_path / "agent", within=on_stage([])) as agent:
            wait_for(is_open, within_s=20, what="an open gate for a laptop without sticks")
            plug_in(agent.pid, STICK)
            closed_after = wait_for(
                lambda: not is_open(), within_s=CLOSED_WITHIN_S, what="a closed gate"
            )
            print(f"closed after {closed_after * 1000:.0f} ms")
            assert "IT has not approved" in ask().json()["context"]["reason_user"]["en"]
            pull_out(agent.pid, STICK)
            wait_for(is_open, within_s=CLOSED_WITHIN_S, what="an open gate without the stick")
