"""A fresh report that IT asks for: told with an answer, shown until it has come, and on record."""

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.contract.reading import Reading
from tests.server.api.conftest import POLICY
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import send, signed_in, wait_until
from tests.support.example_readings import healthy
from tests.support.running_agent import enroll, running_agent
from tests.support.signing_device import SigningDevice
from tests.support.usb_stage import STICK, on_stage, plug_in, require_stage

USUAL_S, AT_ONCE_S = 1200, 5


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path / "server", policy=POLICY) as running:
        yield running


@pytest.fixture
def laptop(server: ClockedServer, client: httpx.Client) -> SigningDevice:
    device = SigningDevice(server.url, computer_name="ana-laptop")
    device.enroll(client, server.enroll_code("ana@example.com"))
    device.report(client, healthy())
    return device


@pytest.fixture
def helpdesk(server: ClockedServer) -> Iterator[httpx.Client]:
    with signed_in(server, "--role", "helpdesk") as visitor:
        yield visitor


def ask(visitor: httpx.Client, device: str) -> httpx.Response:
    page = f"/fleet/devices/{device}"
    return send(visitor, page, f"{page}/report")


def read_before(seconds: float) -> Sequence[Reading]:
    """Return readings that are so old: something else has made the laptop report."""
    at = datetime.now(UTC) - timedelta(seconds=seconds)
    return [dataclasses.replace(each, collected_at=at) for each in healthy()]


def test_the_answer_to_the_next_contact_tells_it_and_the_page_when_it_came(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice, helpdesk: httpx.Client
) -> None:
    page = f"/fleet/devices/{laptop.device}"
    assert "Fresh report" not in helpdesk.get(page).text
    assert laptop.report(client, read_before(300)).report_within_s == USUAL_S
    assert ask(helpdesk, laptop.device).status_code == 303
    assert "wanted at next contact" in helpdesk.get(page).text
    assert laptop.report(client, read_before(300)).report_within_s == AT_ONCE_S
    assert "on its way" in helpdesk.get(page).text
    assert laptop.report(client, read_before(300)).report_within_s == USUAL_S, "it knows already"
    assert "on its way" in helpdesk.get(page).text, "not all of that was read since"
    assert laptop.report(client, healthy()).report_within_s == USUAL_S
    assert "came <time" in helpdesk.get(page).text
    rows = server.rows("SELECT action, subject, person FROM audit_entries WHERE actor <> ''")
    assert ("report.requested", laptop.device, "ana@example.com") in rows


def test_a_laptop_that_reports_in_full_anyway_is_told_nothing(
    client: httpx.Client, laptop: SigningDevice, helpdesk: httpx.Client
) -> None:
    ask(helpdesk, laptop.device)
    assert laptop.report(client, healthy()).report_within_s == USUAL_S
    assert "came <time" in helpdesk.get(f"/fleet/devices/{laptop.device}").text


def test_a_clock_that_is_an_hour_ahead_makes_nothing_fresh(
    client: httpx.Client, laptop: SigningDevice, helpdesk: httpx.Client
) -> None:
    ask(helpdesk, laptop.device)
    ahead = datetime.now(UTC) + timedelta(hours=1)
    record = laptop.record(read_before(300 - 3600))
    sent = laptop.send(client, laptop.signed_upload(laptop.upload(record, sent_at=ahead)))
    assert laptop.accept(sent).report_within_s == AT_ONCE_S


def test_asked_again_it_is_told_again(
    client: httpx.Client, laptop: SigningDevice, helpdesk: httpx.Client
) -> None:
    for _ in range(2):
        ask(helpdesk, laptop.device)
        assert laptop.report(client, read_before(300)).report_within_s == AT_ONCE_S


def test_a_laptop_that_is_not_heard_can_not_be_asked(
    server: ClockedServer, client: httpx.Client, laptop: SigningDevice, helpdesk: httpx.Client
) -> None:
    other = f"/fleet/devices/{laptop.device}"
    silent = SigningDevice(server.url, computer_name="silent")
    silent.enroll(client, server.enroll_code("bo@example.com"))
    assert "Ask for a fresh report" not in helpdesk.get(f"/fleet/devices/{silent.device}").text
    refused = send(helpdesk, other, f"/fleet/devices/{silent.device}/report")
    assert refused.status_code == 400
    server.command("retire", laptop.device)
    assert "Ask for a fresh report" not in helpdesk.get(other).text
    assert send(helpdesk, f"/fleet/devices/{silent.device}", f"{other}/report").status_code == 400


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("administrator", True)])
def test_whoever_only_looks_can_not_ask(
    server: ClockedServer, laptop: SigningDevice, role: str, *, may: bool
) -> None:
    page = f"/fleet/devices/{laptop.device}"
    with signed_in(server, "--role", role) as visitor:
        assert ("Ask for a fresh report" in visitor.get(page).text) is may
        assert send(visitor, page, f"{page}/report").status_code == (303 if may else 403)


@pytest.mark.heard_by_all
def test_the_agent_reads_and_reports_everything_within_seconds(
    server: ClockedServer, tmp_path: Path, helpdesk: httpx.Client
) -> None:
    require_stage()
    enroll(server, tmp_path / "state", "kim@example.com")
    with running_agent(tmp_path / "state", within=on_stage([])) as agent:
        # Whatever else it has to say at its start has been said.
        wait_until(lambda: server.rows("SELECT 1 FROM contacts"))
        ((device,),) = server.rows("SELECT device_id FROM devices")
        assert ask(helpdesk, device).status_code == 303
        # The next contact, of one signal.
        plug_in(agent.pid, STICK)
        wait_until(lambda: server.rows("SELECT 1 FROM contacts WHERE fresh_done_at IS NOT NULL"))
        # The first report after it may be a whole one, where events were lost: nobody is told then.
        ((asked, told, done),) = server.rows(
            "SELECT fresh_asked_at, fresh_told_at, fresh_done_at FROM contacts"
        )
        assert asked <= (asked if told is None else told) <= done
