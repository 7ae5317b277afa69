"""What IT changes on a laptop's page: who may, how lately proven, and what goes on record."""

import html
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.signing_device import SigningDevice

POLICY = f'[signals.{USB}]\nseverity = "block"\n'
FIELD = re.compile(r'name="(form_token)" value="([^"]+)"')
SignIn = Callable[[str], httpx.Client]
FORMS = ("waivers", "status", "erasure")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path, policy=POLICY) as running:
        yield running


@pytest.fixture
def laptop(server: ClockedServer) -> SigningDevice:
    device = SigningDevice(server.url, computer_name="ana-laptop")
    with server.client() as client:
        device.enroll(client, server.enroll_code("ana@example.com"))
        device.report(client, healthy())
        device.report(client, with_stick())
    return device


@pytest.fixture
def signed_in(server: ClockedServer) -> Iterator[SignIn]:
    opened = []

    def sign_in(role: str) -> httpx.Client:
        visitor = server.client()
        opened.append(visitor)
        visitor.headers["Origin"] = server.url
        email = f"{role}@example.com"
        link = server.command("create-admin", "--email", email, "--role", role).stdout.split()[-1]
        post(visitor, "/sign-in", "/sign-in", link=link.partition("#")[2])
        return visitor

    yield sign_in
    for visitor in opened:
        visitor.close()


def post(visitor: httpx.Client, page: str, action: str, **fields: str) -> httpx.Response:
    found = FIELD.search(visitor.get(page).text)
    assert found, f"expected a form on {page}"
    return visitor.post(action, data={found[1]: found[2], **fields})


def change(
    visitor: httpx.Client, laptop: SigningDevice, what: str, **fields: str
) -> httpx.Response:
    page = f"/fleet/devices/{laptop.device}"
    return post(visitor, page, f"{page}/{what}", **fields)


def waived(visitor: httpx.Client, laptop: SigningDevice) -> httpx.Response:
    return change(visitor, laptop, "waivers", signal=USB, days="7", reason="A camera for Friday")


def verdict(server: ClockedServer, laptop: SigningDevice) -> str:
    ((found,),) = server.rows("SELECT verdict FROM verdicts WHERE device_id = ?", laptop.device)
    return str(found)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def actions_on_record(server: ClockedServer, actor: str) -> list[str]:
    rows = server.rows(
        "SELECT action FROM audit_entries WHERE actor = ? ORDER BY number", f"{actor}@example.com"
    )
    return [action for (action,) in rows]


def test_a_waiver_lets_the_laptop_in_again_and_its_end_shuts_it_out(
    server: ClockedServer, laptop: SigningDevice, signed_in: SignIn
) -> None:
    helpdesk = signed_in("helpdesk")
    assert verdict(server, laptop) == "non_compliant"
    assert waived(helpdesk, laptop).status_code == 303
    page = helpdesk.get(f"/fleet/devices/{laptop.device}").text
    assert "A camera for Friday" in page
    until(lambda: verdict(server, laptop) == "compliant")
    ((waiver,),) = server.rows("SELECT waiver_id FROM waivers")
    assert change(helpdesk, laptop, f"waivers/{waiver}").status_code == 303
    until(lambda: verdict(server, laptop) == "non_compliant")
    assert actions_on_record(server, "helpdesk")[-2:] == ["waiver.granted", "waiver.ended"]


@pytest.mark.parametrize(
    ("status", "action"),
    [("lost", "device.lost"), ("retired", "device.retired"), ("revoked", "device.revoked")],
)
def test_a_laptop_is_taken_out_of_service(
    server: ClockedServer, laptop: SigningDevice, signed_in: SignIn, status: str, action: str
) -> None:
    it = signed_in("administrator")
    unsure = change(it, laptop, "status", status=status)
    assert (unsure.status_code, "tick that you are sure" in unsure.text) == (400, True)
    assert change(it, laptop, "status", status=status, sure="yes").status_code == 303
    assert server.rows("SELECT status FROM devices") == [(status,)]
    assert actions_on_record(server, "administrator")[-1] == action


def test_a_laptop_that_waits_is_listed_as_such_and_approved_on_its_page(
    server: ClockedServer, signed_in: SignIn
) -> None:
    printed = server.command("deployment-secret", "add", "mdm", "--uses", "1", "--days", "1").stdout
    secret = printed.splitlines()[2]
    waiting = SigningDevice(server.url, computer_name="ben-laptop")
    with server.client() as client:
        waiting.enroll(client, secret, "ben@example.com")
        waiting.report(client, healthy())
    it = signed_in("administrator")
    listed = it.get("/fleet?verdict=pending").text
    assert "ben-laptop" in listed
    assert "The device waits for an administrator's approval" in html.unescape(listed)
    page = f"/fleet/devices/{waiting.device}"
    assert "Approve this laptop" in it.get(page).text
    helpdesk = signed_in("helpdesk")
    assert "Approve this laptop" not in helpdesk.get(page).text
    assert change(helpdesk, waiting, "approval").status_code == 403
    assert change(it, waiting, "approval").status_code == 303
    until(lambda: verdict(server, waiting) == "compliant")
    assert actions_on_record(server, "administrator")[-1] == "device.approved"
    assert "ben-laptop" not in it.get("/fleet?verdict=pending").text
    again = change(it, waiting, "approval")
    assert (again.status_code, "does not wait for approval" in again.text) == (400, True)


def test_what_is_stored_of_a_laptop_is_erased_for_good(
    server: ClockedServer, laptop: SigningDevice, signed_in: SignIn
) -> None:
    it = signed_in("administrator")
    waived(it, laptop)
    unsure = change(it, laptop, "erasure")
    assert (unsure.status_code, "Tick that you are sure" in unsure.text) == (400, True)
    assert server.rows("SELECT COUNT(*) FROM devices") == [(1,)]
    erased = change(it, laptop, "erasure", sure="yes")
    assert (erased.status_code, erased.headers["location"]) == (303, "/fleet")
    for table in ("devices", "readings", "transitions", "verdicts", "verdict_history", "waivers"):
        assert server.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)], table  # noqa: S608
    until(lambda: "ana-laptop" not in it.get("/fleet").text)
    assert it.get(f"/fleet/devices/{laptop.device}").status_code == 404
    assert actions_on_record(server, "administrator")[-1] == "device.erased"
    with server.client() as client:
        report = laptop.signed_upload(laptop.upload(laptop.record(healthy())))
        assert laptop.send(client, report).status_code == 401


def test_the_page_tells_what_the_gate_answered_and_what_it_did(
    server: ClockedServer, laptop: SigningDevice, signed_in: SignIn
) -> None:
    helpdesk, auditor = signed_in("helpdesk"), signed_in("auditor")
    waived(helpdesk, laptop)
    asked = {
        "subject": {"type": "user", "id": "ana@example.com"},
        "action": {"name": "login"},
        "resource": {"type": "application", "id": "Ticket desk"},
    }
    with server.client() as client:
        answer = client.post(
            "/access/v1/evaluation",
            json=asked,
            headers={"Authorization": f"Bearer {server.gate_token()}"},
        )
    decision = answer.json()["context"]["id"]
    page = f"/fleet/devices/{laptop.device}"
    until(lambda: server.rows("SELECT COUNT(*) FROM decisions") == [(1,)])

    def told(visitor: httpx.Client) -> str:
        text = html.unescape(visitor.get(page).text)
        return text.partition('id="happened"')[2].partition("</section>")[0]

    for word in ("Ticket desk", "Waiver granted", "helpdesk@example.com", "A camera for Friday"):
        assert word in told(helpdesk)
    assert told(helpdesk).index("Ticket desk") < told(helpdesk).index("Waiver granted")
    assert told(helpdesk).index("Waiver granted") < told(helpdesk).index("Enrolled")
    assert decision not in told(helpdesk), "what it rested on is for auditors"
    assert f"/audit/decisions/{decision}" in told(auditor)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("viewer", set()),
        ("auditor", set()),
        ("helpdesk", {"waivers"}),
        ("administrator", {"waivers", "status", "erasure"}),
    ],
)
def test_each_role_changes_what_it_may_and_sees_only_those_forms(
    laptop: SigningDevice, signed_in: SignIn, role: str, allowed: set[str]
) -> None:
    visitor = signed_in(role)
    page = visitor.get(f"/fleet/devices/{laptop.device}").text
    offered = {what for what in FORMS if f"/{laptop.device}/{what}" in page}
    assert offered == allowed
    refused = {what for what in FORMS if change(visitor, laptop, what).status_code == 403}
    assert refused == set(FORMS) - allowed


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("helpdesk", 403), ("auditor", 200)])
def test_the_audit_record_is_for_auditors_and_administrators(
    signed_in: SignIn, role: str, status: int
) -> None:
    assert signed_in(role).get("/audit").status_code == status


def test_an_old_sign_in_has_to_be_proven_again_before_a_change(
    server: ClockedServer, laptop: SigningDevice, signed_in: SignIn
) -> None:
    it = signed_in("administrator")
    server.ahead = timedelta(minutes=16)
    refused = waived(it, laptop)
    assert refused.status_code == 403
    assert "not older than 15 minutes" in refused.text
    assert server.rows("SELECT COUNT(*) FROM waivers") == [(0,)]
    assert it.get("/fleet").status_code == 200, "looking goes on"


def test_a_form_of_another_site_changes_nothing(
    server: ClockedServer, laptop: SigningDevice, signed_in: SignIn
) -> None:
    it = signed_in("administrator")
    it.headers["Origin"] = "https://evil.example"
    assert waived(it, laptop).status_code == 403
    assert server.rows("SELECT COUNT(*) FROM waivers") == [(0,)]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"days": "0"}, "days"),
        ({"days": "367"}, "days"),
        ({"days": "-1"}, "days"),
        ({"days": "x"}, "days"),
        ({"reason": " "}, "reason"),
        ({"signal": "none"}, "signal"),
    ],
)
def test_what_can_not_be_granted_is_told(
    laptop: SigningDevice, signed_in: SignIn, fields: dict[str, str], told: str
) -> None:
    given = {"signal": USB, "days": "7", "reason": "A camera", **fields}
    answer = change(signed_in("administrator"), laptop, "waivers", **given)
    assert (answer.status_code, f"{told}:" in answer.text) == (400, True)
