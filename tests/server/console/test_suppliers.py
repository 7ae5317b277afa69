"""A supplier's administrator decides which laptops the own group has, and nothing beyond it."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import FIELD, send, signed_in
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.signing_device import SigningDevice

CODE = re.compile(r'id="issued">([0-9A-Z-]{14})<')
POLICY = f'[signals.{USB}]\nseverity = "block"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path_factory.mktemp("suppliers"), policy=POLICY) as running:
        for name in ("Manila", "Cebu"):
            running.command(
                *("group", "add", name, "--kind", "supplier"), "--owner-domain", "example.com"
            )
        yield running


@pytest.fixture(scope="module")
def groups(server: ClockedServer) -> dict[str, str]:
    return dict(server.rows("SELECT name, group_id FROM groups"))


@pytest.fixture(scope="module")
def supplier(server: ClockedServer) -> Iterator[httpx.Client]:
    with signed_in(server, "--group", "Manila", "--role", "administrator") as visitor:
        yield visitor


def enrolled(server: ClockedServer, code: str, owner: str | None = None) -> SigningDevice:
    laptop = SigningDevice(server.url, computer_name="new-laptop")
    with server.client() as client:
        laptop.enroll(client, code, owner)
    return laptop


def in_group(server: ClockedServer, owner: str, group: str) -> SigningDevice:
    return enrolled(server, server.enroll_code(owner, "--group", group))


def pending(server: ClockedServer, owner: str, group: str) -> SigningDevice:
    printed = server.command(
        *("deployment-secret", "add", f"for {owner}", "--uses", "1", "--days", "1"),
        *("--group", group),
    ).stdout
    secret = next(line for line in printed.splitlines() if line.count("-") == 5)
    return enrolled(server, secret, owner)


def placed(server: ClockedServer, laptop: SigningDevice) -> tuple[str, str]:
    ((group, status),) = server.rows(
        "SELECT group_id, status FROM devices WHERE device_id = ?", laptop.device
    )
    return group, status


def change(visitor: httpx.Client, laptop: SigningDevice, what: str, **fields: str) -> int:
    """Send a form of a laptop's page, with the token that every page of the visitor has."""
    found = FIELD.search(visitor.get("/fleet").text)
    assert found
    page = f"/fleet/devices/{laptop.device}"
    return visitor.post(f"{page}/{what}", data={found[1]: found[2], **fields}).status_code


def issued(visitor: httpx.Client, **fields: str) -> str:
    page = send(visitor, "/enrol", "/enrol", **fields)
    found = CODE.search(page.text)
    assert found, page.text
    return found[1]


def on_record(server: ClockedServer, action: str, **found: Any) -> list[tuple[Any, ...]]:
    return server.rows(
        "SELECT actor, person FROM audit_entries WHERE action = ? AND person = ?",
        action,
        found["person"],
    )


def test_people_of_other_domains_are_not_the_group_s_to_enrol(
    server: ClockedServer, supplier: httpx.Client
) -> None:
    owner = "chief@headquarters.example"
    page = send(supplier, "/enrol", "/enrol", owner=owner)
    assert page.status_code == 400
    assert "not the group by itself" in page.text
    assert not server.rows("SELECT 1 FROM enrolment_codes WHERE owner = ?", owner)


def test_a_code_enrols_a_laptop_into_the_own_group(
    server: ClockedServer, supplier: httpx.Client, groups: dict[str, str]
) -> None:
    assert 'href="/enrol"' in supplier.get("/fleet").text
    code = issued(supplier, owner="mona@example.com", ownership="personal")
    laptop = enrolled(server, code)
    assert placed(server, laptop) == (groups["Manila"], "active")
    assert code.encode() not in server.stored()
    ((actor, _),) = on_record(server, "enrolment_code.created", person="mona@example.com")
    assert "@" in actor


def test_a_form_that_names_another_group_changes_nothing_about_that(
    server: ClockedServer, supplier: httpx.Client, groups: dict[str, str]
) -> None:
    code = issued(supplier, owner="mick@example.com", group=groups["Cebu"])
    assert placed(server, enrolled(server, code))[0] == groups["Manila"]
    assert "Cebu" not in supplier.get("/enrol").text


@pytest.mark.parametrize("owner", ["olga@example.com", " OLGA@EXAMPLE.COM", "no address", ""])
def test_nobody_of_another_group_is_given_a_laptop(
    server: ClockedServer, supplier: httpx.Client, owner: str
) -> None:
    in_group(server, "olga@example.com", "Cebu")
    refused = send(supplier, "/enrol", "/enrol", owner=owner)
    assert refused.status_code == 400
    assert CODE.search(refused.text) is None


def test_a_laptop_that_waits_is_approved(
    server: ClockedServer, supplier: httpx.Client, groups: dict[str, str]
) -> None:
    laptop = pending(server, "mara@example.com", "Manila")
    assert "Approve this laptop" in supplier.get(f"/fleet/devices/{laptop.device}").text
    assert change(supplier, laptop, "approval") == 303
    assert placed(server, laptop) == (groups["Manila"], "active")
    assert len(on_record(server, "device.approved", person="mara@example.com")) == 1


def test_a_laptop_in_the_name_of_somebody_of_another_group_is_not_approved(
    server: ClockedServer, supplier: httpx.Client
) -> None:
    in_group(server, "otto@example.com", "Default")
    laptop = pending(server, "otto@example.com", "Manila")
    assert change(supplier, laptop, "approval") == 400
    assert placed(server, laptop)[1] == "pending"


@pytest.mark.parametrize("status", ["lost", "retired", "revoked"])
def test_a_laptop_of_the_own_group_is_taken_out_of_service(
    server: ClockedServer, supplier: httpx.Client, status: str
) -> None:
    laptop = in_group(server, f"{status}@example.com", "Manila")
    assert change(supplier, laptop, "status", status=status, sure="yes") == 303
    assert placed(server, laptop)[1] == status
    assert len(on_record(server, f"device.{status}", person=f"{status}@example.com")) == 1


def test_laptops_of_other_groups_stay_as_they_are(
    server: ClockedServer, supplier: httpx.Client
) -> None:
    active = in_group(server, "ossi@example.com", "Cebu")
    waiting = pending(server, "oda@example.com", "Default")
    for laptop, before in ((active, "active"), (waiting, "pending")):
        for status in ("lost", "retired", "revoked"):
            assert change(supplier, laptop, "status", status=status, sure="yes") == 404
        assert change(supplier, laptop, "approval") == 404
        assert placed(server, laptop)[1] == before


def test_nothing_is_waived_decided_or_published_by_one_group(
    server: ClockedServer, supplier: httpx.Client
) -> None:
    laptop = in_group(server, "mia@example.com", "Manila")
    with server.client() as client:
        laptop.report(client, healthy())
        laptop.report(client, with_stick())
    page = supplier.get(f"/fleet/devices/{laptop.device}").text
    assert "Grant a waiver" not in page
    assert change(supplier, laptop, "waivers", signal=USB, days="7", reason="Mine") == 403
    found = FIELD.search(supplier.get("/fleet").text)
    assert found
    token = {found[1]: found[2]}
    scope = {"scope": f"laptop:{laptop.device}", "reason": "Mine", "identity": "1234:5678"}
    for address, fields in (
        ("/usb/decisions", {"decision": "approve", **scope}),
        ("/policy/check", {"document": POLICY}),
        ("/policy/publish", {"document": POLICY, "reason": "Mine"}),
    ):
        assert supplier.post(address, data=token | fields).status_code == 403, address
    assert server.rows("SELECT count(*) FROM waivers") == [(0,)]
    assert server.rows("SELECT count(*) FROM allowances") == [(0,)]


@pytest.mark.parametrize("role", ["viewer", "helpdesk", "auditor"])
def test_an_account_of_another_role_only_looks(server: ClockedServer, role: str) -> None:
    laptop = pending(server, f"{role}@manila.example", "Manila")
    with signed_in(server, "--group", "Manila", "--role", role) as visitor:
        page = visitor.get(f"/fleet/devices/{laptop.device}").text
        assert "Actions" not in page
        assert 'href="/enrol"' not in visitor.get("/fleet").text
        assert visitor.get("/enrol").status_code == 403
        assert change(visitor, laptop, "approval") == 403
        assert change(visitor, laptop, "status", status="lost", sure="yes") == 403
    assert placed(server, laptop)[1] == "pending"


def test_a_change_needs_a_sign_in_of_the_last_minutes(server: ClockedServer) -> None:
    with signed_in(server, "--group", "Manila", "--role", "administrator") as visitor:
        laptop = pending(server, "late@example.com", "Manila")
        with server.later(timedelta(minutes=20)):
            assert change(visitor, laptop, "approval") == 403
            asked = send(visitor, "/enrol", "/enrol", owner="late@example.com")
    assert asked.status_code == 403
    assert CODE.search(asked.text) is None
    assert placed(server, laptop)[1] == "pending"


def test_the_organisations_own_administrator_chooses_the_group(
    server: ClockedServer, groups: dict[str, str]
) -> None:
    with signed_in(server) as visitor:
        code = issued(visitor, owner="olga@example.com", group=groups["Manila"])
        assert placed(server, enrolled(server, code))[0] == groups["Manila"]
        code = issued(visitor, owner="new@example.com")
        assert placed(server, enrolled(server, code))[0] == groups["Default"]
