"""`/alerts`: who is told of what, seen and changed by an administrator in forms alone."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from passmuster_server.accounts.sessions import FRESH_FOR
from tests.support.certificates import Authority, serving_context
from tests.support.clocked_server import ClockedServer, clocked_server
from tests.support.console import send, signed_in, wait_until
from tests.support.example_laptops import ONLY_USB, enrolled, with_usb_stick
from tests.support.listening_hook import listening_hook
from tests.support.listening_post import listening_post
from tests.support.running_server import deaf_port

NEW = "/alerts/new?way={way}"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Return one that the server trusts."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
    return made


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Iterator[ClockedServer]:
    assert authority.certificate.exists()
    with clocked_server(tmp_path / "server", policy=ONLY_USB) as running:
        yield running


@pytest.fixture
def it(server: ClockedServer) -> Iterator[httpx.Client]:
    with signed_in(server) as visitor:
        yield visitor


def add(it: httpx.Client, way: str, **fields: str) -> httpx.Response:
    return send(it, NEW.format(way=way), "/alerts", way=way, name="desk", **fields)


def mail(it: httpx.Client, **fields: str) -> httpx.Response:
    given = {
        "email": "it@example.com",
        "sender": "gate@example.com",
        "smtp": "127.0.0.1:9",
        "smtp_security": "starttls",
        **fields,
    }
    return add(it, "email", **given)


def alert_actions(server: ClockedServer) -> list[tuple[str, str]]:
    asked = "SELECT action, actor FROM audit_entries WHERE action LIKE ? ORDER BY number"
    return [(row[0], row[1]) for row in server.rows(asked, "alert.%")]


def test_a_webhooks_secret_is_shown_once_and_it_is_told(
    server: ClockedServer, it: httpx.Client, authority: Authority
) -> None:
    with listening_hook(serving_context(authority)) as hook:
        made = add(it, "webhook", webhook=hook.url, on_shut_out="yes", severity="high")
        assert made.status_code == 200, made.text
        (hook.secret,) = re.findall(r"whsec_[\w+/=]+", made.text)
        before = it.get("/alerts").text
        assert hook.secret not in before
        assert "Nothing sent yet" in before
        assert "Laptop is shut out, high or worse" in before
        with server.client() as client:
            enrolled(server, client, readings=with_usb_stick())
        hook.wait_for_calls(1, 1)
        wait_until(lambda: "Works" in it.get("/alerts").text)
        tested = send(it, "/alerts", "/alerts/test", name="desk")
        assert "A test of" in tested.text
        hook.wait_for_calls(2, 2)
    assert send(it, "/alerts", "/alerts/remove", name="desk").status_code == 303
    assert "Nobody is told of anything yet" in it.get("/alerts").text
    actions = alert_actions(server)
    assert [action for action, _ in actions] == ["alert.added", "alert.tested", "alert.removed"]
    assert all("@example.com" in actor for _, actor in actions)


def test_what_fails_is_seen_with_its_reason(server: ClockedServer, it: httpx.Client) -> None:
    nowhere = f"127.0.0.1:{deaf_port()}"
    assert add(it, "syslog", syslog=nowhere, syslog_transport="tcp").status_code == 303
    tested = send(it, "/alerts", "/alerts/test", name="desk")
    assert (tested.status_code, "ConnectionRefusedError" in tested.text) == (502, True)
    assert [action for action, _ in alert_actions(server)] == ["alert.added", "alert.tested"]
    with server.client() as client:
        enrolled(server, client, readings=with_usb_stick())
    wait_until(lambda: "Failing" in it.get("/alerts").text)
    row = it.get("/alerts").text.partition("Failing")[2].partition("</tr>")[0]
    assert "ConnectionRefusedError" in row
    numbers = re.findall(r'<td class="number">(\d+)</td>', row)
    assert (int(numbers[0]) >= 1, numbers[1]) == (True, "1"), "failures in a row, and waiting"


def test_a_password_and_a_slack_address_are_kept_and_never_shown(
    server: ClockedServer, it: httpx.Client, authority: Authority
) -> None:
    with listening_post(serving_context(authority)) as post:
        secret = {"smtp_user": "gate", "smtp_password": "correct-horse"}
        refused = mail(it, **secret, smtp="mail example")
        assert refused.status_code == 400
        assert "Mail server: expected HOST or HOST:PORT" in refused.text
        assert 'value="gate@example.com"' in refused.text, "what was typed is kept"
        assert "correct-horse" not in refused.text
        assert mail(it, **secret).status_code == 303
        assert "correct-horse" in str(server.rows("SELECT rule FROM alert_rules"))
        made = send(
            it, NEW.format(way="slack"), "/alerts", way="slack", name="chat", slack_url=post.url
        )
        assert made.status_code == 303
        send(it, "/alerts", "/alerts/test", name="chat")
        post.wait_for(1)
        shown = it.get("/alerts").text
        exported = server.command("export-person", "it@example.com").stdout
        audited = str(server.rows("SELECT subject, details FROM audit_entries"))
    for text in (shown, exported, audited):
        assert "correct-horse" not in text
        assert "services/T0" not in text
    assert "e-mail to it@example.com from gate@example.com through 127.0.0.1" in shown


def test_syslog_takes_the_receivers_authority_as_text(
    it: httpx.Client, authority: Authority
) -> None:
    pem = authority.certificate.read_text()
    refused = add(it, "syslog", syslog="siem.example.com", syslog_ca="no certificate")
    assert "Authorities: expected certificates as PEM" in refused.text
    clear = add(it, "syslog", syslog="siem.example.com", syslog_transport="udp")
    assert "Transport: everybody on the way can read it" in clear.text
    assert add(it, "syslog", syslog="siem.example.com", syslog_ca=pem).status_code == 303
    assert "syslog to siem.example.com, port 6514, by TLS" in it.get("/alerts").text


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": " "}, "Name: expected one line"),
        ({"name": "a/b"}, "Name: expected one line"),
        ({"webhook": "http://example.com/x"}, "Address: expected https"),
        ({"webhook": "http://127.0.0.1:9463/x"}, "Address: expected https"),
        (
            {"way": "slack", "webhook": "", "slack_url": "http://localhost:9463/x"},
            "Address: expected https",
        ),
        ({"per_hour": "0"}, "Messages in an hour: expected 1 to 1000"),
        ({"per_hour": "x"}, "Messages in an hour: expected a number"),
        ({"severity": "worst"}, "How bad: choose one"),
        ({"group": "unknown"}, "Whose laptops: there is no such group"),
        ({"way": "pigeon"}, "Alert: choose how it tells"),
    ],
)
def test_what_is_wrong_is_told_by_its_name(
    it: httpx.Client, fields: dict[str, str], named: str
) -> None:
    given = {"way": "webhook", "name": "x", "webhook": "https://example.com/x", **fields}
    answer = send(it, NEW.format(way="webhook"), "/alerts", **given)
    assert (answer.status_code, named in answer.text) == (400, True), answer.text


@pytest.mark.parametrize(("field", "label"), [("smtp_user", "User"), ("smtp_password", "Password")])
def test_what_signs_in_at_a_mail_server_has_a_limit(
    it: httpx.Client, field: str, label: str
) -> None:
    signs_in = {"smtp_user": "x" * 256, "smtp_password": "x" * 256}
    answer = mail(it, **signs_in | {field: "x" * 257})
    assert (answer.status_code, f"{label}: has more than 256" in answer.text) == (400, True)
    assert mail(it, **signs_in).status_code == 303


def test_the_form_says_what_becomes_of_more_in_an_hour(it: httpx.Client) -> None:
    told = {way: it.get(NEW.format(way=way)).text for way in ("email", "syslog")}
    assert "what is beyond comes as one digest; empty: 20<" in told["email"]
    # What reads events counts them itself: no digest leaves any out.
    assert "what is beyond comes when it is over; empty: 1,000<" in told["syslog"]


def test_no_page_names_a_file_of_the_server(server: ClockedServer, it: httpx.Client) -> None:
    answer = mail(it, smtp_user="gate", smtp_password_file="/etc/shadow")
    assert "User: a user and a password go together" in answer.text
    answer = add(it, "slack", slack_url_file="/etc/shadow")
    assert "Alert: name one of" in answer.text
    assert server.rows("SELECT count(*) FROM alert_rules") == [(0,)]


def test_two_rules_of_one_name_and_a_rule_that_is_gone(it: httpx.Client) -> None:
    assert mail(it).status_code == 303
    assert "Name: There is an alert of that name already" in mail(it).text
    for action in ("test", "remove"):
        gone = send(it, "/alerts", f"/alerts/{action}", name="gone")
        assert (gone.status_code, "There is no such alert" in gone.text) == (404, True)


def test_each_change_needs_a_fresh_sign_in(server: ClockedServer, it: httpx.Client) -> None:
    assert mail(it).status_code == 303
    server.ahead += FRESH_FOR + timedelta(minutes=1)
    assert it.get(NEW.format(way="email")).status_code == 403
    for action, page in (("", "/alerts"), ("/test", "/alerts"), ("/remove", "/alerts")):
        fields = {"way": "webhook", "webhook": "https://example.com/x", "name": "desk"}
        asked = send(it, page, f"/alerts{action}", **fields)
        assert asked.status_code == 403, action
        assert "Is it still you?" in asked.text
    assert server.rows("SELECT name FROM alert_rules") == [("desk",)]


def test_an_auditor_sees_the_rules_and_changes_none(
    server: ClockedServer, it: httpx.Client
) -> None:
    assert mail(it).status_code == 303
    with signed_in(server, "--role", "auditor") as auditor:
        shown = auditor.get("/alerts").text
        assert "e-mail to it@example.com" in shown
        assert "Add a rule" not in shown
        assert send(auditor, "/alerts", "/alerts/remove", name="desk").status_code == 403
        assert auditor.get(NEW.format(way="email")).status_code == 403
    with signed_in(server, "--role", "helpdesk") as helper:
        assert helper.get("/alerts").status_code == 403
