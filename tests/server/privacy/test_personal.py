"""All that is stored of one person: handed out whole, and deleted for good."""

import json
import time
from collections.abc import Callable

import httpx

from passmuster_server.privacy.personal import erase_device
from passmuster_server.schema import DEFAULT_ORGANISATION, METADATA
from tests.support.clocked_server import ClockedServer
from tests.support.console import send
from tests.support.example_readings import USB, healthy, with_stick
from tests.support.running_server import deaf_port
from tests.support.signal_transmitter import subscriber
from tests.support.signing_device import SigningDevice

ANA = "ana@example.com"


def works(server: ClockedServer, client: httpx.Client, owner: str) -> SigningDevice:
    laptop = SigningDevice(server.url, computer_name=f"laptop of {owner}")
    laptop.enroll(client, server.enroll_code(owner))
    laptop.report(client, healthy())
    laptop.report(client, with_stick())
    server.command("waive", laptop.device, USB, "--days", "1", "--reason", f"Asked by {owner}")
    headers = {
        "Authorization": f"Bearer {server.gate_token(f'gate of {owner}')}",
        "X-Passmuster-Subject": owner,
        "X-Passmuster-Application": "helpdesk",
    }
    assert client.get("/gate/nginx", headers=headers).status_code in (204, 403)
    server.rows_in_time(1, "SELECT * FROM decisions WHERE subject = ?", owner)
    return laptop


def test_an_export_holds_everything_in_plain_json(
    server: ClockedServer, client: httpx.Client
) -> None:
    laptop = works(server, client, ANA)
    works(server, client, "bo@example.com")
    printed = server.command("export-person", "Ana@Example.com").stdout
    found = json.loads(printed)
    (device,) = found["devices"]
    assert device["device_id"] == laptop.device
    assert {each["signal"] for each in device["readings"]} >= {USB}
    assert device["readings"][0]["reading"]["sources"] is not None
    assert len(device["signed_reports"]) == 2
    assert len(device["verdicts"]) >= 2
    assert device["waivers"][0]["reason"] == f"Asked by {ANA}"
    assert [each["application"] for each in found["decisions"]] == ["helpdesk"]
    assert len(found["enrolment_codes"]) == 1
    assert "bo@example.com" not in printed, "nothing of anybody else"


def test_nobody_known_is_an_empty_export(server: ClockedServer) -> None:
    found = json.loads(server.command("export-person", "nobody@example.com").stdout)
    assert (found["devices"], found["decisions"], found["enrolment_codes"]) == ([], [], [])


def test_after_an_erasure_nothing_of_the_person_is_left_and_all_of_the_others(
    server: ClockedServer, client: httpx.Client
) -> None:
    laptop = works(server, client, ANA)
    other = works(server, client, "bo@example.com")
    said = server.command("erase-person", ANA, "--yes").stdout
    assert said == "Deleted: 1 devices, 1 decisions of the gate.\n"
    # The list of what changed names devices by their random ids, gone ones too, for a while.
    server.change("DELETE FROM changes")
    kept = server.stored()
    # A caller of the gate was named after her by this test; that is no data of hers.
    left = kept.replace(f"gate of {ANA}".encode(), b"")
    assert ANA.encode() not in left
    assert laptop.device.encode() not in left
    assert other.device.encode() in kept
    assert other.report(client, healthy()) is not None


def test_letters_beyond_ascii_are_the_same_in_both_cases(
    server: ClockedServer, client: httpx.Client
) -> None:
    laptop = SigningDevice(server.url)
    laptop.enroll(client, server.enroll_code("Élodie@example.com"))
    (device,) = json.loads(server.command("export-person", "éLODIE@example.com").stdout)["devices"]
    assert device["device_id"] == laptop.device
    said = server.command("erase-person", "ÉLODIE@example.com", "--yes").stdout
    assert said == "Deleted: 1 devices, 0 decisions of the gate.\n"


def test_what_is_one_address_to_the_gate_is_one_to_an_erasure(
    server: ClockedServer, client: httpx.Client
) -> None:
    laptop = SigningDevice(server.url)
    laptop.enroll(client, server.enroll_code("strasse@example.com"))
    said = server.command("erase-person", "Straße@example.com", "--yes").stdout
    assert said == "Deleted: 1 devices, 0 decisions of the gate.\n"


def test_what_waits_for_receivers_is_handed_out_and_deleted_too(
    server: ClockedServer, client: httpx.Client
) -> None:
    made = subscriber(server, client, "sso")
    stream = made.create_poll(description=f"What {ANA} reads")
    laptop = works(server, client, ANA)
    for subject in (
        {"format": "email", "email": "ANA@example.com"},
        {"format": "opaque", "id": laptop.device},
        {"format": "email", "email": "bo@example.com"},
    ):
        change = {"stream_id": stream["stream_id"], "subject": subject}
        assert made.request("POST", "/ssf/subjects:remove", json=change).status_code == 204
    found = json.loads(server.command("export-person", ANA).stdout)
    assert found["events_that_wait"][0]["claims"]["sub_id"]["user"]["email"] == ANA
    assert len(found["subjects_that_receivers_leave_out"]) == 2
    described = {"stream_id": stream["stream_id"], "description": f"What {ANA} reads"}
    assert found["streams_described_with_the_address"] == [described]
    server.command("erase-person", ANA, "--yes")
    ((subject,),) = server.rows("SELECT subject FROM ssf_removed_subjects")
    assert "bo@example.com" in subject
    assert server.rows("SELECT description FROM ssf_streams") == [(None,)]
    assert made.poll(stream)["sets"] == {}


def test_a_laptop_that_is_erased_takes_with_it_what_waits_about_it(
    server: ClockedServer, client: httpx.Client
) -> None:
    # Nobody listens at either address, so all of it waits.
    nowhere = f"http://127.0.0.1:{deaf_port()}/x"
    server.command("alert", "add", "desk", "--webhook", nowhere)
    server.command("webhook", "add", "tickets", nowhere)
    made = subscriber(server, client, "sso")
    stream = made.create_poll()
    laptop, other = works(server, client, ANA), works(server, client, "bo@example.com")
    for each in (laptop, other):
        subject = {"format": "opaque", "id": each.device}
        change = {"stream_id": stream["stream_id"], "subject": subject}
        assert made.request("POST", "/ssf/subjects:remove", json=change).status_code == 204
    waiting = (
        "SELECT DISTINCT device_id FROM alert_outbox",
        "SELECT DISTINCT device_id FROM ssf_outbox",
    )
    for asked in waiting:
        assert {row[0] for row in server.rows(asked)} == {laptop.device, other.device}
    server.services.database.write_now(
        lambda each: erase_device(each.connection, DEFAULT_ORGANISATION, laptop.device)
    )
    for asked in waiting:
        assert server.rows(asked) == [(other.device,)], asked
    ((subject,),) = server.rows("SELECT subject FROM ssf_removed_subjects")
    assert other.device in subject


def test_whose_the_other_addresses_of_such_a_rule_are_is_not_handed_out(
    server: ClockedServer,
) -> None:
    by_bo = ("--from", ANA, "--smtp", "127.0.0.1:9", "--smtp-user", "bo@example.com")
    password = server.directory / "smtp-password"
    password.write_text("correct-horse")
    signs_in = ("--smtp-password-file", str(password))
    for name in ("for <cy@example.com>", f"from {ANA}"):
        server.command("alert", "add", name, "--email", "cy@example.com", *by_bo, *signs_in)
    told = json.loads(server.command("export-person", ANA).stdout)["alerts_by_mail"]
    assert [(each["name"], each["sender"]) for each in told] == [("", ANA), (f"from {ANA}", ANA)]
    for other in ("cy@example.com", "bo@example.com"):
        assert other not in str(told)


def test_rules_that_mail_a_person_are_handed_out_deleted_and_told(server: ClockedServer) -> None:
    smtp = ("--smtp", "127.0.0.1:9", "--on", "shut_out")
    for name, to, sender in (
        ("desk", "it@example.com", "gate@example.com"),
        ("hers", "Ana@example.com", "gate@example.com"),
        ("by her", "it@example.com", "ANA@example.com"),
    ):
        server.command("alert", "add", name, "--email", to, "--from", sender, *smtp)
    password = server.directory / "smtp-password"
    password.write_text("correct-horse")
    signs_in = ("--smtp-user", "Ana@Example.com", "--smtp-password-file", str(password))
    addresses = ("--email", "it@example.com", "--from", "gate@example.com")
    server.command("alert", "add", "her account", *addresses, *smtp, *signs_in)
    found = json.loads(server.command("export-person", ANA).stdout)
    told = [
        tuple(each[part] for part in ("name", "to", "sender", "smtp_user"))
        for each in found["alerts_by_mail"]
    ]
    assert told == [
        ("by her", "", "ANA@example.com", ""),
        ("her account", "", "", "Ana@Example.com"),
        ("hers", "Ana@example.com", "", ""),
    ]
    (entry,) = [each for each in found["audit_entries"] if each["action"] == "alert.added"]
    assert entry["subject"] == "hers"
    # Its name has the address.
    server.command("alert", "add", f"for {ANA}", "--email", ANA, "--from", "it@example.com", *smtp)
    nowhere = f"http://127.0.0.1:{deaf_port()}/x"
    server.command("alert", "add", "watch", "--webhook", nowhere, "--on", "alerts_changed")
    said = server.command("erase-person", ANA, "--yes").stdout
    assert "Alerts that went to this address or from it are gone: 4." in said
    assert server.command("alert", "list").stdout.split()[0] == "desk"
    removed = server.rows(
        "SELECT subject, person FROM audit_entries WHERE action = 'alert.removed' ORDER BY number"
    )
    assert removed == [("by her", ""), ("", ""), ("her account", ""), ("hers", "")]
    # Whoever watches over the alerts hears of each.
    server.rows_in_time(4, "SELECT alert_id FROM alert_outbox WHERE name = 'watch'")
    assert ANA.encode() not in server.stored().lower()
    assert "holds" in server.command("verify-audit").stdout


def test_callers_that_may_ask_about_a_person_are_handed_out_and_never_set_free_by_an_erasure(
    server: ClockedServer, client: httpx.Client
) -> None:
    def asked_by(name: str, *confined: str) -> Callable[[str], int]:
        token = server.command("gate-client", name, *confined).stdout.split()[-1]

        def ask(person: str) -> int:
            headers = {
                "Authorization": f"Bearer {token}",
                "X-Passmuster-Subject": person,
                "X-Passmuster-Application": "helpdesk",
            }
            return client.get("/gate/nginx", headers=headers).status_code

        return ask

    bo = "bo@example.com"
    works(server, client, bo)
    desk = asked_by("desk", "--person", "Ana@example.com", "--person", bo)
    hers = asked_by("hers", "--person", "ANA@example.com")
    wide = asked_by("wide", "--person", "*@example.com")
    found = json.loads(server.command("export-person", ANA).stdout)
    callers = found["callers_confined_to_the_person"]
    assert [each["name"] for each in callers] == ["desk", "hers"]
    deadline = time.monotonic() + 40
    while (of_others := wide(bo)) != 204:
        assert time.monotonic() < deadline, f"the waiver lets nobody in: {of_others}"
        time.sleep(0.05)
    assert of_others == desk(bo), "both may ask about the other one"
    not_theirs = hers(bo)
    assert not_theirs not in (of_others, 401)
    said = server.command("erase-person", ANA, "--yes").stdout
    assert "might ask about nobody else are revoked: 1." in said
    deadline = time.monotonic() + 20
    while (seen := hers(bo)) != 401:
        assert seen == not_theirs, "a caller was set free"
        assert time.monotonic() < deadline, "a caller without anybody to ask about is still good"
        time.sleep(0.05)
    assert ANA.encode() not in server.stored().lower()
    assert (desk(bo), desk(ANA)) == (of_others, not_theirs)
    revoked = "SELECT subject FROM audit_entries WHERE action = 'gate_client.revoked'"
    assert server.rows(revoked) == [("hers",)]
    left = "SELECT value FROM gate_grants WHERE kind = 'person' ORDER BY value"
    assert server.rows(left) == [("*@example.com",), (bo,)]
    ((details,),) = server.rows(
        "SELECT details FROM audit_entries WHERE action = 'gate_client.created' "
        "AND subject = 'desk'"
    )
    assert (json.loads(details)["people"], json.loads(details)["addresses"]) == ([], 2)
    assert "holds" in server.command("verify-audit").stdout


def test_a_caller_called_after_a_person_keeps_its_credentials_and_loses_the_address(
    server: ClockedServer, client: httpx.Client
) -> None:
    names = (ANA.upper(), f"desk of {ANA}.", f"jo{ANA}")
    also = ("--scope", "gate", "--scope", "groups.manage")
    tokens = {name: server.command("gate-client", name, *also).stdout.split()[-1] for name in names}
    server.command("gate-client", f"old {ANA}")
    server.command("gate-client", f"old {ANA}", "--revoke")
    server.command("gate-client", f"hers {ANA}", "--person", ANA)
    server.command("webhook", "add", f"hook {ANA}", "https://hooks.example.com/passmuster")

    def ask(name: str) -> int:
        headers = {
            "Authorization": f"Bearer {tokens[name]}",
            "X-Passmuster-Subject": "bo@example.com",
            "X-Passmuster-Application": "helpdesk",
        }
        return client.get("/gate/nginx", headers=headers).status_code

    def act(group: str) -> str:
        headers = {"Authorization": f"Bearer {tokens[names[1]]}"}
        done = client.post("/api/v1/groups", json={"name": group}, headers=headers)
        assert done.status_code == 201, done.text
        made = "SELECT actor FROM audit_entries WHERE action = 'group.created' AND subject = ?"
        ((actor,),) = server.rows(made, group)
        return str(actor)

    acted = act("before")
    assert acted == f"{names[1]} (API)"
    before = [ask(name) for name in names]
    assert 401 not in before
    found = json.loads(server.command("export-person", ANA).stdout)
    called = {each["name"] for each in found["callers_called_after_the_person"]}
    assert called == {*names[:2], f"old {ANA}", f"hers {ANA}", f"hook {ANA}"}
    on_record = {
        each["subject"]
        for each in found["audit_entries"]
        if each["action"].startswith(("gate_client.", "webhook."))
    }
    assert on_record == called
    said = server.command("erase-person", ANA, "--yes").stdout
    assert "might ask about nobody else are revoked: 1." in said, "called after her is not hers"
    left = server.stored().lower().decode("latin-1").replace(f"jo{ANA}", "")
    assert left.count(acted.lower()) == 1, "what it has done stays under the name it had"
    assert ANA not in left.replace(acted.lower(), "")
    assert [ask(name) for name in names] == before
    deadline, number = time.monotonic() + 40, 0
    while (actor := act(f"after {number}")) == acted:
        assert time.monotonic() < deadline, "the server knows the caller by its old name"
        time.sleep(0.5)
        number += 1
    of_its_own = "SELECT client_id FROM gate_clients WHERE client_id = name"
    assert actor in {f"{client_id} (API)" for (client_id,) in server.rows(of_its_own)}
    asked = "SELECT name = client_id FROM gate_clients ORDER BY name = client_id"
    assert [bool(own) for (own,) in server.rows(asked)] == [False] + [True] * 5
    revoked = server.rows(
        "SELECT subject FROM audit_entries WHERE action = 'gate_client.revoked' "
        "AND subject IN (SELECT client_id FROM gate_clients)"
    )
    assert len(revoked) == 1, "expected the end of hers on record by its id"
    assert "holds" in server.command("verify-audit").stdout


def test_a_running_server_forgets_the_laptop_at_once(
    server: ClockedServer, client: httpx.Client
) -> None:
    laptop = works(server, client, ANA)
    server.command("erase-person", ANA, "--yes")
    deadline = time.monotonic() + 15
    while server.services.standings.of_device(DEFAULT_ORGANISATION, laptop.device) is not None:
        assert time.monotonic() < deadline, "the gate still knows the laptop"
        time.sleep(0.02)
    assert server.services.standings.of_owner(DEFAULT_ORGANISATION, ANA) == ()
    body = laptop.signed_upload(laptop.upload(laptop.record(healthy())))
    assert laptop.send(client, body).status_code == 401


def test_an_account_for_the_console_is_handed_out_without_what_proves_it_and_deleted(
    server: ClockedServer,
) -> None:
    server.command("create-admin", "--email", "bo@example.com")
    link = server.command("create-admin", "--email", ANA).stdout.split()[-1]
    with server.client() as visitor:
        visitor.headers["Origin"] = server.url
        done = send(visitor, "/sign-in", "/sign-in", link=link.partition("#")[2])
        assert done.status_code == 303, done.text
        printed = server.command("export-person", "Ana@Example.com").stdout
        found = json.loads(printed)
        assert [each["email"] for each in found["console_accounts"]] == [ANA]
        assert [each["method"] for each in found["console_sessions"]] == ["link"]
        for (kept,) in server.rows("SELECT token_hash FROM sessions"):
            assert str(kept) not in printed
        said = server.command("erase-person", ANA, "--yes").stdout
        assert "account for the console" in said
        assert visitor.get("/fleet").status_code == 401
    admins = server.command("admins").stdout
    assert ("bo@example.com" in admins, ANA in admins) == (True, False)
    named = server.rows("SELECT subject, person FROM audit_entries")
    assert ANA not in [cell for row in named for cell in row]


def test_the_last_administrator_is_not_deleted(server: ClockedServer) -> None:
    server.command("create-admin", "--email", ANA)
    server.command("create-admin", "--email", "bo@example.com", "--role", "auditor")
    refused = server.command("erase-person", ANA, "--yes", check=False)
    assert (refused.returncode, "last administrator" in refused.stderr) == (1, True)
    assert ANA in server.command("admins").stdout


def test_what_a_laptop_that_asks_says_of_its_owner_is_handed_out(server: ClockedServer) -> None:
    server.change(
        "INSERT INTO enrolment_approvals (organisation_id, enrolment_id, device_code_hash, "
        "user_code_hash, network, owner, asked_at, expires_at) "
        "VALUES ('default', 'e', 'd', 'u', '', 'Ana@example.com', 1, 2)"
    )
    (asking,) = json.loads(server.command("export-person", ANA).stdout)["enrolments_under_way"]
    assert asking["owner"] == "Ana@example.com"


def test_it_asks_before_it_deletes(server: ClockedServer, client: httpx.Client) -> None:
    works(server, client, ANA)
    refused = server.command("erase-person", ANA, check=False)
    assert (refused.returncode, "nothing was deleted" in refused.stderr) == (1, True)
    assert json.loads(server.command("export-person", ANA).stdout)["devices"]


def test_every_table_that_names_a_person_or_a_device_is_covered() -> None:
    """A new table has to be thought of here: what it holds of a person, and how that ends."""
    personal = {
        name
        for name, table in METADATA.tables.items()
        if {"device_id", "owner", "person", "subject", "email"} & set(table.columns.keys())
    }
    assert personal == {
        "administrators",
        "alert_outbox",
        "allowances",
        "audit_entries",
        "break_glass_codes",
        "browser_sessions",
        "changes",
        "contacts",
        "credentials",
        "decisions",
        "devices",
        "enrolment_approvals",
        "enrolment_codes",
        "evidence",
        "gate_sessions",
        "key_changes",
        "oidc_codes",
        "oidc_logins",
        "passkeys",
        "proof_visits",
        "ratchets",
        "readings",
        "recovery_codes",
        "saved_views",
        "sessions",
        "sign_in_links",
        "ssf_outbox",
        "ssf_removed_subjects",
        "transitions",
        "verdict_history",
        "verdicts",
        "waivers",
    }
