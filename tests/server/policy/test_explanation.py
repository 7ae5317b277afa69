"""Every judgement tells which table of which policy version, which reading, and since when."""

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.devices.groups import Ownership
from passmuster_server.policy.document import parse
from passmuster_server.policy.explanation import Setting, explain, rule_of
from passmuster_server.policy.overlays import Subject
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.browser import browsing
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import STICK, USB, healthy, with_stick
from tests.support.signing_device import SigningDevice

POLICY = f"""
[signals.{USB}]
severity = "warn"
[ownership.personal.signals.{USB}]
grace_s = 60
[groups.Manila.signals.{USB}]
severity = "block"
[groups.Manila.platforms.linux.signals.{USB}.limits]
forbid_unknown_keyboard = true
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path) as running:
        running.command("group", "add", "Manila", "--kind", "supplier")
        yield running


@pytest.fixture
def laptop(server: ClockedServer) -> SigningDevice:
    server.publish_policy(POLICY)
    deadline = time.monotonic() + 20
    while server.services.policies.current(DEFAULT_ORGANISATION).version != 2:
        assert time.monotonic() < deadline, "the policy is not in force"
        time.sleep(0.02)
    device = SigningDevice(server.url)
    with server.client() as client:
        code = server.enroll_code("ana@example.com", "--group", "Manila")
        device.enroll(client, code)
        assert device.report(client, with_stick()).verdict is Verdict.NON_COMPLIANT
    return device


def explained(server: ClockedServer, device: SigningDevice) -> Any:
    return json.loads(server.command("explain", device.device).stdout)


def test_each_setting_names_the_table_that_says_it() -> None:
    subject = Subject(Platform.LINUX, "Manila", Ownership.PERSONAL)
    found = rule_of(parse(POLICY, 7), USB, subject)
    assert found.policy_version == 7
    tables = {each.name: each.table for each in found.settings}
    assert tables["severity"] == f"groups.Manila.signals.{USB}"
    assert tables["grace_s"] == f"ownership.personal.signals.{USB}"
    assert (
        tables["limits.forbid_unknown_keyboard"] == f"groups.Manila.platforms.linux.signals.{USB}"
    )
    assert tables["limits.forbid_unknown_storage"] == "default"
    other = rule_of(parse(POLICY, 7), USB, Subject(Platform.LINUX))
    assert other.settings[0] == Setting("severity", "warn", f"signals.{USB}")


def test_the_command_tells_rule_reading_source_and_since_when(
    server: ClockedServer, laptop: SigningDevice
) -> None:
    told = explained(server, laptop)
    assert (told["verdict"], told["policy_version"]) == ("non_compliant", 2)
    assert (told["group"], told["ownership"], told["key_tier"]) == ("Manila", "company", "file")
    (usb,) = (each for each in told["signals"] if each["signal"] == USB)
    assert (usb["outcome"], usb["blocking"]) == ("fail", True)
    assert usb["failing_since"] == told["since"]
    assert "not on the list of known devices" in usb["findings"][0]
    assert {"name": "severity", "value": "block", "table": f"groups.Manila.signals.{USB}"} in usb[
        "rule"
    ]["settings"]
    assert usb["reading"]["sources"][0] == {
        "name": "/sys/example",
        "outcome": "read",
        "detail": "",
    }
    assert usb["reading"]["facts"]["devices"][1]["name"] == "Ultra"
    assert usb["beside_the_policy"] == []


def test_what_is_allowed_beside_the_policy_is_told_with_its_reason(
    server: ClockedServer, laptop: SigningDevice
) -> None:
    identity = f"{STICK.vendor_id}:{STICK.product_id}:{STICK.serial}"
    granted = server.command(
        "usb", "approve", identity, "--group", "Manila", "--reason", "Ticket 4711"
    ).stdout
    deadline = time.monotonic() + 20
    while (told := explained(server, laptop))["verdict"] != "compliant":
        assert time.monotonic() < deadline, told["verdict"]
        time.sleep(0.05)
    (usb,) = (each for each in told["signals"] if each["signal"] == USB)
    (beside,) = usb["beside_the_policy"]
    assert (beside["id"], beside["value"]) == (granted.partition(":")[0], identity)
    assert beside["reason"] == "Ticket 4711"


def test_the_verdict_that_counts_now_is_told_whatever_was_judged_last(
    server: ClockedServer, laptop: SigningDevice
) -> None:
    with server.client() as client:
        assert laptop.report(client, healthy()).verdict is Verdict.COMPLIANT

    def told_after(seconds: float) -> Any:
        return server.services.database.read_now(
            lambda connection: explain(
                connection,
                DEFAULT_ORGANISATION,
                laptop.device,
                server.now() + timedelta(seconds=seconds),
            )
        )

    now = told_after(0)
    assert now["verdict"] == "compliant"
    silent = told_after(now["max_age_s"] + 60)
    assert silent["verdict"] == "unknown"
    last_seen = datetime.fromisoformat(silent["last_seen"])
    since = datetime.fromisoformat(silent["since"])
    assert since == last_seen + timedelta(seconds=now["max_age_s"])
    assert silent["judged_at"] == now["judged_at"]


def test_a_grace_that_ran_out_is_not_told_as_one(
    server: ClockedServer, laptop: SigningDevice
) -> None:
    server.publish_policy(POLICY.replace('"warn"', '"warn"\ngrace_s = 600', 1))
    deadline = time.monotonic() + 20
    while (told := explained(server, laptop))["verdict"] != "grace":
        assert time.monotonic() < deadline, told["verdict"]
        time.sleep(0.05)
    over = server.services.database.read_now(
        lambda connection: explain(
            connection,
            DEFAULT_ORGANISATION,
            laptop.device,
            server.now() + timedelta(seconds=900),
        )
    )
    assert over is not None
    assert (over["verdict"], over["grace_until"]) == ("non_compliant", None)
    assert over["since"] == told["grace_until"]


def test_a_laptop_that_never_reported_and_one_that_is_not_there_are_told_apart(
    server: ClockedServer,
) -> None:
    device = SigningDevice(server.url)
    with server.client() as client:
        device.enroll(client, server.enroll_code())
    told = explained(server, device)
    assert (told["verdict"], told["last_seen"]) == ("unknown", None)
    refused = server.command("explain", "nobody", check=False)
    assert (refused.returncode, "no such device" in refused.stderr) == (1, True)


def test_its_page_tells_the_rule_and_its_table(
    server: ClockedServer, laptop: SigningDevice
) -> None:
    with browsing() as browser:
        page = browser.page()
        page.goto(server.sign_in_link())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/fleet")
        page.goto(f"{server.url}/fleet/devices/{laptop.device}")
        usb = page.locator(f"#signal-{USB}")
        expect(usb).to_contain_text("Judged by policy version 2, not passing since")
        expect(usb).to_contain_text(f'severity = "block" groups.Manila.signals.{USB}')
        assert browser.complaints == []
