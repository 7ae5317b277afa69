"""A waiver lets one signal of one laptop shut nobody out, for as long as it lasts and no longer."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.policy import deadlines
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.browser import browsing
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.signing_device import SigningDevice

SOON_S = 15.0
POLICY = f'max_age_s = 604800\nreport_within_s = 86400\n[signals.{USB}]\nseverity = "block"\n'


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClockedServer]:
    monkeypatch.setattr(deadlines, "LONGEST_SLEEP_S", 0.02)
    with clocked_server(tmp_path, policy=POLICY) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture
def laptop(server: ClockedServer, client: httpx.Client) -> SigningDevice:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    assert device.report(client, with_stick()).verdict is Verdict.NON_COMPLIANT
    return device


def waive(server: ClockedServer, laptop: SigningDevice, days: int = 2) -> str:
    said = server.command(
        "waive", laptop.device, USB, "--days", str(days), "--reason", "Ticket 4711"
    ).stdout
    found = re.match(r"Waiver ([0-9a-f]{12}): ", said)
    assert found, said
    return found[1]


def wait_for(server: ClockedServer, laptop: SigningDevice, verdict: Verdict) -> None:
    deadline = time.monotonic() + SOON_S
    while (found := verdict_of(server, laptop)) is not verdict:
        assert time.monotonic() < deadline, f"expected {verdict}, still {found}"
        time.sleep(0.02)


def verdict_of(server: ClockedServer, laptop: SigningDevice) -> Verdict:
    standing = server.services.standings.of_device(DEFAULT_ORGANISATION, laptop.device)
    assert standing is not None
    return standing.verdict_at(server.now())


def test_a_waived_signal_lets_its_laptop_in_and_is_still_shown(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice
) -> None:
    waive(server, laptop)
    wait_for(server, laptop, Verdict.COMPLIANT)
    answer = laptop.report(client, with_stick())
    assert answer.verdict is Verdict.COMPLIANT, "also by the next report"
    standing = server.services.standings.of_device(DEFAULT_ORGANISATION, laptop.device)
    assert standing is not None
    assert [reason.signal for reason in standing.reasons] == [USB], "it is not hidden"
    assert standing.blocking_reasons == ()


def test_when_it_ends_the_laptop_is_out_without_a_report(
    server: ClockedServer, laptop: SigningDevice
) -> None:
    waive(server, laptop, days=1)
    wait_for(server, laptop, Verdict.COMPLIANT)
    server.ahead = timedelta(days=1, seconds=1)
    assert verdict_of(server, laptop) is Verdict.NON_COMPLIANT, "at the moment of asking"
    history = "SELECT verdict FROM verdict_history ORDER BY history_id DESC LIMIT 1"
    deadline = time.monotonic() + SOON_S
    while server.rows(history) != [("non_compliant",)]:
        assert time.monotonic() < deadline, "expected: on record without any request"
        time.sleep(0.02)


def test_it_may_be_ended_before_its_time(server: ClockedServer, laptop: SigningDevice) -> None:
    waiver = waive(server, laptop)
    wait_for(server, laptop, Verdict.COMPLIANT)
    server.command("end-waiver", waiver)
    wait_for(server, laptop, Verdict.NON_COMPLIANT)
    again = server.command("end-waiver", waiver, check=False)
    assert (again.returncode, "no such waiver in force" in again.stderr) == (1, True)


def test_it_covers_no_other_laptop_and_no_other_signal(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice
) -> None:
    other = SigningDevice(server.url)
    other.enroll(client, server.enroll_code("bo@example.com"))
    other.report(client, with_stick())
    server.command("waive", other.device, "screen_lock", "--days", "1", "--reason", "Broken lid")
    waive(server, laptop)
    wait_for(server, laptop, Verdict.COMPLIANT)
    assert other.report(client, with_stick()).verdict is Verdict.NON_COMPLIANT


def test_a_laptop_that_was_put_right_needs_its_waiver_no_more(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice
) -> None:
    waive(server, laptop, days=1)
    laptop.report(client, healthy())
    wait_for(server, laptop, Verdict.COMPLIANT)
    server.ahead = timedelta(days=1, seconds=1)
    time.sleep(0.2)
    assert verdict_of(server, laptop) is Verdict.COMPLIANT


def test_the_list_tells_who_granted_it_until_when_and_why(
    server: ClockedServer, laptop: SigningDevice
) -> None:
    waiver = waive(server, laptop)
    said = server.command("waivers").stdout
    assert waiver in said
    assert "ana@example.com" in said
    assert said.rstrip().endswith(": Ticket 4711")
    server.command("end-waiver", waiver)
    assert server.command("waivers").stdout == ""
    assert "ended" in server.command("waivers", "--all").stdout


@pytest.mark.parametrize(
    ("signal", "days", "reason", "named"),
    [
        ("no_such_signal", "1", "Because", "signal"),
        (USB, "0", "Because", "--days"),
        (USB, "367", "Because", "--days"),
        (USB, "1", "  ", "reason"),
        (USB, "1", "two\nlines", "reason"),
        (USB, "1", "x" * 513, "reason"),
    ],
)
def test_what_can_not_be_granted_is_refused_by_name(
    server: ClockedServer,
    laptop: SigningDevice,
    signal: str,
    days: str,
    reason: str,
    named: str,
) -> None:
    refused = server.command(
        "waive", laptop.device, signal, "--days", days, "--reason", reason, check=False
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"passmuster-server: {named}")


def test_a_device_that_is_not_there_is_said(server: ClockedServer) -> None:
    refused = server.command(
        "waive", "nobody", USB, "--days", "1", "--reason", "Because", check=False
    )
    assert (refused.returncode, "no such device" in refused.stderr) == (1, True)


def test_its_page_shows_it(server: ClockedServer, laptop: SigningDevice) -> None:
    waive(server, laptop)
    wait_for(server, laptop, Verdict.COMPLIANT)
    with browsing() as browser:
        page = browser.page()
        page.goto(server.sign_in_link())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/fleet")
        page.goto(f"{server.url}/fleet/devices/{laptop.device}")
        expect(page.locator(f"#signal-{USB}")).to_contain_text("Waived until")
        expect(page.locator(f"#signal-{USB}")).to_contain_text("Ticket 4711")
        assert browser.complaints == []
