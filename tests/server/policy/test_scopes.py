"""Scoped policies over a live fleet: judged, previewed and published as IT types them."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.signing_device import SigningDevice

SOON_S = 20.0
LENIENT = f'[signals.{USB}]\nseverity = "warn"\n'
MANILA = f'{LENIENT}[groups.Manila.signals.{USB}]\nseverity = "block"\n'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path, policy=LENIENT) as running:
        running.command("group", "add", "Manila", "--kind", "supplier")
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def laptop(
    server: ClockedServer, client: httpx.Client, owner: str, *arguments: str
) -> SigningDevice:
    device = SigningDevice(server.url, computer_name=f"{owner.partition('@')[0]}-laptop")
    device.enroll(client, server.enroll_code(owner, *arguments))
    device.report(client, with_stick())
    return device


def wait_for(server: ClockedServer, device: SigningDevice, verdict: Verdict) -> None:
    deadline = time.monotonic() + SOON_S
    found = None
    while time.monotonic() < deadline:
        found = server.services.standings.of_device(DEFAULT_ORGANISATION, device.device)
        if found is not None and found.verdict is verdict:
            return
        time.sleep(0.02)
    raise AssertionError(f"expected {verdict}, still {found}")


def preview(server: ClockedServer, document: str) -> str:
    path = server.directory / "next.toml"
    path.write_text(document, encoding="utf-8")
    return str(server.command("policy", "preview", str(path)).stdout)


def test_a_groups_table_shuts_out_its_own_laptops_alone(
    server: ClockedServer, client: httpx.Client
) -> None:
    inside = laptop(server, client, "ana@example.com", "--group", "Manila")
    outside = laptop(server, client, "bo@example.com")
    said = preview(server, MANILA)
    assert "would shut out: 1" in said
    assert "ana@example.com" in said
    assert "bo@example.com" not in said
    server.publish_policy(MANILA)
    wait_for(server, inside, Verdict.NON_COMPLIANT)
    wait_for(server, outside, Verdict.COMPLIANT)


def test_a_laptop_that_is_moved_is_judged_by_its_new_group_at_once(
    server: ClockedServer, client: httpx.Client
) -> None:
    server.publish_policy(MANILA)
    device = laptop(server, client, "ana@example.com")
    wait_for(server, device, Verdict.COMPLIANT)
    server.command("group", "move", device.device, "Manila")
    wait_for(server, device, Verdict.NON_COMPLIANT)
    server.command("group", "move", device.device, "Default")
    wait_for(server, device, Verdict.COMPLIANT)


def test_a_personal_laptop_is_judged_by_the_table_of_its_ownership(
    server: ClockedServer, client: httpx.Client
) -> None:
    server.publish_policy(f'{LENIENT}[ownership.personal.signals.{USB}]\nseverity = "block"\n')
    device = laptop(server, client, "ana@example.com", "--ownership", "personal")
    wait_for(server, device, Verdict.NON_COMPLIANT)
    server.command("ownership", device.device, "company")
    wait_for(server, device, Verdict.COMPLIANT)


def test_a_suppliers_table_that_is_weaker_is_refused_with_line_key_and_values(
    server: ClockedServer,
) -> None:
    path = server.directory / "next.toml"
    path.write_text(
        f'[signals.{USB}]\nseverity = "block"\n\n[groups.Manila.signals.{USB}]\nseverity = "warn"\n'
    )
    for verb in ("preview", "publish"):
        refused = server.command("policy", verb, str(path), check=False)
        assert refused.returncode == 1
        assert (
            f"line 5: groups.Manila.signals.{USB}.severity: "
            '"warn" is weaker than the organisation\'s "block"'
        ) in refused.stderr


def test_a_key_in_too_weak_a_place_shuts_out_and_tells_worker_and_it(
    server: ClockedServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    device.report(client, healthy())
    demand = f'{LENIENT}[signals.key_tier.limits]\nminimum = "hardware"\n'
    said = preview(server, demand)
    assert "would shut out: 1" in said
    assert "its key's tier is file; policy asks for hardware or stronger" in said
    server.publish_policy(demand)
    wait_for(server, device, Verdict.NON_COMPLIANT)
    answer = device.report(client, healthy())
    (told,) = (each for each in answer.signals if each.signal == "key_tier")
    assert told.reasons == (
        (
            "The key by which this laptop proves itself is kept in a file."
            " It has to be kept in hardware or in a stronger place."
        ),
    )
    assert told.remedies[0].steps[1] == "Run: passmuster-agent rotate-key --tier hardware"
    device.rotate(client, type(device.key).generate_key("P-256"), KeyTier.HARDWARE)
    assert device.report(client, healthy()).verdict is Verdict.COMPLIANT


def test_a_weak_place_of_a_key_may_be_given_time_and_be_waived(
    server: ClockedServer, client: httpx.Client
) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    device.report(client, healthy())
    demand = f'{LENIENT}[signals.key_tier]\nlimits.minimum = "sealed"\n'
    server.publish_policy(f"{demand}grace_s = 3600\n")
    wait_for(server, device, Verdict.GRACE)
    server.publish_policy(demand)
    wait_for(server, device, Verdict.NON_COMPLIANT)
    said = server.command(
        "waive", device.device, "key_tier", "--days", "1", "--reason", "No TPM"
    ).stdout
    assert re.match(r"Waiver [0-9a-f]{12}: key_tier", said)
    wait_for(server, device, Verdict.COMPLIANT)
