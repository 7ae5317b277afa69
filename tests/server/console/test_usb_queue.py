"""The page of unknown USB devices: what it lists, who decides for whom, and what that does."""

import dataclasses
import html
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals import usb_devices
from passmuster_collectors.signals.signal import Finding
from passmuster_collectors.signals.usb_devices.facts import Indicator, UsbDevice, UsbDevicesFacts
from passmuster_server.console import usb_queue
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import send, signed_in, wait_until
from tests.support.example_readings import MOUSE, STICK, USB, healthy, reading, replaced
from tests.support.signing_device import SigningDevice

POLICY = f'[signals.{USB}]\nseverity = "block"\n'
ID = f"{STICK.vendor_id}:{STICK.product_id}:{STICK.serial}"
IDS = f"{STICK.vendor_id}:{STICK.product_id}"
BECAUSE = {"identity": ID, "reason": "Ticket 4711"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path, policy=POLICY) as running:
        running.command("group", "add", "Manila", "--kind", "supplier")
        yield running


@pytest.fixture
def it(server: ClockedServer) -> Iterator[httpx.Client]:
    with signed_in(server) as visitor:
        yield visitor


def laptop(
    server: ClockedServer, name: str, *arguments: str, has: UsbDevice = STICK
) -> SigningDevice:
    device = SigningDevice(server.url, computer_name=f"{name}-laptop")
    with server.client() as client:
        device.enroll(client, server.enroll_code(f"{name}@example.com", *arguments))
        device.report(client, replaced(healthy(), reading(USB, UsbDevicesFacts((MOUSE, has)))))
    return device


def decide(visitor: httpx.Client, decision: str, scope: str, **fields: str) -> httpx.Response:
    given = {**BECAUSE, "decision": decision, "scope": scope, **fields}
    return send(visitor, "/usb", "/usb/decisions", **given)


def verdict(server: ClockedServer, device: SigningDevice) -> str:
    ((found,),) = server.rows("SELECT verdict FROM verdicts WHERE device_id = ?", device.device)
    return str(found)


def queue(visitor: httpx.Client, address: str = "/usb") -> str:
    return html.unescape(visitor.get(address).text).partition('id="decided"')[0]


def test_a_device_is_listed_once_with_its_laptops_and_in_the_words_of_their_pages(
    server: ClockedServer, it: httpx.Client
) -> None:
    ana, ben = laptop(server, "ana"), laptop(server, "ben")
    page = queue(it)
    assert page.count(ID) == 2, "as its heading and in its form"
    assert '<strong class="number">2</strong> laptops have it' in page
    assert all(f"/fleet/devices/{each.device}" in page for each in (ana, ben))
    details = {"device": STICK.name, "ids": IDS}
    words = usb_devices.SIGNAL.admin_text(Finding("unknown_storage", Outcome.FAIL, details))
    assert words in page
    assert words in html.unescape(it.get(f"/fleet/devices/{ana.device}").text)
    assert MOUSE.name not in page, "nothing is wrong with it"


def test_each_sign_of_an_attack_is_told(server: ClockedServer, it: httpx.Client) -> None:
    suspicious = dataclasses.replace(
        STICK, keyboard=True, indicators=(Indicator.KEYBOARD_AND_STORAGE, Indicator.KNOWN_ATTACK_ID)
    )
    laptop(server, "ana", has=suspicious)
    page = queue(it)
    for words in ("keystroke injector", "penetration-testing tool", "External keyboard"):
        assert words in page


def test_it_tells_when_it_was_first_seen_and_last(server: ClockedServer, it: httpx.Client) -> None:
    now = datetime.now(UTC)
    laptop(
        server,
        "ana",
        has=dataclasses.replace(STICK, first_seen_at=now - timedelta(days=9, hours=1)),
    )
    laptop(server, "ben", has=dataclasses.replace(STICK, first_seen_at=now - timedelta(days=3)))
    page = queue(it)
    assert ">9 days ago</time>, last seen <time" in page
    assert ">just now</time>" in page


def test_an_approval_for_all_lets_every_laptop_in_and_empties_the_queue(
    server: ClockedServer, it: httpx.Client
) -> None:
    ana, ben = laptop(server, "ana"), laptop(server, "ben")
    assert decide(it, "approve", "organisation").status_code == 303
    assert ID not in queue(it), "at once"
    wait_until(lambda: verdict(server, ana) == verdict(server, ben) == "compliant")
    assert "Ticket 4711" in it.get("/usb").text
    ((action, details),) = server.rows(
        "SELECT action, details FROM audit_entries ORDER BY number DESC LIMIT 1"
    )
    assert action == "allowance.granted"
    assert ID in str(details)


def test_an_approval_for_one_laptop_leaves_the_other_waiting(
    server: ClockedServer, it: httpx.Client
) -> None:
    ana, ben = laptop(server, "ana"), laptop(server, "ben")
    assert decide(it, "approve", f"laptop:{ana.device}").status_code == 303
    wait_until(lambda: verdict(server, ana) == "compliant")
    assert verdict(server, ben) == "non_compliant"
    said = '<strong class="number">1</strong> laptop has it'
    wait_until(lambda: said in queue(it))


def test_an_approval_for_a_group_lets_its_laptops_in(
    server: ClockedServer, it: httpx.Client
) -> None:
    inside, outside = laptop(server, "mia", "--group", "Manila"), laptop(server, "ana")
    ((manila,),) = server.rows("SELECT group_id FROM groups WHERE name = 'Manila'")
    assert decide(it, "approve", f"group:{manila}").status_code == 303
    wait_until(lambda: verdict(server, inside) == "compliant")
    assert verdict(server, outside) == "non_compliant"


def test_every_device_of_those_ids_can_be_meant(server: ClockedServer, it: httpx.Client) -> None:
    laptop(server, "ana")
    laptop(server, "ben", has=dataclasses.replace(STICK, serial="beef"))
    decide(it, "approve", "organisation", kind="yes")
    assert f"{IDS}:" not in queue(it)
    assert server.rows("SELECT value FROM allowances") == [(IDS,)]


def test_a_forbidden_device_waits_no_longer_and_is_told_where_it_still_is(
    server: ClockedServer, it: httpx.Client
) -> None:
    ana = laptop(server, "ana")
    assert decide(it, "forbid", "organisation").status_code == 303
    waiting, _, forbidden = queue(it).partition("Forbidden, and still plugged in")
    assert ID not in waiting
    assert ana.device in forbidden
    assert "A device that IT has forbidden" in forbidden


def test_the_end_of_a_decision_brings_the_device_back(
    server: ClockedServer, it: httpx.Client
) -> None:
    ana = laptop(server, "ana")
    decide(it, "approve", "organisation")
    wait_until(lambda: verdict(server, ana) == "compliant")
    ((allowance,),) = server.rows("SELECT allowance_id FROM allowances")
    assert send(it, "/usb", f"/usb/decisions/{allowance}/end").status_code == 303
    wait_until(lambda: verdict(server, ana) == "non_compliant")
    wait_until(lambda: ID in queue(it))
    ((action,),) = server.rows("SELECT action FROM audit_entries ORDER BY number DESC LIMIT 1")
    assert action == "allowance.ended"


def test_a_laptop_s_page_leads_to_its_own_devices(server: ClockedServer, it: httpx.Client) -> None:
    ana = laptop(server, "ana")
    laptop(server, "ben", has=dataclasses.replace(STICK, serial="beef"))
    address = f"/usb?laptop={ana.device}"
    assert address in it.get(f"/fleet/devices/{ana.device}").text
    page = queue(it, address)
    assert ID in page
    assert f"{IDS}:beef" not in page
    back = decide(it, "approve", f"laptop:{ana.device}", laptop=ana.device)
    assert back.headers["location"] == address


def test_the_search_finds_names_and_ids(server: ClockedServer, it: httpx.Client) -> None:
    laptop(server, "ana")
    assert ID in queue(it, "/usb?search=ULTR")
    assert ID in queue(it, f"/usb?search={IDS}")
    assert "No unknown device matches “nothing”" in queue(it, "/usb?search=nothing").replace(
        "<bdi>", ""
    ).replace("</bdi>", "")


def test_what_is_not_shown_is_counted_and_found_by_the_search(
    server: ClockedServer, it: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usb_queue, "MAX_SHOWN", 1)
    for serial in ("aa01", "aa02"):
        laptop(server, serial, has=dataclasses.replace(STICK, serial=serial))
    waiting = it.get("/usb").text
    assert waiting.count("1 more are found by the search") == 1
    for serial in ("aa01", "aa02"):
        decide(it, "forbid", "organisation", identity=f"{IDS}:{serial}", name=f"Stick {serial}")
    page = it.get("/usb").text
    forbidden, _, decided = page.partition('id="forbidden"')[2].partition('id="decided"')
    assert "1 more are found by the search" in forbidden
    assert "1 more are found by the search" in decided
    for serial in ("aa01", "aa02"):
        found = it.get(f"/usb?search={serial}").text
        assert "found by the search" not in found
        assert f"{IDS}:{serial}" in found.partition('id="decided"')[2]
    nothing = it.get("/usb?search=nothing").text.partition('id="decided"')[2]
    assert "Nothing that was decided matches" in nothing


def test_a_name_from_a_laptop_is_shown_as_text(server: ClockedServer, it: httpx.Client) -> None:
    laptop(server, "ana", has=dataclasses.replace(STICK, name="<script>alert(1)</script>"))
    assert "<script>alert" not in it.get("/usb").text


@pytest.mark.parametrize(
    ("role", "sees_form", "for_one", "for_all"),
    [
        ("viewer", False, 403, 403),
        ("auditor", False, 403, 403),
        ("helpdesk", True, 303, 403),
        ("administrator", True, 303, 303),
    ],
)
def test_each_role_decides_for_as_many_as_it_may(
    server: ClockedServer, role: str, *, sees_form: bool, for_one: int, for_all: int
) -> None:
    ana = laptop(server, "ana")
    with signed_in(server, "--role", role) as visitor:
        page = queue(visitor)
        assert ID in page
        assert ("/usb/decisions" in page) is sees_form
        assert ('value="organisation"' in page) is (for_all == 303)
        assert decide(visitor, "forbid", f"laptop:{ana.device}").status_code == for_one
        assert decide(visitor, "forbid", "organisation").status_code == for_all


def test_who_decides_for_one_laptop_ends_nothing_that_counts_for_more(
    server: ClockedServer, it: httpx.Client
) -> None:
    decide(it, "approve", "organisation")
    ((allowance,),) = server.rows("SELECT allowance_id FROM allowances")
    with signed_in(server, "--role", "helpdesk") as helpdesk:
        refused = send(helpdesk, "/usb", f"/usb/decisions/{allowance}/end")
    assert refused.status_code == 403
    assert server.rows("SELECT ended_at FROM allowances") == [(None,)]


def test_a_group_s_administrator_sees_the_group_s_devices_and_decides_nothing(
    server: ClockedServer, it: httpx.Client
) -> None:
    mia = laptop(server, "mia", "--group", "Manila")
    olga = laptop(server, "olga", has=dataclasses.replace(STICK, serial="beef"))
    decide(it, "approve", "organisation", identity="1234:5678", reason="About Cebu")
    with signed_in(server, "--group", "Manila") as supplier:
        page = supplier.get("/usb").text
        assert ID in page
        assert [each for each in ("beef", "olga", "Cebu", "<select") if each in page] == []
        assert (
            olga.device
            not in supplier.get(f"/usb?laptop={olga.device}").text.partition('/usb">Show')[2]
        )
        assert decide(supplier, "approve", f"laptop:{mia.device}").status_code == 403


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"identity": "nonsense"}, "id:"),
        ({"reason": ""}, "reason:"),
        ({"reason": "x" * 513}, "reason:"),
        ({"decision": "allow"}, "decision:"),
        ({"scope": "laptop:"}, "for:"),
        ({"scope": "organisation:x"}, "for:"),
        ({"scope": ""}, "for:"),
        ({"scope": "laptop:nobody"}, "device:"),
        ({"scope": "group:nobody"}, "group:"),
        ({"until": "tomorrow"}, "until:"),
        ({"until": "2020-01-01"}, "until:"),
        ({"name": "x" * 129}, "name:"),
    ],
)
def test_what_can_not_be_decided_is_told(
    server: ClockedServer, it: httpx.Client, fields: dict[str, str], told: str
) -> None:
    given = {"decision": "approve", "scope": "organisation", **fields}
    answer = decide(it, given.pop("decision"), given.pop("scope"), **given)
    assert (answer.status_code, told in answer.text) == (400, True)
    assert server.rows("SELECT COUNT(*) FROM allowances") == [(0,)]


def test_an_old_sign_in_has_to_be_proven_again(server: ClockedServer, it: httpx.Client) -> None:
    server.ahead = timedelta(minutes=16)
    refused = decide(it, "approve", "organisation")
    assert (refused.status_code, "not older than 15 minutes" in refused.text) == (403, True)
    assert server.rows("SELECT COUNT(*) FROM allowances") == [(0,)]


def test_a_form_of_another_site_decides_nothing(server: ClockedServer, it: httpx.Client) -> None:
    it.headers["Origin"] = "https://evil.example"
    assert decide(it, "approve", "organisation").status_code == 403
    assert server.rows("SELECT COUNT(*) FROM allowances") == [(0,)]
