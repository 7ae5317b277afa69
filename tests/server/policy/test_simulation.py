"""What a simulation foretells is what happens once the policy is in force."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.policy.document import parse
from passmuster_server.policy.simulation import simulate
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import wait_until
from tests.support.example_readings import STICK, USB, healthy, with_stick
from tests.support.signing_device import SigningDevice

FIRST = f'[signals.{USB}]\nseverity = "block"\n[signals.screen_lock]\nseverity = "block"\n'
LOCK = "[signals.screen_lock.limits]\nlock_within_s = 120\n"
LONG = "max_age_s = 604800\n"
SILENT = timedelta(days=2)
ID = f"{STICK.vendor_id}:{STICK.product_id}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path, policy=FIRST) as running:
        laptops = {}
        with running.client() as client:
            for name, readings in (
                ("healthy", healthy()),
                ("stick", with_stick()),
                ("waived", with_stick()),
                ("allowed", with_stick()),
            ):
                laptop = laptops[name] = SigningDevice(running.url, computer_name=name)
                laptop.enroll(client, running.enroll_code(f"{name}@example.com"))
                laptop.report(client, readings)
        because = ("--reason", "A test")
        running.command("waive", laptops["waived"].device, USB, "--days", "3", *because)
        until = ("--until", f"{running.now() + timedelta(days=4):%Y-%m-%d}")
        allowed = ("--device", laptops["allowed"].device, *until)
        running.command("usb", "approve", ID, *allowed, *because)
        wait_until(
            lambda: (
                verdicts(running)
                == {"healthy": "compliant", "stick": "non_compliant"}
                | dict.fromkeys(("waived", "allowed"), "compliant")
            )
        )
        yield running


def verdicts(server: ClockedServer) -> dict[str, str]:
    return dict(
        server.rows("SELECT computer_name, verdict FROM verdicts JOIN devices USING (device_id)")
    )


@pytest.mark.parametrize(
    "document",
    [
        FIRST,
        FIRST + LOCK,
        FIRST.replace("block", "warn", 1),
        FIRST.replace("block", "off", 1),
        FIRST.replace('"block"', '"block"\ngrace_s = 86400', 1),
        FIRST + "[platforms.linux.signals.screen_lock.limits]\nlock_within_s = 60\n",
        f"{FIRST}[signals.{USB}.limits]\nforbid_unknown_storage = false\n",
        (
            f"{FIRST}[signals.{USB}.limits]\nforbidden_devices = "
            f'[{{vendor_id = "{STICK.vendor_id}", product_id = "{STICK.product_id}"}}]\n'
        ),
    ],
)
def test_it_foretells_what_publishing_does(server: ClockedServer, document: str) -> None:
    before = verdicts(server)
    database = server.services.database
    found = database.read_now(
        lambda connection: simulate(
            connection, DEFAULT_ORGANISATION, parse(document, 0), server.now()
        )
    )
    moved = {each.computer_name: each.after.value for each in found.shut_out + found.let_in}
    moved |= {each.computer_name: each.after.value for each in found.warned}
    server.publish_policy(document)
    judged = "SELECT COUNT(*) FROM verdicts WHERE policy_version = 3"
    wait_until(lambda: server.rows(judged) == [(4,)])
    let_in = {Verdict.COMPLIANT.value, Verdict.GRACE.value}
    after = verdicts(server)
    expected = {
        name: verdict
        for name, verdict in after.items()
        if verdict != before[name] and (verdict in let_in or before[name] in let_in)
    }
    assert moved == expected
    assert found.devices == len(after)


def let_in(server: ClockedServer, document: str, after: timedelta) -> set[str]:
    found = server.services.database.read_now(
        lambda connection: simulate(
            connection, DEFAULT_ORGANISATION, parse(document, 0), server.now() + after
        )
    )
    return {each.computer_name for each in found.let_in}


def test_a_silent_laptop_is_not_let_in_by_what_an_earlier_policy_found(
    server: ClockedServer,
) -> None:
    server.publish_policy(f"{FIRST}[signals.{USB}.limits]\nforbid_unknown_storage = false\n")
    wait_until(lambda: set(verdicts(server).values()) == {"compliant"})
    with server.later(SILENT):
        server.publish_policy(FIRST)
        judged = "SELECT COUNT(*) FROM verdicts WHERE policy_version = 4"
        wait_until(lambda: server.rows(judged) == [(4,)])
        assert set(verdicts(server).values()) == {"unknown"}
    assert let_in(server, LONG + FIRST, SILENT) == {"healthy", "waived", "allowed"}


def test_an_exception_that_ran_out_lets_nobody_in(server: ClockedServer) -> None:
    assert let_in(server, LONG + FIRST, timedelta(days=2)) == {"healthy", "waived", "allowed"}
    assert let_in(server, LONG + FIRST, timedelta(days=4)) == {"healthy"}
