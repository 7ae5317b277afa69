"""The page of trends: the picture and its numbers, the signals, the worst and the silent."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from passmuster_collectors.contract.verdict import Outcome, Verdict
from passmuster_server.console import trends
from passmuster_server.console.signal_shares import shares_of
from passmuster_server.console.trend_chart import HEIGHT, ORDER, WIDTH, chart_of
from passmuster_server.console.trends import silent_of
from passmuster_server.policy.tables import ENDLESS
from passmuster_server.schema import to_microseconds
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import signed_in, wait_until
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.example_standings import NO_LOCK, NOW, UNREADABLE_WIFI, standing
from tests.support.signing_device import SigningDevice

POLICY = f'max_age_s = 600\nreport_within_s = 300\n[signals.{USB}]\nseverity = "block"\n'
HOUR = timedelta(hours=1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path, policy=POLICY) as running:
        running.command("group", "add", "Manila", "--kind", "supplier")
        yield running


@pytest.fixture
def it(server: ClockedServer) -> Iterator[httpx.Client]:
    with signed_in(server) as visitor:
        yield visitor


def laptop(server: ClockedServer, name: str, *arguments: str, well: bool = True) -> SigningDevice:
    device = SigningDevice(server.url, computer_name=f"{name}-laptop")
    with server.client() as client:
        device.enroll(client, server.enroll_code(f"{name}@example.com", *arguments))
        device.report(client, healthy() if well else with_stick())
    return device


def began_earlier(server: ClockedServer, hours: int) -> None:
    """Let what the laptops are now have begun some hours ago, and nothing have been before."""
    server.change("DELETE FROM verdict_history WHERE ended_at < ?", to_microseconds(ENDLESS))
    by = int(hours * HOUR / timedelta(microseconds=1))
    server.change("UPDATE verdict_history SET since = since - ?", by)


def part(page: str, begin: str) -> str:
    return page.partition(f'id="{begin}"')[2].partition("</section>")[0]


def test_the_picture_has_a_title_its_words_and_its_numbers(
    server: ClockedServer, it: httpx.Client
) -> None:
    laptop(server, "ana")
    laptop(server, "ben", well=False)
    began_earlier(server, 3)
    page = it.get("/trends?days=1").text
    picture = part(page, "over-time")
    assert '<title id="trend-title">' in picture
    assert "Compliant from 50 % to 50 %" in picture
    assert "not compliant from 50 % to 50 %" in picture
    newest = re.search(r"<tbody>\s*<tr>.*?</tr>", picture, re.DOTALL)
    assert newest
    numbers = re.findall(r'<td class="number">(\d+)</td>', newest[0])
    assert dict(zip(ORDER, numbers, strict=True)) == {
        Verdict.COMPLIANT: "1",
        Verdict.GRACE: "0",
        Verdict.UNKNOWN: "0",
        Verdict.NON_COMPLIANT: "1",
    }


def test_without_a_history_it_says_so(it: httpx.Client) -> None:
    page = it.get("/trends").text
    assert "There is no history of this period yet" in page
    assert '<svg class="trend"' not in page


def test_the_worst_and_the_silent_are_named(server: ClockedServer, it: httpx.Client) -> None:
    ana, ben = laptop(server, "ana"), laptop(server, "ben", well=False)
    began_earlier(server, 3)
    page = it.get("/trends?days=7").text
    assert ben.device in part(page, "offenders")
    assert "3 hours" in part(page, "offenders")
    assert "and still" in part(page, "offenders")
    assert ana.device not in part(page, "offenders")
    assert "Every laptop has reported lately enough" in part(page, "silent")
    server.ahead = timedelta(minutes=11)
    silent = part(it.get("/trends?days=7").text, "silent")
    assert ana.device in silent
    assert ben.device in silent


def test_it_is_counted_once_for_many_visits_and_for_programs_too(
    server: ClockedServer, it: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop(server, "ana")
    token = server.command("gate-client", "report", "--scope", "fleet.read").stdout.split()[-1]
    counted: list[object] = []
    count = trends._counted

    def counting(*given: Any) -> trends.Trends:
        counted.append(given)
        return count(*given)

    monkeypatch.setattr(trends, "_counted", counting)
    for _ in range(3):
        assert it.get("/trends").status_code == 200
    with server.client() as program:
        headers = {"Authorization": f"Bearer {token}"}
        told = program.get("/api/v1/trends", params={"days": 30}, headers=headers)
    assert told.status_code == 200
    assert len(counted) == 1
    server.ahead = timedelta(minutes=6)
    it.get("/trends")
    assert len(counted) == 2


def test_a_group_has_trends_of_its_own(server: ClockedServer, it: httpx.Client) -> None:
    mia, olga = laptop(server, "mia", "--group", "Manila"), laptop(server, "olga", well=False)
    ((manila,),) = server.rows("SELECT group_id FROM groups WHERE name = 'Manila'")
    began_earlier(server, 3)
    page = it.get(f"/trends?days=1&group={manila}").text
    assert "Compliant from 100 % to 100 %" in page
    assert olga.device not in page
    with signed_in(server, "--group", "Manila") as supplier:
        for address in ("/trends?days=1", "/trends?days=1&group=default"):
            page = supplier.get(address).text
            assert "Compliant from 100 % to 100 %" in page
            assert [word for word in (olga.device, "olga", "Default") if word in page] == []
    assert mia.device not in part(page, "offenders")


@pytest.mark.parametrize("query", ["days=0", "days=x", "days=" + "9" * 50, "group=nobody"])
def test_an_address_that_we_never_made_shows_the_usual_period(it: httpx.Client, query: str) -> None:
    page = it.get(f"/trends?{query}")
    assert page.status_code == 200
    assert 'aria-current="page">30 days' in page.text


@pytest.mark.parametrize("role", ["viewer", "helpdesk", "auditor", "administrator"])
def test_everyone_who_sees_the_fleet_sees_its_trends(server: ClockedServer, role: str) -> None:
    with signed_in(server, "--role", role) as visitor:
        assert visitor.get("/trends").status_code == 200


def test_a_laptop_taken_out_of_service_is_counted_no_longer(
    server: ClockedServer, it: httpx.Client
) -> None:
    laptop(server, "ana")
    ben = laptop(server, "ben", well=False)
    server.command("retire", ben.device)
    wait_until(
        lambda: (
            "Out of service" in it.get(f"/fleet/devices/{ben.device}").text
            or "Retired" in it.get(f"/fleet/devices/{ben.device}").text
        )
    )
    began_earlier(server, 3)
    page = it.get("/trends?days=1").text
    assert "Compliant from 100 % to 100 %" in page
    assert ben.device not in page


def test_signals_are_counted_by_outcome_with_the_worst_first() -> None:
    found = shares_of(
        [
            standing(Verdict.NON_COMPLIANT, NO_LOCK, device="1"),
            standing(Verdict.NON_COMPLIANT, NO_LOCK, UNREADABLE_WIFI, device="2"),
            standing(device="3"),
        ],
        NOW,
    )
    assert [(each.signal, each.failing, each.unknown, each.blocking) for each in found] == [
        ("screen_lock", 2, 0, 2),
        ("wifi_security", 0, 1, 1),
    ]
    assert Outcome.FAIL is NO_LOCK.outcome


def test_of_a_laptop_that_fell_silent_every_signal_is_unknown() -> None:
    found = shares_of([standing(Verdict.NON_COMPLIANT, NO_LOCK, last_seen=NOW - 9 * HOUR)], NOW)
    assert {(each.passing, each.failing, each.unknown) for each in found} == {(0, 0, 1)}


def test_of_a_silent_laptop_what_policy_does_not_look_at_is_not_unknown() -> None:
    silent = standing(last_seen=NOW - 9 * HOUR, judged=frozenset({"screen_lock"}))
    found = shares_of([silent, standing(Verdict.COMPLIANT, UNREADABLE_WIFI, device="2")], NOW)
    assert {each.signal: each.unknown for each in found} == {"screen_lock": 1, "wifi_security": 1}


def test_the_longest_silent_come_first_and_those_never_heard_are_not_silent() -> None:
    found = silent_of(
        [
            standing(device="2 h", last_seen=NOW - 2 * HOUR),
            standing(device="5 h", last_seen=NOW - 5 * HOUR),
            standing(device="now"),
            standing(device="never", last_seen=None),
        ],
        NOW,
    )
    assert [each.device for each in found] == ["5 h", "2 h"]


def test_the_areas_stand_on_one_another_and_fill_the_picture() -> None:
    moments = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3)]
    chart = chart_of(
        moments,
        {
            Verdict.COMPLIANT: [0, 1, 3],
            Verdict.GRACE: [0, 0, 0],
            Verdict.UNKNOWN: [0, 0, 1],
            Verdict.NON_COMPLIANT: [0, 1, 0],
        },
    )
    assert chart is not None
    assert [row.at for row in chart.rows] == moments[1:], "from the first moment with a laptop on"
    compliant, grace, unknown, bad = chart.areas
    assert (compliant.first, compliant.last) == (50, 75)
    assert (bad.first, bad.last) == (50, 0)
    bottom, half, quarter = f"{HEIGHT:.1f}", f"{HEIGHT / 2:.1f}", f"{HEIGHT / 4:.1f}"
    right = f"{WIDTH:.1f}"
    assert compliant.path == f"M0.0 {half}L{right} {quarter}L{right} {bottom}L0.0 {bottom}Z"
    assert grace.path == f"M0.0 {half}L{right} {quarter}L{right} {quarter}L0.0 {half}Z"
    assert unknown.path == f"M0.0 {half}L{right} 0.0L{right} {quarter}L0.0 {half}Z"
    assert bad.path == f"M0.0 0.0L{right} 0.0L{right} 0.0L0.0 {half}Z"


def test_there_is_no_picture_of_a_single_moment() -> None:
    moments = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2)]
    verdicts = {verdict: [0, 1] for verdict in Verdict}
    assert chart_of(moments, verdicts) is None
