"""What goes on record is told too, whoever did it; and signs of an attack by USB."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import convert
from sqlalchemy import Connection

from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.signals.usb_devices.facts import Indicator, UsbDevicesFacts
from passmuster_server.accounts.proofs import TRIES
from passmuster_server.alerts.rules import Alert
from passmuster_server.devices import codes
from passmuster_server.devices.key_changes import KeyChange, add_change
from passmuster_server.devices.store import find_device, public_key_of
from passmuster_server.privacy.personal import erase_device
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import send, signed_in, wait_until
from tests.support.example_laptops import enrolled
from tests.support.example_readings import MOUSE, STICK, USB, healthy, reading, replaced
from tests.support.running_server import deaf_port
from tests.support.signing_device import SigningDevice

OWNER = "ana@example.com"
POLICY = '[signals.usb_devices]\nseverity = "warn"\n'
"""A sign of an attack is told though it shuts nobody out."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path / "server", policy=POLICY) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def rule(server: ClockedServer, name: str = "x", *more: str) -> None:
    """Make a rule where nobody listens: whatever it tells stays in the outbox."""
    url = f"http://127.0.0.1:{deaf_port()}/x"
    server.command("alert", "add", name, "--webhook", url, "--per-hour", "1000", *more)


def waiting(server: ClockedServer, name: str = "x") -> list[dict[str, Any]]:
    found = server.rows("SELECT name, alert FROM alert_outbox ORDER BY alert_id")
    return [json.loads(alert) for of, alert in found if of == name]


def told(server: ClockedServer, kind: str, name: str = "x") -> dict[str, Any]:
    """Wait until there is one alert of a kind, and return it."""
    wait_until(lambda: kind in [each["kind"] for each in waiting(server, name)])
    (found,) = [each for each in waiting(server, name) if each["kind"] == kind]
    return found


def looked_at(server: ClockedServer) -> None:
    """Wait until all that is on record by now was looked at."""
    ((last,),) = server.rows("SELECT MAX(number) FROM audit_entries")
    wait_until(lambda: server.rows("SELECT number FROM alert_places")[0][0] >= last)


def test_laptops_that_come_wait_and_go(server: ClockedServer, client: httpx.Client) -> None:
    rule(server, "x", *(f"--on={each}" for each in ("enrolled", "waiting", "out_of_service")))
    laptop = enrolled(server, client, OWNER, healthy())
    assert told(server, "enrolled")["device"] == laptop.device
    made = server.command("deployment-secret", "add", "all", "--uses", "5", "--days", "1")
    secret = next(each for each in made.stdout.splitlines() if len(codes.normalised(each)) == 24)
    waits = SigningDevice(server.url, computer_name="waits")
    waits.enroll(client, secret, "ben@example.com")
    found = told(server, "waiting")
    assert (found["device"], found["severity"]) == (waits.device, 2)
    server.command("revoke", laptop.device)
    assert told(server, "out_of_service")["device"] == laptop.device


def test_a_roll_out_is_told_where_it_is_asked_for_alone(
    server: ClockedServer, client: httpx.Client
) -> None:
    rule(server)
    enrolled(server, client, OWNER, healthy())
    looked_at(server)
    assert waiting(server) == []


def test_two_laptops_with_one_key(server: ClockedServer, client: httpx.Client) -> None:
    rule(server)
    laptop = enrolled(server, client, OWNER, healthy())
    skipped = laptop.upload(laptop.record(healthy()), sequence=laptop.sequence + 2)
    assert laptop.send(client, laptop.signed_upload(skipped)).status_code == 409
    found = told(server, "conflict")
    assert (found["device"], found["severity"]) == (laptop.device, 3)
    assert server.rows("SELECT person FROM audit_entries WHERE action = 'device.conflict'") == [
        (OWNER,)
    ]


def test_a_key_that_moves_to_a_weaker_place_and_not_one_to_a_stronger(
    server: ClockedServer, client: httpx.Client
) -> None:
    rule(server)
    laptop = enrolled(server, client, OWNER, healthy())
    database = server.services.database

    def move(before: KeyTier, after: KeyTier) -> None:
        def work(connection: Connection) -> None:
            row = find_device(connection, DEFAULT_ORGANISATION, laptop.device)
            assert row is not None
            key, kind = public_key_of(row), KeyChange.ROTATED
            add_change(
                connection, laptop.device, kind, server.now(), before=row, key=key, tier=after
            )

        server.change("UPDATE devices SET tier = ?", before.value)
        database.write_now(lambda transaction: work(transaction.connection))

    move(KeyTier.FILE, KeyTier.HARDWARE)
    looked_at(server)
    assert waiting(server) == []
    move(KeyTier.HARDWARE, KeyTier.FILE)
    found = told(server, "key_weakened")
    assert (found["device"], found["severity"]) == (laptop.device, 3)


def test_what_commands_do_is_told_with_its_place_in_the_record(server: ClockedServer) -> None:
    server.command("create-admin", "--email", "it@example.com")
    rule(server)
    server.publish_policy(POLICY + "\n")
    found = told(server, "policy_published")
    ((number,),) = server.rows(
        "SELECT MAX(number) FROM audit_entries WHERE action = 'policy.published'"
    )
    assert (found["device"], found["entry"]) == ("", number)
    server.command("create-admin", "--email", "new@example.com")
    told(server, "administrators")
    rule(server, "other")
    told(server, "alerts_changed")
    looked_at(server)
    assert waiting(server, "other") == [], "it is told of what comes after it, and not of itself"
    assert OWNER not in str(waiting(server))


def test_a_lost_laptop_that_reports_and_a_way_in_without_one(
    server: ClockedServer, client: httpx.Client
) -> None:
    rule(server)
    laptop = enrolled(server, client, OWNER, healthy())
    server.command("lost", laptop.device)
    assert told(server, "out_of_service")["severity"] == 2
    laptop.report(client, healthy())
    found = told(server, "lost_and_heard")
    assert (found["device"], found["severity"]) == (laptop.device, 3)
    server.command(
        *("break-glass", "--person", OWNER, "--application", "helpdesk"),
        *("--reason", "the laptop is lost", "--minutes", "30"),
    )
    assert told(server, "break_glass")["severity"] == 2


def test_its_link_leads_to_the_entry(server: ClockedServer) -> None:
    rule(server)
    server.publish_policy(POLICY + "\n")
    server.publish_policy(POLICY + "\n\n")
    wait_until(lambda: len(waiting(server)) == 2)
    first, _ = [convert(each, Alert) for each in waiting(server)]
    with signed_in(server) as it:
        shown = it.get(first.link("")).text
    rows = shown.partition("<tbody>")[2].split("<tr")
    assert f">{first.entry}</th>" in rows[1]
    assert "policy.published" in rows[1]


def test_of_a_group_alone_nothing_is_told_that_is_about_all(server: ClockedServer) -> None:
    server.command("group", "add", "Acme")
    rule(server, "x", "--group", "Acme")
    server.publish_policy(POLICY + "\n")
    looked_at(server)
    assert waiting(server) == []


def test_tries_that_are_used_up_are_told_once_and_for_an_account_that_is_there_alone(
    server: ClockedServer, client: httpx.Client
) -> None:
    server.command("create-admin", "--email", "it@example.com")
    rule(server)
    client.headers["Origin"] = server.url
    for email in ("nobody@example.com", "it@example.com"):
        answers = [
            send(
                client,
                "/sign-in",
                "/sign-in/password",
                email=email,
                password="wrong password",
                code="000000",
            ).status_code
            for _ in range(TRIES + 2)
        ]
        assert answers[-1] == 429, answers
    assert told(server, "sign_in_blocked")["severity"] == 3
    asked = "SELECT person FROM audit_entries WHERE action = 'administrator.sign_in_blocked'"
    assert server.rows(asked) == [("it@example.com",)]


def with_sign(product: str = "5581") -> tuple[Reading, ...]:
    """Return a laptop with a device that is a keyboard and a network adapter at once."""
    odd = replace(STICK, product_id=product, indicators=(Indicator.KEYBOARD_AND_NETWORK,))
    return replaced(healthy(), reading(USB, UsbDevicesFacts((MOUSE, odd))))


def test_a_sign_of_an_attack_by_usb_is_told_once_for_each_device(
    server: ClockedServer, client: httpx.Client
) -> None:
    rule(server)
    laptop = enrolled(server, client, OWNER, healthy())
    laptop.report(client, with_sign())
    (found,) = waiting(server)
    assert (found["kind"], found["device"], found["severity"]) == (
        "suspicious_usb",
        laptop.device,
        3,
    )
    odd = replace(STICK, indicators=(Indicator.KEYBOARD_AND_NETWORK,))
    mouse_gone = reading(USB, UsbDevicesFacts((odd,)))
    laptop.report(client, replaced(healthy(), mouse_gone))
    assert len(waiting(server)) == 1, "it is there still"
    laptop.report(client, with_sign("5582"))
    assert len(waiting(server)) == 2, "another device"


def test_a_sign_that_has_gone_again_in_the_same_upload_is_told(
    server: ClockedServer, client: httpx.Client
) -> None:
    rule(server)
    laptop = enrolled(server, client, OWNER, healthy())
    records = [laptop.record(each) for each in (with_sign(), with_sign(), healthy())]
    sent = laptop.send(client, laptop.signed_upload(laptop.upload(*records)))
    assert sent.status_code == 200, sent.text
    assert [each["kind"] for each in waiting(server)] == ["suspicious_usb"]


def test_signs_that_policy_does_not_mind_are_no_alert(
    server: ClockedServer, client: httpx.Client
) -> None:
    server.publish_policy(POLICY + "[signals.usb_devices.limits]\nforbid_indicators = false\n")
    rule(server)
    ((version,),) = server.rows("SELECT MAX(version) FROM policies")
    wait_until(lambda: server.services.policies.current(DEFAULT_ORGANISATION).version == version)
    laptop = enrolled(server, client, OWNER, healthy())
    laptop.report(client, with_sign())
    assert [each["kind"] for each in waiting(server)] == []


def test_of_an_erased_laptop_nothing_is_told_any_more(
    server: ClockedServer, client: httpx.Client
) -> None:
    rule(server, "x", "--on", "enrolled")
    laptop = SigningDevice(server.url)
    laptop.enroll(client, server.enroll_code(OWNER))

    def erase(transaction: Any) -> None:
        erase_device(transaction.connection, DEFAULT_ORGANISATION, laptop.device)

    server.services.database.write_now(erase)
    looked_at(server)
    assert waiting(server) == []
