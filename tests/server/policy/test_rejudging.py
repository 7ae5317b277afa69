"""A new policy judges every device by what it last reported, also across a restart."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from passmuster_collectors.contract.verdict import Verdict
from passmuster_collectors.signals import CATALOG
from passmuster_server.policy.default_document import default_document
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.signing_device import SigningDevice

STRICT = default_document()
LENIENT = f'[signals.{USB}]\nseverity = "warn"\n'
SOON_S = 30.0
LAPTOPS = 120
"""More than are judged in one write."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    with clocked_server(tmp_path) as running:
        yield running


@pytest.fixture
def client(server: ClockedServer) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def laptop_with_stick(server: ClockedServer, client: httpx.Client) -> SigningDevice:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    assert device.report(client, with_stick()).verdict is Verdict.NON_COMPLIANT
    return device


def standing_verdicts(server: ClockedServer) -> list[tuple[Verdict, int]]:
    found = server.services.standings.all(DEFAULT_ORGANISATION)
    return [(each.verdict, each.policy_version) for each in found]


def wait_for(server: ClockedServer, expected: list[tuple[Verdict, int]]) -> None:
    deadline = time.monotonic() + SOON_S
    while standing_verdicts(server) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert standing_verdicts(server) == expected


def stored(server: ClockedServer, statement: str) -> list[tuple[object, ...]]:
    return server.rows(statement)


def test_a_published_policy_judges_every_device_within_seconds_and_without_a_report(
    server: ClockedServer, client: httpx.Client
) -> None:
    for _ in range(LAPTOPS):
        laptop_with_stick(server, client)
    server.publish_policy(LENIENT)
    wait_for(server, [(Verdict.COMPLIANT, 2)] * LAPTOPS)
    server.publish_policy(STRICT)
    wait_for(server, [(Verdict.NON_COMPLIANT, 3)] * LAPTOPS)


def test_a_policy_published_while_the_server_is_down_counts_from_its_start(
    server: ClockedServer, client: httpx.Client
) -> None:
    laptop_with_stick(server, client)
    server.stop()
    server.publish_policy(LENIENT)
    server.start()
    wait_for(server, [(Verdict.COMPLIANT, 2)])


def test_the_next_report_is_judged_by_the_new_policy_though_it_says_nothing_new(
    server: ClockedServer, client: httpx.Client
) -> None:
    device = laptop_with_stick(server, client)
    server.publish_policy(LENIENT)
    wait_for(server, [(Verdict.COMPLIANT, 2)])
    answer = device.report(client, with_stick())
    assert (answer.verdict, answer.policy_version) == (Verdict.COMPLIANT, 2)


def test_a_device_that_never_reported_stays_unknown(
    server: ClockedServer, client: httpx.Client
) -> None:
    SigningDevice(server.url).enroll(client, server.enroll_code())
    server.publish_policy(LENIENT)
    wait_for(server, [(Verdict.UNKNOWN, 2)])


def test_every_published_version_is_kept(server: ClockedServer) -> None:
    server.publish_policy(LENIENT)
    server.publish_policy(STRICT)
    rows = stored(server, "SELECT version, document, published_by FROM policies ORDER BY version")
    assert [(version, document) for version, document, _ in rows] == [
        (1, STRICT),
        (2, LENIENT),
        (3, STRICT),
    ]
    assert rows[0][2] == "default policy"


def test_a_document_with_a_mistake_is_refused_by_key_and_changes_nothing(
    server: ClockedServer, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("max_age_s = 1\n", encoding="utf-8")
    refused = server.command("policy", "publish", str(path), check=False)
    assert refused.returncode == 1
    assert "max_age_s" in refused.stderr
    assert stored(server, "SELECT COUNT(*) FROM policies") == [(1,)]


def test_what_show_prints_can_be_published(server: ClockedServer, client: httpx.Client) -> None:
    device = SigningDevice(server.url)
    device.enroll(client, server.enroll_code())
    device.report(client, healthy())
    server.publish_policy(server.command("policy", "show").stdout)
    wait_for(server, [(Verdict.COMPLIANT, 2)])


def test_a_policy_of_another_version_keeps_the_server_from_starting_with_a_clear_word(
    server: ClockedServer,
) -> None:
    server.stop()
    server.change("UPDATE policies SET document = '[signals.from_the_future]'")
    refused = server.command("serve", "--listen", f"127.0.0.1:{server.port}", check=False)
    assert refused.returncode == 1
    assert "signals.from_the_future" in refused.stderr
    server.publish_policy(STRICT)
    server.start()


def test_an_untouched_default_policy_follows_the_servers_version(server: ClockedServer) -> None:
    server.change("UPDATE policies SET document = 'max_age_s = 7200'")
    server.command("migrate")
    newest = stored(server, "SELECT document FROM policies ORDER BY version DESC LIMIT 1")
    assert newest == [(STRICT,)]


def test_a_published_policy_is_left_alone_by_an_update(server: ClockedServer) -> None:
    server.publish_policy(LENIENT)
    server.command("migrate")
    newest = stored(server, "SELECT document FROM policies ORDER BY version DESC LIMIT 1")
    assert newest == [(LENIENT,)]


def test_publishing_says_what_each_signal_does_from_now_on(
    server: ClockedServer, tmp_path: Path
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(f"[signals.{USB}]\ngrace_s = 60\n", encoding="utf-8")
    said = server.command("policy", "publish", str(path)).stdout
    assert f"{USB}: shuts the gate, after 60 s of grace" in said
    assert said.count("is shown and shuts nobody out") == len(CATALOG) - 1
