"""Two servers on one PostgreSQL: each alert goes out once, whichever of them sends it."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.clocked_server import ServerWithQuickCommands
from tests.support.console import wait_until
from tests.support.example_laptops import ONLY_USB, healthy, with_usb_stick
from tests.support.listening_hook import listening_hook
from tests.support.replicas import PUBLIC_URL, two_servers
from tests.support.running_server import RunningServer
from tests.support.signing_device import SigningDevice

LAPTOPS = 4


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[RunningServer, RunningServer]]:
    with two_servers(tmp_path, ServerWithQuickCommands) as made:
        yield made


def report(laptop: SigningDevice, client: httpx.Client, *, well: bool) -> None:
    laptop.report(client, healthy() if well else with_usb_stick())


@pytest.mark.timeout(300)
def test_two_senders_side_by_side_send_each_alert_once(
    servers: tuple[RunningServer, RunningServer],
) -> None:
    with ExitStack() as stack:
        hook = stack.enter_context(listening_hook())
        clients = [stack.enter_context(each.client()) for each in servers]
        made = servers[0].command(
            *("alert", "add", "desk", "--webhook", hook.url, "--per-hour", "1000"),
            *("--on", "shut_out", "--on", "in_order", "--on", "policy_published"),
        )
        (hook.secret,) = re.findall(r"whsec_\S+", made.stdout)
        laptops = []
        for number in range(LAPTOPS):
            laptop = SigningDevice(PUBLIC_URL)
            laptop.enroll(clients[0], servers[0].enroll_code(f"{number}@example.com"))
            laptops.append(laptop)
        for well in (False, True):
            for number, laptop in enumerate(laptops):
                report(laptop, clients[number % 2], well=well)
        # Both look at the audit record.
        servers[1].publish_policy(ONLY_USB + "\n")
        wait_until(lambda: len(told(hook.bodies)) >= 2 * LAPTOPS + 1)
        wait_until(lambda: servers[0].rows("SELECT count(*) FROM alert_outbox") == [(0,)])
        found = told(hook.bodies)
    assert len(hook.names) == len(set(hook.names)), "a message went out twice"
    expected = [(laptop.device, kind) for laptop in laptops for kind in ("in_order", "shut_out")]
    assert sorted(found) == sorted([*expected, ("", "policy_published")])


def told(bodies: dict[str, dict[str, object]]) -> list[tuple[str, str]]:
    return [
        (alert["device"], alert["kind"])
        for body in list(bodies.values())
        for alert in body["alerts"]  # type: ignore[attr-defined]
    ]
