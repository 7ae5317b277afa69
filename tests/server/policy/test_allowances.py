"""USB devices and networks that IT allows or forbids beside the policy, over a live fleet."""

import dataclasses
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.contract.canonical import from_base64url
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.signals.usb_devices.facts import UsbDevicesFacts
from passmuster_collectors.signals.wifi_security.facts import (
    Security,
    WifiSecurityFacts,
    WirelessInterface,
)
from passmuster_server.policy import deadlines
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import (
    MOUSE,
    STICK,
    USB,
    healthy,
    reading,
    replaced,
    with_stick,
)
from tests.support.signing_device import SigningDevice

SOON_S = 20.0
POLICY = f"""
max_age_s = 604800
report_within_s = 86400
[signals.{USB}]
severity = "block"
[signals.wifi_security.limits]
forbidden = ["open", "wpa2_personal"]
vpn_suffices = false
"""
ID = f"{STICK.vendor_id}:{STICK.product_id}:{STICK.serial}"
BECAUSE = ("--reason", "Ticket 4711")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClockedServer]:
    monkeypatch.setattr(deadlines, "LONGEST_SLEEP_S", 0.02)
    with clocked_server(tmp_path, policy=POLICY) as running:
        running.command("group", "add", "Manila")
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def laptop(
    server: ClockedServer,
    client: httpx.Client,
    owner: str = "ana@example.com",
    *arguments: str,
    readings: tuple[Reading, ...] = (),
) -> SigningDevice:
    device = SigningDevice(server.url, computer_name=f"{owner.partition('@')[0]}-laptop")
    device.enroll(client, server.enroll_code(owner, *arguments))
    device.report(client, readings or with_stick())
    return device


def verdict_of(server: ClockedServer, device: SigningDevice) -> Verdict:
    standing = server.services.standings.of_device(DEFAULT_ORGANISATION, device.device)
    assert standing is not None
    return standing.verdict_at(server.now())


def wait_for(server: ClockedServer, device: SigningDevice, verdict: Verdict) -> None:
    deadline = time.monotonic() + SOON_S
    while (found := verdict_of(server, device)) is not verdict:
        assert time.monotonic() < deadline, f"expected {verdict}, still {found}"
        time.sleep(0.02)


def test_unknown_devices_are_listed_with_their_laptops_and_what_is_wrong(
    server: ClockedServer, client: httpx.Client
) -> None:
    laptop(server, client)
    laptop(server, client, "bo@example.com")
    said = server.command("usb", "list-unknown").stdout
    assert said == (
        f"{ID}  Ultra  unknown_storage  ana@example.com (ana-laptop), bo@example.com (bo-laptop)\n"
    ), "and not the mouse, which nothing is wrong with"


def test_an_approval_for_one_laptop_lets_it_in_at_once_and_no_other(
    server: ClockedServer, client: httpx.Client
) -> None:
    ana, bo = laptop(server, client), laptop(server, client, "bo@example.com")
    said = server.command("usb", "approve", ID, "--device", ana.device, *BECAUSE).stdout
    assert said.endswith(f": approved {ID}\n")
    wait_for(server, ana, Verdict.COMPLIANT)
    assert verdict_of(server, bo) is Verdict.NON_COMPLIANT
    assert ana.report(client, with_stick()).verdict is Verdict.COMPLIANT
    assert "bo@example.com" in server.command("usb", "list-unknown").stdout
    assert "ana@example.com" not in server.command("usb", "list-unknown").stdout


def test_an_approval_for_a_group_lets_its_laptops_in_at_once(
    server: ClockedServer, client: httpx.Client
) -> None:
    inside = laptop(server, client, "ana@example.com", "--group", "Manila")
    outside = laptop(server, client, "bo@example.com")
    server.command("usb", "approve", ID, "--group", "Manila", *BECAUSE)
    wait_for(server, inside, Verdict.COMPLIANT)
    assert verdict_of(server, outside) is Verdict.NON_COMPLIANT
    server.command("usb", "approve", ID, "--organisation", *BECAUSE)
    wait_for(server, outside, Verdict.COMPLIANT)


def test_a_class_is_approved_as_a_device_is(server: ClockedServer, client: httpx.Client) -> None:
    ana = laptop(server, client)
    server.command("usb", "approve", "--class", "08", "--organisation", *BECAUSE)
    wait_for(server, ana, Verdict.COMPLIANT)


def test_what_is_forbidden_shuts_out_though_policy_or_approval_lets_it(
    server: ClockedServer, client: httpx.Client
) -> None:
    ana = laptop(server, client, readings=healthy())
    wait_for(server, ana, Verdict.COMPLIANT)
    ids = f"{MOUSE.vendor_id}:{MOUSE.product_id}"
    server.command("usb", "approve", ids, "--organisation", *BECAUSE)
    server.command("usb", "forbid", ids, "--device", ana.device, *BECAUSE)
    wait_for(server, ana, Verdict.NON_COMPLIANT)
    answer = ana.report(client, healthy())
    (told,) = (each for each in answer.signals if each.signal == USB)
    assert told.reasons == ("IT has forbidden “Optical Mouse”.",)


def test_an_approval_that_ends_shuts_out_on_time_without_a_report(
    server: ClockedServer, client: httpx.Client
) -> None:
    ana = laptop(server, client)
    tomorrow = (server.now() + timedelta(days=1)).strftime("%Y-%m-%d")
    server.command("usb", "approve", ID, "--organisation", "--until", tomorrow, *BECAUSE)
    wait_for(server, ana, Verdict.COMPLIANT)
    server.ahead = timedelta(days=1)
    assert verdict_of(server, ana) is Verdict.NON_COMPLIANT, "at the moment of asking"
    history = "SELECT verdict FROM verdict_history ORDER BY history_id DESC LIMIT 1"
    deadline = time.monotonic() + SOON_S
    while server.rows(history) != [("non_compliant",)]:
        assert time.monotonic() < deadline, "expected: on record without any request"
        time.sleep(0.02)


def test_an_approval_may_be_ended_before_its_time(
    server: ClockedServer, client: httpx.Client
) -> None:
    ana = laptop(server, client)
    allowance = server.command("usb", "approve", ID, "--organisation", *BECAUSE).stdout.split(":")[
        0
    ]
    wait_for(server, ana, Verdict.COMPLIANT)
    said = server.command("usb", "list").stdout
    assert f"{allowance}  approved {ID}  for the organisation" in said
    assert said.rstrip().endswith(": Ticket 4711")
    server.command("usb", "end", allowance)
    wait_for(server, ana, Verdict.NON_COMPLIANT)
    assert server.command("usb", "list").stdout == ""
    again = server.command("usb", "end", allowance, check=False)
    assert (again.returncode, "none of this id in force" in again.stderr) == (1, True)


def on_network(name: str, key: bytes) -> tuple[Reading, ...]:
    network = LinuxHost(key).keyed_hash("ssid", name.encode())
    joined = WirelessInterface("wlan0", True, Security.WPA2_PERSONAL, False, True, network)
    facts = WifiSecurityFacts((joined,), vpn=False, wired=False)
    return replaced(healthy(), reading("wifi_security", facts))


def test_a_network_is_trusted_by_the_name_that_only_its_hash_was_reported_of(
    server: ClockedServer, client: httpx.Client
) -> None:
    ana = laptop(server, client, readings=healthy())
    assert ana.enrolled is not None
    there = on_network("Büro", from_base64url(ana.enrolled.hash_key, "hash_key"))
    assert ana.report(client, there).verdict is Verdict.NON_COMPLIANT
    listed = server.command("network", "list").stdout
    assert listed.rstrip().endswith("  wpa2_personal  1"), "without a name yet"
    server.command("network", "trust", "Büro", "--organisation", *BECAUSE)
    wait_for(server, ana, Verdict.COMPLIANT)
    assert server.command("network", "list").stdout.rstrip().endswith("  1  Büro")
    assert listed.split()[0] in server.command("network", "trusted").stdout


def test_a_network_is_trusted_by_its_hash_where_nobody_knows_its_name(
    server: ClockedServer, client: httpx.Client
) -> None:
    ana = laptop(server, client, readings=healthy())
    assert ana.enrolled is not None
    there = on_network("Client HQ", from_base64url(ana.enrolled.hash_key, "hash_key"))
    ana.report(client, there)
    network = server.command("network", "list").stdout.split()[0]
    server.command(
        "network", "trust", "The client's", "--hash", network, "--device", ana.device, *BECAUSE
    )
    wait_for(server, ana, Verdict.COMPLIANT)


def test_a_preview_counts_what_is_approved(server: ClockedServer, client: httpx.Client) -> None:
    ana = laptop(server, client)
    server.command("usb", "approve", ID, "--device", ana.device, *BECAUSE)
    wait_for(server, ana, Verdict.COMPLIANT)
    path = server.directory / "next.toml"
    path.write_text(POLICY + "forbid_weak_cipher = true\n")
    assert "would shut out: 0" in server.command("policy", "preview", str(path)).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("usb", "approve", "0781", "--organisation"), "id: expected"),
        (("usb", "approve", "--organisation"), "expected an id or --class"),
        (("usb", "approve", ID, "--class", "08", "--organisation"), "and not both"),
        (("usb", "approve", "--class", "8", "--organisation"), "class: expected"),
        (("usb", "approve", ID, "--device", "nobody"), "device: there is no such device"),
        (("usb", "approve", ID, "--group", "Nowhere"), "group: there is none called"),
        (("usb", "approve", ID, "--organisation", "--until", "soon"), "--until: expected"),
        (("usb", "approve", ID, "--organisation", "--until", "2020-01-01"), "until: expected"),
        (("usb", "forbid", "0781:zz", "--organisation"), "id: expected"),
        (("network", "trust", "x" * 33, "--organisation"), "1 to 32 bytes"),
        (("network", "trust", "x", "--hash", "abc", "--organisation"), "network: expected"),
    ],
)
def test_what_can_not_be_granted_is_refused_by_name(
    server: ClockedServer, arguments: tuple[str, ...], told: str
) -> None:
    refused = server.command(*arguments, *BECAUSE, check=False)
    assert (refused.returncode, told in refused.stderr) == (1, True), refused.stderr


def test_a_devices_own_name_can_do_nothing_to_a_terminal(
    server: ClockedServer, client: httpx.Client
) -> None:
    evil = dataclasses.replace(STICK, name="\x1b[2Jgone")
    laptop(
        server,
        client,
        readings=replaced(healthy(), reading(USB, UsbDevicesFacts((evil,)))),
    )
    assert "\x1b" not in server.command("usb", "list-unknown").stdout
