"""`passmuster-server policy` over a live fleet, as an administrator types it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.signing_device import SigningDevice

LENIENT = f'[signals.{USB}]\nseverity = "warn"\n'
STRICT = f'[signals.{USB}]\nseverity = "block"\n'
PATIENT = f'[signals.{USB}]\nseverity = "block"\ngrace_s = 86400\n'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClockedServer]:
    """A fleet under a policy that lets everybody in: Ana's laptop has a stick, Bo's has none."""
    with clocked_server(tmp_path, policy=LENIENT) as running, running.client() as client:
        for owner, readings in (("ana@example.com", with_stick()), ("bo@example.com", healthy())):
            laptop = SigningDevice(running.url, computer_name=f"{owner.partition('@')[0]}-laptop")
            laptop.enroll(client, running.enroll_code(owner))
            laptop.report(client, readings)
        yield running


def written(server: ClockedServer, document: str) -> str:
    path = server.directory / "next.toml"
    path.write_text(document, encoding="utf-8")
    return str(path)


def until_shut_out(server: ClockedServer, expected: int) -> None:
    """Wait for the running server to judge by the policy that was just published."""
    statement = "SELECT COUNT(*) FROM verdicts WHERE verdict = 'non_compliant'"
    deadline = time.monotonic() + 30
    while (found := server.rows(statement)) != [(expected,)]:
        assert time.monotonic() < deadline, f"expected {expected} laptops shut out, still {found}"
        time.sleep(0.05)


def versions(server: ClockedServer) -> list[int]:
    return [version for (version,) in server.rows("SELECT version FROM policies ORDER BY version")]


def test_a_preview_names_whom_a_policy_would_shut_out_and_why(server: ClockedServer) -> None:
    before = versions(server)
    said = server.command("policy", "preview", written(server, STRICT)).stdout
    assert "Of 2 laptops in service" in said
    assert "would shut out: 1" in said
    assert "ana@example.com  ana-laptop  usb_devices: " in said
    assert "bo@example.com" not in said
    assert versions(server) == before, "a preview puts nothing in force"


def test_a_preview_tells_whom_grace_keeps_in(server: ClockedServer) -> None:
    said = server.command("policy", "preview", written(server, PATIENT)).stdout
    assert "would shut out: 0" in said
    assert "would give time to put something right to: 1" in said


def test_a_preview_tells_whom_a_milder_policy_lets_in_again(server: ClockedServer) -> None:
    server.publish_policy(STRICT)
    with server.client() as client:
        laptop = SigningDevice(server.url)
        laptop.enroll(client, server.enroll_code("cy@example.com"))
        laptop.report(client, with_stick())
    until_shut_out(server, 2)
    said = server.command("policy", "preview", written(server, LENIENT)).stdout
    assert "would let in again: 2" in said, "expected: Ana's and Cy's"


def test_a_preview_counts_a_silent_laptop_as_unknown_before_and_after(
    server: ClockedServer,
) -> None:
    with server.client() as client:
        SigningDevice(server.url).enroll(client, server.enroll_code("di@example.com"))
    said = server.command("policy", "preview", written(server, STRICT)).stdout
    assert "Of 3 laptops" in said
    assert "di@example.com" not in said


def test_a_preview_of_a_shorter_age_tells_whose_report_is_too_old(server: ClockedServer) -> None:
    server.change("UPDATE contacts SET last_seen = last_seen - ?", 900_000_000)
    document = f"max_age_s = 600\nreport_within_s = 300\n{LENIENT}"
    said = server.command("policy", "preview", written(server, document)).stdout
    assert "would shut out: 2" in said
    assert "ana-laptop  unknown" in said


def test_publishing_may_be_bounded_by_how_many_it_shuts_out(server: ClockedServer) -> None:
    before = versions(server)
    refused = server.command(
        "policy", "publish", written(server, STRICT), "--shuts-out-at-most", "0", check=False
    )
    assert refused.returncode == 1
    assert "it would shut out 1, more than 0" in refused.stderr
    assert "ana-laptop" in refused.stdout
    assert versions(server) == before
    server.command("policy", "publish", written(server, STRICT), "--shuts-out-at-most", "1")
    assert len(versions(server)) == len(before) + 1


def test_the_history_tells_every_version_and_who_published_it(server: ClockedServer) -> None:
    said = server.command("policy", "history").stdout.splitlines()
    assert [int(line.split()[0]) for line in said] == [2, 1]
    assert said[0].endswith("(command line)")
    assert said[1].endswith("default policy")


def test_a_rollback_puts_an_earlier_document_in_force_as_a_new_version(
    server: ClockedServer,
) -> None:
    server.publish_policy(STRICT)
    said = server.command("policy", "rollback", "2").stdout
    assert "Policy version 4 is in force." in said
    assert server.command("policy", "show").stdout == LENIENT
    assert server.command("policy", "show", "--version", "3").stdout == STRICT
    assert "version 2 again" in server.command("policy", "history").stdout


def test_a_version_that_was_never_published_is_said(server: ClockedServer) -> None:
    for words in (("rollback", "99"), ("show", "--version", "99")):
        refused = server.command("policy", *words, check=False)
        assert (refused.returncode, "no policy version 99" in refused.stderr) == (1, True)


def test_a_document_with_a_mistake_is_refused_by_preview_as_by_publish(
    server: ClockedServer,
) -> None:
    path = written(server, "max_age_s = 1\n")
    for verb in ("preview", "publish"):
        refused = server.command("policy", verb, path, check=False)
        assert refused.returncode == 1
        assert "max_age_s" in refused.stderr
