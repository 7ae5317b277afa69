"""`passmuster-server audit` and `verify-audit`, as an auditor types them."""

import csv
import io
import json
from collections.abc import Iterator

import pytest

from tests.support.example_laptops import enrolled
from tests.support.running_server import RunningServer, running_server

HOSTILE = "=HYPERLINK(1)"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("audit")) as running:
        yield running


@pytest.fixture(scope="module")
def laptop(server: RunningServer) -> str:
    """A laptop that was enrolled, waived, and revoked, with a gate token and an administrator."""
    with server.client() as client:
        device = enrolled(server, client, "ana@example.com").device
    server.gate_token(HOSTILE)
    server.sign_in_link("it@example.com")
    server.command("waive", device, "firewall", "--days", "2", "--reason", "New router on Friday")
    server.command("revoke", device)
    return device


def entries(server: RunningServer, *arguments: str) -> list[dict[str, object]]:
    printed = server.command("audit", "--format", "json", *arguments).stdout
    return [json.loads(line) for line in printed.splitlines()]


def test_every_command_that_changes_something_is_on_record(
    server: RunningServer, laptop: str
) -> None:
    found = {str(entry["action"]): entry for entry in entries(server)}
    assert found.keys() >= {
        "enrolment_code.created",
        "device.enrolled",
        "gate_client.created",
        "administrator.created",
        "waiver.granted",
        "device.revoked",
    }
    assert str(found["device.revoked"]["actor"]).endswith(" (command line)")
    assert found["device.revoked"]["person"] == "ana@example.com"
    assert found["device.enrolled"]["actor"] == "one-time code"
    granted = found["waiver.granted"]
    assert granted["subject"] == laptop
    assert granted["details"] == {
        "waiver": granted["details"]["waiver"],  # type: ignore[index]
        "signal": "firewall",
        "reason": "New router on Friday",
        "days": 2,
    }


def test_no_secret_is_on_record(server: RunningServer, laptop: str) -> None:  # noqa: ARG001 - it did things
    code = server.enroll_code()
    token = server.gate_token("secretive")
    link = server.command("sign-in-link", "--email", "it@example.com").stdout.split()[-1]
    printed = server.command("audit", "--format", "json").stdout
    for secret in (code, token, link.partition("#")[2]):
        assert secret not in printed


def test_the_export_is_on_record_too(server: RunningServer, laptop: str) -> None:  # noqa: ARG001 - the same
    entries(server)
    assert entries(server, "--limit", "1")[0]["action"] == "audit.exported"


def test_a_spreadsheet_takes_no_cell_for_a_formula(server: RunningServer, laptop: str) -> None:  # noqa: ARG001 - the same
    printed = server.command("audit", "--format", "csv", "--search", "gate_client").stdout
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert f"'{HOSTILE}" in {row["subject"] for row in rows}


def test_a_record_that_holds_is_told_with_its_head(server: RunningServer, laptop: str) -> None:  # noqa: ARG001 - the same
    printed = server.command("verify-audit").stdout
    assert printed.startswith("The audit record holds: ")
    head = printed.split()[-1]
    server.enroll_code()
    assert server.command("verify-audit", "--head", head).returncode == 0
    refused = server.command("verify-audit", "--head", "ab" * 32, check=False)
    assert (refused.returncode, "its end was replaced" in refused.stderr) == (1, True)


def test_a_record_that_was_changed_is_told(server: RunningServer, laptop: str) -> None:
    server.change("UPDATE audit_entries SET actor = 'nobody' WHERE subject = ?", laptop)
    refused = server.command("verify-audit", check=False)
    assert refused.returncode == 1
    assert "does not hold: entry" in refused.stderr


def test_reading_by_text_shows_one_entry_a_line(server: RunningServer, laptop: str) -> None:
    printed = server.command("audit", "--search", "waiver.granted").stdout
    (line,) = printed.splitlines()
    assert laptop in line
    assert "reason=New router on Friday" in line


def test_a_limit_below_one_is_refused(server: RunningServer) -> None:
    refused = server.command("audit", "--limit", "0", check=False)
    assert (refused.returncode, "--limit" in refused.stderr) == (1, True)
