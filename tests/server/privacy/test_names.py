"""A person's address in the name of something: handed out, and gone with the person."""

import json

import httpx

from tests.support.clocked_server import ClockedServer
from tests.support.example_readings import healthy, with_stick
from tests.support.running_server import deaf_port
from tests.support.signing_device import SigningDevice
from tests.support.signing_in import register

ANA, BO = "ana@example.com", "bo@example.com"
MAIL = ("--smtp", "127.0.0.1:9", "--on", "policy_published")


def exported(server: ClockedServer) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads(server.command("export-person", ANA).stdout)
    return found


def erased(server: ClockedServer) -> str:
    """Erase Ana; return all that is stored then, in small letters, without Joana's address."""
    server.command("erase-person", ANA, "--yes")
    assert "holds" in server.command("verify-audit").stdout
    return server.stored().lower().decode("latin-1").replace(f"jo{ANA}", "")


def named(found: dict[str, list[dict[str, str]]], action: str) -> list[str]:
    return [each["subject"] for each in found["audit_entries"] if each["action"] == action]


def test_alerts_called_after_a_person_tell_on_by_another_name(
    server: ClockedServer, client: httpx.Client
) -> None:
    nowhere = f"http://127.0.0.1:{deaf_port()}/x"
    others = (f"hook of jo{ANA}", f"hook {ANA}", f"{ANA} and {BO}")
    for name in others:
        server.command("alert", "add", name, "--webhook", nowhere)
    server.command("alert", "add", f"from {ANA}", "--email", BO, "--from", ANA, *MAIL)
    laptop = SigningDevice(server.url)
    laptop.enroll(client, server.enroll_code(BO))
    laptop.report(client, healthy())
    laptop.report(client, with_stick())
    waiting = "SELECT name, alert FROM alert_outbox WHERE device_id <> '' ORDER BY alert_id"
    before = server.rows_in_time(3, waiting)
    found = exported(server)
    assert [each["name"] for each in found["alerts_called_after_the_person"]] == ["", f"hook {ANA}"]
    assert [each["name"] for each in found["alerts_by_mail"]] == [f"from {ANA}"]
    assert named(found, "alert.added") == [others[1], others[2], f"from {ANA}"]
    assert ANA not in erased(server)
    after = server.rows(waiting)
    assert [alert for _, alert in after] == [alert for _, alert in before], "what waited waits on"
    assert {name for name, _ in before} == set(others)
    assert len({name for name, _ in after}) == 3
    listed = server.command("alert", "list").stdout
    for name, _ in after:
        assert name in listed
    laptop.report(client, healthy())
    laptop.report(client, with_stick())
    server.rows_in_time(len(after) + 3, waiting)


def test_a_deployment_secret_called_after_a_person_lets_in_as_before(
    server: ClockedServer, client: httpx.Client
) -> None:
    _, printed = [
        server.command("deployment-secret", "add", name, "--uses", "1", "--days", "1").stdout
        for name in (f"jo{ANA}", f"laptop of {ANA}")
    ]
    found = exported(server)
    called = found["deployment_secrets_called_after_the_person"]
    assert [each["name"] for each in called] == [f"laptop of {ANA}"]
    assert named(found, "deployment_secret.created") == [f"laptop of {ANA}"]
    assert ANA not in erased(server)
    code = next(line for line in printed.splitlines() if line.count("-") == 5)
    laptop = SigningDevice(server.url)
    assert laptop.enroll(client, code, BO).device
    used = server.rows("SELECT used FROM deployment_secrets ORDER BY used")
    assert used == [(0,), (1,)]


def test_an_application_keeps_its_name_and_the_record_of_it_loses_it(
    server: ClockedServer,
) -> None:
    register(server, "https://sso.example.com/callback", name=f"sso {ANA}")
    server.command("group", "add", f"team of {ANA}")
    found = exported(server)
    assert named(found, "oidc_client.created") == [f"sso {ANA}"]
    assert named(found, "group.created") == [f"team of {ANA}"]
    server.command("erase-person", ANA, "--yes")
    assert f"sso {ANA}" in server.command("oidc-client", "list").stdout
    on_record = server.rows("SELECT subject FROM audit_entries WHERE subject IS NOT NULL")
    assert [subject for (subject,) in on_record if ANA in subject] == []
    assert "holds" in server.command("verify-audit").stdout


def test_whoever_is_known_by_a_number_is_no_version_of_the_policy(server: ClockedServer) -> None:
    ((version,),) = server.rows(
        "SELECT subject FROM audit_entries WHERE action = 'policy.published'"
    )
    server.command("gate-client", version)
    server.command("erase-person", version, "--yes")
    left = "SELECT subject FROM audit_entries WHERE action = ? ORDER BY number"
    assert server.rows(left, "policy.published") == [(version,)]
    assert server.rows(left, "gate_client.created") == [(None,)]


def test_the_end_of_an_alert_called_after_somebody_else_is_on_record_by_its_name(
    server: ClockedServer,
) -> None:
    for name in (f"for jo{ANA}", f"for {ANA}"):
        server.command("alert", "add", name, "--email", ANA, "--from", BO, *MAIL)
    assert ANA not in erased(server)
    removed = "SELECT subject FROM audit_entries WHERE action = 'alert.removed' ORDER BY number"
    assert server.rows(removed) == [("",), (f"for jo{ANA}",)]
